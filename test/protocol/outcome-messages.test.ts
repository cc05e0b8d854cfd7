import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import protobuf from "protobufjs";
import "protobufjs/ext/descriptor.js"; // adds Root.fromDescriptor
import {
  maxOutcomeBytes,
  maxReportedOutcomes,
  type Outcome,
  type OutcomeResult,
  outcomeStatuses,
} from "../../src/outcome.ts";
import { descriptorSet } from "../../src/protocol/definitions.ts";
import {
  decodeOutcome,
  encodeReport,
  encodeStreamOutcome,
  outcomeOfStream,
  splitReport,
} from "../../src/protocol/outcome-messages.ts";
import {
  decodeReportResults,
  decodeStreamResult,
  encodeStreamResult,
  ReportResponseWriter,
} from "../../src/protocol/outcome-results.ts";

const root = protobuf.Root.fromDescriptor(descriptorSet(), { keepCase: true });
const typeOf = (name: string) => root.lookupType(`sluice.monitor.v1.${name}`);
const encodeByLibrary = (name: string, message: object) =>
  Buffer.from(typeOf(name).encode(typeOf(name).fromObject(message)).finish());
const decodeByLibrary = (name: string, bytes: Buffer) =>
  typeOf(name).toObject(typeOf(name).decode(bytes), { longs: Number, enums: String, bytes: Buffer });

/** The outcomes of a report, all at once. */
const split = (bytes: Buffer) => {
  const outcomes = splitReport(bytes);
  return Array.from({ [Symbol.iterator]: () => outcomes });
};

/** A response written in pieces of three results. */
function encodeResults(results: readonly OutcomeResult[]): Buffer {
  const writer = new ReportResponseWriter();
  for (let start = 0; start < results.length; start += 3) writer.add(results.slice(start, start + 3));
  return writer.end();
}

const number = fc.double({ noNaN: true, noDefaultInfinity: false });
const prediction = fc.oneof(
  fc.record({ predictionId: fc.string({ unit: "grapheme" }) }),
  fc.record({ predictionToken: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) }),
  fc.constant({}),
);
const truth = fc.oneof(
  fc.record({ classIndex: fc.integer({ min: 0, max: 0xffffffff }) }),
  fc.record({ label: fc.string({ unit: "grapheme" }) }),
  fc.record({ value: number }),
  fc.record({ values: fc.array(number) }),
  fc.constant({}),
);
const rest = fc.record(
  {
    row: fc.integer({ min: 0, max: 0xffffffff }),
    observedAtMs: fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
    weight: number,
    isCorrection: fc.boolean(),
    modelName: fc.string(),
    modelVersion: fc.string(),
  },
  { requiredKeys: [] },
);
const outcomes = fc
  .tuple(prediction, truth, rest)
  .map((parts): Outcome => Object.assign({ row: 0, isCorrection: false, modelName: "", modelVersion: "" }, ...parts));

/** What is not on the wire is its default. */
const plain = (outcome: Outcome) => {
  const { row = 0, isCorrection = false, modelName = "", modelVersion = "", ...others } = outcome;
  const given = Object.entries(others).filter(([, value]) => value !== undefined);
  return { row, isCorrection, modelName, modelVersion, ...Object.fromEntries(given) };
};

test("outcomes come back as they were sent, alone and many in a report", () => {
  fc.assert(
    fc.property(fc.array(outcomes, { maxLength: 5 }), (all) => {
      const report = encodeReport(all);
      assert.deepEqual(split(report).map(decodeOutcome).map(plain), all);
      for (const outcome of all) {
        assert.deepEqual(plain(decodeOutcome(outcomeOfStream(encodeStreamOutcome(outcome)))), outcome);
      }
    }),
  );
});

test("protobufjs reads our outcomes, and we read those of protobufjs", () => {
  fc.assert(
    fc.property(outcomes, (outcome) => {
      const report = encodeReport([outcome]);
      const [read] = decodeByLibrary("ReportOutcomesRequest", report).outcomes;
      assert.equal(read.prediction_id, outcome.predictionId);
      assert.deepEqual(read.prediction_token, outcome.predictionToken);
      assert.equal(read.class_index, outcome.classIndex);
      assert.equal(read.label, outcome.label);
      assert.equal(read.value, outcome.value);
      assert.deepEqual(read.values?.values ?? (read.values && []), outcome.values);
      assert.equal(read.weight, outcome.weight);
      assert.equal(read.row ?? 0, outcome.row);
      assert.equal(read.correction ?? false, outcome.isCorrection);
      const written = encodeByLibrary("ReportOutcomesRequest", { outcomes: [read] });
      assert.deepEqual(split(written).map(decodeOutcome).map(plain), [outcome]);
    }),
  );
});

test("results come back as they were sent, and protobufjs reads them with their counts", () => {
  const result = fc.record(
    { status: fc.constantFrom(...outcomeStatuses), message: fc.string({ unit: "grapheme" }) },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(result, { maxLength: 20 }), fc.maxSafeNat(), (results, index) => {
      const bytes = encodeResults(results);
      assert.deepEqual(decodeReportResults(bytes), results);
      const read = decodeByLibrary("ReportOutcomesResponse", bytes);
      const counted = new Map(
        (read.counts ?? []).map((entry: { status?: string; count: number }) => [entry.status, entry.count]),
      );
      for (const status of outcomeStatuses.slice(1)) {
        const expected = results.filter((one) => one.status === status).length;
        assert.equal(counted.get(`OUTCOME_STATUS_${status}`) ?? 0, expected);
      }
      const [first] = results;
      if (first === undefined) return;
      assert.deepEqual(decodeStreamResult(encodeStreamResult(index, first)), { index, result: first });
      assert.equal(decodeByLibrary("StreamOutcomesResponse", encodeStreamResult(index, first)).index ?? 0, index);
    }),
  );
});

test("of several members of a oneof the last counts, packed or not makes no difference", () => {
  const bytes = Buffer.concat([
    encodeByLibrary("Outcome", { prediction_id: "a", class_index: 3 }),
    encodeByLibrary("Outcome", { prediction_token: Buffer.from("b") }),
    Buffer.from([0x3a, 9, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]), // values { 1.0 }, not packed
  ]);
  const { predictionId, predictionToken, classIndex, values } = decodeOutcome(bytes);
  assert.deepEqual(
    { predictionId, predictionToken, classIndex, values },
    {
      predictionId: undefined,
      predictionToken: Buffer.from("b"),
      classIndex: undefined,
      values: [1],
    },
  );
});

test("too many outcomes, too large ones and bytes that are none are refused", () => {
  const many = (count: number) => encodeReport(Array.from({ length: count }, () => ({})));
  assert.equal(split(many(maxReportedOutcomes)).length, maxReportedOutcomes);
  assert.throws(() => split(many(maxReportedOutcomes + 1)), /more than 10000 outcomes/);
  assert.throws(() => decodeOutcome(Buffer.alloc(maxOutcomeBytes + 1)), /65537 bytes, at most 65536/);
  assert.throws(() => decodeOutcome(Buffer.from([0x0a, 5, 0])), /malformed Outcome/);
  assert.throws(() => split(Buffer.from([0x0a, 5, 0])), /malformed ReportOutcomesRequest/);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
      try {
        decodeOutcome(Buffer.from(noise));
      } catch (error) {
        assert.match(String(error), /InferenceError: malformed Outcome/);
      }
    }),
  );
});

test("a report is not read beyond the most outcomes, a stream's message not at all when it is too large for one", () => {
  const none = Buffer.from([0x0a, 0xff]);
  const many = encodeReport(Array.from({ length: maxReportedOutcomes + 1 }, () => ({})));
  assert.throws(() => split(Buffer.concat([many, none])), /more than 10000 outcomes/);
  const flood = Buffer.concat([Buffer.alloc(2 * maxOutcomeBytes, Buffer.from([0x0a, 0])), none]);
  assert.throws(() => decodeOutcome(outcomeOfStream(flood)), /131074 bytes, at most 65536/);
  const largest = { predictionToken: Buffer.alloc(maxOutcomeBytes - 4) };
  assert.deepEqual(decodeOutcome(outcomeOfStream(encodeStreamOutcome(largest))), {
    predictionId: undefined,
    ...largest,
  });
});

test("what no message can carry is refused before it is sent", () => {
  assert.throws(() => encodeReport([{ row: -1 }]), /row of an outcome is -1/);
  assert.throws(() => encodeReport([{ classIndex: 0.5 }]), /classIndex of an outcome is 0.5/);
  assert.throws(() => encodeReport([{ observedAtMs: Number.NaN }]), /observedAtMs of an outcome is NaN/);
});
