import assert from "node:assert/strict";
import { it } from "node:test";
import { ModelMonitor } from "../../src/monitor/model-monitor.ts";
import type { ModelPart } from "../../src/monitor/model-part.ts";
import { HeardOutcomes } from "../../src/monitor/outcome-listeners.ts";
import { describe } from "../support/fake-repository.ts";
import { MonitoredModel } from "../support/monitored-model.ts";
import { RecordingSink } from "../support/recording-sink.ts";

const prediction = { atMs: 5, predictedClass: 1, values: Float32Array.of(0.25, 0.75) };

it("others hear of every record, but not of corrections, and the sink of both", () => {
  const sink = new RecordingSink();
  const heard: unknown[] = [];
  const outcomes = new HeardOutcomes(sink, (...outcome) => heard.push(outcome));
  outcomes.record(prediction, 1, 2, 9);
  outcomes.correct(prediction, { truth: 1, weight: 2, atMs: 5 }, 0, 1, 10);
  assert.deepEqual(heard, [[prediction, 1, 2, 9]]);
  assert.equal(sink.outcomes.length, 2);
  const { modelName, modelVersion, layout, labelHorizonMs } = outcomes;
  assert.deepEqual(
    { modelName, modelVersion, layout, labelHorizonMs },
    {
      modelName: sink.modelName,
      modelVersion: sink.modelVersion,
      layout: sink.layout,
      labelHorizonMs: sink.labelHorizonMs,
    },
  );
});

it("parts of a model version hear of its outcomes, and one that throws is counted and no more", () => {
  const sink = new RecordingSink();
  const model = new MonitoredModel(describe("m"), "task: off");
  const heard: number[] = [];
  const quality: ModelPart = { name: "quality", outcomes: sink, report() {} };
  const throwing: ModelPart = {
    name: "anomalies",
    onOutcome() {
      throw new Error("by the test");
    },
    report() {},
  };
  const listening: ModelPart = {
    name: "anomalies",
    onOutcome: (_prediction, truth) => void heard.push(Number(truth)),
    report() {},
  };
  const monitor = new ModelMonitor(model.context, [() => quality, () => throwing, () => listening]);
  monitor.outcomes?.record(prediction, 1, 1, 0);
  assert.deepEqual(heard, [1]);
  assert.equal(sink.outcomes.length, 1);
  assert.deepEqual(model.dropped, ["anomalies exception 1"]);
});
