/**
 * ADWIN (Bifet and Gavaldà 2007), as River 0.21 implements it: a window over the latest values that grows while their mean stays the same and
 * loses its older part when two parts of it differ by more than chance allows. Values are kept as buckets of 1, 2, 4 ... values, at most
 * {@link maxBuckets} of a size, so that memory grows with the logarithm of the window.
 */

/** What an ADWIN is made with. */
export interface AdwinOptions {
  /** Probability that a look alarms although nothing has changed, for values from 0 to 1. */
  readonly delta: number;
}

/** Buckets of one size; one more are merged at once. */
export const maxBuckets = 5;
/** A look every so many values. */
export const adwinClock = 32;
/** Neither part of a cut is smaller. */
const minPartLength = 5;
/** No look at a window of so few values. */
const gracePeriod = 10;
/** Sizes of buckets: more values than anybody will ever count. */
const maxRows = 48;
const rowLength = maxBuckets + 1;

/** State of one ADWIN. 5 KB, whatever it has seen. */
export interface Adwin {
  readonly delta: number;
  /** Sum of the values of each bucket; row r holds those of 2^r values from index `r * (maxBuckets + 1)` on, the oldest first. */
  readonly totals: Float64Array;
  /** Sum of squared deviations from the bucket's own mean. */
  readonly variances: Float64Array;
  /** Buckets in each row. */
  readonly counts: Uint8Array;
  /** Rows in use. */
  rows: number;
  /** Values in the window. */
  width: number;
  /** Their sum. */
  total: number;
  /** Their sum of squared deviations from their mean. */
  variance: number;
  /** Values since the last reset. */
  ticks: number;
  /** The latest value alarmed: the next one begins a new window. */
  hasAlarmed: boolean;
  /** Means of the older and the newer part at the boundary that the latest alarm saw most clearly. */
  meanBefore: number;
  meanAfter: number;
}

/** An ADWIN that has seen nothing. */
export function createAdwin({ delta }: AdwinOptions): Adwin {
  return {
    delta,
    totals: new Float64Array(maxRows * rowLength),
    variances: new Float64Array(maxRows * rowLength),
    counts: new Uint8Array(maxRows),
    rows: 1,
    width: 0,
    total: 0,
    variance: 0,
    ticks: 0,
    hasAlarmed: false,
    meanBefore: 0,
    meanAfter: 0,
  };
}

/** Mean of the window; 0 for an empty one. */
export function adwinMean({ width, total }: Adwin): number {
  return width === 0 ? 0 : total / width;
}

/**
 * Takes the next value, which must be finite.
 * @returns whether the mean has changed. The value after that begins anew (reference: variant B).
 */
export function addToAdwin(adwin: Adwin, value: number): boolean {
  if (adwin.hasAlarmed) reset(adwin);
  insert(adwin, value);
  adwin.ticks++;
  if (adwin.ticks % adwinClock !== 0 || adwin.width <= gracePeriod) return false;
  while (hasCut(adwin)) {
    adwin.hasAlarmed = true; // from here on the walks stop at the first cut
    dropOldest(adwin);
  }
  return adwin.hasAlarmed;
}

function reset(adwin: Adwin): void {
  adwin.counts.fill(0);
  adwin.rows = 1;
  adwin.width = 0;
  adwin.total = 0;
  adwin.variance = 0;
  adwin.ticks = 0;
  adwin.hasAlarmed = false;
}

function insert(adwin: Adwin, value: number): void {
  append(adwin, 0, value, 0);
  adwin.width++;
  if (adwin.width > 1) {
    const deviation = value - adwin.total / (adwin.width - 1);
    adwin.variance += ((adwin.width - 1) * deviation * deviation) / adwin.width;
  }
  adwin.total += value;
  for (let row = 0; (adwin.counts[row] ?? 0) > maxBuckets; row++) mergeOldestPair(adwin, row);
}

function append(adwin: Adwin, row: number, total: number, variance: number): void {
  const count = adwin.counts[row] ?? 0;
  adwin.totals[row * rowLength + count] = total;
  adwin.variances[row * rowLength + count] = variance;
  adwin.counts[row] = count + 1;
  if (row >= adwin.rows) adwin.rows = row + 1;
}

/** The two oldest buckets of a row become one of the next row. */
function mergeOldestPair(adwin: Adwin, row: number): void {
  const { totals, variances } = adwin;
  const at = row * rowLength;
  const [first = 0, second = 0] = [totals[at], totals[at + 1]];
  const size = 2 ** row;
  const difference = first / size - second / size;
  const variance = (variances[at] ?? 0) + (variances[at + 1] ?? 0) + (size * difference * difference) / 2;
  append(adwin, row + 1, first + second, variance);
  shift(adwin, row, 2);
}

/** Takes the oldest buckets out of a row. */
function shift({ totals, variances, counts }: Adwin, row: number, removed: number): void {
  const at = row * rowLength;
  totals.copyWithin(at, at + removed, at + rowLength);
  variances.copyWithin(at, at + removed, at + rowLength);
  counts[row] = (counts[row] ?? 0) - removed;
}

function dropOldest(adwin: Adwin): void {
  const row = adwin.rows - 1;
  const at = row * rowLength;
  const size = 2 ** row;
  const total = adwin.totals[at] ?? 0;
  adwin.width -= size;
  adwin.total -= total;
  const difference = total / size - adwin.total / adwin.width;
  const between = (size * adwin.width * difference * difference) / (size + adwin.width);
  adwin.variance -= (adwin.variances[at] ?? 0) + between;
  shift(adwin, row, 1);
  while (adwin.rows > 1 && adwin.counts[adwin.rows - 1] === 0) adwin.rows--;
}

/**
 * Whether the window falls into two parts, at some boundary of buckets, whose means differ by more than chance allows. The first one of an
 * alarm is looked for to the end, and the clearest one's means are kept.
 */
function hasCut(adwin: Adwin): boolean {
  const { totals, counts, width, total, variance, delta } = adwin;
  const logTerm = Math.log((2 * Math.log(width)) / delta);
  const spread = (2 * variance * logTerm) / width;
  let oldLength = 0;
  let oldTotal = 0;
  let clearest = 1;
  for (let row = adwin.rows - 1; row >= 0; row--) {
    const size = 2 ** row;
    const count = counts[row] ?? 0;
    for (let bucket = 0; bucket < count; bucket++) {
      oldLength += size;
      oldTotal += totals[row * rowLength + bucket] ?? 0;
      const newLength = width - oldLength;
      if (newLength < minPartLength) return clearest > 1;
      if (oldLength < minPartLength) continue;
      const oldMean = oldTotal / oldLength;
      const newMean = (total - oldTotal) / newLength;
      const reciprocal = 1 / (oldLength - minPartLength + 1) + 1 / (newLength - minPartLength + 1);
      const bound = Math.sqrt(Math.max(0, spread * reciprocal)) + (2 / 3) * reciprocal * logTerm;
      const clarity = Math.abs(oldMean - newMean) / bound;
      if (clarity <= clearest) continue;
      if (adwin.hasAlarmed) return true;
      clearest = clarity;
      adwin.meanBefore = oldMean;
      adwin.meanAfter = newMean;
    }
  }
  return clearest > 1;
}
