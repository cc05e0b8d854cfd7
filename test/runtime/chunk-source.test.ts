import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { InferenceResponse } from "../../src/inference.ts";
import { noParameters } from "../../src/inference.ts";
import { ChunkSource } from "../../src/runtime/chunk-source.ts";
import type { DecoupledAnswerRecord } from "../../src/runtime/observer.ts";
import { type Datatype, datatypes, elementCount, itemBytes, type Tensor } from "../../src/tensor.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { contextOf, floats, valuesOf } from "../support/runtime-requests.ts";
import { someTensor } from "../support/tensors.ts";

const answerOf = (...outputs: Tensor[]): InferenceResponse => ({
  modelName: "m",
  modelVersion: "1",
  id: "a",
  parameters: noParameters,
  outputs,
});

class Subject {
  readonly clock = new FakeClock();
  readonly records: DecoupledAnswerRecord[] = [];
  readonly controller = new AbortController();
  readonly source: ChunkSource;

  constructor(outputs: Tensor[], axis = 0, size = 1, deadlineMs = Number.POSITIVE_INFINITY) {
    const context = contextOf({ signal: this.controller.signal, deadlineMs });
    const onAnswer = (record: DecoupledAnswerRecord) => this.records.push(record);
    this.source = new ChunkSource(answerOf(...outputs), {
      chunking: { axis, size },
      context,
      clock: this.clock,
      onAnswer,
    });
  }

  all(): InferenceResponse[] {
    const responses: InferenceResponse[] = [];
    for (let answer = this.source.next(); answer !== undefined; answer = this.source.next()) {
      responses.push(answer.response);
      if (answer.isFinal) break;
    }
    return responses;
  }

  get outcomes(): string[] {
    return this.records.map(({ index, outcome }) => `${index} ${outcome}`);
  }
}

/** Elements of a tensor as strings, with their positions: what joining parts must bring back. */
function elementsOf({ datatype, data, shape }: Tensor): Buffer[] {
  const elements: Buffer[] = [];
  const bytes = Buffer.from(data);
  let position = 0;
  for (let i = 0; i < elementCount(shape); i++) {
    const length = datatype === "BYTES" ? 4 + bytes.readUInt32LE(position) : itemBytes(datatype);
    elements.push(bytes.subarray(position, position + length));
    position += length;
  }
  assert.equal(position, bytes.length);
  return elements;
}

/** Puts parts together along an axis, element by element. */
function join(parts: readonly Tensor[], axis: number, shape: readonly number[]): Buffer {
  const at = axis < 0 ? axis + shape.length : axis;
  const inner = elementCount(shape.slice(at + 1));
  const pieces: Buffer[] = [];
  const elements = parts.map(elementsOf);
  for (let repeat = 0; repeat < elementCount(shape.slice(0, at)); repeat++) {
    for (const [i, part] of parts.entries()) {
      const run = (part.shape[at] ?? 0) * inner;
      pieces.push(...elements[i]!.slice(repeat * run, (repeat + 1) * run));
    }
  }
  return Buffer.concat(pieces);
}

describe("an answer in chunks", () => {
  it("put together again is the whole, for every datatype, shape, axis and size", () => {
    const cases = fc
      .record({
        datatype: fc.constantFrom(...datatypes) as fc.Arbitrary<Datatype>,
        shape: fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }),
        size: fc.integer({ min: 1, max: 6 }),
      })
      .chain(({ datatype, shape, size }) =>
        fc.record({
          whole: someTensor(datatype, shape),
          axis: fc.integer({ min: -shape.length, max: shape.length - 1 }),
          size: fc.constant(size),
        }),
      );
    fc.assert(
      fc.property(cases, ({ whole, axis, size }) => {
        const subject = new Subject([whole], axis, size);
        const parts = subject.all().map(({ outputs }) => outputs[0]!);
        const length = whole.shape.at(axis)!;
        assert.equal(parts.length, Math.ceil(length / size));
        for (const [i, { shape, data, datatype }] of parts.entries()) {
          assert.equal(shape.at(axis), i < parts.length - 1 ? size : length - size * (parts.length - 1));
          if (datatype !== "BYTES") assert.equal(data.length, elementCount(shape) * itemBytes(datatype));
        }
        assert.deepEqual(join(parts, axis, whole.shape), Buffer.from(whole.data));
      }),
    );
  });

  it("cuts all outputs in step, and says which chunk is the last", () => {
    const { source } = new Subject([floats("y", [1, 2, 3, 4, 5, 6], 2), floats("z", [7, 8, 9])], 0, 2);
    const [first, second] = [source.next(), source.next()];
    assert.deepEqual(first?.response.outputs.map(valuesOf), [
      [1, 2, 3, 4],
      [7, 8],
    ]);
    assert.deepEqual(second?.response.outputs.map(valuesOf), [[5, 6], [9]]);
    assert.deepEqual([first?.isFinal, second?.isFinal], [false, true]);
    assert.equal(first?.response.id, "a");
    assert.equal(source.byteLength, 36);
  });

  it("tells how long after the arrival of its request each answer was made", () => {
    const subject = new Subject([floats("y", [1, 2])]); // of a request that came when the clock began
    subject.clock.advance(5);
    subject.source.next();
    subject.clock.advance(7);
    subject.source.next();
    assert.deepEqual(
      subject.records.map(({ sinceArrivalMs }) => sinceArrivalMs),
      [5, 12],
    );
  });

  it("has no chunks where the axis has no length, and an axis that is run through very often costs nothing", () => {
    const subject = new Subject([{ name: "y", datatype: "FP32", shape: [2, 0], data: new Uint8Array(0) }], 1);
    assert.deepEqual(subject.all(), []);
    assert.deepEqual(subject.outcomes, ["0 empty"]);
    const wide = { name: "y", datatype: "FP32", shape: [2 ** 40, 2, 0], data: new Uint8Array(0) } as const;
    const shapes = new Subject([wide], 1).all().map(({ outputs }) => outputs[0]?.shape);
    assert.deepEqual(shapes, [
      [2 ** 40, 1, 0],
      [2 ** 40, 1, 0],
    ]);
  });

  it("is refused when its outputs do not fit each other or lack the axis", () => {
    const refused = (outputs: Tensor[], axis: number, message: RegExp) =>
      assert.throws(() => new Subject(outputs, axis), { reason: "runtime", message });
    refused([floats("y", [1, 2]), floats("z", [1, 2, 3])], 0, /'y' and 'z' cannot be cut together: 2 and 3 along/);
    refused([floats("y", [1, 2])], 2, /output 'y' of shape \[2,1\] has no dimension 2/);
  });

  it("ends between two chunks when nobody waits any more", () => {
    const cancelled = new Subject([floats("y", [1, 2, 3])]);
    cancelled.source.next();
    cancelled.controller.abort();
    assert.throws(() => cancelled.source.next(), { reason: "cancelled" });
    assert.deepEqual(cancelled.outcomes, ["0 success", "1 cancel"]);

    const late = new Subject([floats("y", [1, 2, 3])], 0, 1, 1_050);
    late.source.next();
    late.clock.advance(60);
    assert.throws(() => late.source.next(), { reason: "deadline" });
  });
});
