import { InferenceError } from "../errors.ts";
import type { Answer, AnswerSource, InferenceResponse, RequestContext } from "../inference.ts";
import type { Chunking } from "../model/chunking.ts";
import type { Tensor } from "../tensor.ts";
import { elementCount } from "../tensor.ts";
import { RowIndex } from "./batching/rows.ts";
import type { Clock } from "./clock.ts";
import type { DecoupledAnswerRecord } from "./observer.ts";

export interface ChunkSourceOptions {
  readonly chunking: Chunking;
  readonly context: RequestContext;
  readonly clock: Clock;
  /** Hears of every answer that was made, and of the end that came instead of one. */
  onAnswer(record: DecoupledAnswerRecord): void;
}

/** One answer of a model as several: its outputs cut along an axis, in order; none when the axis has no length. */
export class ChunkSource implements AnswerSource {
  readonly byteLength: number;
  readonly #whole: InferenceResponse;
  readonly #options: ChunkSourceOptions;
  readonly #cuts: readonly TensorCut[];
  readonly #length: number;
  #start = 0;
  #index = 0;

  /** @throws InferenceError "runtime" when the outputs have different lengths along the axis, or one lacks it */
  constructor(whole: InferenceResponse, options: ChunkSourceOptions) {
    this.#whole = whole;
    this.#options = options;
    this.#cuts = whole.outputs.map((output) => new TensorCut(output, options.chunking.axis));
    this.#length = commonLength(whole.outputs, this.#cuts);
    this.byteLength = whole.outputs.reduce((sum, { data }) => sum + data.length, 0);
  }

  next(): Answer | undefined {
    const { chunking, context, clock } = this.#options;
    const startMs = clock.now();
    const refusal = refusalOf(context, startMs);
    if (refusal !== undefined) {
      this.abandon();
      throw refusal;
    }
    const index = this.#index++;
    if (this.#length === 0) {
      this.#tell(index, "empty", startMs);
      return undefined;
    }
    const end = Math.min(this.#length, this.#start + chunking.size);
    const outputs = this.#cuts.map((cut) => cut.between(this.#start, end));
    this.#start = end;
    this.#tell(index, "success", startMs);
    return { response: { ...this.#whole, outputs }, isFinal: end === this.#length };
  }

  abandon(): void {
    this.#tell(this.#index, "cancel", this.#options.clock.now());
  }

  #tell(index: number, outcome: DecoupledAnswerRecord["outcome"], startMs: number): void {
    const { clock, context, onAnswer } = this.#options;
    const now = clock.now();
    const computeOutputMs = outcome === "success" ? now - startMs : 0;
    onAnswer({ index, outcome, computeOutputMs, sinceArrivalMs: now - context.arrivalTimeMs });
  }
}

/** Why nobody waits for the next answer; undefined: somebody does. */
function refusalOf(context: RequestContext, nowMs: number): InferenceError | undefined {
  if (context.isCancelled)
    return new InferenceError("cancelled", "the caller cancelled the request between two answers");
  if (nowMs < context.deadlineMs) return undefined;
  return new InferenceError("deadline", "the deadline passed between two answers", { retryAfterMs: -1 });
}

function commonLength(outputs: readonly Tensor[], cuts: readonly TensorCut[]): number {
  const [first] = cuts;
  if (first === undefined) return 0;
  const other = cuts.findIndex(({ length }) => length !== first.length);
  if (other < 0) return first.length;
  throw new InferenceError(
    "runtime",
    `outputs '${outputs[0]?.name}' and '${outputs[other]?.name}' cannot be cut together: ${first.length} and ${cuts[other]?.length} along sluice_chunk_axis`,
  );
}

/** A tensor that is cut along one axis. */
class TensorCut {
  /** Length of the axis. */
  readonly length: number;
  readonly #tensor: Tensor;
  readonly #axis: number;
  /** How often the axis is run through: the product of the lengths before it. */
  readonly #repeats: number;
  /** The tensor as rows of what lies behind the axis. */
  readonly #rows: RowIndex;

  constructor(tensor: Tensor, axis: number) {
    const { name, shape, datatype } = tensor;
    const length = shape.at(axis);
    if (length === undefined) {
      throw new InferenceError(
        "runtime",
        `output '${name}' of shape [${shape}] has no dimension ${axis} to be cut along`,
      );
    }
    this.length = length;
    this.#tensor = tensor;
    this.#axis = axis < 0 ? axis + shape.length : axis;
    this.#repeats = elementCount(shape.slice(0, this.#axis));
    const rowShape = [this.#repeats * length, ...shape.slice(this.#axis + 1)];
    this.#rows = new RowIndex(datatype, rowShape, () => tensor.data);
  }

  /** A view where the part lies in one piece, else a copy. */
  between(start: number, end: number): Tensor {
    const { data, shape } = this.#tensor;
    const partShape = shape.with(this.#axis, end - start);
    if (data.length === 0) return { ...this.#tensor, shape: partShape }; // such an axis can be run through any number of times
    const pieces: Uint8Array[] = [];
    for (let repeat = 0; repeat < this.#repeats; repeat++) {
      const row = repeat * this.length;
      pieces.push(data.subarray(this.#rows.offset(row + start), this.#rows.offset(row + end)));
    }
    const [only] = pieces;
    const joined = pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
    return { ...this.#tensor, shape: partShape, data: joined };
  }
}
