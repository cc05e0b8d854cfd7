import { readFileSync } from "node:fs";
import { join } from "node:path";
import { randomNumbers } from "../support/random-numbers.ts";

/**
 * The stream of the ADWIN and Page-Hinkley oracles: `np.random.seed(12345)`, then `np.random.randint(2, size=1000)` and
 * `np.random.randint(8, size=1000)`.
 */
export function numpyStream(): readonly number[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, "fixtures", "numpy-12345-stream.json"), "utf8"));
}

export const zeros = (count: number): number[] => new Array<number>(count).fill(0);
export const ones = (count: number): number[] => new Array<number>(count).fill(1);

/** Zeros and ones: so many with the first share of ones, so many on the way to the second share, as many with that. */
export function gradual(steady: number, changing: number, before: number, after: number, seed = 1): number[] {
  const random = randomNumbers(seed);
  return Array.from({ length: 2 * steady + changing }, (_, index) => {
    const way = Math.min(1, Math.max(0, (index - steady) / changing));
    return Number(random() < before + way * (after - before));
  });
}
