import assert from "node:assert/strict";

/** Fails when a number differs by more than `relative` of the expected one and by more than `absolute`. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
  absolute = 0,
): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!];
    assert.ok(Math.abs(a - e) <= Math.max(absolute, relative * Math.abs(e)), `number ${i} is ${a}, expected ${e}`);
  }
}
