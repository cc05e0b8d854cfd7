/**
 * Sums over whole rows of d numbers, enough for their mean, their covariance and its shrinkage: products of two numbers of a row, of one and the
 * square of another, and of two squares. They are of deviations from an origin, the first row, so that they do not cancel where values are large
 * beside their spread. Mergeable: sums about another origin are moved first.
 */
export interface RowMoments {
  /** Numbers in a row. */
  readonly width: number;
  /** Rows. */
  count: number;
  /** What deviations are from; all zero before the first row. */
  readonly origin: Float64Array;
  /** Sum of y_i, a deviation. */
  readonly sums: Float64Array;
  /** Sum of y_i y_j at `i * width + j`. */
  readonly products: Float64Array;
  /** Sum of y_i^2 y_j. */
  readonly thirds: Float64Array;
  /** Sum of y_i^2 y_j^2. */
  readonly fourths: Float64Array;
}

/** Widest rows: three matrices of 2 MB. */
export const maxRowWidth = 512;

/** Largest magnitude that is taken, so that no product of four and no sum of them overflows. */
const maxMagnitude = 1e60;

/** Sums over no rows. @throws RangeError when the width is not 1 to {@link maxRowWidth} */
export function createRowMoments(width: number): RowMoments {
  if (!(width >= 1 && width <= maxRowWidth))
    throw new RangeError(`rows of ${width} numbers, expected 1 to ${maxRowWidth}`);
  const matrix = () => new Float64Array(width * width);
  return {
    width,
    count: 0,
    origin: new Float64Array(width),
    sums: new Float64Array(width),
    products: matrix(),
    thirds: matrix(),
    fourths: matrix(),
  };
}

/**
 * Adds the row that begins at an offset.
 * @returns whether it was taken: not when one of its numbers is NaN, infinite or beyond 1e60
 */
export function recordRow(moments: RowMoments, values: ArrayLike<number>, offset = 0): boolean {
  if (!isUsable(values, offset, moments.width)) return false;
  if (moments.count === 0) for (let i = 0; i < moments.width; i++) moments.origin[i] = values[offset + i] as number;
  addRow(moments, values, offset, 1);
  return true;
}

/** Takes away a row that was added before. */
export function revertRow(moments: RowMoments, values: ArrayLike<number>, offset = 0): void {
  if (!isUsable(values, offset, moments.width)) return;
  addRow(moments, values, offset, -1);
  clearIfEmpty(moments);
}

/** Adds what sums over rows of the same width hold. */
export function mergeRowMoments(target: RowMoments, source: RowMoments): void {
  if (source.count === 0) return;
  if (target.count === 0) target.origin.set(source.origin);
  addAll(target, movedTo(source, target.origin), 1);
}

/** Takes away what was merged before. */
export function subtractRowMoments(target: RowMoments, source: RowMoments): void {
  if (source.count === 0) return;
  addAll(target, movedTo(source, target.origin), -1);
  clearIfEmpty(target);
}

/** Mean of each number; NaN without rows. */
export function rowMeans({ count, origin, sums }: RowMoments): Float64Array {
  return origin.map((value, i) => value + (sums[i] as number) / count);
}

/** The same sums about the mean. */
export function centralMoments(moments: RowMoments): RowMoments {
  return movedTo(moments, rowMeans(moments));
}

function isUsable(values: ArrayLike<number>, offset: number, width: number): boolean {
  for (let i = offset; i < offset + width; i++) if (!(Math.abs(values[i] as number) <= maxMagnitude)) return false;
  return true;
}

function addRow(moments: RowMoments, values: ArrayLike<number>, offset: number, weight: 1 | -1): void {
  const { width, origin, sums, products, thirds, fourths } = moments;
  moments.count += weight;
  for (let i = 0, at = 0; i < width; i++) {
    const deviation = (values[offset + i] as number) - (origin[i] as number);
    const weighted = weight * deviation;
    const square = weighted * deviation;
    sums[i] = (sums[i] as number) + weighted;
    for (let j = 0; j < width; j++, at++) {
      const other = (values[offset + j] as number) - (origin[j] as number);
      products[at] = (products[at] as number) + weighted * other;
      thirds[at] = (thirds[at] as number) + square * other;
      fourths[at] = (fourths[at] as number) + square * other * other;
    }
  }
}

function addAll(target: RowMoments, source: RowMoments, weight: 1 | -1): void {
  target.count += weight * source.count;
  for (const field of ["sums", "products", "thirds", "fourths"] as const) {
    const [to, from] = [target[field], source[field]];
    for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) + weight * (from[i] as number);
  }
}

/** What rounding leaves of nothing is nothing. */
function clearIfEmpty(moments: RowMoments): void {
  if (moments.count > 0) return;
  for (const field of ["sums", "products", "thirds", "fourths"] as const) moments[field].fill(0);
}

/** The same sums about another origin: each deviation y becomes y + e, and the products are multiplied out. */
function movedTo(moments: RowMoments, origin: Float64Array): RowMoments {
  const { width, count: n, sums: s, products: c, thirds: t, fourths: q } = moments;
  const shift = origin.map((value, i) => (moments.origin[i] as number) - value);
  const moved = createRowMoments(width);
  moved.count = n;
  moved.origin.set(origin);
  for (let i = 0, at = 0; i < width; i++) {
    const e = shift[i] as number;
    const [si, cii] = [s[i] as number, c[i * width + i] as number];
    moved.sums[i] = si + n * e;
    for (let j = 0; j < width; j++, at++) {
      const f = shift[j] as number;
      const [sj, cjj, cij] = [s[j] as number, c[j * width + j] as number, c[at] as number];
      const [tij, tji] = [t[at] as number, t[j * width + i] as number];
      moved.products[at] = cij + f * si + e * sj + n * e * f;
      moved.thirds[at] = tij + f * cii + 2 * e * cij + 2 * e * f * si + e * e * sj + n * e * e * f;
      moved.fourths[at] =
        (q[at] as number) +
        2 * f * tij +
        2 * e * tji +
        f * f * cii +
        e * e * cjj +
        4 * e * f * cij +
        2 * e * f * (f * si + e * sj) +
        n * e * e * f * f;
    }
  }
  return moved;
}
