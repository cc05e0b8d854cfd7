/**
 * Page-Hinkley test (Page 1954, Hinkley 1971) for a mean that rises, as River 0.21 implements it: a sum of what values exceed their mean by,
 * which forgets slowly. For a mean that falls, a second test takes the negated values.
 */

/** What a Page-Hinkley test is made with, in the unit of the values. */
export interface PageHinkleyOptions {
  /** What a value may exceed the mean by without counting. */
  readonly delta: number;
  /** Sum from which it alarms (lambda). */
  readonly threshold: number;
  /** What is left of the sum after each value. Default: 1 - 1e-4. */
  readonly alpha?: number;
  /** No alarm before the count, which begins at 1, has reached this. Default: 30. */
  readonly minCount?: number;
}

/** State of a test. */
export interface PageHinkley {
  readonly delta: number;
  readonly threshold: number;
  readonly alpha: number;
  readonly minCount: number;
  /** Values since the last alarm, plus 1. */
  count: number;
  /** Their mean. */
  mean: number;
  /** What they exceed it by. */
  sum: number;
  /** The latest value alarmed: the next one begins anew. */
  hasAlarmed: boolean;
}

/** A test that has seen nothing. */
export function createPageHinkley(options: PageHinkleyOptions): PageHinkley {
  const { delta, threshold, alpha = 1 - 1e-4, minCount = 30 } = options;
  return { delta, threshold, alpha, minCount, count: 1, mean: 0, sum: 0, hasAlarmed: false };
}

/**
 * Takes the next value, which must be finite.
 * @returns whether the mean has risen. The value after that begins anew.
 */
export function addToPageHinkley(test: PageHinkley, value: number): boolean {
  if (test.hasAlarmed) {
    test.count = 1;
    test.mean = 0;
    test.sum = 0;
  }
  test.mean += (value - test.mean) / test.count;
  test.sum = Math.max(0, test.alpha * test.sum + value - test.mean - test.delta);
  test.count++;
  test.hasAlarmed = test.count >= test.minCount && test.sum >= test.threshold;
  return test.hasAlarmed;
}
