import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { presentCounts } from "../../../src/monitor/outcomes/outcome-counts.ts";
import { maxClockSkewMs } from "../../../src/monitor/outcomes/outcome-intake.ts";
import { maxReportedTokens } from "../../../src/monitor/outcomes/reported-tokens.ts";
import { randomTokenKey } from "../../../src/monitor/outcomes/token-key.ts";
import type { Outcome } from "../../../src/outcome.ts";
import { OutcomeSubject } from "../../support/outcome-subject.ts";
import { numbers, RecordingSink } from "../../support/recording-sink.ts";

test("the truth of a row is given to its prediction, once", () => {
  const subject = new OutcomeSubject();
  const sink = new RecordingSink();
  const model = subject.open(sink);
  subject.predict(model, "a", 3);
  const predictedMs = subject.nowMs;
  subject.nowMs += 5_000;
  assert.equal(subject.status({ predictionId: "a", row: 1, classIndex: 0 }), "ACCEPTED");
  assert.equal(subject.status({ predictionId: "a", row: 1, classIndex: 0 }), "DUPLICATE");
  assert.equal(subject.status({ predictionId: "a", row: 2, label: "yes", weight: 2.5 }), "ACCEPTED");
  assert.deepEqual(sink.outcomes, [
    { atMs: predictedMs, predictedClass: 1, values: [1, 2], truth: 0, weight: 1 },
    { atMs: predictedMs, predictedClass: 0, values: [2, 3], truth: 1, weight: 2.5 },
  ]);
  assert.deepEqual(presentCounts(model.counts), [
    { status: "ACCEPTED", count: 2 },
    { status: "DUPLICATE", count: 1 },
  ]);
});

test("a correction takes the place of what was reported before, as often as it comes; the first truth may come as one", () => {
  const subject = new OutcomeSubject();
  const sink = new RecordingSink({ layout: numbers(2) });
  subject.predict(subject.open(sink), "a");
  const correct = (values: number[], weight: number) =>
    subject.status({ predictionId: "a", values, weight, isCorrection: true });
  assert.deepEqual(
    [correct([1, 2], 1), correct([3, 4], 2), correct([5, 6], 3)],
    ["ACCEPTED", "CORRECTED", "CORRECTED"],
  );
  assert.deepEqual(
    sink.outcomes.map(({ truth, weight, previous }) => ({ truth, weight, previous })),
    [
      { truth: [1, 2], weight: 1, previous: undefined },
      { truth: [3, 4], weight: 2, previous: { truth: [1, 2], weight: 1 } },
      { truth: [5, 6], weight: 3, previous: { truth: [3, 4], weight: 2 } },
    ],
  );
});

test("a label that several classes share names none of them", () => {
  const subject = new OutcomeSubject();
  const layout = { task: "multiclass", width: 2, labels: ["crane", "dog", "crane"] } as const;
  subject.predict(subject.open(new RecordingSink({ layout })), "a", 2);
  const { status, message } = subject.intake.take({ predictionId: "a", row: 0, label: "crane" });
  assert.equal(status, "INVALID");
  assert.match(message, /'crane' is that of several classes: set class_index/);
  assert.equal(subject.status({ predictionId: "a", row: 0, classIndex: 2 }), "ACCEPTED");
  assert.equal(subject.status({ predictionId: "a", row: 1, label: "dog" }), "ACCEPTED");
});

test("a token is joined without anything kept, and a second report of it is a duplicate", () => {
  const subject = new OutcomeSubject();
  const sink = new RecordingSink();
  subject.open(sink);
  const predictionToken = subject.token(sink);
  subject.nowMs += 1_000;
  assert.equal(subject.status({ predictionToken, label: "no" }), "ACCEPTED");
  assert.equal(subject.status({ predictionToken, label: "no" }), "DUPLICATE");
  assert.equal(subject.status({ predictionToken, label: "yes", isCorrection: true }), "CORRECTED");
  assert.deepEqual(
    sink.outcomes.map(({ predictedClass, values, truth, previous }) => ({ predictedClass, values, truth, previous })),
    [
      { predictedClass: 1, values: [0.5, 1.5], truth: 0, previous: undefined },
      { predictedClass: 1, values: [0.5, 1.5], truth: 1, previous: { truth: 0, weight: 1 } },
    ],
  );
});

test("a token of a server whose clock is ahead is corrected where it was recorded, whatever the time is by then", () => {
  const subject = new OutcomeSubject();
  const sink = new RecordingSink();
  subject.open(sink);
  const toldMs = subject.nowMs;
  subject.nowMs += 90_000;
  const predictionToken = subject.token(sink);
  subject.nowMs = toldMs;
  assert.equal(subject.status({ predictionToken, classIndex: 0 }), "ACCEPTED");
  for (const laterMs of [120_000, 240_000, -5_000]) {
    subject.nowMs = toldMs + laterMs;
    assert.equal(subject.status({ predictionToken, classIndex: 1, isCorrection: true }), "CORRECTED");
  }
  assert.deepEqual(
    sink.outcomes.map(({ atMs }) => atMs),
    [toldMs, toldMs, toldMs, toldMs],
  );
});

test("a token of another server with the same key counts; a restart forgets what was reported", () => {
  const sink = new RecordingSink();
  const predictionToken = new OutcomeSubject().token(sink);
  const replica = new OutcomeSubject({ life: "ba9876543210" });
  replica.open(sink);
  assert.equal(replica.status({ predictionToken, classIndex: 1 }), "ACCEPTED");
  const restarted = new OutcomeSubject();
  restarted.open(sink);
  assert.equal(restarted.status({ predictionToken, classIndex: 1 }), "ACCEPTED");
});

test("the last tokens are remembered and no more", () => {
  const subject = new OutcomeSubject();
  const sink = new RecordingSink();
  subject.open(sink);
  const first = subject.token(sink);
  assert.equal(subject.status({ predictionToken: first, classIndex: 1 }), "ACCEPTED");
  for (let i = 1; i < maxReportedTokens; i++)
    subject.intake.take({ predictionToken: subject.token(sink), classIndex: 1 });
  assert.equal(subject.status({ predictionToken: first, classIndex: 1 }), "DUPLICATE");
  subject.intake.take({ predictionToken: subject.token(sink), classIndex: 1 });
  assert.equal(subject.status({ predictionToken: first, classIndex: 1 }), "ACCEPTED");
});

test("what cannot be joined says why", () => {
  const subject = new OutcomeSubject();
  const sink = new RecordingSink();
  const model = subject.open(sink);
  subject.predict(model, "a", 2);
  const known: Outcome = { predictionId: "a", classIndex: 1 };
  const token = subject.token(sink);
  const stranger = new RecordingSink({ name: "other" });
  const otherLife = new OutcomeSubject({ life: "ba9876543210" }).ids.next();
  const flipped = Buffer.from(token);
  flipped.writeUInt8((flipped[12] as number) ^ 1, 12);
  const cases: readonly (readonly [Outcome, string, RegExp])[] = [
    [{ classIndex: 1 }, "INVALID", /either prediction_id or prediction_token/],
    [{ ...known, predictionToken: token }, "INVALID", /either prediction_id or prediction_token/],
    [{ ...known, predictionId: "" }, "INVALID", /prediction_id is empty/],
    [{ ...known, predictionId: "x".repeat(257) }, "INVALID", /257 characters, at most 256/],
    [{ ...known, row: 2 }, "INVALID", /row is 2, but the prediction has 2 rows/],
    [{ ...known, predictionId: "never" }, "UNKNOWN", /no prediction of this id is known/],
    [{ ...known, predictionId: subject.ids.next() }, "UNKNOWN", /no prediction of this id is known/],
    [{ ...known, predictionId: otherLife }, "FOREIGN", /made by another server/],
    [{ ...known, modelName: "other" }, "UNWATCHED", /model 'other' is not loaded/],
    [{ ...known, modelVersion: "2" }, "UNWATCHED", /./],
    [{ predictionId: "a" }, "INVALID", /no truth is given/],
    [{ ...known, label: "yes" }, "INVALID", /several truths/],
    [{ predictionId: "a", classIndex: 2 }, "INVALID", /class_index is 2, expected 0 to 1/],
    [{ predictionId: "a", label: "maybe" }, "INVALID", /label 'maybe' .*: 'no', 'yes'/],
    [{ predictionId: "a", value: 1 }, "INVALID", /predicts classes/],
    [{ ...known, weight: 0 }, "INVALID", /weight is 0/],
    [{ ...known, weight: 1_000_001 }, "INVALID", /weight is 1000001/],
    [{ ...known, weight: Number.NaN }, "INVALID", /weight is NaN/],
    [{ ...known, observedAtMs: subject.nowMs + maxClockSkewMs + 1_000 }, "INVALID", /61 s in the future/],
    [{ ...known, observedAtMs: subject.nowMs - maxClockSkewMs - 1_000 }, "INVALID", /61 s before the prediction/],
    [{ ...known, observedAtMs: Number.NaN }, "INVALID", /no time/],
    [{ predictionToken: flipped, classIndex: 1 }, "FORGED", /was changed/],
    [{ predictionToken: token.subarray(1), classIndex: 1 }, "FORGED", /none of ours/],
    [{ predictionToken: subject.token(sink, randomTokenKey()), classIndex: 1 }, "FORGED", /--token-key-file/],
    [{ predictionToken: subject.token(stranger), classIndex: 1 }, "UNWATCHED", /model 'other' version 1 is not loaded/],
    [{ predictionToken: token, classIndex: 1, row: 1 }, "INVALID", /names its row by itself/],
    [{ predictionToken: token, classIndex: 1, modelName: "other" }, "INVALID", /not of model 'other'/],
    [{ predictionToken: subject.token(sink, undefined, numbers(1)), value: 1 }, "INVALID", /other classes or outputs/],
  ];
  for (const [outcome, status, message] of cases) {
    const result = subject.intake.take(outcome);
    assert.equal(result.status, status, result.message);
    assert.match(result.message, message);
  }
  assert.equal(sink.outcomes.length, 0);
  assert.equal(subject.heard.length, cases.length);
  assert.equal(subject.status(known), "ACCEPTED");
});

test("a regression takes as many finite numbers as it predicts", () => {
  const subject = new OutcomeSubject();
  const one = subject.open(new RecordingSink({ name: "one", layout: numbers(1) }));
  const two = subject.open(new RecordingSink({ name: "two", layout: numbers(2) }));
  subject.predict(one, "1");
  subject.predict(two, "2");
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.match(
      subject.message({ predictionId: "1", value }),
      /true number 0 is (NaN|Infinity), expected a finite number/,
    );
    assert.match(subject.message({ predictionId: "2", values: [1, value] }), /true number 1 is/);
  }
  assert.match(subject.message({ predictionId: "2", value: 1 }), /1 true numbers are given, the model predicts 2/);
  assert.match(subject.message({ predictionId: "2", label: "x" }), /predicts 2 numbers: set values/);
  assert.match(subject.message({ predictionId: "1", classIndex: 1 }), /predicts a number: set value/);
  assert.equal(subject.status({ predictionId: "1", values: [1] }), "ACCEPTED");
  assert.equal(subject.status({ predictionId: "2", values: Float64Array.of(1, 2) }), "ACCEPTED");
});

test("ten thousand labels that the model has not can be answered within 4 MB, however long labels are", () => {
  const labels = Array.from({ length: 1_000 }, (_, i) => `a class with a long name, number ${i}`);
  const subject = new OutcomeSubject();
  const model = subject.open(new RecordingSink({ layout: { task: "multiclass", width: 0, labels } }));
  subject.predict(model, "a");
  const message = subject.message({ predictionId: "a", label: "z".repeat(10_000) });
  assert.match(message, /^label 'z{32}\.\.\.' is none of .*'a class with a long name, number\.\.\.' and 995 more$/);
  assert.ok(message.length < 400, `${message.length}`);
});

test("after the label horizon a truth comes too late, by id and by token", () => {
  const subject = new OutcomeSubject();
  const sink = new RecordingSink({ labelHorizonMs: 10_000 });
  subject.predict(subject.open(sink), "a", 2);
  const predictionToken = subject.token(sink);
  subject.nowMs += 10_000;
  assert.equal(subject.status({ predictionId: "a", classIndex: 1 }), "ACCEPTED");
  subject.nowMs += 1;
  assert.equal(subject.status({ predictionId: "a", row: 1, classIndex: 1 }), "EXPIRED");
  assert.match(subject.message({ predictionToken, classIndex: 1 }), /label horizon of 10 s/);
});

test("an id of which nothing is kept by choice is told apart from one that nobody knows", () => {
  const subject = new OutcomeSubject();
  const model = subject.open(new RecordingSink(), { sampleRate: 0.5 });
  const statuses = new Map<string, number>();
  for (let i = 0; i < 200; i++) {
    subject.predict(model, `id ${i}`);
    const status = subject.status({ predictionId: `id ${i}`, classIndex: 1 });
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  assert.deepEqual([...statuses.keys()].sort(), ["ACCEPTED", "NOT_SAMPLED"]);
  assert.equal(model.joinableRows, statuses.get("ACCEPTED"));
});

test("an id that two models know needs the model's name", () => {
  const subject = new OutcomeSubject();
  const [one, other] = ["one", "other"].map((name) => new RecordingSink({ name }));
  for (const sink of [one, other] as RecordingSink[]) subject.predict(subject.open(sink), "order 17");
  const outcome: Outcome = { predictionId: "order 17", classIndex: 1 };
  assert.match(subject.message(outcome), /model 'one' version 1 and model 'other' version 1 both/);
  assert.equal(subject.status({ ...outcome, modelName: "other" }), "ACCEPTED");
  assert.equal(one?.outcomes.length, 0);
  assert.equal(other?.outcomes.length, 1);
});

test("a version that is unloaded takes no outcomes, gives its memory back, and leaves the one in its place alone", () => {
  const subject = new OutcomeSubject();
  const sink = new RecordingSink();
  const model = subject.open(sink);
  subject.predict(model, "a");
  const predictionToken = subject.token(sink);
  assert.ok(subject.models.usedBytes > 0);
  const next = subject.open(new RecordingSink());
  subject.models.close(model);
  assert.equal(subject.models.usedBytes, 0);
  assert.equal(subject.status({ predictionId: "a", classIndex: 1 }), "UNKNOWN");
  assert.equal(subject.status({ predictionToken, classIndex: 1 }), "ACCEPTED");
  subject.models.close(next);
  assert.equal(subject.status({ predictionToken, classIndex: 1 }), "UNWATCHED");
  assert.equal(subject.status({ predictionId: "a", classIndex: 1 }), "UNWATCHED");
  assert.equal(subject.models.usedBytes, 0);
});

test("memory is bounded over all models: a store takes half of what is left at most, or nothing and says so", () => {
  const subject = new OutcomeSubject({ maxBytes: 400_000 });
  const small = subject.open(new RecordingSink({ name: "small" }), { maxPredictions: 1_500 });
  const large = subject.open(new RecordingSink({ name: "large" }), { maxPredictions: 1_000_000 });
  const late = subject.open(new RecordingSink({ name: "late" }), { maxPredictions: 2_000 });
  const later = subject.open(new RecordingSink({ name: "later" }), { maxPredictions: 1_000 });
  for (const model of [small, large, late, later]) subject.predict(model, "a");
  assert.ok(subject.models.usedBytes <= 400_000);
  assert.deepEqual(
    [small, large, late, later].map(({ joinableRows }) => joinableRows),
    [1, 1, 0, 0],
  );
  assert.deepEqual(subject.reduced, [1_719]); // (400,000 - 1,500 * 81) / 2 / 81
  assert.deepEqual(subject.drops, [
    { reason: "memory", rows: 1 },
    { reason: "memory", rows: 1 },
  ]);
});

test("a configuration that cannot fit is refused with the value and the limit, the default never", () => {
  const { models } = new OutcomeSubject({ maxBytes: 200_000 });
  const { layout } = new RecordingSink();
  assert.throws(
    () => models.check(layout, { sampleRate: 1, maxPredictions: 1_000_000 }),
    /quality.maxPredictions is 1000000, which takes 81000000 bytes: one model version may take half of the 200000 of --max-prediction-bytes, which is enough for 1234/,
  );
  models.check(layout, { sampleRate: 1, maxPredictions: 1_234 });
  models.check({ task: "multiclass", width: 1_000, labels: [] }, { sampleRate: 1, maxPredictions: 100_000 });
});

test("a model of which no predictions are to be kept keeps none", () => {
  const subject = new OutcomeSubject();
  const model = subject.open(new RecordingSink(), { maxPredictions: 0 });
  subject.predict(model, "a");
  assert.equal(subject.status({ predictionId: "a", classIndex: 1 }), "NOT_SAMPLED");
});

test("a flood of invented ids changes nothing that is kept, and no memory", () => {
  const subject = new OutcomeSubject();
  const sink = new RecordingSink();
  const model = subject.open(sink, { maxPredictions: 100 });
  for (let i = 0; i < 100; i++) subject.predict(model, `real ${i}`);
  const { usedBytes } = subject.models;
  for (let i = 0; i < 50_000; i++) {
    assert.equal(subject.status({ predictionId: `invented ${i}`, classIndex: 1 }), "UNKNOWN");
  }
  assert.equal(subject.models.usedBytes, usedBytes);
  for (let i = 0; i < 100; i++) assert.equal(subject.status({ predictionId: `real ${i}`, classIndex: 1 }), "ACCEPTED");
});

test("labels that come ten times as late as there is room for find no prediction, and memory stays", () => {
  const subject = new OutcomeSubject();
  const model = subject.open(new RecordingSink(), { maxPredictions: 50 });
  const statuses = new Map<string, number>();
  let usedBytes = 0;
  for (let i = 0; i < 1_000; i++) {
    subject.predict(model, `id ${i}`);
    if (i >= 500) {
      const status = subject.status({ predictionId: `id ${i - 500}`, classIndex: 1 });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    if (i === 100) usedBytes = subject.models.usedBytes;
  }
  assert.deepEqual([...statuses], [["UNKNOWN", 500]]);
  assert.equal(subject.models.usedBytes, usedBytes);
  assert.equal(
    subject.drops.filter(({ reason }) => reason === "evicted").reduce((sum, { rows }) => sum + rows, 0),
    950,
  );
});

test("whatever is reported in whatever order, each row counts once, with its last correction", () => {
  const report = fc.record({ id: fc.nat(4), row: fc.nat(3), truth: fc.nat(1), isCorrection: fc.boolean() });
  fc.assert(
    fc.property(fc.array(report, { maxLength: 60 }), (reports) => {
      const subject = new OutcomeSubject();
      const sink = new RecordingSink();
      const model = subject.open(sink);
      for (let id = 0; id <= 3; id++) subject.predict(model, `${id}`, 3);
      const expected = new Map<string, number>();
      for (const { id, row, truth, isCorrection } of reports) {
        const status = subject.status({ predictionId: `${id}`, row, classIndex: truth, isCorrection });
        const key = `${id}/${row}`;
        const wanted =
          id > 3
            ? "UNKNOWN"
            : row > 2
              ? "INVALID"
              : !expected.has(key)
                ? "ACCEPTED"
                : isCorrection
                  ? "CORRECTED"
                  : "DUPLICATE";
        assert.equal(status, wanted);
        if (status === "ACCEPTED" || status === "CORRECTED") expected.set(key, truth);
      }
      const sum = sink.outcomes.reduce(
        (all, { truth, previous }) => all + Number(truth) - Number(previous?.truth ?? 0),
        0,
      );
      assert.equal(
        sum,
        [...expected.values()].reduce((all, truth) => all + truth, 0),
      );
      assert.equal(sink.outcomes.filter(({ previous }) => previous === undefined).length, expected.size);
    }),
  );
});
