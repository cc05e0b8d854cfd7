import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { binQuantile } from "../../src/statistics/bin-quantile.ts";

function binned(values: readonly number[], edges: readonly number[]) {
  const bins = edges.length - 1;
  const counts = Array.from({ length: bins }, (_, bin) => {
    const isIn = (x: number) => x >= edges[bin]! && (x < edges[bin + 1]! || (bin === bins - 1 && x === edges[bins]!));
    return values.filter(isIn).length;
  });
  const underflow = values.filter((x) => x < edges[0]!).length;
  const overflow = values.filter((x) => x > edges[bins]!).length;
  return { edges, counts, underflow, overflow, minimum: Math.min(...values), maximum: Math.max(...values) };
}

test("a quantile is off by at most the width of its bin", () => {
  const values = fc.array(fc.double({ min: -1, max: 11, noNaN: true }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (drawn, probability) => {
      const edges = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
      const found = binQuantile(binned(drawn, edges), probability)!;
      const sorted = [...drawn].sort((a, b) => a - b);
      const exact = sorted[Math.min(drawn.length - 1, Math.max(0, Math.ceil(probability * drawn.length) - 1))]!;
      assert.ok(found >= sorted[0]! && found <= sorted.at(-1)!);
      assert.ok(Math.abs(found - exact) <= 1 + 1e-9, `${found} for ${exact}`);
    }),
  );
});

test("without values there is none, and one value is all of them", () => {
  assert.equal(
    binQuantile({ edges: [0, 1], counts: [0], underflow: 0, overflow: 0, minimum: 0, maximum: 0 }, 0.5),
    undefined,
  );
  for (const probability of [0, 0.5, 1]) assert.equal(binQuantile(binned([0.25], [0, 1]), probability), 0.25);
});
