import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { eventually } from "./eventually.ts";
import { needs } from "./foreign-tools.ts";
import { startInteropServer } from "./interop-server.ts";
import { OtlpReceiver, type ReceivedPoint } from "./otlp-receiver.ts";
import { parentSpanId, sendTraffic, traceId } from "./traffic.ts";

/** A receiver of another language decodes what the server pushes: it agrees with the scrape and with what the client counted. */

const folder = temporaryFolder({ after });

/** Instruments that stand still once the traffic has ended, so that a push and a scrape can be compared. */
const isStill = (name: string) => /^sluice\.(request|batch|stream|queue|model)|^rpc\.server/.test(name);

for (const protocol of ["grpc", "http"] as const) {
  test(`OTLP over ${protocol}`, { ...needs("python"), timeout: 90_000 }, async (t) => {
    const receiver = new OtlpReceiver();
    t.after(() => receiver.stop());
    const server = await startInteropServer(join(folder, protocol), {
      otlpEndpoint: await receiver.endpoint(protocol),
      otlpProtocol: protocol,
      otlpInterval: 0.5,
      serviceName: "interop",
    });
    t.after(() => server.stop());
    const counted = await sendTraffic(server.grpcAddress);

    const answered = ({ name, attributes }: ReceivedPoint) =>
      name === "sluice.request.duration" &&
      attributes["sluice.model.name"] === "identity_fp32" &&
      attributes["error.type"] === undefined;
    await eventually(`a push with ${counted.answered} answers`, async () =>
      (receiver.pushes.at(-1) ?? []).some((point) => answered(point) && point.count === counted.answered),
    );
    const pushes = receiver.pushes.length;
    await eventually("the push after that", async () => receiver.pushes.length > pushes);
    const points = receiver.pushes.at(-1) ?? [];

    assert.equal(receiver.resource["service.name"], "interop");
    assert.ok(points.every(({ kind, cumulative }) => kind === "gauge" || cumulative === true));
    assert.equal(total(points, "sluice.batch.size", "sum"), counted.rows);
    assert.equal(total(points, "sluice.requests.rejected", "value"), counted.invalid);

    const samples = readSamples(await (await fetch(`http://${server.httpAddress}/metrics`)).text());
    const still = points.filter(({ name }) => isStill(name));
    assert.ok(still.length > 20, `${still.length} points`);
    for (const point of still) {
      for (const [suffix, field] of [
        ["_count", "count"],
        ["_sum", "sum"],
        ["", "value"],
      ] as const) {
        if (point[field] === undefined) continue;
        const key = sampleKey(point, suffix);
        assert.ok(samples.has(key), `the scrape lacks ${key}`);
        assert.equal(samples.get(key), point[field], key);
      }
    }

    await eventually("spans that continue the client's trace", async () => {
      const requests = receiver.spans.filter((span) => span.parentSpanId === parentSpanId && span.traceId === traceId);
      const linked = new Set(receiver.spans.flatMap(({ links }) => links));
      return requests.filter(({ spanId }) => linked.has(spanId)).length >= counted.answered;
    });
    assert.ok(receiver.spans.every(({ nanoseconds }) => nanoseconds > 0));
  });
}

function total(points: readonly ReceivedPoint[], name: string, field: "sum" | "value"): number {
  return points.filter((point) => point.name === name).reduce((sum, point) => sum + (point[field] ?? 0), 0);
}

/** How Prometheus names a point: dots and unit become suffixes, counters end in `_total`. */
function sampleKey({ name, unit, kind, attributes }: ReceivedPoint, suffix: string): string {
  const base = name.replaceAll(/\W/g, "_") + (unit === "s" ? "_seconds" : unit === "By" ? "_bytes" : "");
  const isMonotonic = kind === "sum" && /messages|rejected|batches|restarts|dropped/.test(name);
  const labels = Object.entries(attributes).map(([key, value]) => `${key.replaceAll(/\W/g, "_")}="${value}"`);
  return `${base}${isMonotonic ? "_total" : ""}${suffix}{${labels.sort().join(",")}}`;
}

/** Samples of a scrape, their labels sorted. */
function readSamples(page: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  for (const [, name = "", labels = "", value = ""] of page.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    const sorted = [...labels.matchAll(/\w+="(?:[^"\\]|\\.)*"/g)].map(([label]) => label).sort();
    samples.set(`${name}{${sorted.join(",")}}`, Number(value));
  }
  return samples;
}
