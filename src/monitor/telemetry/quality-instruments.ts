import { modelAttributes } from "./attribute-values.ts";
import { delayBoundaries, scoreBoundaries } from "./boundaries.ts";
import type { Instrument } from "./instrument.ts";

/** Most classes that have series of their own; a model with more is counted as a whole. */
export const maxClassSeries = 16;

/** Most outputs of a regression that have series of their own. */
export const maxOutputSeries = 32;

/** What the predicted class of a row may be called where it is none of the known ones. */
export const unknownClass = "_OTHER";

/** Metrics with a gauge of their own: each with at most {@link maxClassSeries} classes and three averages, and eight parameters. */
const maxMetricSeries = 40 * (maxClassSeries + 3);

const predicted = { key: "sluice.predicted", values: maxClassSeries + 1 };
const actual = { key: "sluice.actual", values: maxClassSeries };
const correct = { key: "sluice.correct", values: ["true", "false"] };
const output = { key: "sluice.output", values: maxOutputSeries };
const metric = [
  { key: "sluice.metric", values: maxMetricSeries },
  { key: "sluice.class", values: maxClassSeries + 4 },
  { key: "sluice.parameter", values: 16 },
  { key: "sluice.basis", values: ["outcomes", "estimate", "uncalibrated_estimate"] },
] as const;

/** How good predictions are: sums that any window and any number of servers can add up, by the arrival of the truth, and values of windows. */
export const qualityInstruments = {
  predictions: {
    name: "sluice.predictions",
    kind: "counter",
    unit: "{prediction}",
    description: "Rows that were predicted.",
    attributes: modelAttributes,
  },
  predictedClasses: {
    name: "sluice.prediction.classes",
    kind: "counter",
    unit: "{prediction}",
    description: "Rows that were looked at, by the class that was predicted; up to 16 classes.",
    attributes: [...modelAttributes, predicted],
  },
  predictionOutcomes: {
    name: "sluice.prediction.outcomes",
    kind: "counter",
    unit: "{prediction}",
    description:
      "Weight of predictions whose truth is known, by predicted and true class; with more than 16 classes only by whether they agree.",
    attributes: [...modelAttributes, predicted, actual, correct],
  },
  classOutcomes: {
    name: "sluice.prediction.class.outcomes",
    kind: "counter",
    unit: "{prediction}",
    description:
      "Of a model with 17 to 256 classes: weight of each class's hits (tp), false alarms (fp) and misses (fn).",
    attributes: [
      ...modelAttributes,
      { key: "sluice.class", values: 256 },
      { key: "sluice.outcome", values: ["tp", "fp", "fn"] },
    ],
  },
  predictionScore: {
    name: "sluice.prediction.score",
    kind: "histogram",
    unit: "{score}",
    description:
      "Probability of the predicted class of rows whose truth is known, by whether it was right: calibration in every window.",
    attributes: [...modelAttributes, predicted, correct],
    boundaries: scoreBoundaries,
  },
  logLoss: {
    name: "sluice.prediction.log_loss",
    kind: "counter",
    unit: "{nat}",
    description: "Weighted sum of -ln p of the true class; over sluice.prediction.scored it is the log loss.",
    attributes: modelAttributes,
  },
  scoredOutcomes: {
    name: "sluice.prediction.scored",
    kind: "counter",
    unit: "{prediction}",
    description: "Weight of predictions whose truth is known and whose scores are probabilities.",
    attributes: modelAttributes,
  },
  regressionLabels: {
    name: "sluice.regression.labels",
    kind: "counter",
    unit: "{label}",
    description: "Weight of true numbers that were compared with predicted ones.",
    attributes: [...modelAttributes, output],
  },
  regressionError: {
    name: "sluice.regression.error",
    kind: "updown",
    unit: "1",
    description: "Weighted sum of true minus predicted.",
    attributes: [...modelAttributes, output],
  },
  regressionAbsoluteError: {
    name: "sluice.regression.absolute_error",
    kind: "counter",
    unit: "1",
    description: "Weighted sum of the absolute errors: over the labels it is the mean absolute error.",
    attributes: [...modelAttributes, output],
  },
  regressionSquaredError: {
    name: "sluice.regression.squared_error",
    kind: "counter",
    unit: "1",
    description: "Weighted sum of the squared errors: over the labels it is the mean squared error.",
    attributes: [...modelAttributes, output],
  },
  regressionTruth: {
    name: "sluice.regression.truth",
    kind: "updown",
    unit: "1",
    description:
      "Weighted sum of the true numbers, each less the reference's mean of the output (0 without a reference).",
    attributes: [...modelAttributes, output],
  },
  regressionTruthSquared: {
    name: "sluice.regression.truth_squared",
    kind: "counter",
    unit: "1",
    description: "Weighted sum of the squares of what sluice.regression.truth sums: R2 without cancellation.",
    attributes: [...modelAttributes, output],
  },
  labelDelay: {
    name: "sluice.label.delay",
    kind: "histogram",
    unit: "s",
    description: "Time from a prediction to its first truth.",
    attributes: modelAttributes,
    boundaries: delayBoundaries,
  },
  labelCoverage: {
    name: "sluice.label.coverage",
    kind: "gauge",
    unit: "{share}",
    description: "Share of the predictions within the label horizon whose truth is known.",
    attributes: modelAttributes,
  },
  labelCorrections: {
    name: "sluice.label.corrections",
    kind: "counter",
    unit: "{label}",
    description: "Truths that took the place of earlier ones: windows follow them, counters keep what came first.",
    attributes: modelAttributes,
  },
  estimateOutcomes: {
    name: "sluice.estimate.outcomes",
    kind: "counter",
    unit: "{prediction}",
    description:
      "Hits, false alarms, misses and rejections that the scores lead to expect, without any truth: of the positive class of two, else of each class against all others.",
    attributes: [
      ...modelAttributes,
      { key: "sluice.outcome", values: ["tp", "fp", "fn", "tn"] },
      { key: "sluice.calibrated", values: ["true", "false"] },
    ],
  },
  qualityValue: {
    name: "sluice.quality.value",
    kind: "gauge",
    unit: "{score}",
    description:
      "A metric of the window; absent on too few rows. Never average it over servers: add up the counters instead.",
    attributes: [...modelAttributes, ...metric],
  },
  qualitySamples: {
    name: "sluice.quality.samples",
    kind: "gauge",
    unit: "{row}",
    description: "Rows that the metric rests on.",
    attributes: [...modelAttributes, ...metric],
  },
  qualityLower: {
    name: "sluice.quality.lower",
    kind: "gauge",
    unit: "{score}",
    description: "Lower bound of the metric's interval: 95 % for shares, else three standard errors.",
    attributes: [...modelAttributes, ...metric],
  },
  qualityUpper: {
    name: "sluice.quality.upper",
    kind: "gauge",
    unit: "{score}",
    description: "Upper bound of the metric's interval.",
    attributes: [...modelAttributes, ...metric],
  },
} as const satisfies Record<string, Instrument>;
