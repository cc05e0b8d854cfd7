import { addToAdwin, adwinMean, createAdwin } from "../../../statistics/adwin.ts";
import {
  addToBaseline,
  type Baseline,
  baselineDeviation,
  clearBaseline,
  createBaseline,
  maxDeviations,
  reviewBaseline,
  standardized,
} from "../../../statistics/baseline.ts";
import { addToEwmaChart, createEwmaChart } from "../../../statistics/ewma-chart.ts";
import { addToPageHinkley, createPageHinkley } from "../../../statistics/page-hinkley.ts";
import type { ChangeMethod } from "../../config/changes.ts";

/** What a number was, and what it has become. */
export interface Change {
  readonly before: number;
  readonly after: number;
}

/** Decides, value by value, whether a number has changed. */
export interface ChangeJudge {
  /** Takes the next value, of at most 1e100 in magnitude. @returns what has changed with it; undefined: nothing */
  add(value: number): Change | undefined;
  /** What the number is now: the mean of what the method looks back on. NaN before the first value. */
  readonly current: number;
}

/** Values that fix the range of a number for ADWIN, whose bounds hold between 0 and 1. */
const adwinBaseline = 300;

/** Weight of a value in the level that the Page-Hinkley test tells. */
const levelWeight = 0.05;

/** @param isShare values lie between 0 and 1 */
export function createChangeJudge(method: ChangeMethod, isShare: boolean): ChangeJudge {
  switch (method.method) {
    case "adwin":
      return isShare ? new ShareAdwin(method.delta) : new NumberAdwin(method.delta);
    case "page_hinkley":
      return new PageHinkleyJudge(method);
    case "ewma":
      return new EwmaJudge(method);
    case "threshold":
      return new ThresholdJudge(method);
  }
}

class ShareAdwin implements ChangeJudge {
  readonly #adwin;

  constructor(delta: number) {
    this.#adwin = createAdwin({ delta });
  }

  get current(): number {
    return this.#adwin.width === 0 ? Number.NaN : adwinMean(this.#adwin);
  }

  add(value: number): Change | undefined {
    if (!addToAdwin(this.#adwin, value)) return undefined;
    const { meanBefore: before, meanAfter: after } = this.#adwin;
    return { before, after };
  }
}

/** ADWIN over a number without bounds: what it was like at first lies between 0 and 1, as does everything that is further away. */
class NumberAdwin implements ChangeJudge {
  readonly #delta: number;
  #inner: ShareAdwin;
  readonly #baseline = createBaseline(adwinBaseline);

  constructor(delta: number) {
    this.#delta = delta;
    this.#inner = new ShareAdwin(delta);
  }

  get current(): number {
    const { current } = this.#inner;
    return Number.isNaN(current) ? meanOf(this.#baseline) : this.#unscaled(current);
  }

  add(value: number): Change | undefined {
    if (addToBaseline(this.#baseline, value)) return undefined;
    if (reviewBaseline(this.#baseline, value)) this.#inner = new ShareAdwin(this.#delta);
    const change = this.#inner.add((standardized(this.#baseline, value) + maxDeviations) / (2 * maxDeviations));
    if (change === undefined) return undefined;
    const told = { before: this.#unscaled(change.before), after: this.#unscaled(change.after) };
    clearBaseline(this.#baseline);
    return told;
  }

  #unscaled(share: number): number {
    return this.#baseline.mean + (2 * share - 1) * maxDeviations * baselineDeviation(this.#baseline);
  }
}

/** Two tests of standardized values, for a rise and for a fall. */
class PageHinkleyJudge implements ChangeJudge {
  readonly #baseline: Baseline;
  readonly #rise;
  readonly #fall;
  #level = Number.NaN;

  constructor({ delta, threshold, baseline }: Extract<ChangeMethod, { method: "page_hinkley" }>) {
    this.#baseline = createBaseline(baseline);
    this.#rise = createPageHinkley({ delta, threshold });
    this.#fall = createPageHinkley({ delta, threshold });
  }

  get current(): number {
    return this.#level;
  }

  add(value: number): Change | undefined {
    const weight = addToBaseline(this.#baseline, value);
    if (weight) {
      this.#level = this.#baseline.mean;
      return undefined;
    }
    if (reviewBaseline(this.#baseline, value)) {
      this.#level = this.#baseline.mean;
      this.#beginAnew();
    }
    this.#level += levelWeight * (value - this.#level);
    const deviations = standardized(this.#baseline, value);
    const hasRisen = addToPageHinkley(this.#rise, deviations);
    const hasFallen = addToPageHinkley(this.#fall, -deviations);
    if (!hasRisen && !hasFallen) return undefined;
    this.#beginAnew();
    const change = { before: this.#baseline.mean, after: this.#level };
    clearBaseline(this.#baseline);
    return change;
  }

  #beginAnew(): void {
    this.#rise.hasAlarmed = true; // with the next value
    this.#fall.hasAlarmed = true;
  }
}

class EwmaJudge implements ChangeJudge {
  readonly #baseline: Baseline;
  readonly #chart;

  constructor({ weight, limit, baseline }: Extract<ChangeMethod, { method: "ewma" }>) {
    this.#baseline = createBaseline(baseline);
    this.#chart = createEwmaChart({ weight, limit, baseline });
  }

  get current(): number {
    if (this.#baseline.count < this.#baseline.length) return meanOf(this.#baseline);
    return this.#baseline.mean + this.#chart.average * baselineDeviation(this.#baseline);
  }

  add(value: number): Change | undefined {
    if (addToBaseline(this.#baseline, value)) return undefined;
    if (reviewBaseline(this.#baseline, value)) this.#chart.hasAlarmed = true; // it begins anew with this value
    if (!addToEwmaChart(this.#chart, standardized(this.#baseline, value))) return undefined;
    const change = { before: this.#baseline.mean, after: this.current };
    clearBaseline(this.#baseline);
    return change;
  }
}

/** A value beyond a bound after one within, or at first. */
class ThresholdJudge implements ChangeJudge {
  readonly #above: number;
  readonly #below: number;
  #isBeyond = false;
  current = Number.NaN;

  constructor({ above, below }: Extract<ChangeMethod, { method: "threshold" }>) {
    this.#above = above;
    this.#below = below;
  }

  add(value: number): Change | undefined {
    const before = Number.isNaN(this.current) ? value : this.current;
    const wasBeyond = this.#isBeyond;
    this.current = value;
    this.#isBeyond = value > this.#above || value < this.#below;
    return this.#isBeyond && !wasBeyond ? { before, after: value } : undefined;
  }
}

function meanOf({ count, mean }: Baseline): number {
  return count === 0 ? Number.NaN : mean;
}
