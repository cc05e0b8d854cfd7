import type { Signature } from "../../../inference.ts";
import type { Tensor } from "../../../tensor.ts";
import type { Signal } from "../../collect/sampled-rows.ts";
import { TensorColumns } from "../../collect/tensor-columns.ts";
import type { RowDetector } from "./row-detector.ts";

/** The output that asks for scores. */
export const anomalyScoreOutput = "sluice_anomaly_score";

/** Reads the rows of a request as a detector takes them. Turned to one request at a time. */
export class RowReader {
  /** The row that was read last. */
  readonly row: Float64Array;
  readonly #marks: Uint8Array;
  readonly #tensors: readonly TensorColumns[];

  constructor(signals: readonly Signal[], signature: Signature) {
    this.row = new Float64Array(signals.length);
    this.#marks = new Uint8Array(signals.length);
    const names = [...new Set(signals.map(({ tensor }) => tensor))];
    this.#tensors = names.map((name) => {
      const datatype = signature.inputs.find((input) => input.name === name)?.datatype ?? "FP32";
      const own = [...signals.entries()].filter(([, signal]) => signal.tensor === name);
      return new TensorColumns(
        name,
        datatype,
        own.map(([index, signal]) => [signal, index] as const),
      );
    });
  }

  open(inputs: readonly Tensor[], rows: number): void {
    for (const tensor of this.#tensors) tensor.open(inputs, rows);
  }

  read(row: number): Float64Array {
    for (const tensor of this.#tensors) tensor.copy(row, this.row, this.#marks, 0);
    return this.row;
  }

  /** Forgets the request, whose memory belongs to somebody else. */
  close(): void {
    for (const tensor of this.#tensors) tensor.close();
  }
}

/** How long a slice of scoring may take, in milliseconds, before the event loop gets its turn. */
const sliceMs = 1;

/** What a number of a row takes to be read, in nanoseconds. */
const readNs = 20;

/** What the scores of so many rows of a request take, in milliseconds or thereabouts. */
export function scoringMs({ rowNs, signals }: RowDetector, rows: number): number {
  return (rows * (rowNs + readNs * signals.length)) / 1e6;
}

/** The scores of all rows of one request, worked out a slice at a time. */
export class RequestScores {
  readonly #detector: RowDetector;
  readonly #reader: RowReader;
  readonly #inputs: readonly Tensor[];
  readonly #scores: Float32Array;
  readonly #rowsOfSlice: number;
  #next = 0;

  constructor(detector: RowDetector, reader: RowReader, inputs: readonly Tensor[], rows: number) {
    this.#detector = detector;
    this.#reader = reader;
    this.#inputs = inputs;
    this.#scores = new Float32Array(rows);
    this.#rowsOfSlice = Math.max(1, Math.floor(sliceMs / scoringMs(detector, 1)));
  }

  /** Works out the next slice. @returns whether all are there */
  step(): boolean {
    const rows = this.#scores.length;
    const end = Math.min(rows, this.#next + this.#rowsOfSlice);
    this.#reader.open(this.#inputs, rows);
    for (; this.#next < end; this.#next++) {
      this.#scores[this.#next] = this.#detector.score(this.#reader.read(this.#next));
    }
    this.#reader.close();
    return this.#next === rows;
  }

  /** The scores as they are answered. */
  get tensor(): Tensor {
    return scoreTensor(this.#scores);
  }
}

/** FP32 [N]. */
export function scoreTensor(scores: Float32Array): Tensor {
  const data = new Uint8Array(scores.buffer, scores.byteOffset, scores.byteLength);
  return { name: anomalyScoreOutput, datatype: "FP32", shape: [scores.length], data };
}
