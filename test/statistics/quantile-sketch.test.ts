import assert from "node:assert/strict";
import { test } from "node:test";
import { QuantileSketch, sketchSize, weightedQuantile } from "../../src/statistics/quantile-sketch.ts";
import { createRandomSource } from "../../src/statistics/random.ts";

test("a sketch of few values is exact", () => {
  const sketch = new QuantileSketch();
  for (let i = sketchSize; i > 0; i--) sketch.add(i);
  const all = sketch.weighted();
  assert.equal(all.values.length, sketchSize);
  assert.deepEqual(
    [0, 0.25, 0.5, 1].map((p) => weightedQuantile(all, p)),
    [1, sketchSize / 4, sketchSize / 2, sketchSize],
  );
});

test("ranks of many values are within 0.1 %, in bounded memory, sorted input or not, merged or not", (t) => {
  const count = 500_000;
  for (const [name, order] of [
    ["ascending", (i: number) => i],
    ["mixed", (i: number) => (i * 7919) % count],
  ] as const) {
    const sketch = new QuantileSketch(3);
    const second = new QuantileSketch(4);
    for (let i = 0; i < count; i++) (i % 3 === 0 ? second : sketch).add(order(i));
    sketch.merge(second);
    const { values, weights } = sketch.weighted();
    let rank = 0;
    let worst = 0;
    for (let i = 0; i < values.length; i++) {
      rank += weights[i]!;
      worst = Math.max(worst, Math.abs(rank - values[i]!) / count);
    }
    t.diagnostic(`${name}: worst rank error ${(100 * worst).toFixed(4)} %, ${values.length} values kept`);
    assert.equal(rank, count);
    assert.ok(worst < 0.001);
    assert.ok(values.length < 3.1 * sketchSize);
  }
});

test("the worst rank error of many sketches stays within 0.1 %", (t) => {
  const count = 60_000;
  const errors = Array.from({ length: 30 }, (_, seed) => {
    const random = createRandomSource(seed);
    const sketch = new QuantileSketch(seed);
    for (let i = 0; i < count; i++) sketch.add(random());
    const { values, weights } = sketch.weighted();
    let rank = 0;
    let worst = 0;
    // The values are uniform, so the share below one is itself but for the sample's own noise, which the exact ranks would not have.
    const exact = createRandomSource(seed);
    const sorted = Float64Array.from({ length: count }, exact).sort();
    for (let i = 0, k = 0; i < values.length; i++) {
      rank += weights[i]!;
      while (k < count && sorted[k]! <= values[i]!) k++;
      worst = Math.max(worst, Math.abs(rank - k) / count);
    }
    return worst;
  });
  t.diagnostic(`worst of ${errors.length}: ${(100 * Math.max(...errors)).toFixed(4)} %`);
  assert.ok(Math.max(...errors) < 0.001);
});

test("no values, no quantile", () => {
  assert.ok(Number.isNaN(weightedQuantile(new QuantileSketch().weighted(), 0.5)));
});
