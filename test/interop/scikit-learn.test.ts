import assert from "node:assert/strict";
import { test } from "node:test";
import { createClassification, recordClassification } from "../../src/statistics/classification.ts";
import { classificationMetrics } from "../../src/statistics/classification-metrics.ts";
import { applyIsotonic, fitIsotonic } from "../../src/statistics/isotonic.ts";
import type { MeasuredMetric } from "../../src/statistics/measured-metric.ts";
import { averagePrecision, rocAuc } from "../../src/statistics/ranking.ts";
import { createRegression, recordRegression } from "../../src/statistics/regression.ts";
import { regressionMetrics } from "../../src/statistics/regression-metrics.ts";
import { randomNumbers } from "../support/random-numbers.ts";
import { needs } from "./foreign-tools.ts";
import { askScikitLearn, type ClassificationCase, type IsotonicCase, type RegressionCase } from "./scikit-learn.ts";

/** Our metrics of random rows are scikit-learn's. */

const uniform = randomNumbers(1906);
const below = (end: number) => Math.floor(uniform() * end);

function randomClassification(classes: number, rows: number, zeroDivision: 0 | 1 | "nan"): ClassificationCase {
  const labels = Array.from({ length: classes }, (_, index) => index);
  const scores = Array.from({ length: rows }, () => {
    const raw = labels.map(() => uniform() ** 4 + 1e-3);
    const sum = raw.reduce((total, one) => total + one, 0);
    return raw.map((one) => Math.fround(one / sum));
  });
  // The last class of many is never true, the first never predicted.
  const actual = scores.map((row) => (uniform() < 0.5 ? highest(row) : below(classes)) % Math.max(2, classes - 1));
  const predicted = scores.map((row) => (classes > 2 ? Math.max(1, highest(row)) : highest(row)));
  const weights = scores.map(() => 1 + below(3));
  return {
    task: "classification",
    actual,
    predicted,
    scores,
    weights,
    labels,
    betas: [1, 0.5, 2],
    top: 2,
    zero_division: zeroDivision,
  };
}

function highest(row: readonly number[]): number {
  return row.indexOf(Math.max(...row));
}

function ownClassification(given: ClassificationCase): readonly MeasuredMetric[] {
  const state = createClassification({ classes: given.labels.length, scores: "all", topKs: [given.top] });
  for (const [row, actual] of given.actual.entries()) {
    const scores = Float32Array.from(given.scores[row]!);
    recordClassification(state, actual, given.predicted[row]!, scores, given.weights[row]);
  }
  return classificationMetrics(state, {
    labels: given.labels.map(String),
    betas: [0.5, 2],
    zeroDivision: given.zero_division,
  });
}

/** The name of a metric in the script's answer. */
function keyOf({ name, label, parameter }: MeasuredMetric): string {
  const word = name === "f1" ? "f_beta(1)" : name === "f_beta" ? `f_beta(${parameter})` : name;
  return `${word}/${label}`;
}

test("classification", { ...needs("python"), timeout: 120_000 }, async () => {
  const cases = [2, 2, 3, 5, 8].flatMap((classes, index) =>
    ([0, 1, "nan"] as const).map((zeroDivision) => randomClassification(classes, 200 + 50 * index, zeroDivision)),
  );
  const answers = await askScikitLearn(cases);
  for (const [index, given] of cases.entries()) {
    const answer = answers[index]!;
    const own = new Map(ownClassification(given).map((metric) => [keyOf(metric), metric.value]));
    const binary = given.labels.length === 2;
    let compared = 0;
    for (const [key, expected] of Object.entries(answer)) {
      if (/^(roc_auc|average_precision)/.test(key)) {
        compareRanks(given, key, expected!, own.get(binary ? key.replace(/1$/, "") : key));
        continue;
      }
      if (expected === null) assert.ok(!own.has(key), `${key} is undefined`);
      else
        assert.ok(Math.abs(own.get(key)! - expected) < 1e-7, `case ${index}: ${key} ${own.get(key)}, not ${expected}`);
      compared += 1;
    }
    assert.ok(compared >= 25, `${compared} metrics`);
  }
});

/** Exact ranks are scikit-learn's; binned ones are near. */
function compareRanks(given: ClassificationCase, key: string, expected: number, binned: number | undefined): void {
  const [name, label] = key.split("/");
  const index = Number(label);
  const scores = given.scores.map((row) => row[index]!);
  const positives = given.actual.map((actual) => (actual === index ? 1 : 0));
  const exact = (name === "roc_auc" ? rocAuc : averagePrecision)(scores, positives, given.weights);
  assert.ok(Math.abs(exact! - expected) < 1e-9, `${key}: ${exact}, not ${expected}`);
  if (given.labels.length === 2 && index === 0) return; // ranks of two classes are those of the positive one
  const tolerance = name === "roc_auc" ? 0.015 : 0.03; // ties of a bin count against precision
  assert.ok(Math.abs(binned! - expected) < tolerance, `${key} binned: ${binned}, not about ${expected}`);
}

test("regression", { ...needs("python"), timeout: 120_000 }, async () => {
  const cases = [1, 1, 3].map((outputs): RegressionCase => {
    const row = () => Array.from({ length: outputs }, () => 1000 + 10 * uniform());
    const actual = Array.from({ length: 300 }, row);
    const predicted = actual.map((truth) => truth.map((value) => value + 4 * uniform() - 2));
    return { task: "regression", actual, predicted, weights: actual.map(() => 1 + below(3)) };
  });
  const answers = await askScikitLearn(cases);
  for (const [index, { actual, predicted, weights }] of cases.entries()) {
    const state = createRegression(actual[0]!.length);
    for (const [row, truth] of actual.entries()) recordRegression(state, truth, predicted[row]!, weights[row]);
    const own = new Map(regressionMetrics(state).map((metric) => [keyOf(metric), metric.value]));
    for (const [key, expected] of Object.entries(answers[index]!)) {
      assert.ok(Math.abs(own.get(key)! - expected!) < 1e-10, `case ${index}: ${key} ${own.get(key)}, not ${expected}`);
    }
  }
});

test("isotonic regression", { ...needs("python"), timeout: 120_000 }, async () => {
  const cases = [0, 1, 2].map((): IsotonicCase => {
    const scores = Array.from({ length: 400 }, () => Math.round(uniform() * 200) / 200);
    return {
      task: "isotonic",
      scores,
      targets: scores.map((score) => (uniform() < score ** 2 ? 1 : 0)),
      weights: scores.map(() => 1 + below(3)),
      at: Array.from({ length: 101 }, (_, index) => index / 100),
    };
  });
  const answers = await askScikitLearn(cases);
  for (const [index, { scores, targets, weights, at }] of cases.entries()) {
    const map = fitIsotonic(scores, targets, weights)!;
    for (const [place, score] of at.entries()) {
      const expected = answers[index]![String(place)]!;
      assert.ok(Math.abs(applyIsotonic(map, score) - expected) < 1e-9, `case ${index} at ${score}`);
    }
  }
});
