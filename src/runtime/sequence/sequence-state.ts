import { join } from "node:path";
import { InferenceError } from "../../errors.ts";
import { readModelFile } from "../../model/prepared-model.ts";
import type { SequenceState } from "../../model/sequence-plan.ts";
import { elementCount, itemBytes, type Tensor } from "../../tensor.ts";
import { RowIndex } from "../batching/rows.ts";
import { noSlot, type SequenceRow, sequenceFlag } from "../process/frames.ts";

/** States of all sequences of a session beyond their limit. */
export class StateTooLargeError extends Error {
  override readonly name = "StateTooLargeError";
}

/** One state of one sequence: a row, without the batch dimension. */
interface Held {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

export interface SequenceStatesOptions {
  /** The model takes rows: states are put together along a leading dimension. */
  readonly isBatched: boolean;
  /** Bytes that the states of all slots may take together. */
  readonly maxBytes: number;
}

/**
 * The states of the sequences of one session, by slot: gathered into the inputs of a batch, and after a successful run replaced by what its outputs
 * gave. Lives in the runtime process, beside the session. Knows nothing of ONNX Runtime.
 */
export class SequenceStates {
  readonly #states: readonly SequenceState[];
  readonly #initial: readonly Held[];
  readonly #options: SequenceStatesOptions;
  readonly #slots = new Map<number, readonly Held[]>();
  readonly #shapeNumbers = new Map<string, number>();
  #bytes = 0;

  /** @param initial what a sequence begins with, one for each state; see {@link initialStates} */
  constructor(states: readonly SequenceState[], initial: readonly Tensor[], options: SequenceStatesOptions) {
    this.#states = states;
    this.#initial = initial;
    this.#options = options;
    this.#shapeNumber(initial); // 0: what a sequence begins with
  }

  /** Bytes of all states that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The state inputs of a batch. Rows without a sequence get zeros.
   * @throws Error when a sequence that goes on has no state here, or when the states of the rows differ in shape; StateTooLargeError
   */
  gather(rows: readonly SequenceRow[]): Tensor[] {
    const ofRows = rows.map(({ slot, flags }) => (slot === noSlot ? undefined : this.#stateOf(slot, flags)));
    const example = ofRows.find((held) => held !== undefined);
    if (example === undefined) throw new Error("a batch without a sequence");
    return this.#states.map(({ inputName, datatype }, index) => {
      const { shape, data: exampleData } = example[index] as Held; // one for each state
      const buffers = ofRows.map((held) => {
        if (held === undefined)
          return new Uint8Array(datatype === "BYTES" ? 4 * elementCount(shape) : exampleData.length);
        const { shape: own, data } = held[index] as Held; // one for each state
        if (own.join() !== shape.join())
          throw new Error(`states '${inputName}' of shapes [${own}] and [${shape}] in one batch`);
        return data;
      });
      return {
        name: inputName,
        datatype,
        shape: this.#options.isBatched ? [rows.length, ...shape] : shape,
        data: buffers.length === 1 ? (buffers[0] as Uint8Array) : Buffer.concat(buffers),
      };
    });
  }

  /** Lets go of what sequences left behind that have ended without a last run. */
  drop(slots: readonly number[]): void {
    for (const slot of slots) this.#keep(slot, []);
  }

  /**
   * Keeps the state outputs of a successful run; all or nothing.
   * @param outputs one for each state, in the order of the plan
   * @returns for each row with a sequence, in their order, the number of its shapes; empty where states have one shape only
   * @throws Error for outputs that are not one row for each row; {@link StateTooLargeError}
   */
  commit(rows: readonly SequenceRow[], outputs: readonly Tensor[]): readonly number[] {
    const columns = outputs.map((output) => this.#rowsOf(output, rows.length));
    const kept = new Map<number, readonly Held[]>();
    const numbers: number[] = [];
    rows.forEach(({ slot, flags }, row) => {
      if (slot === noSlot) return;
      const held = columns.map((column) => column[row] as Held); // one for each row
      numbers.push(this.#hasOpenShapes ? this.#shapeNumber(held) : 0);
      kept.set(slot, (flags & sequenceFlag.forget) === 0 ? held : []);
    });
    let bytes = this.#bytes;
    for (const [slot, held] of kept) bytes += bytesOf(held) - bytesOf(this.#slots.get(slot) ?? []);
    this.#checkRoom(bytes);
    for (const [slot, held] of kept) this.#keep(slot, held);
    return this.#hasOpenShapes ? numbers : [];
  }

  /** The state of a slot as bytes that {@link load} takes; undefined: it has none. */
  save(slot: number): Buffer | undefined {
    const held = this.#slots.get(slot);
    return held === undefined ? undefined : encodeStates(held);
  }

  /**
   * Puts a saved state into a slot.
   * @returns the number of its shapes
   * @throws Error when it does not fit this model; {@link StateTooLargeError}
   */
  load(slot: number, bytes: Uint8Array): number {
    const held = decodeStates(bytes);
    const fits =
      held.length === this.#states.length &&
      held.every(({ shape, data }, i) => {
        const { dims, datatype } = this.#states[i] as SequenceState; // i is below the length
        const isShape = shape.length === dims.length && dims.every((dim, j) => dim === -1 || dim === shape[j]);
        return isShape && (datatype === "BYTES" || data.length === elementCount(shape) * itemBytes(datatype));
      });
    if (!fits) throw new Error("a saved state that does not fit the model");
    this.#checkRoom(this.#bytes + bytesOf(held) - bytesOf(this.#slots.get(slot) ?? []));
    this.#keep(slot, held);
    return this.#hasOpenShapes ? this.#shapeNumber(held) : 0;
  }

  #keep(slot: number, held: readonly Held[]): void {
    this.#bytes += bytesOf(held) - bytesOf(this.#slots.get(slot) ?? []);
    if (held.length === 0) this.#slots.delete(slot);
    else this.#slots.set(slot, held);
  }

  #checkRoom(bytes: number): void {
    const { maxBytes } = this.#options;
    if (bytes > maxBytes)
      throw new StateTooLargeError(`the states of all sequences would take ${bytes} bytes, more than ${maxBytes}`);
  }

  #stateOf(slot: number, flags: number): readonly Held[] {
    if ((flags & sequenceFlag.start) !== 0) {
      this.#keep(slot, []); // also when the run fails: what is there is another sequence's
      this.#checkRoom(this.#bytes + bytesOf(this.#initial));
      this.#keep(slot, this.#initial);
    }
    const held = this.#slots.get(slot);
    if (held === undefined) throw new Error(`no state in slot ${slot}`); // never zeros in its place: they would be a wrong answer
    return held;
  }

  get #hasOpenShapes(): boolean {
    return this.#states.some(({ dims }) => dims.includes(-1));
  }

  /** Rows with equal numbers have states of equal shapes. */
  #shapeNumber(held: readonly Held[]): number {
    const key = held.map(({ shape }) => shape.join()).join(";");
    const number = this.#shapeNumbers.get(key) ?? this.#shapeNumbers.size;
    this.#shapeNumbers.set(key, number);
    return number;
  }

  /** Each row of an output with bytes of its own, so that no state keeps its neighbours' in memory. */
  #rowsOf({ name, datatype, shape, data }: Tensor, rows: number): Held[] {
    const whole = this.#options.isBatched ? shape : [1, ...shape];
    if (whole[0] !== rows) throw new Error(`state '${name}' has shape [${shape}] for a batch of ${rows} rows`);
    const index = new RowIndex(datatype, whole, () => data);
    const own = whole.slice(1);
    return Array.from({ length: rows }, (_, row) => ({
      shape: own,
      data: Uint8Array.prototype.slice.call(data, index.offset(row), index.offset(row + 1)),
    }));
  }
}

function bytesOf(held: readonly Held[]): number {
  return held.reduce((sum, { data }) => sum + data.length, 0);
}

/**
 * What sequences begin with: zeros, or a file in the model's folder `initial_state`.
 * @throws InferenceError "refused" when the file is missing or too short
 */
export function initialStates(states: readonly SequenceState[], modelFolder: string): Tensor[] {
  return states.map(({ inputName: name, datatype, dims, initial }) => {
    const shape = initial?.dims ?? dims.map((dim) => (dim < 0 ? 1 : dim));
    const bytes = elementCount(shape) * (datatype === "BYTES" ? 4 : itemBytes(datatype));
    if (initial?.file === undefined) return { name, datatype, shape, data: new Uint8Array(bytes) };
    const data = readInitialState(join(modelFolder, "initial_state", initial.file), bytes, initial.file);
    return { name, datatype, shape, data: datatype === "BYTES" ? data : data.subarray(0, bytes) };
  });
}

/** Room that a file of strings may take. */
const maxStringBytes = 64 * 1024 * 1024;

function readInitialState(path: string, bytes: number, file: string): Buffer {
  const data = readModelFile(path, Math.max(bytes, maxStringBytes));
  if (data.length >= bytes) return data;
  throw new InferenceError(
    "refused",
    `initial_state setting expects ${bytes} bytes, but the data provided from ${file} only has ${data.length} bytes.`,
  );
}

/** uint8 count of states, then for each: uint8 rank, float64 dimensions, float64 length, bytes. */
function encodeStates(held: readonly Held[]): Buffer {
  const header = (rank: number) => 1 + 8 * rank + 8;
  const length = held.reduce((sum, { shape, data }) => sum + header(shape.length) + data.length, 1);
  const bytes = Buffer.allocUnsafe(length);
  let position = bytes.writeUInt8(held.length, 0);
  for (const { shape, data } of held) {
    position = bytes.writeUInt8(shape.length, position);
    for (const dimension of shape) position = bytes.writeDoubleLE(dimension, position);
    position = bytes.writeDoubleLE(data.length, position);
    bytes.set(data, position);
    position += data.length;
  }
  return bytes;
}

function decodeStates(saved: Uint8Array): Held[] {
  const bytes = Buffer.from(saved.buffer, saved.byteOffset, saved.byteLength);
  let position = 1;
  return Array.from({ length: bytes.readUInt8(0) }, () => {
    const rank = bytes.readUInt8(position);
    const shape = Array.from({ length: rank }, (_, i) => bytes.readDoubleLE(position + 1 + 8 * i));
    const length = bytes.readDoubleLE(position + 1 + 8 * rank);
    position += 1 + 8 * rank + 8;
    const data = Uint8Array.prototype.slice.call(bytes, position, position + length);
    position += length;
    return { shape, data };
  });
}
