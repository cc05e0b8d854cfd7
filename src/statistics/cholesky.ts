/** Symmetric positive definite matrices, n * n numbers row by row. */

/**
 * The lower triangular factor L with L L' = matrix.
 * @returns undefined when the matrix is not positive definite, as far as doubles can tell
 */
export function choleskyFactor(matrix: ArrayLike<number>, size: number): Float64Array | undefined {
  const factor = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i * size + j] as number;
      for (let k = 0; k < j; k++) rest -= (factor[i * size + k] as number) * (factor[j * size + k] as number);
      if (i !== j) {
        factor[i * size + j] = rest / (factor[j * size + j] as number);
        continue;
      }
      if (!(rest > (matrix[i * size + i] as number) * size * Number.EPSILON)) return undefined;
      factor[i * size + i] = Math.sqrt(rest);
    }
  }
  return factor;
}

/** The inverse of the matrix that has this factor. */
export function inverseOf(factor: Float64Array, size: number): Float64Array {
  const lower = inverseOfLower(factor, size);
  const inverse = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < size; k++) sum += (lower[k * size + i] as number) * (lower[k * size + j] as number);
      inverse[i * size + j] = sum;
      inverse[j * size + i] = sum;
    }
  }
  return inverse;
}

/** The x with matrix * x = right, of the matrix that has this factor. */
export function solveFactored(factor: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  const x = Float64Array.from(right);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) x[i] = (x[i] as number) - (factor[i * size + j] as number) * (x[j] as number);
    x[i] = (x[i] as number) / (factor[i * size + i] as number);
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let j = i + 1; j < size; j++) x[i] = (x[i] as number) - (factor[j * size + i] as number) * (x[j] as number);
    x[i] = (x[i] as number) / (factor[i * size + i] as number);
  }
  return x;
}

function inverseOfLower(factor: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size);
  for (let j = 0; j < size; j++) {
    inverse[j * size + j] = 1 / (factor[j * size + j] as number);
    for (let i = j + 1; i < size; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum += (factor[i * size + k] as number) * (inverse[k * size + j] as number);
      inverse[i * size + j] = -sum / (factor[i * size + i] as number);
    }
  }
  return inverse;
}
