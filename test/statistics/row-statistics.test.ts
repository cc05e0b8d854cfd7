import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { markInfinite, markNan, type Signal, tensorStatistics } from "../../src/monitor/collect/sampled-rows.ts";
import { TensorColumns } from "../../src/monitor/collect/tensor-columns.ts";
import { describeNumbers } from "../../src/statistics/row-statistics.ts";

const signals = tensorStatistics.map((statistic, index): readonly [Signal, number] => [
  {
    name: `image.${statistic}`,
    tensor: "image",
    role: "SIGNAL_ROLE_INPUT",
    column: 0,
    datatype: "FP32",
    kind: "numeric",
    categories: [],
    minimum: Number.NEGATIVE_INFINITY,
    maximum: Number.POSITIVE_INFINITY,
    statistic,
  },
  index,
]);

test("a profile describes a row of many numbers as the monitor does", () => {
  const columns = new TensorColumns("image", "FP32", signals);
  const number = fc.oneof(
    fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }),
    fc.constantFrom(0, Number.NaN, Number.POSITIVE_INFINITY),
  );
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 50 }), fc.constantFrom(1, 300), (pattern, times) => {
      const row = new Float32Array(pattern.length * times).map((_, i) => pattern[i % pattern.length]!);
      const [values, marks] = [new Float64Array(5), new Uint8Array(5)];
      columns.open([{ name: "image", datatype: "FP32", shape: [1, row.length], data: new Uint8Array(row.buffer) }], 1);
      columns.copy(0, values, marks, 0);
      const described = describeNumbers(row, 0, row.length);
      for (const [i, statistic] of tensorStatistics.entries()) {
        assert.ok(Object.is(values[i], described[statistic]), `${statistic}: ${values[i]}, ${described[statistic]}`);
      }
      assert.equal(marks[0] === markNan, described.spoiltBy === "nan");
      assert.equal(marks[0] === markInfinite, described.spoiltBy === "infinite");
    }),
    { numRuns: 200 },
  );
});
