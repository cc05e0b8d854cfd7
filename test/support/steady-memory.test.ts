import assert from "node:assert/strict";
import { test } from "node:test";
import { randomNumbers } from "./random-numbers.ts";
import { assertSteady, growthRatio } from "./steady-memory.ts";

const mebibyte = 2 ** 20;

/** A process that warms up to 200 MB within the first tenth, moves by 20 MB as it collects, and leaks. */
function memoryOf(leakPerSample: number, count = 300): number[] {
  const random = randomNumbers(3);
  return Array.from({ length: count }, (_, i) => {
    const warmth = Math.min(1, (i + 1) / (count / 10));
    return (200 * warmth + 20 * random() + leakPerSample * i) * mebibyte;
  });
}

test("memory that moves but does not grow is steady", () => {
  assertSteady(memoryOf(0), "the server");
});

test("a leak of a twentieth over the run is caught, and named", () => {
  assert.throws(() => assertSteady(memoryOf(0.06), "the server"), /the memory of the server grew to 1\.0[5-9]/);
  assert.throws(() => assertSteady(memoryOf(1), "the client"), /the memory of the client grew to [12]\./);
});

test("warming up is no leak, and too few samples are no proof", () => {
  assert.ok(growthRatio(memoryOf(0)) < 1.02);
  assert.throws(() => assertSteady(memoryOf(0, 49), "the server"), /49 samples of the server: too few to tell/);
});
