import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createAnomalyPart } from "../../../../src/monitor/evaluate/anomaly/anomaly-part.ts";
import type { ModelPart } from "../../../../src/monitor/model-part.ts";
import type { Annotation, AnsweredRequest } from "../../../../src/runtime/annotator.ts";
import { createRandomSource, randomNormal } from "../../../../src/statistics/random.ts";
import { profileOf } from "../../../support/anomaly-profile.ts";
import { describe as modelOf } from "../../../support/fake-repository.ts";
import { MonitoredModel } from "../../../support/monitored-model.ts";
import { contextOf, floats, requestOf, valuesOf } from "../../../support/runtime-requests.ts";

const width = 3;

/** Windows of clean rows, each as long as one that half-space trees learn from. */
const windows = 1000;
const windowRows = 250;

const description = modelOf("m", {
  signature: {
    inputs: [{ name: "x", datatype: "FP32", dims: [width] }],
    outputs: [{ name: "y", datatype: "FP32", dims: [1] }],
    maxBatchSize: 100_000,
  },
});

/** Rows whose second number follows the first, and whose third is by itself. */
function rowsOf(count: number, seed: number): number[][] {
  const random = createRandomSource(seed);
  return Array.from({ length: count }, () => {
    const first = randomNormal(random);
    return [first, 2 * first + 0.1 * randomNormal(random), 100 + 10 * randomNormal(random)];
  });
}

/** Tells a part of sampled rows, as the engine would. */
function sample(model: MonitoredModel, part: ModelPart, rows: readonly (readonly number[])[]): void {
  const signals = model.context.signals.signals.length;
  for (const row of rows) {
    const values = new Float64Array(signals).fill(Number.NaN);
    values.set(row);
    const atMs = model.clock.nowMs();
    part.onRows?.({ count: 1, width: signals, values, marks: new Uint8Array(signals), atMs });
    model.clock.advance(1);
  }
}

function answered(model: MonitoredModel, rows: readonly (readonly number[])[]): AnsweredRequest {
  return {
    model: description,
    request: requestOf([floats("x", rows.flat(), width)]),
    context: contextOf(),
    rows: rows.length,
    response: model.responseOf([]),
    isOver: false,
  };
}

const scoresOf = (annotation: Annotation | undefined) => valuesOf(annotation!.output!);

describe("Mahalanobis scores", () => {
  const profile = profileOf(rowsOf(2000, 1), 0.99);

  it("are those of a profile that has them, without configuration", () => {
    const model = new MonitoredModel(description, "", profile);
    const part = createAnomalyPart(model.context);
    sample(model, part, rowsOf(2000, 2));
    const { anomalies } = model.report(part);
    assert.deepEqual([anomalies.detector, anomalies.note], ["mahalanobis", ""]);
    assert.equal(anomalies.threshold, profile.anomaly!.threshold);
    assert.equal(anomalies.scores?.count, 2000);
  });

  it("alarm on clean rows about as often as the quantile says, and find planted outliers", async (t) => {
    const model = new MonitoredModel(description, "", profile);
    const part = createAnomalyPart(model.context);
    sample(model, part, rowsOf(windows * windowRows, 3));
    const { anomalous_rows: false_alarms } = model.report(part).anomalies;
    const share = false_alarms / (windows * windowRows);
    t.diagnostic(
      `${100 * share} % of the rows of ${windows} clean windows above the 99 % quantile of 2000 reference rows`,
    );
    assert.ok(share < 0.013, `${share}`);
    // Each number by itself is ordinary; only together they are not.
    sample(model, part, new Array(50).fill([1, -2, 100]));
    assert.equal(model.report(part).anomalies.anomalous_rows, false_alarms + 50);
    assert.equal(await model.total("sluice.anomaly.rows"), false_alarms + 50);
    assert.equal(await model.total("sluice.anomaly.score"), windows * windowRows + 50);
    assert.equal(await model.total("sluice.anomaly.threshold"), profile.anomaly!.threshold);
  });

  it("take the threshold of the configuration, and forget windows that are over", () => {
    const model = new MonitoredModel(
      description,
      "anomaly: {threshold: 1.0e+9}\nwindows: {blockSeconds: 60, blocks: 2}",
      profile,
    );
    const part = createAnomalyPart(model.context);
    sample(model, part, rowsOf(100, 4));
    assert.deepEqual([model.report(part).anomalies.anomalous_rows, model.report(part).anomalies.threshold], [0, 1e9]);
    model.clock.advance(600_000);
    assert.equal(model.report(part).anomalies.scores, undefined);
  });

  it("are a tensor of one number a row for a request that asks", () => {
    const model = new MonitoredModel(description, "", profile);
    const [annotator] = createAnomalyPart(model.context).annotators!;
    assert.equal(annotator!.output, "sluice_anomaly_score");
    const annotation = annotator!.annotate(
      answered(model, [
        [0, 0, 100],
        [1, -2, 100],
        [Number.NaN, 2, 100],
        [Number.POSITIVE_INFINITY, 0, 0],
      ]),
    );
    assert.ok(!(annotation instanceof Promise));
    assert.deepEqual(annotation!.output!.shape, [4]);
    const [usual, odd, missing, infinite] = scoresOf(annotation);
    assert.ok(usual! < 1 && odd! > 100 && missing! < profile.anomaly!.threshold * 2);
    assert.equal(infinite, Number.POSITIVE_INFINITY);
  });

  it("of many rows let the event loop go on in between, and stop when nobody waits any more", async () => {
    const model = new MonitoredModel(description, "", profile);
    const [annotator] = createAnomalyPart(model.context).annotators!;
    const rows = new Array<number[]>(50_000).fill([1, -2, 100]);
    const whole = annotator!.annotate(answered(model, rows));
    const question = { ...answered(model, rows) };
    const given = annotator!.annotate(question);
    question.isOver = true;
    model.clock.turn();
    const scores = scoresOf(await whole);
    assert.equal(scores.length, 50_000);
    assert.equal(scores.at(-1), scores[0]);
    assert.equal(await given, undefined);
  });

  it("that cannot be there in time are not begun", () => {
    const model = new MonitoredModel(description, "anomaly: {timeoutMs: 1}", profile);
    const [annotator] = createAnomalyPart(model.context).annotators!;
    assert.equal(annotator!.annotate(answered(model, new Array<number[]>(90_000).fill([1, 2, 3]))), undefined);
  });
});

describe("half-space trees", () => {
  it("learn from sampled rows, then score, and find planted outliers", (t) => {
    const model = new MonitoredModel(description, "anomaly: {detector: half_space_trees}");
    const part = createAnomalyPart(model.context);
    const [annotator] = part.annotators!;
    assert.equal(annotator!.annotate(answered(model, [[0, 0, 100]])), undefined);
    assert.match(model.report(part).anomalies.note, /learn/);
    for (const [i, row] of rowsOf(windows * windowRows, 5).entries()) {
      sample(model, part, [row]);
      if (i % 5000 === 0) part.onBlockEnd?.(model.clock.nowMs()); // where the threshold is learned anew
    }
    const { anomalous_rows: false_alarms, threshold, scores } = model.report(part).anomalies;
    const share = false_alarms / (windows * windowRows);
    t.diagnostic(
      `${100 * share} % of the rows of ${windows} clean windows above the learned 99 % quantile, now ${threshold}`,
    );
    assert.ok(share <= 0.015, `${share}`);
    assert.ok(scores!.count > 200_000);
    const outliers = [
      [8, -16, 100],
      [-7, 14, 200],
      [9, 9, -50],
    ];
    const found = scoresOf(annotator!.annotate(answered(model, outliers)) as Annotation);
    for (const score of found) assert.ok(score > threshold, `${score} of ${threshold}`);
  });

  it("need a numeric input", () => {
    const texts = modelOf("m", {
      signature: { inputs: [{ name: "x", datatype: "BYTES", dims: [1] }], outputs: [], maxBatchSize: 1 },
    });
    assert.throws(
      () => createAnomalyPart(new MonitoredModel(texts, "anomaly: {detector: half_space_trees}").context),
      /no numeric input/,
    );
  });
});

describe("without a detector", () => {
  it("rows have no score, and the report says why", () => {
    const model = new MonitoredModel(description);
    const part = createAnomalyPart(model.context);
    assert.equal(part.annotators, undefined);
    assert.match(model.report(part).anomalies.note, /no reference profile with mean and spread/);
    const off = new MonitoredModel(description, "anomaly: {detector: off}", profileOf(rowsOf(100, 1)));
    assert.match(off.report(createAnomalyPart(off.context)).anomalies.note, /switches it off/);
  });

  it("a load is refused that asks for the distance from a reference that is not there", () => {
    const { context } = new MonitoredModel(description, "anomaly: {detector: mahalanobis}");
    assert.throws(() => createAnomalyPart(context), /there is no reference profile: `sluice profile` makes one/);
  });
});
