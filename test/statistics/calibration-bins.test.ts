import assert from "node:assert/strict";
import { test } from "node:test";
import {
  calibrationCurve,
  calibrationError,
  createCalibrationBins,
  recordConfidence,
} from "../../src/statistics/calibration-bins.ts";

function binsOf(confidences: readonly number[], correct: readonly number[], bins: number) {
  const calibration = createCalibrationBins(bins);
  for (const [row, confidence] of confidences.entries()) recordConfidence(calibration, confidence, correct[row] === 1);
  return calibration;
}

test("expected calibration error of four rows in two bins", () => {
  const calibration = binsOf([0.1, 0.3, 0.35, 0.9], [0, 1, 0, 1], 2);
  assert.equal(calibrationError(calibration)?.toFixed(4), "0.0875");
  assert.equal(calibrationError(calibration, "l2")?.toFixed(6), "0.087797");
  assert.equal(calibrationError(calibration, "max")?.toFixed(6), "0.100000");
});

test("a bin has its lower edge, not its upper one, and 1 has a bin of its own", () => {
  const curve = calibrationCurve(binsOf([0, 0.5, 0.99, 1], [0, 1, 1, 1], 2));
  assert.deepEqual(
    curve.map(({ from, to, weight }) => [from, to, weight]),
    [
      [0, 0.5, 1],
      [0.5, 1, 2],
      [1, 1, 1],
    ],
  );
});

test("nothing is undefined, and what is taken away leaves nothing", () => {
  const calibration = createCalibrationBins();
  assert.equal(calibrationError(calibration), undefined);
  recordConfidence(calibration, 0.25, true, 2);
  recordConfidence(calibration, 0.25, true, -2);
  assert.deepEqual(calibrationCurve(calibration), []);
});
