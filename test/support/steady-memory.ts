import assert from "node:assert/strict";
import { median } from "./process-memory.ts";

/** Largest growth of resident memory, last tenth of a run against its second tenth, that is no leak. */
const steadyRatio = 1.05;

/** Fewest samples of which a tenth says something. */
const fewestSamples = 50;

/** How much a series has grown: the median of its last tenth over that of its second. The first tenth is warming up. */
export function growthRatio(samples: readonly number[]): number {
  const tenth = Math.floor(samples.length / 10);
  return median(samples.slice(-tenth)) / median(samples.slice(tenth, 2 * tenth));
}

/** @throws AssertionError when resident memory, sampled at even times over the whole run, has grown; says by how much */
export function assertSteady(samples: readonly number[], what: string): void {
  assert.ok(samples.length >= fewestSamples, `${samples.length} samples of ${what}: too few to tell`);
  const ratio = growthRatio(samples);
  const [first, last] = [samples[Math.floor(samples.length / 10)] ?? 0, samples.at(-1) ?? 0];
  const grown = `from ${Math.round(first / 2 ** 20)} to ${Math.round(last / 2 ** 20)} MB`;
  assert.ok(ratio <= steadyRatio, `the memory of ${what} grew to ${ratio.toFixed(3)} of its size, ${grown}`);
}
