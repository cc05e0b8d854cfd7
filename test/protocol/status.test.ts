import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { InferenceError, type Reason, reasons } from "../../src/errors.ts";
import { maxStatusTextBytes, statusCode, statusText, toStatus } from "../../src/protocol/status.ts";

describe("statusCode", () => {
  const expected: Record<Reason, number> = {
    invalid: 3,
    not_found: 5,
    shed: 14,
    queue_full: 14,
    concurrency_limit: 14,
    overload: 14,
    queue_timeout: 14,
    draining: 14,
    loading: 14,
    restarting: 14,
    sequence_lost: 14,
    quota: 8,
    too_large: 8,
    deadline: 4,
    cancelled: 1,
    unauthenticated: 16,
    forbidden: 7,
    refused: 9,
    unsupported: 12,
    runtime: 13,
    internal: 13,
  };
  for (const reason of reasons) test(reason, () => assert.equal(statusCode(reason), expected[reason]));
});

describe("toStatus", () => {
  test("carries the message and a plain integer as pushback, never the cause", () => {
    const error = new InferenceError("shed", "busy", { retryAfterMs: 10.2, cause: new Error("/secret/path") });
    assert.deepEqual(toStatus(error), { code: 14, details: "busy", pushbackMs: "11" });
    assert.equal(toStatus(new InferenceError("shed", "busy")).pushbackMs, undefined);
  });

  for (const [retryAfterMs, expected] of [
    [-5, "-1"],
    [Number.NaN, "-1"],
    [0, "0"],
    [1e12, "2147483647"],
  ] as const) {
    test(`pushback of ${retryAfterMs}`, () => {
      assert.equal(toStatus(new InferenceError("shed", "", { retryAfterMs })).pushbackMs, expected);
    });
  }
});

describe("statusText", () => {
  test("keeps what fits and can be percent-encoded whatever it is", () => {
    assert.equal(statusText("x".repeat(maxStatusTextBytes)), "x".repeat(maxStatusTextBytes));
    assert.equal(statusText("a\ud800"), "a\ufffd");
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.nat(30), (text, times) => {
        const result = statusText(text.repeat(times));
        assert(encodeURIComponent(result).length <= maxStatusTextBytes);
        const whole = text.repeat(times).toWellFormed();
        assert(result === whole || (result.endsWith("...") && whole.startsWith(result.slice(0, -3))));
      }),
    );
  });

  test("cuts between characters", () => {
    assert.equal(statusText("😀".repeat(1000)), `${"😀".repeat(341)}...`);
  });
});
