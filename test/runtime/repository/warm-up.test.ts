import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Signature } from "../../../src/inference.ts";
import type { LengthPlan } from "../../../src/model/length-plan.ts";
import type { WarmUpRequest } from "../../../src/runtime/process/load-protocol.ts";
import { RuntimeProcessDied } from "../../../src/runtime/process/runtime-process.ts";
import { type WarmUpOptions, warmUp, warmUpShapes } from "../../../src/runtime/repository/warm-up.ts";

const signature: Signature = {
  inputs: [{ name: "ids", datatype: "INT64", dims: [-1] }],
  outputs: [],
  filled: [{ name: "mask", datatype: "FP32", dims: [-1] }],
  maxBatchSize: 4,
};
const plan: LengthPlan = { buckets: [8, 16], inputAxes: [0], outputAxes: [], padValues: [0], fillings: ["mask"] };

describe("warmUpShapes", () => {
  it("are the sizes, ascending, of a model without lengths", () => {
    const plain: Signature = { inputs: [{ name: "x", datatype: "FP32", dims: [3] }], outputs: [], maxBatchSize: 4 };
    assert.deepEqual(warmUpShapes(plain, [1, 4], undefined, false), [
      { rows: 1, length: undefined, shapeBucket: 0, bytes: 12 },
      { rows: 4, length: undefined, shapeBucket: 0, bytes: 48 },
    ]);
    assert.equal(warmUpShapes(plain, [1], undefined, true)[0]?.shapeBucket, 4);
  });

  it("are every size of every length, the largest first, with what is filled in", () => {
    assert.deepEqual(warmUpShapes(signature, [1, 4], plan, true), [
      { rows: 4, length: 16, shapeBucket: 1, bytes: 4 * 16 * 12 },
      { rows: 1, length: 16, shapeBucket: 1, bytes: 16 * 12 },
      { rows: 4, length: 8, shapeBucket: 0, bytes: 4 * 8 * 12 },
      { rows: 1, length: 8, shapeBucket: 0, bytes: 8 * 12 },
    ]);
  });

  it("are bounded, and more are refused with the numbers", () => {
    const buckets = Array.from({ length: 64 }, (_, i) => i + 1);
    assert.throws(() => warmUpShapes(signature, [1, 2, 4, 8, 16], { ...plan, buckets }, true), {
      reason: "refused",
      message: /has 64 lengths for 5 numbers of rows, expected at most 256 shapes in all/,
    });
  });
});

function subject(partial: Partial<WarmUpOptions> = {}) {
  const requests: WarmUpRequest[] = [];
  let nowMs = 0;
  const options: WarmUpOptions = {
    sessionId: 1,
    result: { config: {} },
    shapes: warmUpShapes(signature, [1, 4], plan, true),
    slotBytes: 1e6,
    now: () => nowMs,
    run: async (request) => {
      requests.push(request);
      nowMs += 1500;
      return { runMs: 1500 };
    },
    ...partial,
  };
  return { options, requests };
}

describe("warmUp", () => {
  it("runs every length and size, however long that takes, and tells the times", async () => {
    const { options, requests } = subject();
    const runs = await warmUp(options);
    assert.deepEqual(
      requests.map(({ rows, length }) => [rows, length]),
      [
        [4, 16],
        [1, 16],
        [4, 8],
        [1, 8],
      ],
    );
    assert.deepEqual(runs.map(({ shapeBucket, rows, runMs }) => [shapeBucket, rows, runMs])[0], [1, 4, 1500]);
  });

  it("runs them behind samples as well, but none that no request may have", async () => {
    const config = { model_warmup: [{ name: "s" }] };
    const { options, requests } = subject({ result: { config }, slotBytes: 4 * 8 * 12 });
    await warmUp(options);
    assert.deepEqual(
      requests.map(({ sample, rows, length }) => sample ?? [rows, length]),
      [0, [1, 16], [4, 8], [1, 8]],
    );
  });

  it("refuses a model that fails at one of its lengths", async () => {
    const failing = subject({ run: () => Promise.reject(new Error("by the test")) });
    await assert.rejects(warmUp(failing.options), {
      reason: "refused",
      message: "warm-up with zeros of length 16 in 4 rows failed",
    });
  });

  it("ends without harm where zeros of a model without lengths fail, or take their time", async () => {
    const shapes = warmUpShapes({ ...signature, filled: [] }, [1, 2, 4], undefined, true);
    const slow = subject({ shapes });
    assert.equal((await warmUp(slow.options)).length, 2);
    const failing = subject({ shapes, run: () => Promise.reject(new Error("by the test")) });
    assert.deepEqual(await warmUp(failing.options), []);
  });

  it("lets the death of the process pass", async () => {
    const died = new RuntimeProcessDied({ kind: "crash", detail: "" });
    for (const shapes of [subject().options.shapes, warmUpShapes(signature, [1], undefined, false)]) {
      await assert.rejects(warmUp(subject({ shapes, run: () => Promise.reject(died) }).options), died);
    }
  });
});
