/** A seeded source of numbers in [0, 1): the same seed gives the same numbers on every machine. */
export type RandomSource = () => number;

/**
 * Xoshiro128** (Blackman and Vigna, 2018), its state filled from the seed by SplitMix32: 128 bits of state, enough for simulations of many
 * millions of draws, and integer arithmetic alone, so that it is the same everywhere. Numbers have 53 bits.
 */
export function createRandomSource(seed: number): RandomSource {
  let filler = seed >>> 0;
  const fill = () => {
    filler = (filler + 0x9e3779b9) | 0;
    let mixed = Math.imul(filler ^ (filler >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
  let [a, b, c, d] = [fill(), fill(), fill(), fill()];
  const next = () => {
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}

/** A standard normal number, by Box and Muller's way. */
export function randomNormal(random: RandomSource): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A gamma number of this shape, above 0, and scale 1 (Marsaglia and Tsang, 2000). */
export function randomGamma(shape: number, random: RandomSource): number {
  if (shape < 1) return randomGamma(shape + 1, random) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = randomNormal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < (x * x) / 2 + d * (1 - v + Math.log(v))) return d * v;
  }
}

/**
 * How many of `trials` succeed when each does with this probability. Exact for small means (the waiting times between successes); a normal
 * number rounded to a count where both means are above 50, which is closer than any simulation with it can tell.
 */
export function randomBinomial(trials: number, probability: number, random: RandomSource): number {
  if (trials <= 0 || !(probability > 0)) return 0;
  if (probability >= 1) return trials;
  if (probability > 0.5) return trials - randomBinomial(trials, 1 - probability, random);
  const mean = trials * probability;
  if (mean > 50) {
    const drawn = Math.round(mean + Math.sqrt(mean * (1 - probability)) * randomNormal(random));
    return Math.min(trials, Math.max(0, drawn));
  }
  const logOfFailure = Math.log1p(-probability);
  let successes = 0;
  for (let at = waitingTime(logOfFailure, random); at <= trials; at += waitingTime(logOfFailure, random)) successes++;
  return successes;
}

/** Trials until the first success, it included. */
function waitingTime(logOfFailure: number, random: RandomSource): number {
  return Math.floor(Math.log(1 - random()) / logOfFailure) + 1;
}

/** Draws so many rows into bins with these shares, which add up to 1, and writes the counts of the bins into `counts`. */
export function drawMultinomial(
  trials: number,
  shares: ArrayLike<number>,
  counts: Float64Array,
  random: RandomSource,
): void {
  let left = trials;
  let shareLeft = 1;
  for (let i = 0; i < shares.length; i++) {
    const share = shares[i] as number; // i is below length
    const isLast = i === shares.length - 1;
    const count = isLast ? left : randomBinomial(left, shareLeft <= 0 ? 0 : Math.min(1, share / shareLeft), random);
    counts[i] = count;
    left -= count;
    shareLeft -= share;
  }
}
