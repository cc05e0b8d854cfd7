import type { InferenceResponse, Signature } from "../../inference.ts";
import type { SignalRole } from "../../model/package-messages.ts";
import type { RequestRecord } from "../../runtime/observer.ts";
import type { Datatype } from "../../tensor.ts";
import type { RowSampler } from "./row-sampler.ts";
import type { SampledRows, Signal, SignalLayout } from "./sampled-rows.ts";
import { TensorColumns } from "./tensor-columns.ts";

/** Memory of a model for chosen rows whose requests have no answer yet. */
export const maxPendingBytes = 2 * 1024 * 1024;

/** Most such rows, however narrow. */
const maxPendingRows = 4096;

/** Rows that are handed on at once; an answer with more chosen rows is handed on in parts. */
const rowsAtOnce = 64;

/** A value and its mark. */
const bytesOfSignal = Float64Array.BYTES_PER_ELEMENT + 1;

/** What becomes of chosen rows. */
export interface RowListener {
  /** Rows of one answered request, valid during the call. */
  onRows(rows: SampledRows): void;
  /** So many chosen rows could not be kept until their answer: too many requests are under way. */
  onLost(rows: number): void;
}

/**
 * Copies the input signals of chosen rows when their request is admitted, because their tensors are only valid then, keeps them until the
 * answer comes, and hands both on. Its memory is made at the first chosen row and never grows; requests that fail give their rows back.
 *
 * The rows of a request are a list through `#nextRow`; its head stands in the request's record, as its place plus one.
 */
export class RowCollector {
  readonly #sampler: RowSampler;
  readonly #listener: RowListener;
  readonly #inputCount: number;
  readonly #inputs: readonly TensorColumns[];
  readonly #outputs: readonly TensorColumns[];
  readonly #capacity: number;
  readonly #rows: { count: number; readonly width: number; values: Float64Array; marks: Uint8Array; atMs: number };
  #values = new Float64Array();
  #marks = new Uint8Array();
  /** Which row of its request a kept row is. */
  #rowOf = new Int32Array();
  #nextRow = new Int32Array();
  /** Head of the list of free places, plus one; 0: none, or nothing made yet. */
  #free = 0;
  #isMade = false;

  constructor(signature: Signature, layout: SignalLayout, sampler: RowSampler, listener: RowListener) {
    this.#sampler = sampler;
    this.#listener = listener;
    this.#inputCount = layout.inputCount;
    this.#inputs = tensorsOf(layout.signals, signature.inputs, "SIGNAL_ROLE_INPUT");
    this.#outputs = tensorsOf(layout.signals, signature.outputs, "SIGNAL_ROLE_OUTPUT");
    const width = layout.signals.length;
    this.#capacity = pendingRows(layout.inputCount);
    this.#rows = { count: 0, width, values: new Float64Array(), marks: new Uint8Array(), atMs: 0 };
  }

  /** Bytes that it takes from its first row on. */
  get byteLength(): number {
    return this.#capacity * (this.#inputCount * bytesOfSignal + 8) + rowsAtOnce * this.#rows.width * bytesOfSignal;
  }

  /** Rows that wait for their answer. */
  get pending(): number {
    let free = 0;
    for (let place = this.#free; place > 0; place = this.#nextRow[place - 1] ?? 0) free++;
    return this.#isMade ? this.#capacity - free : 0;
  }

  /** Chooses among the rows of a request and copies those chosen. Its tensors are not looked at later. */
  onAdmitted(record: RequestRecord): void {
    const { rows, request } = record;
    let row = this.#sampler.first(rows, record.context.arrivalTimeMs);
    if (row < 0) return;
    if (!this.#isMade) this.#make();
    for (const tensor of this.#inputs) tensor.open(request.inputs, rows);
    let lost = 0;
    let tail = 0;
    for (; row >= 0; row = this.#sampler.next(row, rows)) {
      const place = this.#free;
      if (place === 0) {
        lost++;
        continue;
      }
      this.#free = this.#nextRow[place - 1] ?? 0;
      this.#nextRow[place - 1] = 0;
      this.#rowOf[place - 1] = row;
      if (tail === 0) record.sample = place;
      else this.#nextRow[tail - 1] = place;
      tail = place;
      const start = (place - 1) * this.#inputCount;
      for (const tensor of this.#inputs) tensor.copy(row, this.#values, this.#marks, start);
    }
    for (const tensor of this.#inputs) tensor.close();
    if (lost > 0) this.#listener.onLost(lost);
  }

  /** Hands on the rows of a request with its answer. */
  onResponse(record: RequestRecord, response: InferenceResponse, atMs: number): void {
    let place = record.sample ?? 0;
    if (place === 0) return;
    for (const tensor of this.#outputs) tensor.open(response.outputs, record.rows);
    const rows = this.#rows;
    rows.atMs = atMs;
    rows.count = 0;
    for (; place > 0; place = this.#nextRow[place - 1] ?? 0) {
      this.#put(place - 1);
      if (rows.count < rowsAtOnce) continue;
      this.#listener.onRows(rows);
      rows.count = 0;
    }
    if (rows.count > 0) this.#listener.onRows(rows);
    for (const tensor of this.#outputs) tensor.close();
  }

  /** The request has ended, well or not. */
  onEnd(record: RequestRecord): void {
    const head = record.sample ?? 0;
    if (head === 0) return;
    record.sample = 0;
    let tail = head;
    for (let next = this.#nextRow[tail - 1] ?? 0; next > 0; next = this.#nextRow[tail - 1] ?? 0) tail = next;
    this.#nextRow[tail - 1] = this.#free;
    this.#free = head;
  }

  /** One kept row and its outputs to the rows that are handed on. */
  #put(place: number): void {
    const { values, marks, width, count } = this.#rows;
    const start = count * width;
    const from = place * this.#inputCount;
    for (let i = 0; i < this.#inputCount; i++) {
      values[start + i] = this.#values[from + i] ?? Number.NaN;
      marks[start + i] = this.#marks[from + i] ?? 0;
    }
    const row = this.#rowOf[place] ?? 0;
    for (const tensor of this.#outputs) tensor.copy(row, values, marks, start);
    this.#rows.count++;
  }

  #make(): void {
    this.#isMade = true;
    this.#values = new Float64Array(this.#capacity * this.#inputCount);
    this.#marks = new Uint8Array(this.#capacity * this.#inputCount);
    this.#rowOf = new Int32Array(this.#capacity);
    // Place n is followed by place n + 1, the last one by none.
    this.#nextRow = Int32Array.from({ length: this.#capacity }, (_, i) => (i + 1 < this.#capacity ? i + 2 : 0));
    this.#free = 1;
    this.#rows.values = new Float64Array(rowsAtOnce * this.#rows.width);
    this.#rows.marks = new Uint8Array(rowsAtOnce * this.#rows.width);
  }
}

function pendingRows(inputCount: number): number {
  return Math.max(16, Math.min(maxPendingRows, Math.floor(maxPendingBytes / (inputCount * bytesOfSignal + 8))));
}

/** One reader for each tensor that carries signals. */
function tensorsOf(signals: readonly Signal[], specs: Signature["inputs"], role: SignalRole): readonly TensorColumns[] {
  const byTensor = new Map<string, [Signal, number][]>();
  for (const [index, signal] of signals.entries()) {
    if (signal.role !== role) continue;
    const of = byTensor.get(signal.tensor) ?? [];
    of.push([signal, index]);
    byTensor.set(signal.tensor, of);
  }
  return [...byTensor].map(([tensor, of]) => {
    const datatype: Datatype = specs.find(({ name }) => name === tensor)?.datatype ?? "FP32";
    return new TensorColumns(tensor, datatype, of);
  });
}
