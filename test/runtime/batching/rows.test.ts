import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { joinRows, RowIndex, sliceRows } from "../../../src/runtime/batching/rows.ts";
import { datatypes, type Tensor } from "../../../src/tensor.ts";
import { someTensor } from "../../support/tensors.ts";

const whole = fc
  .record({
    datatype: fc.constantFrom(...datatypes),
    rows: fc.integer({ min: 0, max: 9 }),
    rest: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
  })
  .chain(({ datatype, rows, rest }) => someTensor(datatype, [rows, ...rest]));

/** A tensor's rows cut at these places. */
function cut(tensor: Tensor, places: readonly number[]): Tensor[] {
  const rows = tensor.shape[0] as number;
  const index = new RowIndex(tensor.datatype, tensor.shape, () => tensor.data);
  const at = [0, ...places.map((place) => Math.min(place, rows)), rows].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => sliceRows(tensor, at[i] as number, end - (at[i] as number), index));
}

describe("rows", () => {
  it("join(cut(x)) = x for every datatype, wherever it is cut", () => {
    fc.assert(
      fc.property(whole, fc.array(fc.nat(9), { maxLength: 4 }), (tensor, places) => {
        const joined = joinRows(cut(tensor, places));
        assert.deepEqual(
          { ...joined, data: new Uint8Array(joined.data) },
          { ...tensor, data: new Uint8Array(tensor.data) },
        );
      }),
      { numRuns: 300 },
    );
  });

  it("are views of the whole, not copies", () => {
    const tensor = fc.sample(someTensor("FP32", [4, 2]), 1)[0] as Tensor;
    const [, second] = cut(tensor, [2]);
    assert.equal(second?.data.buffer, tensor.data.buffer);
    assert.deepEqual(second?.shape, [2, 2]);
  });

  it("refuse a BYTES tensor that ends within an element", () => {
    for (const data of [Uint8Array.of(1, 0, 0), Uint8Array.of(9, 0, 0, 0, 65)]) {
      assert.throws(() => new RowIndex("BYTES", [2, 1], () => data), { reason: "internal" });
    }
  });

  it("do not join parts whose rows differ in shape", () => {
    const part = (shape: readonly number[]): Tensor => ({
      name: "y",
      datatype: "UINT8",
      shape,
      data: new Uint8Array(12),
    });
    for (const other of [part([2, 6]), part([12]), part([2, 3, 2])]) {
      assert.throws(() => joinRows([part([4, 3]), other]), {
        reason: "runtime",
        message: /output 'y' has different shapes/,
      });
    }
    assert.deepEqual(joinRows([part([4, 3]), part([4, 3])]).shape, [8, 3]);
  });
});
