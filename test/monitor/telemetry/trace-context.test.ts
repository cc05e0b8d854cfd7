import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTraceContext } from "../../../src/monitor/telemetry/trace-context.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

describe("parseTraceContext", () => {
  it("reads a valid context", () => {
    const context = parseTraceContext(`00-${traceId}-${spanId}-01`, "vendor=1,other=2");
    assert.equal(context?.traceId, traceId);
    assert.equal(context?.spanId, spanId);
    assert.equal(context?.traceFlags, 1);
    assert.equal(context?.isRemote, true);
    assert.equal(context?.traceState?.get("other"), "2");
  });

  it("keeps only the sampled flag", () => {
    assert.equal(parseTraceContext(`00-${traceId}-${spanId}-02`, undefined)?.traceFlags, 0);
    assert.equal(parseTraceContext(`00-${traceId}-${spanId}-ff`, undefined)?.traceFlags, 1);
  });

  it("takes a later version with something appended", () => {
    assert.equal(parseTraceContext(`cc-${traceId}-${spanId}-01-what`, undefined)?.traceId, traceId);
  });

  const invalid = [
    "",
    "00",
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-1`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${traceId}-${spanId}-01 `,
    ` 00-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01\n`,
    `ff-${traceId}-${spanId}-01`,
    `cc-${traceId}-${spanId}-01.what`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId.slice(1)}-${spanId}-01`,
    `00-${traceId}-${spanId}-0g`,
  ];
  for (const text of invalid) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseTraceContext(text, undefined), undefined));
  }

  it("leaves out a tracestate that is too long", () => {
    const context = parseTraceContext(`00-${traceId}-${spanId}-01`, `a=${"b".repeat(600)}`);
    assert.equal(context?.traceId, traceId);
    assert.equal(context?.traceState, undefined);
  });
});
