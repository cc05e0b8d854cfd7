/**
 * Writes every committed file that is made from others: `npm run generate`. With `--check` nothing is written, and the
 * exit code is 1 when a file differs from what would be written.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  modelSettingsMarkers,
  optionsTableMarkers,
  renderModelSettingsTable,
  renderOptionsTable,
} from "../src/cli/options-table.ts";
import { renderMetricsPage } from "../src/monitor/telemetry/metrics-page.ts";
import { renderAlertRules } from "./alert-rules.ts";
import { renderDashboard } from "./dashboards/dashboard.ts";
import { nativeDashboard } from "./dashboards/native-dashboard.ts";
import { tritonDashboard } from "./dashboards/triton-dashboard.ts";

/** One generated file. The same sources must give the same bytes, on every machine. */
interface Generator {
  /** What the file is, for the messages. */
  readonly name: string;
  /** Path of the file, relative to the root of the repository. */
  readonly output: string;
  /** The whole content. Text is written as UTF-8. */
  produce(): Buffer | string;
}

const root = fileURLToPath(new URL("..", import.meta.url));

/** Far above the size of the descriptor set (0.2 MB); beyond it `spawnSync` fails. */
const maxToolOutputBytes = 64 * 1024 * 1024;

const generators: readonly Generator[] = [
  {
    // All files of proto/ with their imports, each import before its user, and with the comments: services, reflection and
    // every codec are built from this one artefact.
    name: "protobuf descriptor set",
    output: "gen/descriptors.binpb",
    produce: () => runTool("buf", ["build", "--as-file-descriptor-set", "-o", "-#format=binpb"]),
  },
  {
    name: "instruments",
    output: "docs/metrics.md",
    produce: renderMetricsPage,
  },
  {
    name: "Grafana dashboard",
    output: "deploy/grafana/sluice.json",
    produce: () => renderDashboard(nativeDashboard),
  },
  {
    name: "Grafana dashboard of Triton's metrics",
    output: "deploy/grafana/sluice-nv.json",
    produce: () => renderDashboard(tritonDashboard),
  },
  {
    name: "alert rules",
    output: "deploy/prometheus/alerts.yaml",
    produce: renderAlertRules,
  },
  {
    // Everything outside the markers stays as it is.
    name: "option table",
    output: "README.md",
    produce: () => replaceBetween("README.md", optionsTableMarkers, renderOptionsTable()),
  },
  {
    name: "table of a model's settings",
    output: "docs/operations.md",
    produce: () => replaceBetween("docs/operations.md", modelSettingsMarkers, renderModelSettingsTable()),
  },
];

function replaceBetween(path: string, markers: { readonly start: string; readonly end: string }, text: string): string {
  const page = readFileSync(join(root, path), "utf8");
  const start = page.indexOf(markers.start);
  const end = page.indexOf(markers.end);
  if (start < 0 || end < start) throw new Error(`${path} has no ${markers.start} … ${markers.end}`);
  return `${page.slice(0, start + markers.start.length)}\n${text}${page.slice(end)}`;
}

/** Runs a tool of the project's own `node_modules` in the root and returns its standard output. */
function runTool(tool: string, args: readonly string[]): Buffer {
  const result = spawnSync(join(root, "node_modules", ".bin", tool), args, {
    cwd: root,
    maxBuffer: maxToolOutputBytes,
  });
  if (result.error !== undefined)
    throw new Error(`${tool} did not run: ${result.error.message}`, { cause: result.error });
  if (result.status !== 0) throw new Error(`${tool} ${args.join(" ")} failed:\n${result.stderr.toString("utf8")}`);
  return result.stdout;
}

/** Writes the file unless it is up to date, or only reports that it is not. Returns whether it was up to date. */
function refresh(generator: Generator, isCheck: boolean): boolean {
  const path = join(root, generator.output);
  const produced = generator.produce();
  const content = typeof produced === "string" ? Buffer.from(produced, "utf8") : produced;
  const isFresh = existsSync(path) && readFileSync(path).equals(content);
  if (isFresh) return true;
  if (isCheck) {
    console.error(`${generator.output} (${generator.name}) is stale: run \`npm run generate\` and commit the result.`);
    return false;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  console.error(`${generator.output} (${generator.name}): written, ${content.length} bytes`);
  return false;
}

function main(args: readonly string[]): number {
  const unknown = args.find((argument) => argument !== "--check");
  if (unknown !== undefined) {
    console.error(`Unknown argument '${unknown}'; the only one is --check.`);
    return 2;
  }
  const isCheck = args.includes("--check");
  const stale = generators.filter((generator) => !refresh(generator, isCheck));
  return isCheck && stale.length > 0 ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
