import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InferenceError } from "../../src/errors.ts";
import { noParameters } from "../../src/inference.ts";
import { QueueEntry } from "../../src/runtime/queue/queue-entry.ts";
import { splitRequest } from "../../src/runtime/split-request.ts";
import { datatypes, type Tensor } from "../../src/tensor.ts";
import { contextOf, RecordingReply, requestOf } from "../support/runtime-requests.ts";
import { someTensor } from "../support/tensors.ts";

/** A whole of one or two inputs with the same rows. */
const aWhole = fc
  .record({
    rows: fc.integer({ min: 1, max: 20 }),
    datatype: fc.constantFrom(...datatypes),
    second: fc.option(fc.constantFrom(...datatypes), { nil: undefined }),
    rest: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
  })
  .chain(({ rows, datatype, second, rest }) =>
    fc.tuple(
      someTensor(datatype, [rows, ...rest]),
      second === undefined ? fc.constant(undefined) : someTensor(second, [rows]),
    ),
  );

function wholeEntry(inputs: readonly (Tensor | undefined)[], reply = new RecordingReply()) {
  const request = requestOf(inputs.filter((input) => input !== undefined));
  const rows = inputs[0]?.shape[0] ?? 0;
  return new QueueEntry(request, contextOf(), reply, { inputs, rows, shapeKey: "k", outputs: [] }, 77);
}

const answer = (outputs: readonly Tensor[]) => ({
  modelName: "m",
  modelVersion: "1",
  id: "",
  parameters: noParameters,
  outputs,
});

const plain = (tensor: Tensor | undefined) => tensor && { ...tensor, data: new Uint8Array(tensor.data) };

describe("a split request", () => {
  it("join(split(x)) = x, in whatever order the parts are answered", () => {
    fc.assert(
      fc.property(aWhole, fc.integer({ min: 1, max: 8 }), fc.infiniteStream(fc.nat()), (inputs, maxRows, dice) => {
        const reply = new RecordingReply();
        const parts = [...splitRequest(wholeEntry(inputs), maxRows, reply)];
        assert.equal(parts.length, Math.ceil((inputs[0].shape[0] as number) / maxRows));
        assert.ok(parts.every((part) => part.rows >= 1 && part.rows <= maxRows));
        assert.ok(parts.every((part) => part.shapeKey === "k" && part.deadlineMs === 77));
        while (parts.length > 0) {
          assert.equal(reply.isEnded, false);
          const [part] = parts.splice(dice.next().value % parts.length, 1);
          part?.reply.respond(answer(part.inputs.filter((input) => input !== undefined)), true);
        }
        assert.deepEqual(reply.response?.outputs.map(plain), inputs.filter((input) => input !== undefined).map(plain));
      }),
      { numRuns: 300 },
    );
  });

  it("leaves out in every part what the whole leaves out", () => {
    const [tensor] = fc.sample(someTensor("INT8", [5, 1]), 1);
    const parts = splitRequest(wholeEntry([tensor, undefined]), 2, new RecordingReply());
    assert.deepEqual(
      parts.map(({ inputs }) => inputs.map((input) => input?.shape)),
      [
        [[2, 1], undefined],
        [[2, 1], undefined],
        [[1, 1], undefined],
      ],
    );
  });

  it("fails once, with the first failure, and whatever comes after is not heard", () => {
    const [tensor] = fc.sample(someTensor("INT8", [3]), 1) as [Tensor];
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
    ]) {
      const reply = new RecordingReply();
      const parts = splitRequest(wholeEntry([tensor]), 1, reply);
      for (const [step, index] of order.entries()) {
        if (step === 1) parts[index]?.reply.respond(answer([tensor]), true);
        else parts[index]?.reply.fail(new InferenceError("runtime", `part ${index}`));
      }
      assert.equal(reply.error?.message, `part ${order[0]}`);
    }
  });

  it("fails when its parts were answered in shapes that do not belong together", () => {
    const [tensor] = fc.sample(someTensor("INT8", [2]), 1) as [Tensor];
    const reply = new RecordingReply();
    const parts = splitRequest(wholeEntry([tensor]), 1, reply);
    const y = (columns: number): Tensor => ({
      name: "y",
      datatype: "INT8",
      shape: [1, columns],
      data: new Uint8Array(columns),
    });
    parts[0]?.reply.respond(answer([y(2)]), true);
    parts[1]?.reply.respond(answer([y(3)]), true);
    assert.equal(reply.error?.reason, "runtime");
  });

  it("tells the times of its slowest part", () => {
    const whole = wholeEntry(fc.sample(someTensor("INT8", [2]), 1));
    const parts = splitRequest(whole, 1, new RecordingReply());
    for (const [index, part] of parts.entries()) {
      part.takenMs = 10 + index;
      part.computeInferMs = 5 - index;
      whole.absorb(part);
    }
    assert.deepEqual([whole.takenMs, whole.computeInferMs], [11, 5]);
  });
});
