import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ChangePart, createChangePart } from "../../../../src/monitor/evaluate/changes/change-part.ts";
import { confidenceOf, errorOf } from "../../../../src/monitor/evaluate/changes/watched-number.ts";
import type { Prediction } from "../../../../src/monitor/prediction.ts";
import { createRandomSource } from "../../../../src/statistics/random.ts";
import { describe as modelOf } from "../../../support/fake-repository.ts";
import { MonitoredModel } from "../../../support/monitored-model.ts";
import { floats } from "../../../support/runtime-requests.ts";

const tensor = (name: string, columns: number, labels?: readonly string[]) =>
  ({ name, datatype: "FP32", dims: [columns], ...(labels && { labels }) }) as const;

const classifier = modelOf("m", {
  signature: {
    inputs: [tensor("x", 1)],
    outputs: [tensor("probabilities", 3, ["cat", "dog", "cow"])],
    maxBatchSize: 8,
  },
});
const classes = "task: multiclass\nlabels: [cat, dog, cow]\noutputs: {scores: probabilities}\n";
const regressor = modelOf("r", {
  signature: { inputs: [tensor("x", 1)], outputs: [tensor("prediction", 2)], maxBatchSize: 8 },
});
const regression = "task: regression\noutputs: {value: prediction}\n";

function partOf(model: MonitoredModel): ChangePart {
  const part = createChangePart(model.context);
  assert.ok(part !== undefined);
  return part;
}

const predictionOf = (predictedClass: number, ...values: number[]): Prediction => ({
  atMs: 0,
  predictedClass,
  values: Float32Array.from(values),
});

describe("numbers over time", () => {
  it("are the confidence and the error of classes without configuration", () => {
    const model = new MonitoredModel(classifier, classes);
    const { detectors } = model.report(partOf(model)).anomalies;
    assert.deepEqual(
      detectors.map(({ method, signal }) => `${method} ${signal}`),
      ["adwin confidence", "adwin error"],
    );
  });

  it("are the error of a regression without configuration, and nothing of what is not known", () => {
    const model = new MonitoredModel(regressor, regression);
    assert.deepEqual(
      model.report(partOf(model)).anomalies.detectors.map(({ signal }) => signal),
      ["error"],
    );
    assert.equal(createChangePart(new MonitoredModel(classifier, "task: off").context), undefined);
    assert.equal(createChangePart(new MonitoredModel(classifier, `${classes}changes: []`).context), undefined);
  });

  it("refuse what the model does not have, and say what is wrong", () => {
    const refusal = (yaml: string, description = classifier) => {
      const { context } = new MonitoredModel(description, yaml);
      try {
        createChangePart(context);
      } catch (error) {
        return (error as Error).message;
      }
      return "";
    };
    assert.match(
      refusal(`${classes}changes: [{signal: output_share, label: dgo}]`),
      /changes\[0\]: label 'dgo' is none of the classes, did you mean 'dog'\?/,
    );
    assert.match(
      refusal(`${classes}changes: [{signal: error}, {signal: value}]`),
      /changes\[1\]: 'value' is watched of regressions/,
    );
    assert.match(refusal(`${regression}changes: [{signal: confidence}]`, regressor), /of regressions there is 'value'/);
    assert.match(
      refusal(`${regression}changes: [{signal: value, label: 2}]`, regressor),
      /none of the 2 predicted numbers/,
    );
    assert.match(refusal("task: off\nchanges: [{signal: confidence}]"), /models whose task is known/);
    assert.equal(refusal("task: off\nchanges: [{signal: latency}]"), "");
  });

  it("are told in report, counter and one line of the log when they change", async () => {
    const model = new MonitoredModel(classifier, classes);
    const part = partOf(model);
    const random = createRandomSource(3);
    const answer = (confidence: number) => {
      const value = confidence + 0.1 * (random() - 0.5);
      model.answer(part, [floats("x", [1])], [floats("probabilities", [value, 1 - value, 0], 3)], 5);
    };
    for (let i = 0; i < 2000; i++) answer(0.9);
    for (let i = 0; i < 300; i++) answer(0.7);
    for (let i = 0; i < 2000; i++) answer(0.9);
    const [confidence] = model.report(part).anomalies.detectors;
    assert.equal(confidence?.changes, 2);
    assert.ok(Math.abs((confidence.after ?? 0) - 0.9) < 0.05 && Math.abs((confidence.before ?? 0) - 0.7) < 0.05);
    assert.equal(confidence.sample_count, 4300);
    assert.equal(await model.total("sluice.changes.detected"), 2);
    assert.equal(model.logged.length, 1, "one line a block");
    const [line] = model.logged;
    assert.deepEqual([line?.level, line?.signal, line?.method, line?.model], ["warn", "confidence", "adwin", "m"]);
    part.onBlockEnd();
    for (let i = 0; i < 2000; i++) answer(0.6);
    assert.equal(model.logged.length, 2);
  });

  it("are errors when outcomes come", async () => {
    const model = new MonitoredModel(classifier, classes);
    const part = partOf(model);
    for (let i = 0; i < 1000; i++) part.onOutcome(predictionOf(0, 1, 0, 0), i % 10 === 0 ? 1 : 0, 1, i);
    for (let i = 0; i < 1000; i++) part.onOutcome(predictionOf(0, 1, 0, 0), i % 2, 1, i);
    const error = model.report(part).anomalies.detectors.find(({ signal }) => signal === "error");
    assert.equal(error?.changes, 1);
    assert.equal(error.sample_count, 2000);
  });

  it("are latency, shares and predicted values where they are asked for", () => {
    const changes = `changes:
      - {signal: latency, method: threshold, above: 0.05}
      - {signal: output_share, label: dog}
    `;
    const model = new MonitoredModel(classifier, classes + changes);
    const part = partOf(model);
    for (const [tookMs, dog] of [
      [10, 0],
      [60, 1],
      [20, 1],
    ] as const) {
      model.answer(part, [floats("x", [1])], [floats("probabilities", [1 - dog, dog, 0], 3)], tookMs);
    }
    const [latency, share] = model.report(part).anomalies.detectors;
    assert.equal(latency?.changes, 1);
    assert.ok(Math.abs(latency.current - 0.02) < 1e-9);
    assert.ok(Math.abs((share?.current ?? 0) - 2 / 3) < 1e-9);

    const numbers = new MonitoredModel(
      regressor,
      `${regression}changes: [{signal: value, label: 1, method: threshold, below: 0}]`,
    );
    const watching = partOf(numbers);
    for (const second of [1, -1, -2, 3, -4])
      numbers.answer(watching, [floats("x", [1])], [floats("prediction", [9, second], 2)]);
    assert.equal(numbers.report(watching).anomalies.detectors[0]?.changes, 2);
  });

  it("say so when there is nothing to watch in them, and count it", () => {
    const model = new MonitoredModel(classifier, classes);
    const part = partOf(model);
    for (let i = 0; i < 3; i++) model.answer(part, [floats("x", [1])], [floats("probabilities", [7, -3, 2], 3)]);
    part.onBlockEnd();
    part.onBlockEnd();
    assert.match(model.report(part).anomalies.note, /none of the values of 'confidence'/);
    assert.deepEqual(model.dropped, ["anomalies not_finite 3"]);
  });

  it("take no more rows than the rate of row statistics allows", () => {
    const model = new MonitoredModel(classifier, `${classes}quality: {maxRowsPerSecond: 10}`);
    const part = partOf(model);
    for (let i = 0; i < 5000; i++) {
      model.answer(part, [floats("x", [1])], [floats("probabilities", [1, 0, 0], 3)], 1);
    }
    const [confidence] = model.report(part).anomalies.detectors;
    assert.ok((confidence?.sample_count ?? 0) <= 60, `${confidence?.sample_count}`);
    assert.ok((confidence?.sample_count ?? 0) >= 20);
  });
});

describe("a number of a prediction", () => {
  const multiclass = {
    task: "multiclass",
    labels: ["a", "b", "c"],
    positiveClass: -1,
    threshold: 0.5,
    width: 3,
  } as const;
  const outputs = { labelOutput: undefined, areLabelsGuessed: false, scoresOutput: "p", valueOutput: undefined };
  const binary = {
    ...outputs,
    task: "binary",
    labels: ["no", "yes"],
    positiveClass: 1,
    threshold: 0.5,
    width: 1,
  } as const;

  it("is the score of the predicted class", () => {
    const confidence = confidenceOf(predictionOf(1, 0.25, 0.5, 0.25), { ...outputs, ...multiclass });
    assert.equal(confidence, 0.5);
    assert.equal(confidenceOf(predictionOf(1, 0.75), binary), 0.75);
    assert.equal(confidenceOf(predictionOf(0, 0.25), binary), 0.75);
    assert.ok(Number.isNaN(confidenceOf(predictionOf(-1, Number.NaN), binary)));
  });

  it("is wrong or right, or how far off", () => {
    assert.deepEqual(
      [errorOf(predictionOf(1), 1), errorOf(predictionOf(1), 0), errorOf(predictionOf(-1), 0)],
      [0, 1, 1],
    );
    assert.equal(errorOf(predictionOf(-1, 1, 5), Float64Array.of(2, 2)), 2);
    assert.ok(Number.isNaN(errorOf(predictionOf(-1, Number.NaN), Float64Array.of(2))));
  });
});
