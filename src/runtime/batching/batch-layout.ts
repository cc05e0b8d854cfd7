import type { Tensor } from "../../tensor.ts";
import type { RanOutput } from "../process/frames.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";

/** What a layout needs to know of a request in a batch. */
export type LaidOutEntry = Pick<QueueEntry, "inputs" | "rows" | "measure">;

/** How outputs come out of the arena: `runtime-process.ts`. */
export type ReadOutput = (offset: number, length: number) => Buffer;

/** One input of a run: its shape, and its bytes, of which zeros at the end may be missing. */
export interface InputContent {
  readonly shape: readonly number[];
  readonly buffers: readonly Uint8Array[];
}

/** What of a run was padding, in elements of the inputs that are padded. */
export interface PaddingShare {
  readonly elements: number;
  readonly paddedElements: number;
}

/**
 * How the inputs of requests that differ in shape come together in one run, and its outputs apart again, where that is more than putting rows
 * one after another: padded to one length, or flattened (Triton's ragged batch).
 */
export interface BatchLayout {
  /** Undefined: rows one after another, as usual. @param rows of the run, those added to fill a batch bucket included */
  gather(index: number, entries: readonly LaidOutEntry[], rows: number): InputContent | undefined;
  /** The inputs that no request has, in the order of the signature's `filled`. */
  fill(entries: readonly LaidOutEntry[], rows: number): readonly InputContent[];
  /**
   * An output for each entry; undefined: by rows, as usual.
   * @throws InferenceError "runtime" when the output has not the shape that it should
   */
  scatter(
    index: number,
    output: RanOutput,
    read: ReadOutput,
    entries: readonly LaidOutEntry[],
    rows: number,
  ): readonly Tensor[] | undefined;
  /** Undefined: nothing is padded here. */
  padding(entries: readonly LaidOutEntry[], rows: number): PaddingShare | undefined;
}
