import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Classification,
  type ClassificationOptions,
  createClassification,
  mergeClassification,
  recordClassification,
  revertClassification,
  subtractClassification,
  totalOf,
} from "../../src/statistics/classification.ts";
import { classificationMetrics, headlineMetrics } from "../../src/statistics/classification-metrics.ts";
import { confusionMatrix } from "../../src/statistics/confusion.ts";
import { float32Epsilon, float64Epsilon, logLoss } from "../../src/statistics/log-loss.ts";
import type { MetricName } from "../../src/statistics/measured-metric.ts";

type Rows = readonly (readonly [actual: number, predicted: number, scores: readonly number[], weight?: number])[];

function classificationOf(options: ClassificationOptions, rows: Rows): Classification {
  const state = createClassification(options);
  for (const [actual, predicted, scores, weight] of rows) {
    recordClassification(state, actual, predicted, scores, weight);
  }
  return state;
}

const labels = ["a", "b", "c"];

function metricOf(state: Classification, name: MetricName, label = ""): number | undefined {
  const found = classificationMetrics(state, { labels }).find(
    (metric) => metric.name === name && metric.label === label,
  );
  return found?.value;
}

test("log loss of four rows", () => {
  const rows: Rows = [
    [1, 1, [0.1, 0.9]],
    [0, 0, [0.9, 0.1]],
    [0, 0, [0.8, 0.2]],
    [1, 1, [0.35, 0.65]],
  ];
  assert.equal(metricOf(classificationOf({ classes: 2, scores: "all" }, rows), "log_loss")?.toFixed(6), "0.216162");
  const positives = rows.map(([actual, predicted, [, p = 0]]) => [actual, predicted, [p]] as const);
  const state = classificationOf({ classes: 2, scores: "positive" }, positives);
  assert.equal(metricOf(state, "log_loss")?.toFixed(6), "0.216162");
});

test("one confident mistake costs what the datatype of its scores allows", () => {
  assert.equal(logLoss(0, float32Epsilon).toFixed(6), "15.942385");
  assert.equal(logLoss(0, float64Epsilon).toFixed(6), "36.043653");
  const state = classificationOf({ classes: 2, scores: "all", epsilon: float64Epsilon }, [[1, 0, [1, 0]]]);
  assert.equal(metricOf(state, "log_loss")?.toFixed(6), "36.043653");
});

test("Brier score of the positive class, whichever of the two it is", () => {
  const truth = [0, 1, 1, 0];
  const rows: Rows = [0.1, 0.9, 0.8, 0.3].map((p, row) => [truth[row]!, p >= 0.5 ? 1 : 0, [p]]);
  const state = classificationOf({ classes: 2, scores: "positive" }, rows);
  assert.equal(metricOf(state, "brier")?.toFixed(6), "0.037500");
  const turned = rows.map(([actual, predicted, scores]) => [1 - actual, 1 - predicted, scores] as const);
  const other = classificationOf({ classes: 2, scores: "positive", positiveClass: 0 }, turned);
  for (const name of ["brier", "roc_auc", "average_precision", "ece", "log_loss"] as const) {
    assert.equal(metricOf(other, name), metricOf(state, name), name);
  }
});

test("top-k: of equal scores the higher index comes first", () => {
  const rows: Rows = [
    [0, 0, [0.5, 0.3, 0.2]],
    [1, 0, [0.5, 0.3, 0.2]],
    [2, 0, [0.4, 0.3, 0.3]],
    [1, 0, [0.4, 0.3, 0.3]],
  ];
  const state = classificationOf({ classes: 3, scores: "all", topKs: [1, 2] }, rows);
  const found = classificationMetrics(state, { labels }).filter(({ name }) => name === "top_k");
  assert.deepEqual(
    found.map(({ parameter, value }) => [parameter, value]),
    [
      [1, 0.25],
      [2, 0.75],
    ],
  );
});

test("scores that are no probabilities leave the classes counted, and are counted themselves", () => {
  const rows: Rows = [
    [1, 1, [Number.NaN, 0.5]],
    [1, 1, [Number.POSITIVE_INFINITY, 0]],
    [0, 0, [Number.NaN, Number.NaN]],
    [0, 0, []],
    [0, 1, [0.25, 0.75]],
  ];
  const state = classificationOf({ classes: 2, scores: "all" }, rows);
  assert.equal(totalOf(state, "unusableScores"), 4);
  assert.equal(totalOf(state, "strayScores"), 0);
  assert.equal(totalOf(state, "scoredRows"), 1);
  assert.equal(metricOf(state, "accuracy"), 0.8);
  assert.ok(state.sums.every(Number.isFinite));
  assert.equal(classificationMetrics(state, { labels }).find(({ name }) => name === "log_loss")?.rows, 1);
});

test("logits that lie within 0 and 1 by chance make no metric of scores", () => {
  const logits: Rows = Array.from({ length: 100 }, (_, row) => [row % 2, 1, row < 30 ? [0.25, 0.75] : [-2, 3]]);
  const state = classificationOf({ classes: 2, scores: "all", topKs: [1] }, logits);
  assert.equal(totalOf(state, "strayScores"), 70);
  assert.equal(metricOf(state, "accuracy"), 0.5);
  for (const name of ["log_loss", "brier", "ece", "roc_auc", "average_precision", "top_k"]) {
    assert.equal(
      classificationMetrics(state, { labels }).find((metric) => metric.name === name),
      undefined,
      name,
    );
  }
  assert.deepEqual(
    headlineMetrics(state, "warn").map(({ name }) => name),
    ["accuracy", "f1"],
  );
  for (const [actual, predicted, scores] of logits.slice(30)) revertClassification(state, actual, predicted, scores);
  assert.equal(metricOf(state, "log_loss")?.toFixed(4), "0.8370", "what is left are probabilities");
});

test("a score beyond 0 or 1 by rounding is a probability", () => {
  const state = classificationOf({ classes: 2, scores: "all" }, [[1, 1, [1 - Math.fround(1.0000001), 1.0000001]]]);
  assert.equal(totalOf(state, "scoredRows"), 1);
  assert.ok((metricOf(state, "log_loss") ?? 1) < 1e-6);
  assert.equal(metricOf(state, "brier"), 0);
});

test("a macro area needs every class, and nothing needs no metric", () => {
  const rows: Rows = [
    [0, 0, [0.8, 0.1, 0.1]],
    [1, 1, [0.1, 0.8, 0.1]],
  ];
  const state = classificationOf({ classes: 3, scores: "all" }, rows);
  assert.equal(metricOf(state, "roc_auc", "a"), 1);
  assert.equal(metricOf(state, "roc_auc", "c"), undefined);
  assert.equal(metricOf(state, "roc_auc", "macro"), undefined);
  assert.deepEqual(classificationMetrics(createClassification({ classes: 3, scores: "all" }), { labels }), []);
});

test("metrics say how many rows they rest on, and how sure they are", () => {
  const rows: Rows = Array.from({ length: 100 }, (_, row) => [row < 40 ? 1 : 0, row < 50 ? 1 : 0, []]);
  const state = classificationOf({ classes: 2, scores: "none" }, rows);
  const found = (name: MetricName, label: string) =>
    classificationMetrics(state, { labels }).find((metric) => metric.name === name && metric.label === label)!;
  assert.equal(found("precision", "b").rows, 50);
  assert.equal(found("recall", "b").rows, 40);
  assert.equal(found("f1", "b").rows, 50);
  assert.equal(found("accuracy", "").rows, 100);
  const { value, interval } = found("accuracy", "");
  assert.equal(value, 0.9);
  assert.equal(interval?.lower.toFixed(4), "0.8256");
  for (const metric of classificationMetrics(state, { labels })) {
    assert.ok(metric.interval !== undefined && metric.interval.lower <= metric.value, metric.name);
    assert.ok(metric.interval.upper >= metric.value, metric.name);
  }
});

test("with very many classes each has its metrics, and no matrix", () => {
  const scores = Array.from({ length: 1000 }, () => 0.001);
  const state = classificationOf({ classes: 1000, scores: "all", topKs: [5] }, [
    [999, 999, scores],
    [0, 1, scores],
    [7, -1, scores],
  ]);
  const found = new Map(
    classificationMetrics(state, { labels: scores.map((_, index) => String(index)) }).map((metric) => [
      `${metric.name}/${metric.label}`,
      metric.value,
    ]),
  );
  assert.equal(found.get("recall/999"), 1);
  assert.equal(found.get("recall/7"), 0);
  assert.equal(found.get("precision/1"), 0);
  assert.equal(found.get("accuracy/"), 1 / 3);
  assert.equal(found.get("top_k/"), 1 / 3);
  assert.equal(confusionMatrix(state.confusion), undefined);
  assert.ok(state.sums.length * 8 < 30_000);
  revertClassification(state, 7, -1, scores);
  assert.equal(metricOf(state, "accuracy"), 0.5);
});

const options: ClassificationOptions = { classes: 3, scores: "all", topKs: [2] };
const probability = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(Number.NaN, 2, 1e-9));
const row = fc.tuple(
  fc.integer({ min: 0, max: 2 }),
  fc.integer({ min: -1, max: 2 }),
  fc.tuple(probability, probability, probability),
  fc.integer({ min: 1, max: 5 }),
);
const rowsOf = fc.array(row, { maxLength: 20 });

/** Weighted losses go through a logarithm; everything else is exact. */
function same(a: Classification, b: Classification): void {
  for (const [index, expected] of b.sums.entries()) {
    assert.ok(Math.abs(a.sums[index]! - expected) < 1e-9 * (1 + Math.abs(expected)), `sum ${index}`);
  }
}

test("merged parts are the whole, and a part can be taken away again", () => {
  fc.assert(
    fc.property(rowsOf, rowsOf, (left, right) => {
      const merged = classificationOf(options, left);
      mergeClassification(merged, classificationOf(options, right));
      same(merged, classificationOf(options, [...left, ...right]));
      subtractClassification(merged, classificationOf(options, right));
      same(merged, classificationOf(options, left));
    }),
  );
});

test("a reverted row leaves no trace, and an emptied state is exactly empty", () => {
  fc.assert(
    fc.property(rowsOf, row, (kept, [actual, predicted, scores, weight]) => {
      const state = classificationOf(options, kept);
      recordClassification(state, actual, predicted, scores, weight);
      revertClassification(state, actual, predicted, scores, weight);
      same(state, classificationOf(options, kept));
      if (kept.length === 0) assert.ok(state.sums.every((sum) => sum === 0));
    }),
  );
});
