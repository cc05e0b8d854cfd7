import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferenceError } from "../../../src/errors.ts";
import { maxMethods } from "../../../src/monitor/telemetry/attribute-values.ts";
import { createCallObserver } from "../../../src/monitor/telemetry/call-observer.ts";
import { SeriesRegistry } from "../../../src/monitor/telemetry/series-registry.ts";
import { createRecord } from "./records.ts";
import { createReader, samples, scrape } from "./scrape.ts";

function labels(method: string, status: string): string {
  return `{rpc_system_name="grpc",rpc_method="${method}",rpc_status_code="${status}"`;
}

describe("createCallObserver", () => {
  it("shows message series of methods that had messages, and only of those", async () => {
    const registry = new SeriesRegistry();
    const calls = createCallObserver(registry, ["p.S/Stream", "p.S/Unary"]);
    calls.onCallStart("p.S/Unary");
    calls.onStreamMessage("p.S/Stream", "received");
    const names = [...samples(await scrape(createReader(registry))).keys()];
    const messages = names.filter((name) => name.startsWith("sluice_stream_messages_total"));
    assert.equal(messages.length, 2);
    assert.ok(
      messages.every((name) => name.includes('"p.S/Stream"')),
      messages.join("\n"),
    );
  });

  it("measures a call by method and status, with error.type for the server's own failures only", async () => {
    const registry = new SeriesRegistry();
    const calls = createCallObserver(registry, ["p.S/M"]);
    for (const [code, times] of [
      [0, 3],
      [3, 1],
      [14, 2],
      [8, 1],
    ] as const) {
      for (let index = 0; index < times; index++) {
        calls.onCallStart("p.S/M");
        calls.onCallEnd("p.S/M", code, 5);
      }
    }
    const values = samples(await scrape(createReader(registry)));
    const name = "rpc_server_call_duration_seconds_count";
    assert.equal(values.get(`${name}${labels("p.S/M", "OK")}}`), 3);
    assert.equal(values.get(`${name}${labels("p.S/M", "INVALID_ARGUMENT")}}`), 1);
    assert.equal(values.get(`${name}${labels("p.S/M", "RESOURCE_EXHAUSTED")}}`), 1);
    assert.equal(values.get(`${name}${labels("p.S/M", "UNAVAILABLE")},error_type="UNAVAILABLE"}`), 2);
    assert.equal(values.get(`rpc_server_call_duration_seconds_bucket${labels("p.S/M", "OK")},le="0.005"}`), 3);
    assert.equal(values.get('sluice_rpc_active{rpc_method="p.S/M"}'), 0);
  });

  it("counts active calls and messages, by the name or the path of a method", async () => {
    const registry = new SeriesRegistry();
    const calls = createCallObserver(registry, ["p.S/M"]);
    calls.onCallStart("p.S/M");
    calls.onCallStart("/p.S/M");
    calls.onStreamMessage("/p.S/M", "received");
    calls.onStreamMessage("p.S/M", "received");
    calls.onStreamMessage("p.S/M", "sent");
    const values = samples(await scrape(createReader(registry)));
    assert.equal(values.get('sluice_rpc_active{rpc_method="p.S/M"}'), 2);
    assert.equal(values.get('sluice_stream_messages_total{rpc_method="p.S/M",sluice_direction="received"}'), 2);
    assert.equal(values.get('sluice_stream_messages_total{rpc_method="p.S/M",sluice_direction="sent"}'), 1);
  });

  it("counts begun calls, and the bytes of those whose messages are bytes, by status", async () => {
    const registry = new SeriesRegistry();
    const calls = createCallObserver(registry, ["p.S/M", "p.S/Other"]);
    for (const [method, received, sent] of [
      ["p.S/M", 5000, 0],
      ["p.S/M", 1024, 70],
      ["p.S/Other", undefined, undefined],
    ] as const) {
      calls.onCallStart(method);
      calls.onCallEnd(method, 0, 5, received, sent);
    }
    calls.onCallStart("p.S/M");
    const values = samples(await scrape(createReader(registry)));
    assert.equal(values.get('grpc_server_call_started_total{grpc_method="p.S/M"}'), 3);
    const of = (way: string, suffix: string) =>
      values.get(
        `grpc_server_call_${way}_total_compressed_message_size_bytes_${suffix}{grpc_method="p.S/M",grpc_status="OK"}`,
      );
    assert.deepEqual(
      [of("rcvd", "count"), of("rcvd", "sum"), of("sent", "count"), of("sent", "sum")],
      [2, 6024, 2, 70],
    );
    const sized = [...values.keys()].filter((key) => key.includes("message_size") && key.includes("p.S/Other"));
    assert.deepEqual(sized, []);
  });

  it("counts refusals before a model by their reason, and has them traced", async () => {
    const registry = new SeriesRegistry();
    const traced: unknown[] = [];
    const tracing = { onRefused: (...refusal: readonly unknown[]) => void traced.push(refusal) };
    const calls = createCallObserver(registry, ["p.S/M"], { tracing });
    const { context } = createRecord();
    const error = new InferenceError("not_found", "no such model");
    calls.onRequestRefused(context, error);
    const values = samples(await scrape(createReader(registry)));
    assert.equal(values.get('sluice_requests_rejected_total{sluice_reason="not_found"}'), 1);
    assert.equal(values.get('sluice_requests_rejected_total{sluice_reason="shed"}'), 0, "rates see the first one");
    assert.deepEqual(traced, [[context, error]]);
  });

  it("counts every unregistered method and unknown status together", async () => {
    const registry = new SeriesRegistry();
    const calls = createCallObserver(registry, ["p.S/M"]);
    for (let index = 0; index < 5000; index++) {
      calls.onCallStart(`made.up/${index}`);
      calls.onCallEnd(`made.up/${index}`, index % 2 === 0 ? 12 : 10_000 + index, 1);
    }
    const values = samples(await scrape(createReader(registry)));
    const name = "rpc_server_call_duration_seconds_count";
    assert.equal(values.get(`${name}${labels("_OTHER", "UNIMPLEMENTED")},error_type="UNIMPLEMENTED"}`), 2500);
    assert.equal(values.get(`${name}${labels("_OTHER", "UNKNOWN")},error_type="UNKNOWN"}`), 2500);
    assert.equal([...values.keys()].filter((key) => key.startsWith(name)).length, 2);
    assert.equal(values.get('sluice_rpc_active{rpc_method="_OTHER"}'), 0);
  });

  it("gives at most a bounded number of methods series of their own", async () => {
    const registry = new SeriesRegistry();
    createCallObserver(
      registry,
      Array.from({ length: maxMethods + 50 }, (_, index) => `p.S/M${index}`),
    );
    const names = [...samples(await scrape(createReader(registry))).keys()];
    assert.equal(names.filter((name) => name.startsWith("sluice_rpc_active")).length, maxMethods + 1);
  });
});
