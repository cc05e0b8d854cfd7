import { assert } from "../../errors.ts";
import { type Datatype, datatypes } from "../../tensor.ts";

/**
 * The messages between the front process and a runtime process. Every message is
 *
 *     uint32 length of what follows | uint8 kind | uint32 id | body
 *
 * little-endian, at most {@link maxFrameBytes} in all, so that a write to a pipe stays atomic when several processes share it; a longer
 * body lies in the arena and the frame says where. Tensors always lie in the arena. An answer carries the id of its question; a question
 * may get several answers, all but the last marked as not final.
 */
export const maxFrameBytes = 4096;

const headerBytes = 9;

/** Outputs of a batch up to so many bytes travel in the frame itself. */
export const maxInlinedBytes = 2048;

export const frameKind = {
  /** Front to runtime: JSON, answered by `result` or `failed`. */
  control: 1,
  /** Front to runtime: one batch to run, answered by `ran` or `failed`. */
  run: 2,
  /** Runtime to front: JSON. */
  result: 3,
  /** Runtime to front: where the outputs lie. */
  ran: 4,
  /** Runtime to front: JSON of a {@link Failure}. */
  failed: 5,
  /** As `run` and `ran`, with the body in the arena: of models with very many inputs or outputs. See {@link encodeReference}. */
  longRun: 6,
  longRan: 7,
} as const;

export type FrameKind = (typeof frameKind)[keyof typeof frameKind];

export interface Frame {
  readonly kind: number;
  readonly id: number;
  readonly body: Buffer;
}

/** Why the runtime process could not do what it was asked. */
export interface Failure {
  /** `refused`: the model file; `runtime`: ONNX Runtime on valid input; `too_large`: outputs beyond their range; `internal`: our own bug. */
  readonly reason: "refused" | "invalid" | "runtime" | "too_large" | "internal";
  /** For the caller: names the caller's own things only. */
  readonly message: string;
  /** For the log: what ONNX Runtime said. */
  readonly detail: string;
}

/** Consecutive rows of one input. */
export interface Segment {
  /** Which arena: 0 is the process's own; others belong to further front processes. */
  readonly arena: number;
  readonly offset: number;
  readonly length: number;
  readonly rows: number;
}

export interface RunInput {
  /** Index in the session's inputs. */
  readonly index: number;
  /** Shape of the whole batch, padding included; bytes that the segments lack are zero (BYTES: empty strings). */
  readonly shape: readonly number[];
  readonly segments: readonly Segment[];
}

/** Whose state a row of a batch reads and writes. */
export interface SequenceRow {
  /** Slot in the session's state; {@link noSlot}: the row holds no request. */
  readonly slot: number;
  /** Bits: {@link sequenceFlag}. */
  readonly flags: number;
}

export const sequenceFlag = {
  /** The row begins with the initial state. */
  start: 1,
  /** Nobody needs the state after this run. */
  forget: 2,
} as const;

/** The slot of a row without a request. */
export const noSlot = 2 ** 32 - 1;

/** The rows of a batch of a model without sequences. */
export const noSequences: readonly SequenceRow[] = [];

/** Most slots of one frame whose state nobody needs: they leave room for the rest of a frame. */
export const maxLeftovers = 256;

/** Of a batch before which no state was left behind. */
export const noLeftovers: readonly number[] = [];

export interface RunFrame {
  readonly sessionId: number;
  /** One for each row of the batch, in their order; empty for a model without sequences. */
  readonly sequences: readonly SequenceRow[];
  /** Slots of sequences that ended before their END and left their state behind: it is let go before the run. At most {@link maxLeftovers}. */
  readonly leftovers: readonly number[];
  readonly inputs: readonly RunInput[];
  /** Indexes of the outputs to fetch; empty: all. */
  readonly outputs: readonly number[];
  /** Where outputs are written, and how many bytes there are. */
  readonly outputOffset: number;
  readonly outputLimit: number;
}

export interface RanOutput {
  readonly index: number;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

export interface RanFrame {
  /** Milliseconds of reading inputs, of the run itself and of writing outputs. */
  readonly readMs: number;
  readonly inferMs: number;
  readonly writeMs: number;
  /** Resident memory of the runtime process, bytes; 0: not measured this time. */
  readonly residentBytes: number;
  readonly isFinal: boolean;
  readonly outputs: readonly RanOutput[];
  /**
   * For each row with a sequence slot, in their order, a number for the shapes of its new state: rows with equal numbers can share a batch.
   * Empty where states have one shape only.
   */
  readonly stateShapes: readonly number[];
  /**
   * What would stand at the beginning of the output range, where that is short: then nothing was written there, which saves both sides a
   * system call. Empty: the outputs lie in the arena.
   */
  readonly inlined: Buffer;
}

/** Writes numbers one after another into a buffer of one frame. */
class Cursor {
  readonly buffer: Buffer;
  position: number;

  constructor(buffer: Buffer, position: number) {
    this.buffer = buffer;
    this.position = position;
  }

  u8(value: number): void {
    this.buffer.writeUInt8(value, this.position);
    this.position += 1;
  }

  u16(value: number): void {
    this.buffer.writeUInt16LE(value, this.position);
    this.position += 2;
  }

  u32(value: number): void {
    this.buffer.writeUInt32LE(value, this.position);
    this.position += 4;
  }

  f64(value: number): void {
    this.buffer.writeDoubleLE(value, this.position);
    this.position += 8;
  }

  shape(shape: readonly number[]): void {
    this.u8(shape.length);
    for (const dimension of shape) this.f64(dimension);
  }
}

class Reader {
  readonly #buffer: Buffer;
  #position = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  u8(): number {
    this.#position += 1;
    return this.#buffer.readUInt8(this.#position - 1);
  }

  u16(): number {
    this.#position += 2;
    return this.#buffer.readUInt16LE(this.#position - 2);
  }

  u32(): number {
    this.#position += 4;
    return this.#buffer.readUInt32LE(this.#position - 4);
  }

  f64(): number {
    this.#position += 8;
    return this.#buffer.readDoubleLE(this.#position - 8);
  }

  /** A copy: the frame is a view of whatever arrived with it. */
  bytes(length: number): Buffer {
    this.#position += length;
    assert(this.#position <= this.#buffer.length, "an answer that ends early");
    return Buffer.from(this.#buffer.subarray(this.#position - length, this.#position));
  }

  shape(): number[] {
    const shape: number[] = [];
    for (let rank = this.u8(); rank > 0; rank--) shape.push(this.f64());
    return shape;
  }
}

/** Bytes of a run frame, counted before it is written, so that a frame is one exact allocation. */
function runFrameBytes(frame: RunFrame): number {
  let bytes =
    headerBytes +
    4 +
    4 +
    5 * frame.sequences.length +
    2 +
    4 * frame.leftovers.length +
    8 +
    8 +
    2 +
    2 +
    2 * frame.outputs.length;
  for (const input of frame.inputs) bytes += 2 + 1 + 8 * input.shape.length + 2 + 22 * input.segments.length;
  return bytes;
}

/** A whole message; one of more than {@link maxFrameBytes} is no frame, and its body goes into the arena. */
export function encodeRun(id: number, frame: RunFrame): Buffer {
  const buffer = Buffer.allocUnsafe(runFrameBytes(frame));
  const cursor = beginFrame(buffer, frameKind.run, id);
  cursor.u32(frame.sessionId);
  cursor.u32(frame.sequences.length);
  for (const { slot, flags } of frame.sequences) {
    cursor.u32(slot);
    cursor.u8(flags);
  }
  cursor.u16(frame.leftovers.length);
  for (const slot of frame.leftovers) cursor.u32(slot);
  cursor.f64(frame.outputOffset);
  cursor.f64(frame.outputLimit);
  cursor.u16(frame.outputs.length);
  for (const output of frame.outputs) cursor.u16(output);
  cursor.u16(frame.inputs.length);
  for (const input of frame.inputs) {
    cursor.u16(input.index);
    cursor.shape(input.shape);
    cursor.u16(input.segments.length);
    for (const segment of input.segments) {
      cursor.u16(segment.arena);
      cursor.f64(segment.offset);
      cursor.f64(segment.length);
      cursor.u32(segment.rows);
    }
  }
  return buffer;
}

export function decodeRun(body: Buffer): RunFrame {
  const reader = new Reader(body);
  const sessionId = reader.u32();
  const count = reader.u32();
  const sequences: SequenceRow[] = [];
  for (let row = 0; row < count; row++) sequences.push({ slot: reader.u32(), flags: reader.u8() });
  const leftovers: number[] = [];
  for (let count = reader.u16(); count > 0; count--) leftovers.push(reader.u32());
  const outputOffset = reader.f64();
  const outputLimit = reader.f64();
  const outputs: number[] = [];
  for (let count = reader.u16(); count > 0; count--) outputs.push(reader.u16());
  const inputs: RunInput[] = [];
  for (let count = reader.u16(); count > 0; count--) {
    const index = reader.u16();
    const shape = reader.shape();
    const segments: Segment[] = [];
    for (let left = reader.u16(); left > 0; left--) {
      segments.push({ arena: reader.u16(), offset: reader.f64(), length: reader.f64(), rows: reader.u32() });
    }
    inputs.push({ index, shape, segments });
  }
  return { sessionId, sequences, leftovers, inputs, outputs, outputOffset, outputLimit };
}

/** A whole message, as {@link encodeRun}. */
export function encodeRan(id: number, frame: RanFrame): Buffer {
  let bytes = headerBytes + 8 * 4 + 1 + 2 + 2 + 4 * frame.stateShapes.length + 2 + frame.inlined.length;
  for (const output of frame.outputs) bytes += ranOutputBytes(output.shape.length);
  const buffer = Buffer.allocUnsafe(bytes);
  const cursor = beginFrame(buffer, frameKind.ran, id);
  cursor.f64(frame.readMs);
  cursor.f64(frame.inferMs);
  cursor.f64(frame.writeMs);
  cursor.f64(frame.residentBytes);
  cursor.u8(frame.isFinal ? 1 : 0);
  cursor.u16(frame.outputs.length);
  for (const output of frame.outputs) {
    cursor.u16(output.index);
    cursor.u8(datatypes.indexOf(output.datatype));
    cursor.shape(output.shape);
    cursor.f64(output.offset);
    cursor.f64(output.length);
  }
  cursor.u16(frame.stateShapes.length);
  for (const number of frame.stateShapes) cursor.u32(number);
  cursor.u16(frame.inlined.length);
  buffer.set(frame.inlined, cursor.position);
  return buffer;
}

function ranOutputBytes(rank: number): number {
  return 2 + 1 + 1 + 8 * rank + 16;
}

/** Whether outputs of these ranks leave room in a frame for so many bytes of their content. */
export function fitsRanFrame(ranks: readonly number[], inlinedBytes: number): boolean {
  if (inlinedBytes > maxInlinedBytes) return false;
  return ranks.reduce((bytes, rank) => bytes + ranOutputBytes(rank), headerBytes + 64 + inlinedBytes) <= maxFrameBytes;
}

/** The front reads what a runtime process wrote: a model may own that process, so nothing in it is taken on trust. */
export function decodeRan(body: Buffer): RanFrame {
  const reader = new Reader(body);
  const readMs = reader.f64();
  const inferMs = reader.f64();
  const writeMs = reader.f64();
  const residentBytes = reader.f64();
  const isFinal = reader.u8() === 1;
  const outputs: RanOutput[] = [];
  for (let count = reader.u16(); count > 0; count--) {
    const index = reader.u16();
    const datatype = datatypes[reader.u8()];
    assert(datatype !== undefined, "unknown datatype in an answer");
    outputs.push({ index, datatype, shape: reader.shape(), offset: reader.f64(), length: reader.f64() });
  }
  const stateShapes: number[] = [];
  for (let count = reader.u16(); count > 0; count--) stateShapes.push(reader.u32());
  const inlined = reader.bytes(reader.u16());
  return { readMs, inferMs, writeMs, residentBytes, isFinal, outputs, stateShapes, inlined };
}

/** A JSON message that fits a frame. */
export function encodeJson(kind: FrameKind, id: number, value: unknown): Buffer {
  return encodeBody(kind, id, Buffer.from(JSON.stringify(value)));
}

export function encodeBody(kind: FrameKind, id: number, body: Uint8Array): Buffer {
  const buffer = Buffer.allocUnsafe(headerBytes + body.length);
  assert(buffer.length <= maxFrameBytes, `a frame of ${buffer.length} bytes`);
  const cursor = beginFrame(buffer, kind, id);
  buffer.set(body, cursor.position);
  return buffer;
}

/** The body of an encoded message. */
export function bodyOf(message: Buffer): Buffer {
  return message.subarray(headerBytes);
}

/** Where in the arena the body of a long message lies. */
export interface Reference {
  readonly offset: number;
  readonly length: number;
}

export function encodeReference(kind: FrameKind, id: number, { offset, length }: Reference): Buffer {
  const buffer = Buffer.allocUnsafe(headerBytes + 16);
  const cursor = beginFrame(buffer, kind, id);
  cursor.f64(offset);
  cursor.f64(length);
  return buffer;
}

export function decodeReference(body: Buffer): Reference {
  const reader = new Reader(body);
  return { offset: reader.f64(), length: reader.f64() };
}

function beginFrame(buffer: Buffer, kind: FrameKind, id: number): Cursor {
  const cursor = new Cursor(buffer, 0);
  cursor.u32(buffer.length - 4);
  cursor.u8(kind);
  cursor.u32(id);
  return cursor;
}

/** Cuts a byte stream into frames. */
export class FrameDecoder {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that `chunk` completes. @throws InferenceError "internal" on a length no frame can have */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 4) {
      const length = bytes.readUInt32LE(0);
      assert(length >= headerBytes - 4 && length <= maxFrameBytes, `a frame of ${length} bytes`);
      if (bytes.length < 4 + length) break;
      frames.push({
        kind: bytes.readUInt8(4),
        id: bytes.readUInt32LE(5),
        body: bytes.subarray(headerBytes, 4 + length),
      });
      bytes = bytes.subarray(4 + length);
    }
    this.#rest = bytes;
    return frames;
  }
}
