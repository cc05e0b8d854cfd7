import assert from "node:assert/strict";
import { it } from "node:test";
import { InferenceError, type Reason } from "../../src/errors.ts";
import type { BatchRecord } from "../../src/runtime/observer.ts";
import { maxAnswerPlaces, StatisticsCollector } from "../../src/runtime/statistics.ts";
import { contextOf, echoDescription, entryOf } from "../support/runtime-requests.ts";

const model = echoDescription();

function collect(wallClockMs = () => 5) {
  return new StatisticsCollector("m", "1", wallClockMs);
}

/** A request of these rows that arrived at 1000 and ended 50 ms later. */
function record(rows: number, reason?: Reason) {
  const entry = Object.assign(entryOf({ rows }), {
    queuedMs: 1_001,
    takenMs: 1_011,
    computeInputMs: 2,
    computeInferMs: 30,
    computeOutputMs: 0.5,
    endedMs: 1_050,
    error: reason === undefined ? undefined : new InferenceError(reason, ""),
  });
  assert.equal(entry.context.arrivalTimeMs, contextOf().arrivalTimeMs);
  return entry;
}

function batch(rows: number, error?: InferenceError): BatchRecord {
  const times = { computeInputMs: 1, computeInferMs: 2, computeOutputMs: 3 };
  return { rows, padding: 1, reason: "full", takenMs: 0, endedMs: 6, ...times, error, requests: [] };
}

it("counts requests and inferences, with their times in nanoseconds", () => {
  const collector = collect();
  collector.onEnd(model, record(3));
  collector.onEnd(model, record(1));
  const { inferenceCount, success, fail, queue, computeInput, computeInfer, computeOutput } = collector.statistics;
  assert.equal(inferenceCount, 4);
  assert.deepEqual(success, { count: 2, ns: 100e6 });
  assert.deepEqual(fail, { count: 0, ns: 0 });
  assert.deepEqual(queue, { count: 2, ns: 20e6 });
  assert.deepEqual([computeInput.ns, computeInfer.ns, computeOutput.ns], [4e6, 60e6, 1e6]);
});

it("counts a failure once and nothing else of it; what does not fit the model is no request of it", () => {
  const collector = collect();
  collector.onEnd(model, record(3, "runtime"));
  collector.onEnd(model, record(3, "invalid"));
  const { inferenceCount, success, fail, queue } = collector.statistics;
  assert.deepEqual([inferenceCount, success.count, queue.count], [0, 0, 0]);
  assert.deepEqual(fail, { count: 1, ns: 50e6 });
});

it("counts each execution once under its rows, and failed ones not at all", () => {
  let now = 7;
  const collector = collect(() => now);
  for (const rows of [4, 4, 1]) collector.onBatch(model, batch(rows));
  now = 9;
  collector.onBatch(model, batch(4, new InferenceError("runtime", "")));
  const { executionCount, lastInferenceMs, batches } = collector.statistics;
  assert.deepEqual([executionCount, lastInferenceMs], [3, 7]);
  assert.deepEqual(
    [...batches.values()].map(({ batchSize, computeInput, computeInfer, computeOutput }) => [
      batchSize,
      computeInput,
      computeInfer.ns,
      computeOutput.ns,
    ]),
    [
      [4, { count: 2, ns: 2e6 }, 4e6, 6e6],
      [1, { count: 1, ns: 1e6 }, 2e6, 3e6],
    ],
  );
});

it("takes no time as negative", () => {
  const collector = collect();
  collector.onEnd(model, Object.assign(record(1), { takenMs: 0 }));
  assert.equal(collector.statistics.queue.ns, 0);
});

it("counts the answers of a decoupled model by their place, the run to the first", () => {
  const collector = collect();
  const decoupled = { ...model, config: { model_transaction_policy: { decoupled: true } } };
  const answer = (index: number, outcome: "success" | "fail" | "empty" | "cancel") =>
    collector.onDecoupledAnswer(decoupled, { index, outcome, computeOutputMs: 2, sinceArrivalMs: 3 });
  collector.onEnd(decoupled, record(1));
  answer(0, "success");
  answer(1, "success");
  answer(2, "cancel");
  collector.onEnd(decoupled, record(1));
  answer(0, "empty");
  answer(0, "fail");
  answer(10_000, "success");
  const { answers } = collector.statistics;
  assert.deepEqual(answers.get(0)?.computeInfer, { count: 2, ns: 30e6 });
  assert.deepEqual(answers.get(0)?.success, { count: 1, ns: 32e6 });
  assert.deepEqual(answers.get(0)?.emptyResponse, { count: 1, ns: 30e6 });
  assert.deepEqual(answers.get(0)?.fail, { count: 1, ns: 2e6 });
  assert.deepEqual(answers.get(1)?.success, { count: 1, ns: 2e6 });
  assert.deepEqual(answers.get(2)?.cancel, { count: 1, ns: 2e6 });
  assert.deepEqual([...answers.keys()], [0, 1, 2, maxAnswerPlaces - 1]);
});
