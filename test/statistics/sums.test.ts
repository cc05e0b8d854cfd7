import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addCompensated, addSums, compensatedSum } from "../../src/statistics/sums.ts";

test("what a plain sum loses is kept", () => {
  const sums = new Float64Array(2);
  for (const value of [1, 1e100, 1, -1e100]) addCompensated(sums, value);
  assert.equal(compensatedSum(sums), 2); // a plain sum gives 0
  const many = new Float64Array(4);
  for (let index = 0; index < 1_000_000; index++) addCompensated(many, 0.1, 2);
  assert.equal(compensatedSum(many, 2), 100_000);
  assert.equal(compensatedSum(many), 0);
});

test("merged sums are the whole, and can be taken apart", () => {
  const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { maxLength: 100 });
  fc.assert(
    fc.property(values, values, (left, right) => {
      const [a, b] = [left, right].map((list) => {
        const sums = new Float64Array(2);
        for (const value of list) addCompensated(sums, value);
        return sums;
      });
      const alone = compensatedSum(a!);
      addSums(a!, b!, 1);
      const whole = [...left, ...right].reduce((sum, value) => sum + value, 0);
      assert.ok(Math.abs(compensatedSum(a!) - whole) < 1e-6);
      addSums(a!, b!, -1);
      assert.ok(Math.abs(compensatedSum(a!) - alone) < 1e-6);
    }),
  );
});
