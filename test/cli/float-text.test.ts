import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { floatText } from "../../src/cli/float-text.ts";

/** The fewest digits, found by trying all from one on. */
function byTrying(value: number, round: (value: number) => number): string {
  for (let digits = 1; digits < 20; digits++) {
    if (round(Number(value.toPrecision(digits))) === value) return String(Number(value.toPrecision(digits)));
  }
  return String(value);
}

test("FP32 has the fewest digits that read back as itself", () => {
  const bits = fc
    .integer({ min: 0, max: 2 ** 32 - 1 })
    .map((word) => new Float32Array(Uint32Array.of(word).buffer)[0] ?? 0);
  const typical = fc.float({ noNaN: true, min: 0, max: 1 });
  const short = fc.integer({ min: 1, max: 99_999 }).map((value) => Math.fround(value / 1000));
  fc.assert(
    fc.property(fc.oneof(bits, typical, short), (value) => {
      const text = floatText(value, "FP32");
      assert.ok(Object.is(Math.fround(Number(text)), value === 0 ? 0 : value));
      if (Number.isFinite(value) && !Number.isInteger(value)) assert.equal(text, byTrying(value, Math.fround));
    }),
    { numRuns: 5000 },
  );
  for (let exponent = -149; exponent < 0; exponent++) {
    assert.equal(floatText(2 ** exponent, "FP32"), byTrying(2 ** exponent, Math.fround));
  }
});

test("every FP16 has the fewest digits that read back as itself", () => {
  for (let word = 0; word < 2 ** 16; word++) {
    const value = new Float16Array(Uint16Array.of(word).buffer)[0] ?? 0;
    const text = floatText(value, "FP16");
    if (Number.isFinite(value) && !Number.isInteger(value)) assert.equal(text, byTrying(value, Math.f16round));
    else assert.equal(text, String(value));
  }
});
