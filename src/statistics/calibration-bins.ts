/**
 * How often what was predicted with a probability came true. Bins are equally wide over [0, 1), each without its upper edge, and 1 has a
 * bin of its own (as in torchmetrics): `bins` + 1 of them.
 */
export interface CalibrationBins {
  readonly bins: number;
  /** Three numbers a bin: weight, sum of probabilities, weight that came true. */
  readonly sums: Float64Array;
}

/** Bins of Guo et al., "On Calibration of Modern Neural Networks", 2017. */
export const defaultCalibrationBins = 15;

const stride = 3;

/** Numbers that the sums take. */
export function calibrationBinsLength(bins: number): number {
  return stride * (bins + 1);
}

/** @param sums where the sums are to lie, {@link calibrationBinsLength} zeros. */
export function createCalibrationBins(
  bins = defaultCalibrationBins,
  sums = new Float64Array(calibrationBinsLength(bins)),
): CalibrationBins {
  return { bins, sums };
}

/** Counts a row that was predicted with a probability of 0 to 1. A negative weight takes away what was counted before. */
export function recordConfidence(calibration: CalibrationBins, confidence: number, isTrue: boolean, weight = 1): void {
  const { bins, sums } = calibration;
  const at = stride * Math.min(bins, Math.max(0, Math.floor(confidence * bins)));
  sums[at] = (sums[at] ?? 0) + weight;
  sums[at + 1] = (sums[at + 1] ?? 0) + weight * confidence;
  if (isTrue) sums[at + 2] = (sums[at + 2] ?? 0) + weight;
}

/** One bin that has rows. */
export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly weight: number;
  /** Mean probability. */
  readonly confidence: number;
  /** Share that came true. */
  readonly correct: number;
}

/** The bins that have rows, ascending. */
export function calibrationCurve({ bins, sums }: CalibrationBins): CalibrationBin[] {
  const curve: CalibrationBin[] = [];
  for (let bin = 0; bin <= bins; bin++) {
    const weight = sums[bin * stride] ?? 0;
    if (weight <= 0) continue;
    const confidence = (sums[bin * stride + 1] ?? 0) / weight;
    const correct = (sums[bin * stride + 2] ?? 0) / weight;
    curve.push({ from: bin / bins, to: Math.min(1, (bin + 1) / bins), weight, confidence, correct });
  }
  return curve;
}

/** How the gaps of the bins become one number: their mean, the root of their mean square, or the largest. */
export type CalibrationNorm = "l1" | "l2" | "max";

/** Expected calibration error; undefined without rows. */
export function calibrationError(calibration: CalibrationBins, norm: CalibrationNorm = "l1"): number | undefined {
  const curve = calibrationCurve(calibration);
  if (curve.length === 0) return undefined;
  const total = curve.reduce((sum, { weight }) => sum + weight, 0);
  const gaps = curve.map(({ confidence, correct }) => Math.abs(correct - confidence));
  if (norm === "max") return Math.max(...gaps);
  const power = norm === "l1" ? 1 : 2;
  const mean = curve.reduce((sum, { weight }, index) => sum + (weight / total) * (gaps[index] ?? 0) ** power, 0);
  return mean ** (1 / power);
}
