import assert from "node:assert/strict";
import { it } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import { type AnswerSource, type InferenceResponse, noParameters, type Reply } from "../../src/inference.ts";
import { ChunkedModel } from "../../src/runtime/chunked-model.ts";
import { responses } from "../../src/runtime/model.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeModel } from "../support/fake-repository.ts";
import { RecordingObserver } from "../support/recording-observer.ts";
import { contextOf, floats, requestOf, valuesOf } from "../support/runtime-requests.ts";

const request = requestOf([floats("x", [1])]);
const wholeOf = (...values: number[]): InferenceResponse => ({
  modelName: "m",
  modelVersion: "1",
  id: "",
  parameters: noParameters,
  outputs: [floats("y", values)],
});
const optionsOf = (observers = new RecordingObserver()) => ({
  chunking: { axis: 0, size: 1 },
  clock: new FakeClock(),
  observers,
});

/** A reply that takes everything, and can be without a source. */
class PlainReply implements Reply {
  readonly values: number[] = [];
  readonly finals: boolean[] = [];
  error: InferenceError | undefined;
  source: AnswerSource | undefined;
  readonly respondFrom?: (source: AnswerSource) => void;

  constructor(takesSource: boolean) {
    if (takesSource) this.respondFrom = (source) => (this.source = source);
  }
  respond(response: InferenceResponse, isFinal: boolean): void {
    this.values.push(...response.outputs.flatMap(valuesOf));
    this.finals.push(isFinal);
  }
  fail(error: InferenceError): void {
    this.error = error;
  }
}

it("makes answers only when they are asked for", () => {
  const inner = new FakeModel("m", ({ reply }) => reply.respond(wholeOf(1, 2, 3), true));
  const observers = new RecordingObserver();
  const reply = new PlainReply(true);
  new ChunkedModel(inner, optionsOf(observers)).infer(request, contextOf(), reply);
  assert.equal(observers.decoupledAnswers.length, 0);
  assert.deepEqual(valuesOf(reply.source!.next()!.response.outputs[0]!), [1]);
  assert.equal(observers.decoupledAnswers.length, 1);
});

it("gives all answers at once to a reply without sources", () => {
  const inner = new FakeModel("m", ({ reply }) => reply.respond(wholeOf(1, 2, 3), true));
  const reply = new PlainReply(false);
  new ChunkedModel(inner, optionsOf()).infer(request, contextOf(), reply);
  assert.deepEqual(reply.values, [1, 2, 3]);
  assert.deepEqual(reply.finals, [false, false, true]);

  const nothing = new PlainReply(false);
  const silent = new FakeModel("m", ({ reply }) => reply.respond(wholeOf(), true));
  new ChunkedModel(silent, optionsOf()).infer(request, contextOf(), nothing);
  assert.equal(nothing.error?.message, "expected a single response, got 0");
});

it("hands on failures, and fails where the outputs cannot be cut", () => {
  const failing = new FakeModel("m", ({ reply }) => reply.fail(new InferenceError("runtime", "broken")));
  const reply = new PlainReply(true);
  new ChunkedModel(failing, optionsOf()).infer(request, contextOf(), reply);
  assert.equal(reply.error?.message, "broken");

  const observers = new RecordingObserver();
  const scalar = { ...wholeOf(), outputs: [{ ...floats("y", [1]), shape: [] }] };
  const uncut = new PlainReply(true);
  const model = new ChunkedModel(new FakeModel("m", ({ reply }) => reply.respond(scalar, true)), optionsOf(observers));
  model.infer(request, contextOf(), uncut);
  assert.match(uncut.error?.message ?? "", /no dimension 0/);
  assert.deepEqual(observers.decoupledAnswers, [{ index: 0, outcome: "fail", computeOutputMs: 0, sinceArrivalMs: 0 }]);
});

it("is an AsyncIterable like every model", async () => {
  const inner = new FakeModel("m", ({ reply }) => reply.respond(wholeOf(4, 5), true));
  const all: number[] = [];
  for await (const { outputs } of responses(new ChunkedModel(inner, optionsOf()), request, contextOf())) {
    all.push(...valuesOf(outputs[0]!));
  }
  assert.deepEqual(all, [4, 5]);
});
