import assert from "node:assert/strict";
import { test } from "node:test";
import type { Parameters } from "../../../src/inference.ts";
import { OutcomePart } from "../../../src/monitor/outcomes/outcome-part.ts";
import { Outcomes } from "../../../src/monitor/outcomes/outcomes.ts";
import { tokensPerTurn } from "../../../src/monitor/outcomes/prediction-tokens.ts";
import { TokenKeys } from "../../../src/monitor/outcomes/token-keys.ts";
import { predictionIdParameter, predictionTokenOutput } from "../../../src/outcome.ts";
import { elements } from "../../../src/protocol/bytes-elements.ts";
import type { Annotation, AnsweredRequest } from "../../../src/runtime/annotator.ts";
import { describe } from "../../support/fake-repository.ts";
import { RecordingLog } from "../../support/grpc-harness.ts";
import { signatureOf, specOf, tensorOf } from "../../support/monitor-tensors.ts";
import { MonitoredModel } from "../../support/monitored-model.ts";
import { RecordingSink } from "../../support/recording-sink.ts";
import { contextOf, requestOf } from "../../support/runtime-requests.ts";

/** A model of two classes with its part of outcomes, in service. */
class Subject {
  readonly monitored: MonitoredModel;
  readonly outcomes: Outcomes;
  readonly sink = new RecordingSink();
  readonly part: OutcomePart;
  /** Nobody waits for the annotations any more. */
  isOver = false;

  constructor({ yaml = "", isWatched = true, maxPredictionBytes = 2 ** 26, maxMessageBytes = 2 ** 26 } = {}) {
    const outputs = [specOf("other", "FP32", [1]), specOf("probabilities", "FP32", [2], ["no", "yes"])];
    this.monitored = new MonitoredModel({ ...describe("m"), signature: signatureOf(outputs) }, yaml);
    const { registry, clock, context } = this.monitored;
    const keys = new TokenKeys("", new RecordingLog());
    this.outcomes = new Outcomes({ registry, keys, maxPredictionBytes, maxMessageBytes, clock });
    const watched = isWatched ? context : { ...context, task: undefined, predictions: undefined };
    this.part = new OutcomePart(watched, this.outcomes, isWatched ? this.sink : undefined);
    this.part.open();
  }

  /** What the answer to a request of so many rows carries; row i is of class i % 2. */
  annotate(
    rows: number,
    parameters: Parameters,
    hasScores = true,
  ): readonly (Annotation | undefined | Promise<Annotation | undefined>)[] {
    const scores = Array.from({ length: rows }, (_, row) => (row % 2 === 0 ? [0.75, 0.25] : [0.25, 0.75])).flat();
    const response = this.monitored.responseOf(hasScores ? [tensorOf("probabilities", "FP32", [rows, 2], scores)] : []);
    const isOver = () => this.isOver;
    const answered: AnsweredRequest = {
      model: this.monitored.context.description,
      request: { ...requestOf([]), parameters },
      context: contextOf(),
      rows,
      response,
      get isOver() {
        return isOver();
      },
    };
    return this.part.annotators.map((annotator) => annotator.annotate(answered));
  }

  get annotators() {
    return this.part.annotators.map(({ monitor, output, parameter, neededOutputs }) => ({
      monitor,
      output,
      parameter,
      neededOutputs,
    }));
  }
}

const named = (id: string): Parameters => new Map([[predictionIdParameter, id]]);

test("ids and tokens fetch the outputs that tell the prediction, and no others", () => {
  assert.deepEqual(new Subject().annotators, [
    { monitor: "outcomes", output: undefined, parameter: predictionIdParameter, neededOutputs: ["probabilities"] },
    { monitor: "outcomes", output: predictionTokenOutput, parameter: undefined, neededOutputs: ["probabilities"] },
  ]);
});

test("a prediction is kept under its id, and counted as joinable with its token", () => {
  const { part, annotate, outcomes, sink, monitored } = bound(new Subject());
  const [id] = annotate(3, named("order 17")) as Annotation[];
  assert.deepEqual(id, { parameters: named("order 17") });
  assert.equal(outcomes.intake.take({ predictionId: "order 17", row: 2, label: "yes" }).status, "ACCEPTED");
  assert.deepEqual(sink.outcomes, [
    { atMs: monitored.clock.nowMs(), predictedClass: 0, values: [0.75, 0.25], truth: 1, weight: 1 },
  ]);
  const { quality } = monitored.report(part);
  assert.deepEqual(quality.outcomes, [{ status: "OUTCOME_STATUS_ACCEPTED", count: 1 }]);
  assert.equal(quality.joinable_predictions, 6); // three by id, three by token
});

test("every token of a large answer is made, a slice at a time, and joins its own row", async () => {
  const { annotate, outcomes, sink, monitored } = bound(new Subject());
  const rows = 3 * tokensPerTurn + 7;
  const [, pending] = annotate(rows, named(""));
  annotate(1, named("")); // another answer in between turns the reader away
  monitored.clock.turn();
  const made = (await pending)?.output;
  assert.ok(made !== undefined);
  assert.deepEqual([made.name, made.datatype, made.shape], [predictionTokenOutput, "BYTES", [rows]]);
  const tokens = [...elements(made.data)];
  assert.equal(tokens.length, rows);
  assert.equal(new Set(tokens.map((token) => Buffer.from(token).toString("hex"))).size, rows);
  for (const predictionToken of tokens)
    assert.equal(outcomes.intake.take({ predictionToken, classIndex: 0 }).status, "ACCEPTED");
  assert.deepEqual(
    sink.outcomes.map(({ predictedClass }) => predictedClass),
    tokens.map((_, row) => row % 2),
  );
});

test("tokens that nobody waits for any more are not made", async () => {
  const subject = new Subject();
  const [, pending] = subject.annotate(3 * tokensPerTurn, named(""));
  subject.isOver = true;
  subject.monitored.clock.turn();
  assert.equal(await pending, undefined);
});

test("tokens that no answer could carry are not made, nor memory taken for them", () => {
  const { annotate, monitored, part } = bound(new Subject({ maxMessageBytes: 1_000 }));
  const outputs = new Map([10, 20].map((rows) => [rows, annotate(rows, named("a"))[1]]));
  assert.deepEqual((outputs.get(10) as Annotation).output?.shape, [10]);
  assert.equal(outputs.get(20), undefined);
  assert.equal(monitored.report(part).quality.joinable_predictions, 10 + 10); // by id, by token
});

test("an answer without the outputs that tell the prediction has an id that leads nowhere, and no token", () => {
  const { annotate, outcomes } = bound(new Subject());
  assert.deepEqual(annotate(1, named("a"), false), [{ parameters: named("a") }, undefined]);
  assert.equal(outcomes.intake.take({ predictionId: "a", classIndex: 0 }).status, "UNKNOWN");
});

test("a version that is not watched gives ids all the same", () => {
  const { annotate, annotators, outcomes, part, monitored } = bound(new Subject({ isWatched: false }));
  assert.deepEqual(
    annotators.map(({ parameter, neededOutputs }) => [parameter, neededOutputs]),
    [[predictionIdParameter, []]],
  );
  const [id] = annotate(1, named("")) as Annotation[];
  const made = String(id?.parameters?.get(predictionIdParameter));
  assert.match(made, /^sluice-/);
  assert.equal(outcomes.intake.take({ predictionId: made, classIndex: 0 }).status, "UNWATCHED");
  assert.deepEqual(monitored.report(part).quality.outcomes, []);
});

test("predictions that cannot fit refuse the load, those that only do not fit now are counted", () => {
  assert.throws(() => new Subject({ yaml: "quality: { maxPredictions: 100000000 }" }), /--max-prediction-bytes/);
  const { annotate, monitored } = bound(new Subject({ maxPredictionBytes: 1_000 }));
  annotate(2, named("a"));
  assert.deepEqual(monitored.dropped, ["outcomes memory 2"]);
  const reduced = bound(new Subject({ maxPredictionBytes: 1_000_000 }));
  reduced.annotate(2, named("a"));
  assert.deepEqual(
    reduced.monitored.logged.map(({ level, configured }) => [level, configured]),
    [["warn", 100_000]],
  );
});

test("an id that is used twice and rows that must give way are counted by their reason", () => {
  const { annotate, monitored } = bound(new Subject({ yaml: "quality: { maxPredictions: 3 }" }));
  annotate(2, named("a"));
  annotate(2, named("a"));
  annotate(2, named("b"));
  annotate(4, named("c"));
  assert.deepEqual(monitored.dropped, ["outcomes repeated_id 2", "outcomes evicted 2", "outcomes too_many_rows 4"]);
});

test("when the version is gone so are its predictions", () => {
  const { part, annotate, outcomes } = bound(new Subject());
  annotate(1, named("a"));
  assert.ok(outcomes.models.usedBytes > 0);
  part.close();
  assert.equal(outcomes.models.usedBytes, 0);
  assert.equal(outcomes.intake.take({ predictionId: "a", classIndex: 0 }).status, "UNWATCHED");
});

test("a late answer of a load that another has replaced takes no memory, and is counted", () => {
  const { part, annotate, outcomes, monitored } = bound(new Subject());
  part.close();
  assert.deepEqual((annotate(2, named("a"))[0] as Annotation).parameters, named("a"));
  assert.equal(outcomes.models.usedBytes, 0);
  assert.deepEqual(monitored.dropped, ["outcomes stopped 2"]);
});

test("outcomes are counted by model and result", async () => {
  const { annotate, outcomes, monitored } = bound(new Subject());
  annotate(1, named("a"));
  outcomes.intake.take({ predictionId: "a", classIndex: 0 });
  outcomes.intake.take({ predictionId: "b", classIndex: 0 });
  const families = await monitored.registry.collect();
  const points = families.find(({ instrument }) => instrument.name === "sluice.labels.received")?.points ?? [];
  const counted = points.filter(({ value }) => value !== 0).map(({ attributes }) => Object.values(attributes));
  assert.deepEqual(counted.sort(), [
    ["_OTHER", "_OTHER", "unknown"],
    ["m", "1", "accepted"],
  ]);
});

function bound(subject: Subject) {
  const { monitored, outcomes, sink, part, annotators } = subject;
  return { monitored, outcomes, sink, part, annotators, annotate: subject.annotate.bind(subject) };
}
