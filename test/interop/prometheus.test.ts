import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { alertRules } from "../../scripts/alert-rules.ts";
import type { RunningServer } from "../../src/serve.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { eventually } from "./eventually.ts";
import { needs, run, toolPath } from "./foreign-tools.ts";
import { root, startInteropServer } from "./interop-server.ts";
import { type Counted, sendTraffic } from "./traffic.ts";

/** A real Prometheus scrapes the server; its own query language must find what the client counted. */

const folder = temporaryFolder({ after });
let server: RunningServer;
let counted: Counted;

before(async () => {
  server = await startInteropServer(join(folder, "repository"), { metricsCompat: "triton" });
  counted = await sendTraffic(server.grpcAddress);
});
after(() => server.stop());

async function page(): Promise<string> {
  return await (await fetch(`http://${server.httpAddress}/metrics`)).text();
}

test("promtool finds nothing to complain about but the names that are Triton's", needs("promtool"), async () => {
  const { code, stdout, stderr } = await run(toolPath("promtool"), ["check", "metrics"], { input: await page() });
  const complaints = `${stdout}${stderr}`.split("\n").filter((line) => line.trim() !== "");
  assert.deepEqual(
    complaints.filter((line) => !line.startsWith("nv_inference_")),
    [],
  );
  assert.equal(code, 3, "it is their names alone that it minds: 1 and 2 are errors of the text");
});

test("Prometheus counts what the client counted", { ...needs("prometheus"), timeout: 90_000 }, async (t) => {
  const port = await freePort();
  const configuration = join(folder, "prometheus.json");
  const target = { job_name: "sluice", static_configs: [{ targets: [server.httpAddress] }] };
  const rules = join(root, "deploy", "prometheus", "alerts.yaml");
  const intervals = { scrape_interval: "1s", evaluation_interval: "1s" };
  const settings = { global: intervals, rule_files: [rules], scrape_configs: [target] };
  writeFileSync(configuration, JSON.stringify(settings)); // JSON is YAML
  const prometheus = spawn(
    toolPath("prometheus"),
    [
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(folder, "prometheus")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { stdio: "ignore" },
  );
  const ended = once(prometheus, "exit");
  t.after(async () => {
    prometheus.kill("SIGTERM");
    await ended;
  });

  async function ask<T>(path: string): Promise<T> {
    const { status, data } = (await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json()) as Answer<T>;
    assert.equal(status, "success", path);
    return data;
  }

  /** The value of an expression that has exactly one; undefined while it has none. */
  async function query(expression: string): Promise<number | undefined> {
    const { result } = await ask<{ result: { value: [number, string] }[] }>(
      `query?query=${encodeURIComponent(expression)}`,
    );
    assert.ok(result.length <= 1, `${expression} has ${result.length} values`);
    const text = result[0]?.value[1];
    return text === undefined ? undefined : Number(text);
  }

  const model = 'sluice_model_name="identity_fp32",sluice_model_version="1"';
  const method = 'rpc_method="inference.GRPCInferenceService/ModelInfer"';
  await eventually("the first scrape", async () => (await query("up")) === 1);
  const expected: Readonly<Record<string, number>> = {
    [`sluice_request_duration_seconds_count{${model},error_type=""}`]: counted.answered,
    [`sum(sluice_batch_size_sum{${model}})`]: counted.rows,
    [`rpc_server_call_duration_seconds_count{${method},rpc_status_code="OK"}`]: counted.unaryAnswered,
    [`rpc_server_call_duration_seconds_count{${method},rpc_status_code="INVALID_ARGUMENT"}`]: counted.invalid,
    [`sluice_requests_rejected_total{${model},sluice_reason="invalid"}`]: counted.invalid,
    'sum(sluice_stream_messages_total{sluice_direction="received"})': counted.streamed,
    'sum(sluice_stream_messages_total{sluice_direction="sent"})': counted.streamed,
    [`sluice_queue_size{${model}}`]: 0,
    [`sluice_model_status{${model},sluice_state="ready"}`]: 1,
    [`count(sluice_request_stage_duration_seconds_count{${model}} == ${counted.answered})`]: 4,
  };
  for (const [expression, value] of Object.entries(expected)) {
    let got: number | undefined;
    await eventually(
      () => `${expression} is ${got}, expected ${value}`,
      async () => {
        got = await query(expression);
        return got === value;
      },
    );
  }
  // Triton's names say the same.
  for (const [family, value] of [
    ["request_success", counted.answered],
    ["count", counted.rows],
    ["pending_request_count", 0],
  ] as const) {
    assert.equal(await query(`nv_inference_${family}{model="identity_fp32",version="1"}`), value, family);
  }
  assert.equal(await query('sum(nv_inference_request_failure{model="identity_fp32",reason="OTHER"})'), counted.invalid);

  // It has every family of the page, of the type that the page says.
  const families = [...(await page()).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type]) => [name, type]);
  const known = await ask<Record<string, { type: string }[]>>("metadata?limit=10000");
  for (const [name = "", type] of families) assert.equal(known[name]?.[0]?.type, type, name);

  // It understands the rules that come with sluice, and evaluates them.
  const evaluated = async () => (await ask<RuleGroups>("rules")).groups.flatMap(({ rules: each }) => each);
  await eventually("all rules were evaluated", async () => (await evaluated()).every(({ health }) => health === "ok"));
  assert.equal((await evaluated()).length, alertRules.length);

  const p99 = await query(`histogram_quantile(0.99, sum by (le) (sluice_request_duration_seconds_bucket{${model}}))`);
  assert.ok(
    p99 !== undefined && p99 > 0 && p99 <= counted.longestSeconds,
    `p99 ${p99}, longest ${counted.longestSeconds}`,
  );
});

interface Answer<T> {
  readonly status: string;
  readonly data: T;
}

interface RuleGroups {
  readonly groups: readonly { readonly rules: readonly { readonly name: string; readonly health: string }[] }[];
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  assert.ok(address !== null && typeof address === "object");
  listener.close();
  await once(listener, "close");
  return address.port;
}
