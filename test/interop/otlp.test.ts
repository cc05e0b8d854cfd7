import assert from "node:assert/strict";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor } from "../../src/client/tensor-values.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { eventually } from "./eventually.ts";
import { needs } from "./foreign-tools.ts";
import { root, startInteropServer } from "./interop-server.ts";
import { OtlpReceiver, type ReceivedPoint } from "./otlp-receiver.ts";
import { parentSpanId, sendTraffic, traceId } from "./traffic.ts";

/** A receiver of another language decodes what the server pushes: it agrees with the scrape and with what the client counted. */

const folder = temporaryFolder({ after });

/** Instruments that change by themselves, so that a push and a scrape cannot agree on their values. */
const isRestless = (name: string) => /^(process|nodejs|v8js)\.|^sluice\.(runtime|monitor)\./.test(name);

/** Processes come and go. */
const isOfProcess = (key: string) => key.startsWith("sluice_runtime_memory_usage_bytes");

const stageNames = ["sluice.queue", "sluice.compute_input", "sluice.compute_infer", "sluice.compute_output"];

for (const protocol of ["grpc", "http"] as const) {
  test(`OTLP over ${protocol}`, { ...needs("python"), timeout: 90_000 }, async (t) => {
    const receiver = new OtlpReceiver();
    let stopServer: () => Promise<unknown> = async () => undefined;
    t.after(async () => {
      await stopServer();
      await receiver.stop(); // which the server pushed to until its end
    });
    const repository = join(folder, protocol);
    mkdirSync(repository);
    const zoo = join(root, "test", "fixtures", "zoo");
    cpSync(join(zoo, "gather_fails"), join(repository, "gather_fails", "1"), { recursive: true });
    const server = await startInteropServer(repository, {
      loadModel: ["identity_fp32", "gather_fails"],
      otlpEndpoint: await receiver.endpoint(protocol),
      otlpProtocol: protocol,
      otlpInterval: 0.5,
      serviceName: "interop",
      logLevel: "warn",
    });
    stopServer = () => server.stop();
    const counted = await sendTraffic(server.grpcAddress);
    await failOnce(server.grpcAddress);

    const answered = ({ name, attributes }: ReceivedPoint) =>
      name === "sluice.request.duration" &&
      attributes["sluice.model.name"] === "identity_fp32" &&
      attributes["error.type"] === undefined;
    await eventually(`a push with ${counted.answered} answers`, async () =>
      (receiver.collections.at(-1) ?? []).some((point) => answered(point) && point.count === counted.answered),
    );
    const before = receiver.collections.length;
    await eventually("two more collections", async () => receiver.collections.length > before + 1);
    const points = receiver.collections.at(-2) ?? []; // the last one may lack parts

    assert.equal(receiver.resource["service.name"], "interop");
    assert.ok(points.every(({ kind, cumulative }) => kind === "gauge" || cumulative === true));
    assert.ok(points.every(({ kind, start }) => kind === "gauge" || (start ?? 0) > 0));
    assert.equal(total(points, "sluice.batch.size", "sum"), counted.rows);
    assert.equal(total(points, "sluice.requests.rejected", "value"), counted.invalid + 1);

    const samples = readSamples(await (await fetch(`http://${server.httpAddress}/metrics`)).text());
    const pushed = new Map(points.flatMap(samplesOf));
    assert.ok(pushed.size > 500, `${pushed.size} samples`);
    const lasting = (keys: Iterable<string>) => [...keys].filter((key) => !isOfProcess(key)).sort();
    assert.deepEqual(lasting(pushed.keys()), lasting(samples.keys()), "the same series by push and by scrape");
    const still = new Map(points.filter(({ name }) => !isRestless(name)).flatMap(samplesOf));
    assert.ok(still.size > 300, `${still.size} samples`);
    for (const [key, value] of still) assert.equal(samples.get(key), value, key);

    const requests = () =>
      receiver.spans.filter((span) => span.parentSpanId === parentSpanId && span.traceId === traceId);
    await eventually("spans that continue the client's trace", async () => {
      const linked = new Set(receiver.spans.flatMap(({ links }) => links));
      return requests().filter(({ spanId }) => linked.has(spanId)).length >= counted.answered + 1;
    });
    assert.ok(receiver.spans.every(({ nanoseconds }) => nanoseconds >= 0));
    const ofRequest = requests()[0] ?? assert.fail();
    await eventually("the spans of its stages", async () => {
      const children = receiver.spans.filter((span) => span.parentSpanId === ofRequest.spanId);
      return stageNames.every((stage) => children.some(({ name }) => name === stage));
    });

    await eventually("the log record of the run that failed", async () => receiver.logs.length > 0);
    const line = receiver.logs.find(({ body }) => body.includes("gather_fails")) ?? assert.fail();
    assert.equal(line.traceId, traceId);
    assert.ok(requests().some(({ spanId }) => spanId === line.spanId));
    assert.equal(line.severity, 13, "WARN, of the OTLP specification");
    assert.match(String(line.attributes.detail), /out of data bounds/);
    assert.ok(Math.abs(line.nanoseconds / 1e6 - Date.now()) < 60_000);
  });
}

/** A run that ONNX Runtime refuses. */
async function failOnce(address: string): Promise<void> {
  const metadata = { traceparent: `00-${traceId}-${parentSpanId}-01` };
  const client = InferenceClient.connect(address, { maxAttempts: 1, metadata });
  const inputs = [createTensor("index", "INT64", [1, 1], [9])];
  await assert.rejects(client.infer({ model: "gather_fails", inputs }));
  client.close();
}

function total(points: readonly ReceivedPoint[], name: string, field: "sum" | "value"): number {
  return points.filter((point) => point.name === name).reduce((sum, point) => sum + (point[field] ?? 0), 0);
}

/** The samples that Prometheus shows of a point: dots and unit become suffixes, counters end in `_total`, buckets add up. */
function samplesOf({ name, unit, attributes, monotonic, ...point }: ReceivedPoint): [key: string, value: number][] {
  const base = name.replaceAll(/\W/g, "_") + (unit === "s" ? "_seconds" : unit === "By" ? "_bytes" : "");
  const labels = Object.entries(attributes).map(([key, value]) => `${key.replaceAll(/\W/g, "_")}="${value}"`);
  const key = (suffix: string, ...more: string[]) => `${base}${suffix}{${[...labels, ...more].sort().join(",")}}`;
  if (point.value !== undefined) return [[key(monotonic ? "_total" : ""), point.value]];
  let cumulative = 0;
  const buckets = (point.buckets ?? []).map((count, index): [string, number] => {
    cumulative += count;
    return [key("_bucket", `le="${point.bounds?.[index] ?? "+Inf"}"`), cumulative];
  });
  const sum: [string, number][] = typeof point.sum === "number" ? [[key("_sum"), point.sum]] : [];
  return [...buckets, ...sum, [key("_count"), point.count ?? 0]];
}

/** Samples of a scrape, their labels sorted; without the resource, which a push does not send as a series. */
function readSamples(page: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  for (const [, name = "", labels = "", value = ""] of page.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    if (name === "target_info") continue;
    const sorted = [...labels.matchAll(/\w+="(?:[^"\\]|\\.)*"/g)].map(([label]) => label).sort();
    samples.set(`${name}{${sorted.join(",")}}`, Number(value));
  }
  return samples;
}
