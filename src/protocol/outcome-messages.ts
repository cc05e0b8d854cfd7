import { InferenceError } from "../errors.ts";
import { maxOutcomeBytes, maxReportedOutcomes, type Outcome } from "../outcome.ts";
import { WireReader } from "./wire-reader.ts";
import { fieldSize, int64Size, utf8Size, varintSize, WireWriter } from "./wire-writer.ts";

/**
 * The messages of `sluice.monitor.v1` that carry outcomes, by hand: a report of thousands is taken apart without decoding it at once, so that
 * its reader can stop in between, and one outcome that is no message does not spoil the others.
 */

/** Tags of Outcome; `row`, `class_index` and `correction` are varints, `value` and `weight` fixed. */
const outcomeTags = {
  predictionId: 0x0a,
  predictionToken: 0x12,
  row: 0x18,
  classIndex: 0x20,
  label: 0x2a,
  value: 0x31,
  values: 0x3a,
  observedAt: 0x42,
  weight: 0x49,
  correction: 0x50,
  modelName: 0x5a,
  modelVersion: 0x62,
} as const;
const outcomeLastField = 12;
/** TruthValues, packed and not. */
const valuesTags = { packed: 0x0a, single: 0x09 } as const;
const timestampTags = { seconds: 0x08, nanos: 0x10 } as const;
const reportTags = { outcomes: 0x0a } as const;
const streamRequestTags = { outcome: 0x0a } as const;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * The outcomes of a ReportOutcomesRequest, each still encoded: views into the message, made when they are drawn.
 * @throws InferenceError "invalid", before the first is drawn, when it is no such message or has more than {@link maxReportedOutcomes}
 */
export function splitReport(bytes: Buffer): Iterator<Buffer, undefined> {
  let count = 0;
  for (const reader = reportReader(bytes); nextOutcome(reader); count++) {
    if (count === maxReportedOutcomes) throw tooMany();
    reader.position = reader.fieldEnd();
  }
  return drawOutcomes(bytes);
}

/** Does not say how many there are: whoever sends millions of empty ones would have them counted. */
function tooMany(): InferenceError {
  return new InferenceError(
    "invalid",
    `a report has more than ${maxReportedOutcomes} outcomes: send several, or use StreamOutcomes`,
  );
}

function* drawOutcomes(bytes: Buffer): Generator<Buffer, undefined> {
  for (const reader = reportReader(bytes); nextOutcome(reader); ) yield reader.bytesField();
}

function reportReader(bytes: Buffer): WireReader {
  return new WireReader(bytes, "ReportOutcomesRequest");
}

/** Turns to the length of the next outcome; false: there is none. */
function nextOutcome(reader: WireReader): boolean {
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === reportTags.outcomes) return true;
    reader.skip(tag, 1);
  }
  return false;
}

/** Bytes of a StreamOutcomesRequest beside its outcome: tag and length, and fields that a later version may add. */
const streamRequestExtraBytes = 1024;

/**
 * The outcome of a StreamOutcomesRequest, still encoded; one that has none is empty. A message too large for any outcome is not looked into: it
 * stands for its outcome, which {@link decodeOutcome} refuses.
 * @throws InferenceError "invalid"
 */
export function outcomeOfStream(bytes: Buffer): Buffer {
  if (bytes.length > maxOutcomeBytes + streamRequestExtraBytes) return bytes;
  const reader = new WireReader(bytes, "StreamOutcomesRequest");
  let outcome: Buffer = noBytes;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === streamRequestTags.outcome) outcome = reader.bytesField();
    else reader.skip(tag, 1);
  }
  return outcome;
}

const noBytes = Buffer.alloc(0);

/** An Outcome. A token is a view into the message. @throws InferenceError "invalid" */
export function decodeOutcome(bytes: Buffer): Outcome {
  if (bytes.length > maxOutcomeBytes) {
    throw new InferenceError("invalid", `an outcome has ${bytes.length} bytes, at most ${maxOutcomeBytes} are allowed`);
  }
  const reader = new WireReader(bytes, "Outcome");
  const outcome: Writable<Outcome> = {};
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === outcomeTags.predictionId) setPrediction(outcome, reader.string(), undefined);
    else if (tag === outcomeTags.predictionToken) setPrediction(outcome, undefined, reader.bytesField());
    else if (tag === outcomeTags.row) outcome.row = uint32(reader);
    else if (tag === outcomeTags.observedAt) outcome.observedAtMs = readTimestamp(reader);
    else if (tag === outcomeTags.weight) outcome.weight = reader.double();
    else if (tag === outcomeTags.correction) outcome.isCorrection = reader.bool();
    else if (tag === outcomeTags.modelName) outcome.modelName = reader.name();
    else if (tag === outcomeTags.modelVersion) outcome.modelVersion = reader.name();
    else if (!readTruth(reader, tag, outcome)) reader.skip(tag, outcomeLastField);
  }
  return outcome;
}

/** Of several members of a oneof the last one counts. */
function setPrediction(outcome: Writable<Outcome>, id: string | undefined, token: Buffer | undefined): void {
  outcome.predictionId = id;
  outcome.predictionToken = token;
}

/** @returns false: the field is none of the oneof `truth` */
function readTruth(reader: WireReader, tag: number, outcome: Writable<Outcome>): boolean {
  let truth: Pick<Outcome, "classIndex" | "label" | "value" | "values">;
  if (tag === outcomeTags.classIndex) truth = { classIndex: uint32(reader) };
  else if (tag === outcomeTags.label) truth = { label: reader.string() };
  else if (tag === outcomeTags.value) truth = { value: reader.double() };
  else if (tag === outcomeTags.values) truth = { values: readValues(reader) };
  else return false;
  outcome.classIndex = truth.classIndex;
  outcome.label = truth.label;
  outcome.value = truth.value;
  outcome.values = truth.values;
  return true;
}

/** Protobuf's uint32: the low bits of whatever came. */
function uint32(reader: WireReader): number {
  reader.varint();
  return reader.low;
}

function readValues(reader: WireReader): readonly number[] {
  const values: number[] = [];
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === valuesTags.single) values.push(reader.double());
    else if (tag === valuesTags.packed) {
      const packed = reader.enter();
      while (reader.position < reader.end) values.push(reader.double());
      reader.leave(packed);
    } else reader.skip(tag, 1);
  }
  reader.leave(outer);
  return values;
}

/** Epoch milliseconds. */
function readTimestamp(reader: WireReader): number {
  let seconds = 0;
  let nanos = 0;
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === timestampTags.seconds) seconds = Number(reader.int64());
    else if (tag === timestampTags.nanos) nanos = Number(reader.int64());
    else reader.skip(tag, 2);
  }
  reader.leave(outer);
  return seconds * 1000 + nanos / 1e6;
}

/** A ReportOutcomesRequest. @throws InferenceError "invalid" for values that no message can carry */
export function encodeReport(outcomes: readonly Outcome[]): Buffer {
  const encoded = outcomes.map(encodeOutcome);
  const writer = new WireWriter(encoded.reduce((size, { length }) => size + fieldSize(length), 0));
  for (const bytes of encoded) {
    writer.field(reportTags.outcomes, bytes.length);
    writer.raw(bytes);
  }
  return writer.bytes;
}

/** A StreamOutcomesRequest; throws as {@link encodeReport}. */
export function encodeStreamOutcome(outcome: Outcome): Buffer {
  return encodeReport([outcome]); // the same field of the same type
}

/** An Outcome. */
function encodeOutcome(outcome: Outcome): Buffer {
  const { predictionId, predictionToken, row, classIndex, label, value, values, observedAtMs, weight } = outcome;
  const { modelName = "", modelVersion = "", isCorrection = false } = outcome;
  const parts: Buffer[] = [];
  if (predictionId !== undefined) parts.push(stringField(outcomeTags.predictionId, predictionId));
  if (predictionToken !== undefined) parts.push(bytesField(outcomeTags.predictionToken, predictionToken));
  if (row !== undefined && row !== 0) parts.push(varintField(outcomeTags.row, "row", row));
  if (classIndex !== undefined) parts.push(varintField(outcomeTags.classIndex, "classIndex", classIndex));
  if (label !== undefined) parts.push(stringField(outcomeTags.label, label));
  if (value !== undefined) parts.push(doubleField(outcomeTags.value, value));
  if (values !== undefined) parts.push(bytesField(outcomeTags.values, encodeValues(values)));
  if (observedAtMs !== undefined) parts.push(bytesField(outcomeTags.observedAt, encodeTimestamp(observedAtMs)));
  if (weight !== undefined) parts.push(doubleField(outcomeTags.weight, weight));
  if (isCorrection) parts.push(Buffer.of(outcomeTags.correction, 1));
  if (modelName !== "") parts.push(stringField(outcomeTags.modelName, modelName));
  if (modelVersion !== "") parts.push(stringField(outcomeTags.modelVersion, modelVersion));
  return Buffer.concat(parts);
}

function stringField(tag: number, text: string): Buffer {
  const writer = new WireWriter(fieldSize(utf8Size(text)));
  writer.string(tag, text);
  return writer.bytes;
}

function bytesField(tag: number, bytes: Uint8Array): Buffer {
  const writer = new WireWriter(fieldSize(bytes.length));
  writer.field(tag, bytes.length);
  writer.raw(bytes);
  return writer.bytes;
}

function doubleField(tag: number, value: number): Buffer {
  const writer = new WireWriter(9);
  writer.byte(tag);
  writer.double(value);
  return writer.bytes;
}

function varintField(tag: number, name: string, value: number): Buffer {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new InferenceError(
      "invalid",
      `${name} of an outcome is ${value}, expected a whole number from 0 to 4294967295`,
    );
  }
  const writer = new WireWriter(1 + varintSize(value));
  writer.byte(tag);
  writer.varint(value);
  return writer.bytes;
}

function encodeValues(values: ArrayLike<number>): Buffer {
  const writer = new WireWriter(fieldSize(8 * values.length));
  writer.field(valuesTags.packed, 8 * values.length);
  for (let i = 0; i < values.length; i++) writer.double(values[i] ?? Number.NaN);
  return writer.bytes;
}

function encodeTimestamp(epochMs: number): Buffer {
  if (!Number.isFinite(epochMs) || Math.abs(epochMs) > 8.64e15) {
    throw new InferenceError("invalid", `observedAtMs of an outcome is ${epochMs}, expected epoch milliseconds`);
  }
  const seconds = Math.floor(epochMs / 1000);
  const nanos = Math.min(999_999_999, Math.round((epochMs - seconds * 1000) * 1e6));
  const writer = new WireWriter(1 + int64Size(seconds) + 1 + varintSize(nanos));
  writer.byte(timestampTags.seconds);
  writer.int64(seconds);
  writer.byte(timestampTags.nanos);
  writer.varint(nanos);
  return writer.bytes;
}
