import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, get, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { InferenceError } from "../../../src/errors.ts";
import { createCallObserver } from "../../../src/monitor/telemetry/call-observer.ts";
import { LatencyObserver } from "../../../src/monitor/telemetry/latency-observer.ts";
import { maxConcurrentScrapes, PrometheusReader } from "../../../src/monitor/telemetry/prometheus-reader.ts";
import { SeriesRegistry } from "../../../src/monitor/telemetry/series-registry.ts";
import { createBatch, createFailure, createRecord, describeModel } from "./records.ts";
import { createReader, scrape } from "./scrape.ts";

/** One call of each kind, one model with two successes and a failure, one idle model. */
function createScript(): SeriesRegistry {
  const registry = new SeriesRegistry(() => 1_700_000_000_000);
  const calls = createCallObserver(registry, ["inference.GRPCInferenceService/ModelInfer"]);
  calls.onCallStart("/inference.GRPCInferenceService/ModelInfer");
  calls.onCallEnd("/inference.GRPCInferenceService/ModelInfer", 0, 12);
  calls.onCallStart("/inference.GRPCInferenceService/ModelInfer");
  calls.onStreamMessage("nobody/Knows", "received");
  const observer = new LatencyObserver(registry);
  const model = describeModel();
  observer.onRuntimeProcess("started", 1);
  observer.onModelState("seed", "1", "READY", { reason: "", loadMs: 250, description: model });
  observer.onModelState("idle", "7", "LOADING", { reason: "" });
  const records = [createRecord(), createRecord({ rows: 4, endedMs: 1004.5 })];
  for (const record of records) observer.onAdmitted(model, record);
  observer.onTaken(model, records.length);
  observer.onBatch(model, createBatch(records, { padding: 3 }));
  for (const record of records) observer.onEnd(model, record);
  observer.onEnd(model, createFailure(new InferenceError("queue_full", "full")));
  observer.onAdmitted(model, createRecord({ takenMs: 0 }));
  return registry;
}

/** Many models in use, a text of several megabytes. */
function createLargeRegistry(): SeriesRegistry {
  const registry = new SeriesRegistry();
  const observer = new LatencyObserver(registry);
  for (let index = 0; index < 300; index++) {
    const model = describeModel(`m${index}`);
    observer.onAdmitted(model, createRecord());
    observer.onEnd(model, createRecord());
  }
  return registry;
}

describe("PrometheusReader", () => {
  it("writes exactly the text that is kept beside this test", async () => {
    const expected = await readFile(new URL("scrape.prom", import.meta.url), "utf8");
    assert.equal(await scrape(createReader(createScript())), expected);
  });

  it("writes each family's lines together, and gives the event loop a turn in between", async () => {
    let turns = 0;
    let isDone = false;
    const count = async (): Promise<void> => {
      for (; !isDone; turns++) await nextTurn();
    };
    const counting = count();
    const text = await scrape(createReader(createLargeRegistry()));
    isDone = true;
    await counting;
    assert.ok(turns > text.length / (64 * 1024), `${turns} turns for ${text.length} characters`);
    const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    assert.equal(new Set(families).size, families.length);
    const order = text.split("\n").filter((line) => line.startsWith("sluice_request_duration_seconds"));
    const first = text.indexOf(order[0] ?? "");
    const last = text.lastIndexOf(order.at(-1) ?? "");
    assert.equal(text.slice(first, last).includes("# TYPE"), false);
  });
});

describe("PrometheusReader.handle", () => {
  let reader: PrometheusReader;
  let server: Server;
  let url: string;

  before(async () => {
    reader = createReader(createLargeRegistry());
    server = createServer((request, response) => {
      const unbound = new PrometheusReader([]);
      void (request.url === "/unbound" ? unbound : reader).handle(response);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  after(() => {
    server.close();
    server.closeAllConnections();
  });

  async function open(path: string): Promise<IncomingMessage> {
    const [response] = await once(get(`${url}${path}`, { agent: false }), "response");
    return response as IncomingMessage;
  }

  it("answers with the content type of the text format", async () => {
    const response = await fetch(`${url}/metrics`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert.match(await response.text(), /\nsluice_request_duration_seconds_count\{sluice_model_name="m299"/);
  });

  it("says so where the SDK is switched off", async () => {
    const response = await fetch(`${url}/unbound`);
    assert.equal(response.status, 503);
    assert.match(await response.text(), /OTEL_SDK_DISABLED/);
  });

  it("refuses scrapes beyond its limit, and takes them again when slow readers have gone", async () => {
    const slow = await Promise.all(Array.from({ length: maxConcurrentScrapes }, () => open("/metrics")));
    for (const response of slow) response.pause();
    assert.equal((await fetch(`${url}/metrics`)).status, 503);
    const closed = slow.map((response) => {
      response.on("error", () => {});
      return once(response.destroy(), "close");
    });
    await Promise.all(closed);
    let status = 503;
    for (let attempt = 0; status === 503 && attempt < 1000; attempt++) {
      const response = await fetch(`${url}/metrics`);
      await response.text();
      status = response.status;
    }
    assert.equal(status, 200);
  });
});
