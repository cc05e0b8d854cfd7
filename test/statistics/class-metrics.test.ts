import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Average,
  accuracy,
  averagedMetric,
  balancedAccuracy,
  type ClassMetric,
  type ClassMetricOptions,
  classMetrics,
} from "../../src/statistics/class-metrics.ts";
import { createConfusion, recordConfusion, totalsOf } from "../../src/statistics/confusion.ts";

/** Totals of paired classes; a class that is not among the labels is unknown. */
function totals(actual: readonly number[], predicted: readonly number[], labels = [0, 1, 2]) {
  const confusion = createConfusion(labels.length);
  for (const [row, truth] of actual.entries()) {
    recordConfusion(confusion, labels.indexOf(truth), labels.indexOf(predicted[row]!));
  }
  return totalsOf(confusion);
}

function near(actual: number | undefined, expected: number, digits: number): void {
  assert.ok(actual !== undefined && Math.abs(actual - expected) <= 0.5 * 10 ** -digits, `${actual}, not ${expected}`);
}

function nearAll(actual: readonly number[], expected: readonly number[], digits = 4): void {
  assert.equal(actual.length, expected.length);
  for (const [index, value] of expected.entries()) near(actual[index], value, digits);
}

const of = (
  found: ReturnType<typeof totals>,
  metric: ClassMetric,
  average: Average,
  options?: ClassMetricOptions,
): number => averagedMetric(found, metric, average, options).value;

const each = (found: ReturnType<typeof totals>, metric: ClassMetric, options?: ClassMetricOptions): number[] =>
  classMetrics(found, metric, options).map(({ value }) => value);

test("two classes: precision, recall, F1, F0.5, F2 of the positive one", () => {
  const found = totals([0, 1, 0, 1], [0, 1, 0, 0], [0, 1]);
  assert.equal(each(found, "precision")[1], 1);
  assert.equal(each(found, "recall")[1], 0.5);
  near(each(found, "f_beta")[1], 0.666667, 6);
  near(each(found, "f_beta", { beta: 0.5 })[1], 0.833333, 6);
  near(each(found, "f_beta", { beta: 2 })[1], 0.555556, 6);
  assert.equal(each(found, "f_beta", { beta: Number.POSITIVE_INFINITY })[1], 0.5);
  assert.equal(each(found, "f_beta", { beta: 0 })[1], 1);
});

test("three classes: each and averages", () => {
  const found = totals([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1]);
  nearAll(each(found, "precision"), [0.6667, 0, 0]);
  nearAll(each(found, "recall"), [1, 0, 0]);
  nearAll(each(found, "f_beta"), [0.8, 0, 0]);
  near(of(found, "precision", "macro"), 0.2222, 4);
  near(of(found, "f_beta", "micro"), 0.3333, 4);
  near(of(found, "f_beta", "weighted"), 0.2667, 4);
  near(of(found, "f_beta", "macro", { beta: 0.5 }), 0.2381, 4);
});

test("classes of unequal size", () => {
  const found = totals([0, 1, 2, 2, 2], [0, 0, 2, 2, 1]);
  near(accuracy(found), 0.6, 12);
  const metrics = ["precision", "recall", "f_beta"] as const;
  nearAll(
    metrics.map((metric) => of(found, metric, "macro")),
    [0.5, 0.5556, 0.4889],
  );
  nearAll(
    metrics.map((metric) => of(found, metric, "weighted")),
    [0.7, 0.6, 0.6133],
  );
});

test("configured classes that never occur count as the policy says", () => {
  const found = totals([1, 1, 1], [1, 1, 0], [1, 2, 3]);
  const metrics = ["precision", "recall", "f_beta"] as const;
  const average = (kind: Average) => metrics.map((metric) => of(found, metric, kind, { zeroDivision: 0 }));
  nearAll(average("micro"), [1, 0.6667, 0.8]);
  nearAll(average("macro"), [0.3333, 0.2222, 0.2667]);
  nearAll(average("weighted"), [1, 0.6667, 0.8]);
  near(of(found, "f_beta", "macro", { zeroDivision: 1 }), 0.933333, 6);
});

test("recall without true rows and precision without predicted ones", () => {
  const noTruth = totals([0, 0, 0, 0, 0, 0], [0, 2, 1, 0, 0, 1]);
  nearAll(each(noTruth, "recall"), [0.5, 0, 0]);
  nearAll(each(noTruth, "recall", { zeroDivision: 1 }), [0.5, 1, 1]);
  const noPrediction = totals([0, 1, 2, 0, 1, 2], [0, 0, 0, 0, 0, 0]);
  nearAll(each(noPrediction, "precision"), [0.3333, 0, 0]);
  nearAll(each(noPrediction, "precision", { zeroDivision: 1 }), [0.3333, 1, 1]);
  near(of(noPrediction, "precision", "macro", { zeroDivision: "nan" }), 0.3333, 4);
  near(of(noPrediction, "precision", "weighted", { zeroDivision: "nan" }), 0.3333, 4);
  assert.deepEqual(
    classMetrics(noPrediction, "precision").map(({ isZeroDivision }) => isZeroDivision),
    [false, true, true],
  );
});

test("F is undefined only where nothing was there nor predicted", () => {
  const wrong = totals([0, 0], [1, 1], [0, 1]);
  assert.equal(each(wrong, "f_beta", { zeroDivision: 1 })[1], 0);
  const absent = totals([0, 0], [0, 0], [0, 1]);
  assert.equal(each(absent, "f_beta")[1], 0);
  assert.equal(each(absent, "f_beta", { zeroDivision: 1 })[1], 1);
  assert.ok(Number.isNaN(each(absent, "f_beta", { zeroDivision: "nan" })[1]));
});

test("weighted average without support is the plain mean of the classes", () => {
  const found = totals([0, 0], [0, 1], [1]);
  const metrics = ["precision", "recall", "f_beta"] as const;
  nearAll(
    metrics.map((metric) => of(found, metric, "weighted", { zeroDivision: 1 })),
    [0, 1, 0],
  );
});

test("balanced accuracy leaves out classes without true rows", () => {
  near(balancedAccuracy(totals([0, 1, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1], [0, 1])), 0.625, 12);
  near(balancedAccuracy(totals([0, 0], [0, 1], [0, 1])), 0.5, 12);
});

test("nothing is undefined, not zero", () => {
  const nothing = totals([], []);
  assert.ok(Number.isNaN(accuracy(nothing)));
  assert.ok(Number.isNaN(balancedAccuracy(nothing)));
});
