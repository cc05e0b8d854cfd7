import type { Prediction, PredictionLayout, PreviousTruth } from "../prediction.ts";
import { KeyRing, keyPlaceBytes } from "./key-ring.ts";
import { clearTruth, createTruthRecord, readTruth, recordTruth, type TruthRecord, truthBytes } from "./truth-record.ts";

/** Fills in the prediction of one row. */
export type ReadPrediction = (row: number, into: Prediction) => void;

/** What became of a prediction that was to be kept. */
export type Kept = "kept" | "repeated" | "too_many_rows";

/** What the store has had to do since it was made. */
export interface StoreCounts {
  /** Rows that were kept. */
  readonly keptRows: number;
  /** Rows forgotten to make room for others while their truth could still have come, and had not. */
  readonly evictedRows: number;
  /** Rows that are kept now. */
  readonly rows: number;
}

/** Bytes that a store takes for so many rows, each of which may be a request of its own. */
export function predictionStoreBytes(layout: PredictionLayout, maxRows: number): number {
  const entry = keyPlaceBytes + 8 + 4 + 4;
  const row = 4 + 4 * layout.width + truthBytes(layout);
  return maxRows * (entry + row);
}

/**
 * The predictions of one model version that may still get their truth: a ring of requests by their hashed id and a ring of their rows, so that
 * memory is a matter of `maxRows` alone. The oldest gives way to the newest. All memory is reserved at once; the operating system gives pages as
 * they are used.
 */
export class PredictionStore {
  readonly layout: PredictionLayout;
  readonly #maxRows: number;
  readonly #horizonMs: number;
  readonly #keys: KeyRing;
  readonly #times: Float64Array;
  readonly #firstRows: Uint32Array;
  readonly #rowCounts: Uint32Array;
  readonly #classes: Int32Array;
  readonly #values: Float32Array;
  readonly #truths: TruthRecord;
  readonly #scratch: Prediction;
  /** Where the next row goes, and rows in use. */
  #nextRow = 0;
  #usedRows = 0;
  #keptRows = 0;
  #evictedRows = 0;

  /** @param horizonMs how old a prediction may be when its truth arrives */
  constructor(layout: PredictionLayout, maxRows: number, horizonMs: number, secret?: Uint32Array) {
    this.layout = layout;
    this.#maxRows = maxRows;
    this.#horizonMs = horizonMs;
    this.#keys = new KeyRing(maxRows, secret);
    this.#times = new Float64Array(maxRows);
    this.#firstRows = new Uint32Array(maxRows);
    this.#rowCounts = new Uint32Array(maxRows);
    this.#classes = new Int32Array(maxRows);
    this.#values = new Float32Array(maxRows * layout.width);
    this.#truths = createTruthRecord(layout, maxRows);
    this.#scratch = createPrediction(layout);
  }

  get counts(): StoreCounts {
    return { keptRows: this.#keptRows, evictedRows: this.#evictedRows, rows: this.#usedRows };
  }

  /**
   * Keeps the rows of one request. The first prediction of an id counts: a request that is sent again, with the same id, changes nothing until
   * the first one is beyond the horizon.
   */
  keep(key: Uint32Array, atMs: number, rows: number, read: ReadPrediction): Kept {
    if (rows > this.#maxRows) return "too_many_rows";
    if (this.#isInUse(key, atMs)) return "repeated";
    while (this.#usedRows + rows > this.#maxRows || this.#keys.size === this.#keys.capacity) this.#dropOldest(atMs);
    const place = this.#keys.add(key);
    this.#times[place] = atMs;
    this.#firstRows[place] = this.#nextRow;
    this.#rowCounts[place] = rows;
    for (let row = 0; row < rows; row++) this.#write(this.#rowAt(this.#nextRow, row), row, read);
    this.#nextRow = this.#rowAt(this.#nextRow, rows);
    this.#usedRows += rows;
    this.#keptRows += rows;
    return "kept";
  }

  /** The place of a request; -1: it is not kept here. Good until the next {@link keep}, as are row numbers from it. */
  find(key: Uint32Array): number {
    return this.#keys.find(key);
  }

  /** Rows of the request at a place. */
  rowsOf(place: number): number {
    return this.#rowCounts[place] ?? 0;
  }

  /** When the request at a place was answered, epoch milliseconds. */
  timeOf(place: number): number {
    return this.#times[place] ?? Number.NaN;
  }

  /** Fills in the prediction of one row of the request at a place. */
  read(place: number, row: number, into: Prediction): void {
    const at = this.#rowAt(this.#firstRows[place] ?? 0, row);
    const { width } = this.layout;
    into.atMs = this.timeOf(place);
    into.predictedClass = this.#classes[at] ?? -1;
    for (let i = 0; i < width; i++) into.values[i] = this.#values[at * width + i] ?? Number.NaN;
  }

  /** What was reported about a row before. */
  truthOf(place: number, row: number): PreviousTruth | undefined {
    return readTruth(this.#truths, this.layout, this.#rowAt(this.#firstRows[place] ?? 0, row));
  }

  /** Remembers what was reported about a row. */
  setTruth(place: number, row: number, truth: PreviousTruth): void {
    recordTruth(this.#truths, this.#rowAt(this.#firstRows[place] ?? 0, row), truth);
  }

  /** Whether an earlier prediction has the id and may still get its truth. One beyond the horizon loses it, with all that is older. */
  #isInUse(key: Uint32Array, nowMs: number): boolean {
    const place = this.#keys.find(key);
    if (place < 0) return false;
    if (this.timeOf(place) + this.#horizonMs >= nowMs) return true;
    while (this.#keys.find(key) >= 0) this.#dropOldest(nowMs);
    return false;
  }

  #dropOldest(nowMs: number): void {
    const place = this.#keys.oldest;
    const rows = this.rowsOf(place);
    const isOpen = this.timeOf(place) + this.#horizonMs >= nowMs;
    const first = this.#firstRows[place] ?? 0;
    for (let row = 0; row < rows && isOpen; row++) {
      if (this.#truths.isKnown[this.#rowAt(first, row)] !== 1) this.#evictedRows++;
    }
    this.#keys.dropOldest();
    this.#usedRows -= rows;
  }

  #rowAt(first: number, row: number): number {
    return (first + row) % this.#maxRows;
  }

  #write(at: number, row: number, read: ReadPrediction): void {
    const scratch = this.#scratch;
    read(row, scratch);
    this.#classes[at] = scratch.predictedClass;
    this.#values.set(scratch.values, at * this.layout.width);
    clearTruth(this.#truths, at);
  }
}

/** An empty prediction to read into. */
export function createPrediction({ width }: PredictionLayout): Prediction {
  return { atMs: Number.NaN, predictedClass: -1, values: new Float32Array(width) };
}
