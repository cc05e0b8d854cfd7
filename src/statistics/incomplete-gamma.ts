/** Terms of a series or fraction before it is given up; both converge within a few times the square root of the larger argument. */
const maxTerms = 10_000;
const relativePrecision = 1e-15;

/** Coefficients of Lanczos' approximation with g = 7, as published by Godfrey (2001); relative error below 1e-14. */
const leadingCoefficient = 0.99999999999980993;
const lanczos = [
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;

/** The natural logarithm of the gamma function, for arguments above 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const y = x - 1;
  const t = y + 7.5;
  const sum = lanczos.reduce((total: number, coefficient, i) => total + coefficient / (y + i + 1), leadingCoefficient);
  return 0.5 * Math.log(2 * Math.PI) + (y + 0.5) * Math.log(t) - t + Math.log(sum);
}

/**
 * The upper regularized incomplete gamma function Q(a, x), 0 to 1: a series below a + 1, a continued fraction above (Press et al., Numerical
 * Recipes, 6.2), so that small tails keep their relative precision.
 */
export function upperIncompleteGamma(a: number, x: number): number {
  if (!(a > 0) || !(x >= 0)) return Number.NaN;
  if (x === 0) return 1;
  if (x === Number.POSITIVE_INFINITY) return 0;
  return x < a + 1 ? 1 - lowerBySeries(a, x) : upperByFraction(a, x);
}

function lowerBySeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < maxTerms; n++) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * relativePrecision) break;
  }
  return sum * Math.exp(-x + a * Math.log(x) - logGamma(a));
}

/** Lentz's way to evaluate the fraction from its beginning. */
function upperByFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let fraction = d;
  for (let i = 1; i < maxTerms; i++) {
    const numerator = -i * (i - a);
    b += 2;
    d = 1 / nonZero(numerator * d + b);
    c = nonZero(b + numerator / c);
    const factor = d * c;
    fraction *= factor;
    if (Math.abs(factor - 1) < relativePrecision) break;
  }
  return Math.exp(-x + a * Math.log(x) - logGamma(a)) * fraction;
}

function nonZero(value: number): number {
  return Math.abs(value) < 1e-300 ? 1e-300 : value;
}

/** Probability that a chi-square variable exceeds x. NaN without degrees of freedom. */
export function chiSquareTail(x: number, degreesOfFreedom: number): number {
  return upperIncompleteGamma(degreesOfFreedom / 2, Math.max(0, x) / 2);
}

/** The x that a chi-square variable exceeds with this probability, 0 < tail < 1. Bisection on the tail, whose ends every tail lies between. */
export function chiSquareQuantile(tail: number, degreesOfFreedom: number): number {
  if (!(degreesOfFreedom > 0) || !(tail >= 0 && tail <= 1)) return Number.NaN;
  if (tail === 0) return Number.POSITIVE_INFINITY;
  if (tail === 1) return 0;
  let high = degreesOfFreedom + 10;
  while (chiSquareTail(high, degreesOfFreedom) > tail) high *= 2;
  return bisect(0, high, (x) => chiSquareTail(x, degreesOfFreedom) > tail);
}

/** The place between `from` and `to` where a predicate turns from true to false, to the last bit. */
export function bisect(from: number, to: number, isBelow: (x: number) => boolean): number {
  let low = from;
  let high = to;
  for (;;) {
    const middle = low + (high - low) / 2;
    if (!(middle > low && middle < high)) return middle;
    if (isBelow(middle)) low = middle;
    else high = middle;
  }
}
