import { instruments } from "../../src/monitor/telemetry/instruments.ts";
import type { Row } from "./dashboard.ts";
import { legendOf, model, modelLegend, name, queries } from "./native-scope.ts";
import { bars, heatmap, table, timeseries } from "./panel.ts";
import { dashboardRange } from "./query.ts";

const data: Row = {
  title: "Data",
  panels: [
    timeseries(
      "Rows looked at",
      [{ expr: queries.rate(instruments.monitorRows, ["sluice.sampled"]), legend: legendOf("sluice.sampled") }],
      { unit: "rowsps", description: "Row statistics look at a sample." },
    ),
    timeseries(
      "Values that should not be",
      [
        {
          expr: `${queries.rate(instruments.featureAnomalies, [...model, "sluice.feature", "sluice.kind"])} > 0`,
          legend: legendOf("sluice.feature", "sluice.kind"),
        },
      ],
      { unit: "cps" },
    ),
    timeseries("Features and outputs that drift", [
      { expr: queries.now("max", instruments.driftSignals, [...model]), legend: modelLegend },
      {
        expr: `${queries.rate(instruments.driftDetected, [...model, "sluice.feature", "sluice.method"])} > 0`,
        legend: `began: ${legendOf("sluice.feature", "sluice.method")}`,
      },
    ]),
    timeseries(
      "Share of unusual rows",
      [
        {
          expr: `${queries.rate(instruments.anomalyRows, [...model, "sluice.detector"])} / ${queries.rate(instruments.anomalyScore, [...model, "sluice.detector"])}`,
          legend: `${modelLegend} ${legendOf("sluice.detector")}`,
        },
      ],
      { unit: "percentunit", description: "Of the rows that are scored without being asked for." },
    ),
    timeseries("How unusual rows are", [
      {
        expr: queries.quantile(0.99, instruments.anomalyScore, [...model, "sluice.detector"]),
        legend: `p99 ${modelLegend} ${legendOf("sluice.detector")}`,
      },
      {
        expr: queries.now("max", instruments.anomalyThreshold, [...model, "sluice.detector"]),
        legend: `threshold ${modelLegend} ${legendOf("sluice.detector")}`,
      },
    ]),
    table(
      "Drift by feature",
      [
        {
          expr: queries.now("max", instruments.driftScore, [...model, "sluice.feature", "sluice.method"]),
          legend: "score",
        },
        {
          expr: queries.now("max", instruments.driftCritical, [...model, "sluice.feature", "sluice.method"]),
          legend: "critical",
        },
      ],
      { width: 12, description: "Score of the last window against what chance alone explains." },
    ),
    heatmap("Values of a feature", queries.buckets(instruments.featureValue, [], { "sluice.feature": "=~$feature" }), {
      width: 12,
      description: "Between the edges of the reference: choose one model and one feature.",
    }),
  ],
};

const predictions: Row = {
  title: "Predictions",
  panels: [
    timeseries(
      "Predicted classes",
      [
        {
          expr: queries.rate(instruments.predictedClasses, [...model, "sluice.predicted"]),
          legend: `${modelLegend} ${legendOf("sluice.predicted")}`,
        },
      ],
      { unit: "cps", isStacked: true, description: "Of the rows looked at." },
    ),
    heatmap("Probability of the predicted class", queries.buckets(instruments.predictionScore, []), {
      description: "Of rows whose truth is known.",
    }),
    timeseries(
      "Accuracy, estimated without labels",
      ["estimate", "uncalibrated_estimate"].map((basis) => ({
        expr: queries.now("min", instruments.qualityValue, [...model], {
          "sluice.metric": "accuracy",
          "sluice.basis": basis,
        }),
        legend: `${basis} ${modelLegend}`,
      })),
      { unit: "percentunit", max: 1, description: "Of the server that is worst off; blind to concept drift." },
    ),
  ],
};

const right = { "sluice.correct": "true" } as const;
/** Share of the labelled predictions that were right. */
const shareRight = (by: readonly string[]) =>
  `${queries.rate(instruments.predictionOutcomes, by, right)} / ${queries.rate(instruments.predictionOutcomes, by)}`;
/** How much a sum of a regression grows a second; signed ones as well, whose growth `rate` would take for a restart. */
const outputRate = (instrument: OutputInstrument) =>
  instrument.kind === "counter"
    ? queries.rate(instrument, [...model, "sluice.output"])
    : `${queries.sum(instrument, [...model, "sluice.output"])} (deriv(${queries.samples(instrument)}[${dashboardRange}]))`;

type OutputInstrument =
  | typeof instruments.regressionSquaredError
  | typeof instruments.regressionAbsoluteError
  | typeof instruments.regressionError
  | typeof instruments.regressionTruth
  | typeof instruments.regressionTruthSquared
  | typeof instruments.regressionLabels;

/** Mean of what a regression's sums add up, over its labels. */
const overLabels = (instrument: OutputInstrument) =>
  `${outputRate(instrument)} / ${outputRate(instruments.regressionLabels)}`;
const accuracyOf = (
  instrument: typeof instruments.qualityValue | typeof instruments.qualityLower | typeof instruments.qualityUpper,
) => queries.now("min", instrument, [...model, "sluice.basis"], { "sluice.metric": "accuracy" });

const quality: Row = {
  title: "Quality",
  panels: [
    timeseries("Accuracy of the labels that came", [{ expr: shareRight([...model]), legend: modelLegend }], {
      unit: "percentunit",
      max: 1,
      description: "By the arrival of the truth, of all servers together.",
    }),
    timeseries(
      "Precision and recall by class",
      [
        {
          expr: shareRight([name, "sluice.predicted"]),
          legend: `precision ${legendOf(name, "sluice.predicted")}`,
        },
        { expr: shareRight([name, "sluice.actual"]), legend: `recall ${legendOf(name, "sluice.actual")}` },
      ],
      { unit: "percentunit", max: 1 },
    ),
    table(
      "Confusion",
      [
        {
          expr: `${queries.rate(instruments.predictionOutcomes, [...model, "sluice.actual", "sluice.predicted"])} > 0`,
          legend: "a second",
        },
      ],
      { description: "Predictions whose truth came, by both." },
    ),
    timeseries(
      "Recall by class, of many classes",
      [
        {
          expr: `${queries.rate(instruments.classOutcomes, [name, "sluice.class"], { "sluice.outcome": "tp" })} / ${queries.rate(instruments.classOutcomes, [name, "sluice.class"], { "sluice.outcome": "=~tp|fn" })}`,
          legend: legendOf(name, "sluice.class"),
        },
      ],
      { unit: "percentunit", max: 1, description: "Of models with 17 to 256 classes." },
    ),
    timeseries("Root mean squared error and mean absolute error", [
      {
        expr: `sqrt(${overLabels(instruments.regressionSquaredError)})`,
        legend: `RMSE ${modelLegend} ${legendOf("sluice.output")}`,
      },
      {
        expr: overLabels(instruments.regressionAbsoluteError),
        legend: `MAE ${modelLegend} ${legendOf("sluice.output")}`,
      },
    ]),
    timeseries(
      "R2 and bias",
      [
        {
          expr: `1 - ${outputRate(instruments.regressionSquaredError)} / (${outputRate(instruments.regressionTruthSquared)} - ${outputRate(instruments.regressionTruth)} ^ 2 / ${outputRate(instruments.regressionLabels)})`,
          legend: `R2 ${modelLegend} ${legendOf("sluice.output")}`,
        },
        {
          expr: `${outputRate(instruments.regressionError)} / ${outputRate(instruments.regressionLabels)}`,
          legend: `bias ${modelLegend} ${legendOf("sluice.output")}`,
        },
      ],
      { description: "Of the labels that came.", min: null },
    ),
    timeseries(
      "Log loss",
      [
        {
          expr: `${queries.rate(instruments.logLoss, [...model])} / ${queries.rate(instruments.scoredOutcomes, [...model])}`,
          legend: modelLegend,
        },
      ],
      { description: "Of the labels that came." },
    ),
    timeseries(
      "Estimated and realised accuracy",
      [
        { expr: accuracyOf(instruments.qualityValue), legend: `${legendOf("sluice.basis")} ${modelLegend}` },
        { expr: accuracyOf(instruments.qualityLower), legend: `${legendOf("sluice.basis")} at least ${modelLegend}` },
        { expr: accuracyOf(instruments.qualityUpper), legend: `${legendOf("sluice.basis")} at most ${modelLegend}` },
      ],
      { unit: "percentunit", max: 1, description: "Of the window, of the server that is worst off." },
    ),
    timeseries(
      "Calibration: share that was right by probability",
      [
        {
          expr: `${queries.buckets(instruments.predictionScore, [], right)} / ${queries.buckets(instruments.predictionScore, [])}`,
          legend: "up to {{le}}",
        },
      ],
      { unit: "percentunit", max: 1, description: "Of all predictions up to a probability; choose one model." },
    ),
    timeseries(
      "Label coverage",
      [{ expr: queries.now("min", instruments.labelCoverage, [...model]), legend: modelLegend }],
      { unit: "percentunit", max: 1, description: "Where it is low, quality is about few predictions." },
    ),
    timeseries(
      "Label delay",
      [0.5, 0.95].map((share) => ({
        expr: queries.quantile(share, instruments.labelDelay, [...model]),
        legend: `p${share * 100} ${modelLegend}`,
      })),
      { unit: "s" },
    ),
  ],
};

const outcomes: Row = {
  title: "Outcomes, changes and alerts",
  panels: [
    timeseries(
      "Outcomes reported",
      [
        {
          expr: queries.rate(instruments.labelsReceived, ["sluice.result"]),
          legend: legendOf("sluice.result"),
        },
      ],
      { unit: "cps", isStacked: true },
    ),
    timeseries(
      "Corrections of outcomes",
      [{ expr: queries.rate(instruments.labelCorrections, [...model]), legend: modelLegend }],
      { unit: "cps", description: "Truths that took the place of earlier ones: counters keep what came first." },
    ),
    timeseries(
      "Changes found",
      [
        {
          expr: `${queries.rate(instruments.changesDetected, [...model, "sluice.signal", "sluice.method"])} > 0`,
          legend: `${modelLegend} ${legendOf("sluice.signal", "sluice.method")}`,
        },
      ],
      { unit: "cps" },
    ),
    bars(
      "Alerts",
      [
        {
          expr: queries.now("max", instruments.alertState, [...model, "sluice.alert"]),
          legend: `${modelLegend} ${legendOf("sluice.alert")}`,
        },
      ],
      { description: "-1 unknown, 0 ok, 1 pending, 2 firing." },
    ),
    timeseries("Payload log", [
      { expr: queries.rate(instruments.payloadRecords, [...model]), legend: `requests a second ${modelLegend}` },
      { expr: queries.rate(instruments.payloadBytes, [...model]), legend: `bytes a second ${modelLegend}` },
    ]),
    timeseries(
      "What the monitor left out",
      [
        {
          expr: `${queries.rate(instruments.monitorDropped, ["sluice.monitor", "sluice.reason"])} > 0`,
          legend: legendOf("sluice.monitor", "sluice.reason"),
        },
      ],
      { unit: "cps" },
    ),
  ],
};

/** What models are asked and answer, and how good that is. */
export const qualityRows: readonly Row[] = [data, predictions, quality, outcomes];
