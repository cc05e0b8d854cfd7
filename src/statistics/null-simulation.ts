import { createRandomSource, type RandomSource, randomBinomial, randomGamma } from "./random.ts";

/** Entries of the table that turns twelve random bits into a bin; shares are rounded to so many parts. */
const tableSize = 2 ** 12;

/** Bins with less than so many entries are drawn each by itself: rounded, a bin of one row in ten thousand would have all or nothing. */
const leastEntries = 32;

/**
 * Draws windows as they come when nothing has drifted.
 *
 * The reference's shares are fixed when the monitor compares, and the true ones lie around them as far as its rows leave open: a Dirichlet law
 * with the counts as its parameters, which is exactly the law of the gaps between order statistics where the edges are quantiles. Each window
 * is a multinomial draw from true shares that are drawn anew.
 */
export interface NullDraws {
  /** Counts of the next window; the same array each time. */
  next(): Float64Array;
}

/**
 * @param reference its counts, one for each bin. An empty bin is taken for half a row: that none was seen does not mean that none can come.
 * @param windowRows rows of each window
 */
export function createNullDraws(reference: ArrayLike<number>, windowRows: number, seed: number): NullDraws {
  const random = createRandomSource(seed);
  const shapes = Float64Array.from(reference, (count) => Math.max(0.5, count));
  const masses = new Float64Array(shapes.length);
  const table = new Uint16Array(tableSize);
  const counts = new Float64Array(shapes.length);
  return {
    next() {
      drawMasses(masses, shapes, random);
      counts.fill(0);
      const rareRows = drawRareBins(counts, masses, windowRows, random);
      fillTable(table, masses);
      for (let left = windowRows - rareRows; left > 0; left -= 4) {
        // 48 random bits are four rows.
        const bits = random() * 2 ** 48;
        const high = Math.floor(bits / 2 ** 24);
        const low = bits - high * 2 ** 24;
        addDraw(counts, table[high >>> 12] as number); // twelve bits are below the table's size
        if (left > 1) addDraw(counts, table[high & 0xfff] as number);
        if (left > 2) addDraw(counts, table[low >>> 12] as number);
        if (left > 3) addDraw(counts, table[low & 0xfff] as number);
      }
      return counts;
    },
  };
}

/** Draws true shares, which add up to 1. */
function drawMasses(masses: Float64Array, shapes: Float64Array, random: RandomSource): void {
  let total = 0;
  for (let bin = 0; bin < masses.length; bin++) {
    masses[bin] = randomGamma(shapes[bin] as number, random); // one for each
    total += masses[bin] as number;
  }
  for (let bin = 0; bin < masses.length; bin++) masses[bin] = (masses[bin] as number) / total;
}

/**
 * Draws the rows of the bins that are too small for the table, exactly, and takes their masses away.
 * @returns rows drawn
 */
function drawRareBins(counts: Float64Array, masses: Float64Array, windowRows: number, random: RandomSource): number {
  let rows = 0;
  let shareLeft = 1;
  for (let bin = 0; bin < masses.length; bin++) {
    const share = masses[bin] as number; // bin is below length
    if (share * tableSize >= leastEntries) continue;
    const count = randomBinomial(windowRows - rows, share / shareLeft, random);
    counts[bin] = count;
    rows += count;
    shareLeft -= share;
    masses[bin] = 0;
  }
  return rows;
}

/** Gives each bin its part of the table. */
function fillTable(table: Uint16Array, masses: Float64Array): void {
  const total = masses.reduce((sum, mass) => sum + mass, 0);
  let sum = 0;
  let start = 0;
  for (let bin = 0; bin < masses.length; bin++) {
    sum += masses[bin] as number; // bin is below length
    const end = Math.round((sum / total) * tableSize);
    table.fill(bin, start, end);
    start = end;
  }
}

function addDraw(counts: Float64Array, bin: number): void {
  counts[bin] = (counts[bin] as number) + 1; // every bin of the table has a place
}

/** A number's law as simulated: what it exceeds with which probability when nothing has drifted. */
export interface SimulatedTail {
  /** The value exceeded with this probability, 0 < tail < 1. */
  quantile(tail: number): number;
  /** Probability of a value of at least so much. */
  tail(value: number): number;
}

/** Share of the simulated values that the tail beyond them is fitted to. */
const fittedShare = 0.05;

/** Quantiles that are kept of the values below the fitted ones: every percent. */
const keptQuantiles = 100;

/**
 * The law of simulated values that behave like squared distances. Quantiles within the simulation are its own, to a percent; beyond its last 5 %
 * the tail is exponential, as that of every quadratic form of normal numbers is in the end. Its mean excess is the one found there, which falls
 * towards its limit where several directions matter; where one does, it rises, to the variance over the mean, which is then the least that is
 * taken. With a standard error added, the extrapolated quantiles are rather too high than too low.
 */
export function fitTail(values: Float64Array): SimulatedTail {
  const sorted = Float64Array.from(values).sort();
  const count = sorted.length;
  const fitted = Math.max(1, Math.round(count * fittedShare));
  const threshold = sorted[count - fitted - 1] ?? 0;
  let found = 0;
  for (let i = count - fitted; i < count; i++) found += ((sorted[i] as number) - threshold) / fitted;
  const excess = Math.max(found, varianceOverMean(sorted)) * (1 + 1 / Math.sqrt(fitted));
  const share = fitted / count;
  const quantiles = Float64Array.from({ length: keptQuantiles + 1 }, (_, i) => {
    return sorted[Math.min(count - 1, Math.ceil((count * i) / keptQuantiles))] as number; // below count
  });
  return {
    quantile(tail) {
      if (tail <= share) return threshold + excess * Math.log(share / tail);
      return quantiles[Math.ceil(keptQuantiles * (1 - tail))] as number; // tail is between 0 and 1
    },
    tail(value) {
      if (value > threshold) return excess === 0 ? 0 : share * Math.exp((threshold - value) / excess);
      return Math.max(share, Math.min(1, 1 - (lowerBound(quantiles, value) - 1) / keptQuantiles));
    },
  };
}

function varianceOverMean(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return mean > 0 ? variance / mean : 0;
}

/** How many sorted values lie below one. */
function lowerBound(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
