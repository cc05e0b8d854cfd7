import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

/**
 * The published package in an empty folder: what `npm pack` ships, with exactly the dependencies that it declares (linked from this checkout, so
 * that no registry is needed), run by Node as it is.
 */

const root = join(import.meta.dirname, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "sluice-package-"));
const modules = join(folder, "node_modules");
const sluice = join(modules, "sluice", "dist", "src", "main.js");
let packed: readonly string[] = [];

before(() => {
  const report = execFileSync("npm", ["pack", "--json", "--pack-destination", folder], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [tarball] = JSON.parse(report.slice(report.indexOf("[\n"))) as [
    { filename: string; files: { path: string }[] },
  ];
  packed = tarball.files.map(({ path }) => path);
  mkdirSync(join(modules, "sluice"), { recursive: true });
  execFileSync("tar", ["xzf", join(folder, tarball.filename), "--strip-components=1", "-C", join(modules, "sluice")]);
  const manifest = JSON.parse(readFileSync(join(modules, "sluice", "package.json"), "utf8"));
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
});

after(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: readonly string[]): string {
  return execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
}

test("the package holds compiled code, declarations and definitions, and nothing of the workshop", () => {
  for (const path of ["dist/src/main.js", "dist/src/index.d.ts", "gen/descriptors.binpb", "LICENSE", "README.md"]) {
    assert.ok(packed.includes(path), path);
  }
  const surplus = packed.find((path) => /^(test|bench|scripts|node_modules)\/|(?<!\.d)\.ts$/.test(path));
  assert.equal(surplus, undefined);
});

test("its command explains itself and inspects a model", () => {
  assert.match(run(sluice, "--help"), /Usage: sluice <command>/);
  assert.match(run(sluice, "--version"), /^\d+\.\d+\.\d+\n$/);
  const model = join(modules, "sluice", "examples", "repository", "digits");
  assert.match(run(sluice, "inspect", model), /served +yes/);
});

test("its declarations serve a TypeScript project", () => {
  writeFileSync(
    join(folder, "consumer.ts"),
    `import { createTensor, InferenceClient, readTensor, type ServeConfig } from "sluice";
export async function ask(address: string, config: Partial<ServeConfig>): Promise<number> {
  const client = InferenceClient.connect(address);
  const { outputs } = await client.infer({ model: "m", inputs: [createTensor("x", "FP32", [1, 1], [config.grpcPort ?? 0])] });
  client.close();
  return outputs.flatMap((output) => Array.from(readTensor(output) as Float32Array)).length;
}
`,
  );
  symlinkSync(join(root, "node_modules", "@types"), join(modules, "@types"));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const flags = ["--noEmit", "--strict", "--target", "esnext", "--module", "nodenext", "--types", "node"];
  assert.equal(run(tsc, ...flags, "consumer.ts"), "");
});

test("it serves, answers its own client, and stops", { timeout: 60_000 }, async () => {
  const repository = join(modules, "sluice", "examples", "repository");
  const server = spawn(
    process.execPath,
    [sluice, "serve", repository, "--grpc-port", "0", "--http-port", "0", "--device", "cpu", "--json"],
    { cwd: folder, stdio: ["ignore", "pipe", "pipe"] },
  );
  try {
    const { grpcAddress, httpAddress, models, failed } = await readyLine(server);
    assert.deepEqual(failed, []);
    assert.deepEqual(
      models.map(({ name }) => name),
      ["breast_cancer", "diabetes", "digits"],
    );
    const data = join(root, "examples", "data", "diabetes.csv");
    const answers = run(
      sluice,
      "infer",
      grpcAddress,
      "diabetes",
      "--input",
      data,
      "--ignore",
      "target",
      "--format",
      "csv",
    );
    assert.equal(answers.trim().split("\n").length, readFileSync(data, "utf8").trim().split("\n").length);
    await assertPage(`http://${httpAddress}/monitor/`);
    const [, bundled = ""] =
      /<script type="module">(.*)<\/script>/s.exec(run(sluice, "report", grpcAddress, "--html", "-")) ?? [];
    assert.doesNotThrow(() => new Function(bundled), "the document of the report has a script that is one");
    assert.match(bundled, /class ModelPage/);
    const script = `import { InferenceClient } from "sluice";
const client = InferenceClient.connect(process.argv[1]);
console.log(await client.ready("digits"));
client.close();`;
    assert.equal(run("--input-type=module", "--eval", script, grpcAddress), "true\n");
  } finally {
    server.kill("SIGTERM");
    const [code] = await once(server, "exit");
    assert.equal(code, 0);
  }
});

/** The monitor's page and every file that it names. */
async function assertPage(base: string): Promise<void> {
  const page = await (await fetch(base)).text();
  const named = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, name]) => name as string);
  assert.ok(named.includes("uplot.js") && named.includes("style.css") && named.includes("views/quality-view.js"));
  for (const name of named) assert.equal((await fetch(new URL(name, base))).status, 200, name);
}

interface ReadyLine {
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly models: readonly { readonly name: string }[];
  readonly failed: readonly object[];
}

/** The line that `serve --json` prints when ready; the server's log when it ends before that. */
async function readyLine(server: ChildProcess): Promise<ReadyLine> {
  let log = "";
  server.stderr?.on("data", (chunk) => (log += chunk));
  assert.ok(server.stdout !== null);
  for await (const line of createInterface({ input: server.stdout })) return JSON.parse(line) as ReadyLine;
  throw new Error(`the server ended before it was ready:\n${log}`);
}
