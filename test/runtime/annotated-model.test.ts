import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import { type InferenceRequest, noParameters, type Parameters } from "../../src/inference.ts";
import { AnnotatedModel } from "../../src/runtime/annotated-model.ts";
import type { Annotation, Annotator, AnsweredRequest } from "../../src/runtime/annotator.ts";
import type { Tensor } from "../../src/tensor.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type Asked, FakeModel, describe as modelOf } from "../support/fake-repository.ts";
import { contextOf, floats, RecordingReply, requestOf, valuesOf } from "../support/runtime-requests.ts";

const scoreOf = (values: readonly number[]): Annotation => ({ output: floats("sluice_score", values) });

const scorer = (
  annotate: (answered: AnsweredRequest) => ReturnType<Annotator["annotate"]>,
  partial: Partial<Annotator> = {},
): Annotator => ({
  monitor: "anomaly",
  output: "sluice_score",
  neededOutputs: [],
  timeoutMs: 100,
  annotate,
  ...partial,
});

/** A model of outputs a, b, c that answers at once, and its annotators. */
class Subject {
  readonly clock = new FakeClock();
  readonly leftOut: string[] = [];
  readonly inner: FakeModel;
  readonly model: AnnotatedModel;

  constructor(annotators: readonly Annotator[], behaviour?: (asked: Asked) => void) {
    const output = (name: string) => ({ name, datatype: "FP32", dims: [1] }) as const;
    const signature = {
      inputs: [output("x")],
      outputs: [output("a"), output("b"), output("c")],
      maxBatchSize: 8,
    };
    this.inner = new FakeModel("m", behaviour ?? answer, modelOf("m", { signature }));
    this.model = new AnnotatedModel(this.inner, {
      clock: this.clock,
      annotators: {
        of: () => annotators,
        onLeftOut: (_model, { monitor }, reason) => this.leftOut.push(`${monitor} ${reason}`),
      },
    });
  }

  ask(outputs: readonly string[], parameters: Parameters = noParameters, deadlineMs = Number.POSITIVE_INFINITY) {
    const reply = new RecordingReply();
    this.model.infer(requestOf([floats("x", [7, 8])], { outputs, parameters }), contextOf({ deadlineMs }), reply);
    return reply;
  }

  /** The outputs that the model itself was asked for. */
  get asked(): readonly string[] {
    return namesOf(this.inner.asked[0]!.request.requestedOutputs);
  }
}

const namesOf = (named: readonly { readonly name: string }[]) => named.map(({ name }) => name);

/** Each output holds its place in the alphabet. */
function answer({ request, reply }: Asked): void {
  reply.respond(responseTo(request), true);
}

function responseTo(request: InferenceRequest) {
  const names = request.requestedOutputs.length === 0 ? ["a", "b", "c"] : namesOf(request.requestedOutputs);
  const outputs = names.map((name): Tensor => floats(name, [name.charCodeAt(0) - 96, 0]));
  return { modelName: "m", modelVersion: "1", id: request.id, parameters: noParameters, outputs };
}

describe("an answer", () => {
  it("fetches what an annotator needs also where an output is asked for twice", () => {
    let seen: readonly string[] = [];
    const named = (answered: AnsweredRequest) => {
      seen = namesOf(answered.response.outputs);
      return scoreOf([1, 1]);
    };
    const subject = new Subject([scorer(named, { neededOutputs: ["b"] })]);
    const { response } = subject.ask(["a", "a", "sluice_score"]);
    assert.deepEqual(seen, ["a", "a", "b"]);
    assert.deepEqual(namesOf(response!.outputs), ["a", "a", "sluice_score"]);
  });

  it("carries what is asked for, in its place", () => {
    const subject = new Subject([scorer(({ rows }) => scoreOf([rows, rows]))]);
    const { response } = subject.ask(["b", "sluice_score", "a"]);
    assert.deepEqual(namesOf(response!.outputs), ["b", "sluice_score", "a"]);
    assert.deepEqual(valuesOf(response!.outputs[1]!), [2, 2]);
    assert.deepEqual(valuesOf(response!.outputs[2]!), [1, 0]);
    assert.deepEqual(subject.asked, ["b", "a"]);
  });

  it("is the model's own where nothing is asked for", () => {
    const subject = new Subject([scorer(() => assert.fail("nobody asked"), { parameter: "sluice_id" })]);
    subject.ask([]);
    subject.ask(["c"], new Map([["other", 1]]));
    assert.deepEqual(
      subject.inner.asked.map(({ reply }) => reply instanceof RecordingReply),
      [true, true],
    );
  });

  it("leaves an output that nobody adds to the model to refuse", () => {
    const subject = new Subject([]);
    subject.ask(["sluice_score"]);
    assert.deepEqual(subject.asked, ["sluice_score"]);
  });

  it("has nothing of what annotators need beside what was asked for", () => {
    const seen: (readonly string[])[] = [];
    const annotate = ({ response }: AnsweredRequest) => {
      seen.push(namesOf(response.outputs));
      return scoreOf([1, 2]);
    };
    const subject = new Subject([scorer(annotate, { neededOutputs: ["c", "b"] })]);
    assert.deepEqual(namesOf(subject.ask(["b", "sluice_score"]).response!.outputs), ["b", "sluice_score"]);
    assert.deepEqual(seen, [["b", "c"]]);
  });

  it("holds the annotation alone when nothing else is asked for, from one output of the model", () => {
    const subject = new Subject([scorer(() => scoreOf([1, 2]))]);
    assert.deepEqual(namesOf(subject.ask(["sluice_score"]).response!.outputs), ["sluice_score"]);
    assert.deepEqual(subject.asked, ["a"]);
  });

  it("carries parameters, asked for by a parameter, beside all outputs", () => {
    const annotator: Annotator = {
      monitor: "quality",
      parameter: "sluice_id",
      neededOutputs: ["a"],
      timeoutMs: 1,
      annotate: () => ({ parameters: new Map([["sluice_id", "7"]]) }),
    };
    const { response } = new Subject([annotator]).ask([], new Map([["sluice_id", ""]]));
    assert.deepEqual(namesOf(response!.outputs), ["a", "b", "c"]);
    assert.deepEqual([...response!.parameters], [["sluice_id", "7"]]);
  });

  it("goes without what throws or is not there, which is counted", () => {
    const broken = scorer(() => {
      throw new Error("by the test");
    });
    const empty = scorer(() => undefined, { monitor: "quality", output: "sluice_token" });
    const subject = new Subject([broken, empty]);
    const { response } = subject.ask(["sluice_token", "a", "sluice_score"]);
    assert.deepEqual(namesOf(response!.outputs), ["a"]);
    assert.deepEqual(subject.leftOut, ["anomaly failed", "quality unavailable"]);
  });

  it("of another version has no annotations of this one", () => {
    const subject = new Subject([scorer(() => scoreOf([1, 2]))], ({ request, reply }) =>
      reply.respond({ ...responseTo(request), modelVersion: "2" }, true),
    );
    assert.deepEqual(namesOf(subject.ask(["a", "sluice_score"]).response!.outputs), ["a"]);
    assert.deepEqual(subject.leftOut, ["anomaly unavailable"]);
  });

  it("that failed stays a failure", () => {
    const subject = new Subject([scorer(() => scoreOf([1, 2]))], ({ reply }) =>
      reply.fail(new InferenceError("runtime", "by the test")),
    );
    assert.equal(subject.ask(["sluice_score"]).outcome, "runtime");
  });
});

describe("an annotation that takes time", () => {
  it("is awaited together with the others", async () => {
    const slow = Promise.withResolvers<Annotation>();
    const token = scorer(() => ({ output: floats("sluice_token", [5, 6]) }), { output: "sluice_token" });
    const subject = new Subject([scorer(() => slow.promise), token]);
    const reply = subject.ask(["sluice_score", "sluice_token"]);
    assert.equal(reply.outcome, "waiting");
    slow.resolve(scoreOf([3, 4]));
    await slow.promise;
    assert.deepEqual(reply.response!.outputs.map(valuesOf), [
      [3, 4],
      [5, 6],
    ]);
    subject.clock.advance(1_000);
    assert.deepEqual(subject.leftOut, []);
  });

  it("is left out when it comes too late, by its own time or the caller's, and what comes then is dropped", async () => {
    for (const deadlineMs of [Number.POSITIVE_INFINITY, 40]) {
      const slow = Promise.withResolvers<Annotation>();
      let seen: AnsweredRequest | undefined;
      const annotate = (answered: AnsweredRequest) => {
        seen = answered;
        return slow.promise;
      };
      const subject = new Subject([scorer(annotate)]);
      const start = subject.clock.now();
      const reply = subject.ask(["a", "sluice_score"], noParameters, start + deadlineMs);
      subject.clock.advance(Math.min(deadlineMs, 100) - 1);
      assert.equal(reply.outcome, "waiting");
      assert.equal(seen?.isOver, false);
      subject.clock.advance(1);
      assert.deepEqual(namesOf(reply.response!.outputs), ["a"]);
      assert.equal(seen?.isOver, true);
      slow.resolve(scoreOf([1, 2]));
      await slow.promise;
      assert.deepEqual(subject.leftOut, ["anomaly timeout"]);
    }
  });

  it("is left out when it is rejected", async () => {
    const subject = new Subject([scorer(() => Promise.reject(new Error("by the test")))]);
    const reply = subject.ask(["a", "sluice_score"]);
    await new Promise(setImmediate);
    assert.deepEqual(namesOf(reply.response!.outputs), ["a"]);
    assert.deepEqual(subject.leftOut, ["anomaly failed"]);
  });
});
