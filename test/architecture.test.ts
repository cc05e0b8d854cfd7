import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "src");

interface Rule {
  /** Folders (or the root file) whose modules may be imported, parts of one end in "/"; "vocabulary" is always allowed. */
  readonly folders: readonly string[];
  readonly packages: readonly string[];
}

/** docs/architecture.md, "Folders and who may import whom"; what is absent is forbidden. */
const rules: Readonly<Record<string, Rule>> = {
  vocabulary: { folders: [], packages: [] },
  statistics: { folders: [], packages: [] },
  protocol: { folders: [], packages: ["@grpc/proto-loader", "protobufjs"] },
  model: { folders: [], packages: ["protobufjs", "long"] },
  training: { folders: ["model", "statistics", "runtime/runner.ts"], packages: ["hyparquet"] },
  runtime: { folders: ["model"], packages: ["onnxruntime-node"] },
  monitor: {
    folders: ["statistics", "runtime/observer.ts", "runtime/annotator.ts", "runtime/model.ts", "model"],
    packages: ["@opentelemetry/", "yaml", "uplot"],
  },
  server: { folders: ["protocol", "runtime", "monitor"], packages: ["@grpc/grpc-js", "yaml"] },
  client: { folders: ["protocol"], packages: ["@grpc/grpc-js"] },
  serve: { folders: ["protocol", "runtime", "monitor", "server", "model", "statistics"], packages: [] },
  cli: {
    // `sluice report` shows the report as the page does: in the same words, and as the page itself. `sluice inspect` tells what the monitor finds.
    folders: [
      "serve",
      "client",
      "model",
      "training",
      "statistics",
      "runtime/runner.ts",
      "monitor/monitor-report.ts",
      "monitor/page/",
      "monitor/config/",
    ],
    packages: ["hyparquet-writer"],
  },
  main: { folders: ["cli"], packages: [] },
  index: { folders: ["client", "serve"], packages: [] },
};

const vocabulary = new Set([
  "tensor.ts",
  "inference.ts",
  "outcome.ts",
  "errors.ts",
  "config.ts",
  "tenant.ts",
  "typed-arrays.ts",
  "version.ts",
]);

interface Import {
  readonly from: string;
  readonly target: string;
  readonly isType: boolean;
}

const files = globSync("**/*.ts", { cwd: source }).map((file) => file.split(sep).join("/"));

/** Where a file belongs: its folder, or for the files at the top their own name. */
function roomOf(file: string): string {
  if (vocabulary.has(file)) return "vocabulary";
  const [folder = "", rest] = file.split("/");
  return rest === undefined ? folder.replace(/\.ts$/, "") : folder;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(source, file), "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const statements = [
    ...text.matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm),
    ...text.matchAll(/\bimport\((type\s+)?"([^"]+)"\)/g),
  ];
  return statements.map(([, type, target]) => ({ from: file, target: target as string, isType: type !== undefined }));
}

const imports = files.flatMap(importsOf);

const localTarget = ({ from, target }: Import) =>
  relative(source, join(source, dirname(from), target))
    .split(sep)
    .join("/");

test("every import is one that the table allows", () => {
  const violations = imports.filter((found) => !isAllowed(found)).map(({ from, target }) => `${from} -> ${target}`);
  assert.deepEqual(violations, []);
});

function isAllowed(found: Import): boolean {
  const room = roomOf(found.from);
  const rule = rules[room];
  if (rule === undefined) return false;
  if (found.target.startsWith("node:")) return true;
  if (!found.target.startsWith("."))
    return rule.packages.some((name) => found.target === name || found.target.startsWith(name));
  const target = localTarget(found);
  const targetRoom = roomOf(target);
  return (
    targetRoom === room ||
    targetRoom === "vocabulary" ||
    rule.folders.includes(targetRoom) ||
    rule.folders.some((folder) => target === folder || (folder.endsWith("/") && target.startsWith(folder)))
  );
}

test("what the monitor takes from the runtime are types", () => {
  const values = imports.filter((found) => {
    if (roomOf(found.from) !== "monitor" || !found.target.startsWith(".")) return false;
    return roomOf(localTarget(found)) === "runtime" && !found.isType;
  });
  assert.deepEqual(values, []);
});

test("only session.ts imports onnxruntime-node, and nobody in the front process imports session.ts for more than types", () => {
  const users = imports.filter(({ target }) => target === "onnxruntime-node").map(({ from }) => from);
  assert.deepEqual([...new Set(users)], ["runtime/process/session.ts"]);
  const child = new Set([
    "runtime/process/process-main.ts",
    "runtime/process/loaded-model.ts",
    "runtime/process/provider.ts",
  ]);
  const leaks = imports.filter(
    (found) =>
      found.target.startsWith(".") &&
      localTarget(found) === "runtime/process/session.ts" &&
      !found.isType &&
      !child.has(found.from),
  );
  assert.deepEqual(leaks, []);
});

test("no import cycles, types included", () => {
  const graph = new Map(files.map((file) => [file, new Set<string>()]));
  for (const found of imports) if (found.target.startsWith(".")) graph.get(found.from)?.add(localTarget(found));
  const state = new Map<string, "open" | "done">();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === "done") return;
    if (state.get(file) === "open") {
      cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      return;
    }
    state.set(file, "open");
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    state.set(file, "done");
  };
  for (const file of files) visit(file, []);
  assert.deepEqual(cycles, []);
});

test("no default exports, no `export *`, no environment outside config and cli", () => {
  const offenders = files.filter((file) => {
    const text = readFileSync(join(source, file), "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
    const readsEnvironment = /\bprocess\.env\b/.test(text) && roomOf(file) !== "cli" && roomOf(file) !== "main";
    return /^export default|^export \*/m.test(text) || readsEnvironment;
  });
  assert.deepEqual(offenders, []);
});
