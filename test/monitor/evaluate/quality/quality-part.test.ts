import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError } from "../../../../src/errors.ts";
import type { CalibrationMap, ReferenceProfile } from "../../../../src/model/package-messages.ts";
import { responseOf, specOf, tensorOf } from "../../../support/monitor-tensors.ts";
import { numberOutput, QualitySubject, twoScores } from "../../../support/quality-subject.ts";
import { randomNumbers } from "../../../support/random-numbers.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** The prediction of a score of class "yes". */
const scored = (score: number) => ({
  predictedClass: score >= 0.5 ? 1 : 0,
  values: Float32Array.of(1 - score, score),
});

test("metrics of the window, with their rows and bounds, from the least number of rows on", () => {
  const subject = new QualitySubject(twoScores);
  for (let row = 0; row < 29; row++) subject.tell(scored(0.9), row % 2);
  assert.equal(subject.report().window?.rows, 29);
  assert.deepEqual(subject.report().metrics, []);
  assert.equal(subject.report().confusion, undefined);
  subject.tell(scored(0.9), 1);
  const report = subject.report();
  assert.equal(report.task, "binary");
  assert.deepEqual(report.confusion, { labels: ["no", "yes"], counts: [0, 15, 0, 15] });
  assert.equal(report.calibration[0]?.count, 30);
  const accuracy = subject.metric("accuracy")!;
  assert.equal(accuracy.value, 0.5);
  assert.equal(accuracy.sample_count, 30);
  assert.ok(accuracy.lower! < 0.5 && accuracy.upper! > 0.5);
  assert.equal(subject.metric("recall", "no")?.value, 0);
  assert.equal(subject.metric("precision", "no")?.zero_division, true);
  assert.equal(subject.metric("f1", "yes")?.value.toFixed(6), "0.666667");
});

test("the window is by the time of the prediction and follows the labels, however late they come", () => {
  const subject = new QualitySubject(twoScores);
  const startMs = subject.clock.nowMs();
  for (let row = 0; row < 40; row++) subject.tell(scored(0.9), 1, { agoMs: 3 * day });
  for (let row = 0; row < 10; row++) subject.tell(scored(0.9), 0); // too few, though newer
  const { window } = subject.report();
  assert.equal(window?.rows, 40);
  assert.ok(window.to.seconds * 1000 <= startMs - 3 * day + 10 * minute, "ends with the block of the labels");
  assert.equal(subject.metric("accuracy")?.value, 1);
  for (let row = 0; row < 30; row++) subject.tell(scored(0.9), 0);
  assert.equal(subject.metric("accuracy")?.value, 0, "now there are enough of the newer ones");
});

test("rows leave the window as time passes", () => {
  const subject = new QualitySubject(twoScores, "windows: {blocks: 10}");
  for (let row = 0; row < 30; row++) subject.tell(scored(0.9), 0);
  subject.pass(9 * minute);
  for (let row = 0; row < 30; row++) subject.tell(scored(0.9), 1);
  assert.equal(subject.metric("accuracy")?.value, 0.5);
  subject.pass(2 * minute);
  for (let row = 0; row < 30; row++) subject.tell(scored(0.9), 1);
  assert.equal(subject.metric("accuracy")?.value, 1);
});

test("a correction takes the place of what was told before, in windows; counters only count it", async () => {
  const subject = new QualitySubject(twoScores);
  for (let row = 0; row < 40; row++) subject.tell(scored(0.9), 1, { agoMs: 2 * hour });
  subject.tell(scored(0.9), 0, { agoMs: 2 * hour, weight: 0.1 });
  subject.correct(scored(0.9), 0, 1, { agoMs: 2 * hour, weight: 0.1 });
  const report = subject.report();
  assert.equal(report.window?.rows, 41);
  assert.equal(subject.metric("accuracy")?.value, 1);
  assert.deepEqual(report.confusion?.counts, [0, 0, 0, 40]);
  assert.deepEqual(await subject.points("sluice.label.corrections"), [[{}, 1]]);
  const outcomes = await subject.points("sluice.prediction.outcomes");
  const wrong = outcomes.find(([{ predicted, actual }]) => predicted === "yes" && actual === "no");
  assert.ok(Math.abs((wrong?.[1] as number) - 0.1) < 1e-6, "what came first stays counted");
});

test("a prediction of a clock that is ahead counts once, also when it is corrected in a later block", () => {
  const subject = new QualitySubject(twoScores);
  subject.tell(scored(0.9), 0, { agoMs: -90_000 });
  subject.pass(2 * minute);
  subject.correct(scored(0.9), 0, 1, { agoMs: 30_000, countedAgoMs: 2 * minute });
  const counts = subject.report().history.map((point) => point.metrics[0]?.sample_count ?? 0);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    1,
  );
});

test("a label that is none of the guessed ones ends what is said of the quality, with a note and one line in the log", async () => {
  const outputs = [specOf("label", "INT64", []), specOf("probabilities", "FP32", [3])];
  const answer = (subject: QualitySubject, label: number) => {
    const scores = tensorOf("probabilities", "FP32", [1, 3], [0.9, 0.05, 0.05]);
    const response = responseOf(tensorOf("label", "INT64", [1], [label]), scores);
    subject.part.onAnswer({ rows: 1 } as never, response, subject.clock.nowMs());
  };
  const judged = { predictedClass: 1, values: Float32Array.of(0.9, 0.05, 0.05) };
  const subject = new QualitySubject(outputs);
  for (let row = 0; row < 40; row++) answer(subject, 1);
  for (let row = 0; row < 40; row++) subject.tell(judged, 1);
  assert.ok(subject.report().metrics.length > 0);
  for (let row = 0; row < 3; row++) answer(subject, 3);
  subject.tell(judged, 1);
  const note = "labels: must be listed in monitor.yaml, saw 3, which is none of the guessed 0, 1, 2";
  const { metrics, estimates, confusion, history, calibration, predicted_counts, ...report } = subject.report();
  assert.deepEqual(
    { metrics, estimates, history, calibration, predicted_counts },
    {
      metrics: [],
      estimates: [],
      history: [],
      calibration: [],
      predicted_counts: [],
    },
  );
  assert.equal(confusion, undefined);
  assert.equal(report.note, note);
  assert.deepEqual(subject.logged, [`quality is no longer watched: ${note}`]);
  subject.clock.advance(1001);
  const values = await subject.points("sluice.quality.value");
  assert.deepEqual(
    values.filter(([, value]) => value !== undefined),
    [],
  );
  const listed = new QualitySubject(outputs, "labels: ['1', '2', '4']");
  answer(listed, 3);
  assert.deepEqual(listed.logged, [], "a label that somebody left out is none of the known classes");
});

test("counters add up by arrival", async () => {
  const subject = new QualitySubject(twoScores);
  subject.tell(scored(0.75), 1, { agoMs: day, weight: 3 });
  subject.tell(scored(0.75), 0);
  subject.tell({ predictedClass: -1, values: Float32Array.of(Number.NaN, Number.NaN) }, 0);
  const outcomes = await subject.points("sluice.prediction.outcomes");
  assert.deepEqual(
    outcomes.filter(([, value]) => value !== 0),
    [
      [{ predicted: "yes", actual: "no", correct: "false" }, 1],
      [{ predicted: "_OTHER", actual: "no", correct: "false" }, 1],
      [{ predicted: "yes", actual: "yes", correct: "true" }, 3],
    ],
  );
  const [[, logLoss]] = (await subject.points("sluice.prediction.log_loss")) as [[object, number]];
  assert.ok(Math.abs(logLoss - (-3 * Math.log(0.75) - Math.log(0.25))) < 1e-9);
  assert.deepEqual(await subject.points("sluice.prediction.scored"), [[{}, 4]]);
  const [[, delays]] = (await subject.points("sluice.label.delay")) as unknown as [[object, { count: number }]];
  assert.equal(delays.count, 3);
});

test("gauges appear with enough rows and go with the window", async () => {
  const subject = new QualitySubject(twoScores, "windows: {blocks: 10}\nquality: {labelHorizonSeconds: 600}");
  const accuracy = async (instrument: string) =>
    (await subject.points(instrument)).find(
      ([{ metric, basis }]) => metric === "accuracy" && basis === "outcomes",
    )?.[1];
  for (let row = 0; row < 29; row++) subject.tell(scored(0.9), 1);
  assert.equal(await accuracy("sluice.quality.value"), undefined);
  subject.tell(scored(0.9), 1);
  subject.clock.advance(1001); // gauges are worked out once a second at most
  assert.equal(await accuracy("sluice.quality.value"), 1);
  assert.equal(await accuracy("sluice.quality.samples"), 30);
  assert.ok(((await accuracy("sluice.quality.lower")) as number) < 0.95);
  assert.equal(await accuracy("sluice.quality.upper"), 1);
  subject.pass(20 * minute);
  assert.equal(await accuracy("sluice.quality.value"), undefined);
});

test("coverage and delay stand beside the metrics", async () => {
  const subject = new QualitySubject(twoScores);
  assert.equal(subject.report().label_coverage, undefined);
  for (let row = 0; row < 40; row++) subject.answer([[0.1, 0.9]]);
  for (let row = 0; row < 30; row++) subject.tell(scored(0.9), 1, { agoMs: row < 20 ? 1000 : 100_000 });
  const report = subject.report();
  assert.equal(report.predictions, 40);
  assert.equal(report.label_coverage, 0.75);
  assert.ok(Math.abs(report.label_delay_p50_seconds! - 1) < 0.1);
  assert.ok(Math.abs(report.label_delay_p95_seconds! / 100 - 1) < 0.1);
  assert.deepEqual(await subject.points("sluice.label.coverage"), [[{}, 0.75]]);
});

const identity: CalibrationMap = {
  class_index: 1,
  scores: [0, 1],
  probabilities: [0, 1],
  sample_count: 1000,
  calibration_error_before: 0.2,
  calibration_error_after: 0.01,
};

const profileWith = (calibrations: readonly CalibrationMap[]): ReferenceProfile => ({
  format_version: 1,
  model_name: "m",
  model_version: 1,
  row_count: 1000,
  signals: [],
  calibrations,
  expected: [{ name: "accuracy", label: "", value: 0.93, sample_count: 1000, standard_error: 0.008 }],
  labels: [],
});

test("estimates need no truth, and say whether a calibration stands behind them", async () => {
  const rows = Array.from({ length: 100 }, (_, row) => (row % 2 === 0 ? [0.1, 0.9] : [0.8, 0.2]));
  const plain = new QualitySubject(twoScores);
  plain.answer(rows);
  const report = plain.report();
  assert.deepEqual(report.metrics, []);
  assert.deepEqual(report.predicted_counts, [50, 50]);
  const estimate = (name: string) => report.estimates.find((metric) => metric.name === name)!;
  assert.equal(report.estimates_calibrated, false);
  assert.ok(Math.abs(estimate("accuracy").value - 0.85) < 1e-6);
  assert.ok(estimate("accuracy").lower! < 0.85 && estimate("accuracy").upper! > 0.85);
  assert.ok(Math.abs(estimate("confidence").value - 0.85) < 1e-6);
  assert.ok(estimate("entropy").value > 0.3 && estimate("entropy").value < 0.6);

  const overconfident = { ...identity, probabilities: [0, 0.5] };
  const calibrated = new QualitySubject(twoScores, "", profileWith([overconfident]));
  calibrated.answer(rows);
  const other = calibrated.report();
  assert.equal(other.estimates_calibrated, true);
  const mapped = other.estimates.find(({ name }) => name === "accuracy")!;
  assert.ok(Math.abs(mapped.value - (0.45 + 0.9) / 2) < 1e-6, "p = .45 for yes, 1 - .1 for no");
  assert.equal(mapped.expected, 0.93);
  assert.equal(mapped.expected_error, 0.008);
  calibrated.pass(minute);
  const expected = await calibrated.points("sluice.estimate.outcomes");
  assert.deepEqual(
    expected.map(([{ outcome, calibrated: isCalibrated }, value]) => [
      outcome,
      isCalibrated,
      Math.round(value as number),
    ]),
    [
      ["tp", "true", 22],
      ["fp", "true", 28],
      ["fn", "true", 5],
      ["tn", "true", 45],
    ],
  );
});

test("a map that does not help is not used, but it is known to be so", () => {
  const useless = { ...identity, probabilities: [0, 0.5], calibration_error_after: 0.3 };
  const subject = new QualitySubject(twoScores, "", profileWith([useless]));
  subject.answer(Array.from({ length: 40 }, () => [0.1, 0.9]));
  assert.equal(subject.report().estimates_calibrated, true);
  assert.ok(Math.abs(subject.report().estimates[0]!.value - 0.9) < 1e-6);
});

test("calibrated scores: the estimate of the window lies within three standard errors of what turns out", () => {
  const uniform = randomNumbers(5);
  let outside = 0;
  const windows = 200;
  for (let window = 0; window < windows; window++) {
    const subject = new QualitySubject(twoScores, "", profileWith([identity]));
    for (let row = 0; row < 200; row++) {
      const score = Math.fround(uniform());
      subject.answer([[1 - score, score]]);
      subject.tell(scored(score), uniform() < score ? 1 : 0);
    }
    const { window_estimates: estimates } = subject.report();
    const estimate = estimates.find(({ name }) => name === "accuracy")!;
    const realised = subject.metric("accuracy")!;
    if (realised.value < estimate.lower! || realised.value > estimate.upper!) outside += 1;
  }
  assert.ok(outside <= windows / 100, `${outside} of ${windows} windows`);
});

test("flipped labels are found: what turns out leaves the estimate's interval", () => {
  const uniform = randomNumbers(6);
  const subject = new QualitySubject(twoScores, "windows: {blocks: 5}", profileWith([identity]));
  let foundAfter = Number.NaN;
  for (let block = 0; block < 40 && Number.isNaN(foundAfter); block++) {
    for (let row = 0; row < 40; row++) {
      const score = Math.fround(uniform());
      const truth = uniform() < score ? 1 : 0;
      subject.answer([[1 - score, score]]);
      subject.tell(scored(score), block < 20 ? truth : 1 - truth);
    }
    const estimate = subject.report().window_estimates.find(({ name }) => name === "accuracy")!;
    const isOutside = subject.metric("accuracy")!.value < estimate.lower!;
    if (block < 20) assert.equal(isOutside, false, `block ${block}`);
    else if (isOutside) foundAfter = block - 19;
    subject.pass(minute);
  }
  assert.ok(foundAfter <= 3, `found after ${foundAfter} blocks`);
});

test("memory does not grow with the delay of labels", () => {
  const heldAt = (horizonSeconds: number) => {
    const subject = new QualitySubject(twoScores, `quality: {labelHorizonSeconds: ${horizonSeconds}}`);
    const stepMs = (horizonSeconds * 1000) / 20_000;
    for (let row = 0; row < 20_000; row++) subject.tell(scored(0.9), 1, { agoMs: row * stepMs });
    const { blocks, maxBlocks } = subject.part.memory;
    assert.ok(blocks <= maxBlocks);
    return blocks;
  };
  const [near, far] = [heldAt((7 * day) / 1000), heldAt((70 * day) / 1000)];
  assert.ok(far <= near * 1.1, `${near} blocks of a week, ${far} of ten`);
});

test("windows that need too much memory are refused, with the value and the limit", () => {
  const labels = Array.from({ length: 64 }, (_, index) => `c${index}`);
  const outputs = [specOf("probabilities", "FP32", [64], labels)];
  assert.doesNotThrow(() => new QualitySubject(outputs));
  assert.throws(
    () => new QualitySubject(outputs, "windows: {blocks: 1440}"),
    (error: unknown) =>
      error instanceof InferenceError &&
      error.reason === "refused" &&
      /windows.blocks is 1440, .* lower windows.blocks to \d+/.test(error.message),
  );
});

test("a regression: errors of each output, R2 without cancellation, numbers that are none", async () => {
  const subject = new QualitySubject(numberOutput(2));
  for (let row = 0; row < 40; row++) {
    subject.tell({ values: Float32Array.of(row, 10) }, Float64Array.of(row + 1, 10 + (row % 2)));
  }
  subject.tell({ values: Float32Array.of(Number.NaN, 0) }, Float64Array.of(0, 0));
  assert.deepEqual(subject.drops, ["quality not_finite"]);
  assert.equal(subject.report().task, "regression");
  assert.equal(subject.report().window?.rows, 40);
  assert.equal(subject.metric("mae", "0")?.value, 1);
  assert.equal(subject.metric("mse", "1")?.value, 0.5);
  assert.equal(subject.metric("rmse")?.value.toFixed(6), ((1 + Math.SQRT1_2) / 2).toFixed(6));
  assert.deepEqual(await subject.points("sluice.regression.absolute_error"), [
    [{ output: "0" }, 40],
    [{ output: "1" }, 20],
  ]);
  assert.deepEqual(await subject.points("sluice.regression.error"), [
    [{ output: "0" }, 40],
    [{ output: "1" }, 20],
  ]);
  assert.deepEqual(subject.report().estimates, []);
});

test("the history tells single blocks while they are near, and few points however far they reach", () => {
  const subject = new QualitySubject(twoScores);
  for (let block = 0; block < 5; block++) {
    for (let row = 0; row < 30; row++) subject.tell(scored(0.9), block % 2);
    subject.pass(minute);
  }
  const near = subject.report().history;
  assert.deepEqual(
    near.map(({ metrics }) => metrics.find(({ name }) => name === "accuracy")?.value),
    [0, 1, 0, 1, 0],
  );
  for (let row = 0; row < 30; row++) subject.tell(scored(0.9), 1, { agoMs: 5 * minute });
  assert.equal(subject.report().history[0]?.metrics[0]?.value, 0.5, "a late truth changes the point of its block");
  const far = new QualitySubject(twoScores);
  for (let row = 0; row < 5000; row++) far.tell(scored(0.9), 1, { agoMs: 3 * day + row * minute });
  assert.ok(far.report().history.length > 20);
  assert.ok(far.report().history.length <= 121);
});

test("scores that are no probabilities leave the classes judged", () => {
  const subject = new QualitySubject(twoScores);
  for (let row = 0; row < 40; row++) {
    subject.answer([[-3, 5]]);
    subject.tell({ predictedClass: 1, values: Float32Array.of(-3, 5) }, 1);
  }
  const report = subject.report();
  assert.equal(subject.metric("accuracy")?.value, 1);
  assert.equal(subject.metric("log_loss"), undefined);
  assert.deepEqual(report.estimates, []);
  assert.deepEqual(report.predicted_counts, [0, 40]);
});

test("logits within 0 and 1 by chance reach no score metric, estimate or counter of scores", async () => {
  const subject = new QualitySubject(twoScores);
  for (let row = 0; row < 200; row++) {
    const scores = row % 4 === 3 ? [0.4, 0.6] : [-3, 5];
    subject.answer([scores]);
    subject.tell({ predictedClass: 1, values: Float32Array.from(scores) }, 1);
  }
  const report = subject.report();
  assert.equal(subject.metric("accuracy")?.value, 1);
  assert.equal(subject.metric("log_loss"), undefined);
  assert.deepEqual([report.calibration, report.estimates, report.window_estimates], [[], [], []]);
  const headlines = report.history.flatMap(({ metrics, estimates }) => [...metrics, ...estimates]);
  assert.deepEqual(
    headlines.map(({ name }) => name),
    ["accuracy", "f1"],
  );
  assert.deepEqual(await subject.points("sluice.prediction.scored"), [[{}, 0]]);
  subject.pass(minute);
  assert.ok((await subject.points("sluice.estimate.outcomes")).every(([, value]) => value === 0));
});

test("all rows of an answer without a batch dimension are predictions", () => {
  const outputs = [specOf("probabilities", "FP32", [-1, 2], ["no", "yes"])];
  const subject = new QualitySubject(outputs, "", undefined, 0);
  const rows = Array.from({ length: 40 }, (_, row) => (row < 10 ? [0.9, 0.1] : [0.2, 0.8]));
  subject.answer(rows, 1);
  for (let row = 0; row < 20; row++) subject.tell(scored(0.8), 1);
  const report = subject.report();
  assert.equal(report.predictions, 40);
  assert.equal(report.label_coverage, 0.5);
  assert.deepEqual(report.predicted_counts, [10, 30]);
});

test("no more rows a second are looked at than configured, and all are counted", () => {
  const subject = new QualitySubject(twoScores, "quality: {maxRowsPerSecond: 50}");
  for (let second = 0; second < 10; second++) {
    for (let request = 0; request < 20; request++) {
      subject.answer(Array.from({ length: 10 }, () => [0.1, 0.9]));
      subject.clock.advance(50);
    }
  }
  const report = subject.report();
  assert.equal(report.predictions, 2000);
  const looked = report.predicted_counts[1]!;
  assert.ok(looked > 400 && looked <= 550, `${looked} rows`);
});
