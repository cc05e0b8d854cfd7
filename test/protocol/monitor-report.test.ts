import assert from "node:assert/strict";
import { test } from "node:test";
import { monitorServiceDefinition } from "../../src/protocol/definitions.ts";
import { decodeMonitorReport } from "../../src/protocol/monitor-report.ts";
import { sampleReport } from "../support/sample-report.ts";

/** The bytes that a server sends for a report. */
function encode(report: object): Buffer {
  const method = monitorServiceDefinition().GetMonitorReport;
  assert.ok(method !== undefined);
  return method.responseSerialize({ report });
}

test("a report comes back as it was, with counts as numbers and absent fields absent", () => {
  const report = sampleReport();
  assert.deepEqual(decodeMonitorReport(encode(report)), report);
});

test("a server that reports nothing has no models", () => {
  assert.deepEqual(decodeMonitorReport(Buffer.alloc(0)), { models: [] });
});

test("what is no report is an error", () => {
  assert.throws(() => decodeMonitorReport(Buffer.from([0xff, 0xff])));
});
