import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferenceError } from "../../../../src/errors.ts";
import type { InferenceResponse } from "../../../../src/inference.ts";
import type { ModelQuestion } from "../../../../src/monitor/ask-model.ts";
import { createAnomalyPart } from "../../../../src/monitor/evaluate/anomaly/anomaly-part.ts";
import { maxSampledBytes } from "../../../../src/monitor/evaluate/anomaly/model-score-part.ts";
import type { AnsweredRequest } from "../../../../src/runtime/annotator.ts";
import type { Tensor } from "../../../../src/tensor.ts";
import { describe as modelOf } from "../../../support/fake-repository.ts";
import { MonitoredModel } from "../../../support/monitored-model.ts";
import { contextOf, floats, requestOf, valuesOf } from "../../../support/runtime-requests.ts";

/** A model `m` whose rows another model scores, as the test answers. */
class Subject {
  readonly asked: { readonly question: ModelQuestion; readonly inputs: readonly Tensor[] }[] = [];
  readonly model: MonitoredModel;
  readonly part;
  answer: (inputs: readonly Tensor[]) => Promise<readonly Tensor[]> = async ([x]) => [
    floats(
      "scores",
      valuesOf(x!).map((value) => -value),
    ),
  ];

  constructor(yaml = "anomaly: {name: forest, output: scores, lowIsAnomalous: true}", description = modelOf("m")) {
    this.model = new MonitoredModel(description, yaml);
    const ask = async (question: ModelQuestion): Promise<InferenceResponse> => {
      const inputs = question.inputs(["features"]);
      this.asked.push({ question, inputs });
      return this.model.responseOf(await this.answer(inputs));
    };
    this.part = createAnomalyPart({ ...this.model.context, ask });
  }

  request(values: readonly number[], isOwn = false): Promise<unknown> {
    const answered: AnsweredRequest = {
      model: this.model.context.description,
      request: requestOf([floats("x", values)]),
      context: { ...contextOf(), isOwn },
      rows: values.length,
      response: this.model.responseOf([]),
      isOver: false,
    };
    return Promise.resolve(this.part.annotators![0]!.annotate(answered));
  }

  get note(): string {
    return this.model.report(this.part).anomalies.note;
  }

  async settle(): Promise<void> {
    await new Promise(setImmediate);
  }
}

describe("a model as detector", () => {
  it("gets the rows of a request that asks for scores, under its own input's name", async () => {
    const subject = new Subject();
    const annotation = (await subject.request([1, 2, 3])) as { output: Tensor };
    assert.deepEqual(valuesOf(annotation.output), [1, 2, 3]);
    assert.deepEqual([annotation.output.name, annotation.output.shape], ["sluice_anomaly_score", [3]]);
    const [{ question, inputs }] = subject.asked as [Subject["asked"][0]];
    assert.deepEqual([question.modelName, question.outputs, question.timeoutMs], ["forest", ["scores"], 50]);
    assert.deepEqual(
      inputs.map(({ name }) => name),
      ["features"],
    );
  });

  it("keeps its own copy of the rows", async () => {
    const subject = new Subject();
    const input = floats("x", [5]);
    subject.model.answer(subject.part, [input], []);
    (input.data as Uint8Array).fill(0);
    await subject.settle();
    assert.deepEqual(valuesOf(subject.asked[0]!.inputs[0]!), [5]);
  });

  it("scores some rows by itself, at most so many a second, and learns what is unusual", async () => {
    const subject = new Subject();
    for (let i = 0; i < 8000; i++) {
      subject.model.answer(subject.part, [floats("x", [i % 100])], [], 5);
      if (i % 3 === 0) await subject.settle();
    }
    await subject.settle();
    const { anomalies } = subject.model.report(subject.part);
    assert.ok(subject.asked.length <= 100 + 40 * 100, `${subject.asked.length} questions in 40 s`);
    assert.ok(subject.asked.length > 1000);
    assert.equal(anomalies.detector, "forest");
    assert.ok(anomalies.threshold >= 97 && anomalies.threshold <= 99, `${anomalies.threshold}`);
    assert.ok(anomalies.anomalous_share! < 0.05);
  });

  it("that fails leaves rows without score, says so once, and comes back", async () => {
    const subject = new Subject();
    const works = subject.answer;
    subject.answer = () =>
      Promise.reject(new InferenceError("not_found", "Request for unknown model: 'forest' is not found"));
    for (let i = 0; i < 3; i++) {
      subject.model.answer(subject.part, [floats("x", [1])], [], 100);
      await subject.settle();
    }
    assert.equal(await subject.request([1]), undefined);
    assert.equal(subject.model.logged.length, 1);
    assert.deepEqual(subject.model.dropped, new Array(3).fill("anomalies unavailable 1"));
    assert.match(subject.note, /'forest' does not answer: .*not found/);
    subject.answer = works;
    subject.model.answer(subject.part, [floats("x", [1])], [], 100);
    await subject.settle();
    assert.equal(subject.note, "");
  });

  it("gets 64 rows of a larger request, others each time", async () => {
    const subject = new Subject();
    const rows = floats(
      "x",
      Array.from({ length: 1000 }, (_, i) => i),
    );
    for (let i = 0; i < 3; i++) {
      subject.model.answer(subject.part, [rows], [], 1000);
      await subject.settle();
    }
    const taken = subject.asked.map(({ inputs }) => valuesOf(inputs[0]!));
    assert.equal(taken.length, 3);
    for (const values of taken)
      assert.deepEqual(
        values,
        Array.from({ length: 64 }, (_, i) => values[0]! + i),
      );
    assert.equal(new Set(taken.map(([first]) => first)).size, 3);
  });

  it("is not asked more while it does not answer", async () => {
    const subject = new Subject();
    const never = Promise.withResolvers<readonly Tensor[]>();
    subject.answer = () => never.promise;
    for (let i = 0; i < 20; i++) subject.model.answer(subject.part, [floats("x", [1])], [], 100);
    assert.equal(subject.asked.length, 4);
  });

  it("is asked about no more than 64 MiB of rows at a time", async () => {
    const subject = new Subject();
    const never = Promise.withResolvers<readonly Tensor[]>();
    subject.answer = () => never.promise;
    const many = new Array<number>(2 ** 23).fill(0); // 32 MiB
    void subject.request(many);
    void subject.request(many);
    assert.equal(await subject.request([1]), undefined);
    assert.match(subject.note, /rows of 67108864 bytes wait already/);
    never.resolve([]);
    await subject.settle();
    subject.answer = async () => [floats("scores", [3])];
    assert.notEqual(await subject.request([1]), undefined);
  });

  it("refuses answers that are not one number a row", async () => {
    const subject = new Subject();
    subject.answer = async () => [floats("scores", [1, 2])];
    assert.equal(await subject.request([1]), undefined);
    assert.match(subject.note, /'scores' of shape \[2,1\] for 1 rows, expected one number a row/);
    subject.answer = async () => [{ ...floats("scores", [1]), datatype: "INT64" }];
    assert.equal(await subject.request([1]), undefined);
    assert.match(subject.note, /no floating-point output/);
  });

  it("does not score what the server asks by itself, whatever it asks for", async () => {
    const subject = new Subject();
    assert.equal(await subject.request([1], true), undefined);
    const record = subject.model.recordOf([floats("x", [1])]);
    Object.assign(record.context, { isOwn: true });
    subject.part.onAnswer?.(record, subject.model.responseOf([]), subject.model.clock.nowMs());
    assert.equal(subject.asked.length, 0);
  });

  it("that fails now and then fills no log", async () => {
    const subject = new Subject();
    const works = subject.answer;
    for (let i = 0; i < 20; i++) {
      subject.answer = i % 2 === 0 ? () => Promise.reject(new Error("slow")) : works;
      subject.model.answer(subject.part, [floats("x", [1])], [], 100);
      await subject.settle();
    }
    assert.equal(subject.asked.length, 20);
    assert.equal(subject.model.logged.length, 1);
    subject.part.onBlockEnd?.(0);
    subject.answer = () => Promise.reject(new Error("slow"));
    await subject.request([1]);
    assert.equal(subject.model.logged.length, 2);
  });

  it("gets rows of large and small requests alike", async () => {
    const subject = new Subject();
    for (let i = 0; i < 20_000; i++) {
      const isLarge = i % 40 === 0;
      subject.model.answer(
        subject.part,
        [floats("x", new Array<number>(isLarge ? 40 : 1).fill(Number(isLarge)))],
        [],
        1,
      );
      await subject.settle();
    }
    const scored = subject.asked.flatMap(({ inputs }) => valuesOf(inputs[0]!));
    const ofLarge = scored.reduce((sum, value) => sum + value, 0) / scored.length;
    assert.ok(scored.length > 1000 && scored.length < 2200, `${scored.length} rows in 20 s`);
    assert.ok(Math.abs(ofLarge - 40 / 79) < 0.1, `${ofLarge} of them from large requests`);
  });

  it("gets as many rows of wide ones as do not make a copy large", async () => {
    const subject = new Subject();
    const width = maxSampledBytes / 4 / 3;
    const [rows, columns] = [64, Math.floor(width)];
    const wide = { ...floats("x", new Array<number>(rows * columns).fill(0)), shape: [rows, columns] };
    subject.model.answer(subject.part, [wide], [], 1000);
    await subject.settle();
    assert.deepEqual(subject.asked[0]!.inputs[0]!.shape, [3, columns]);
  });

  it("is another model", () => {
    assert.throws(() => new Subject("anomaly: {name: m}"), /the model itself, expected another one/);
  });
});
