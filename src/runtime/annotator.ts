import type { InferenceRequest, InferenceResponse, Parameters, RequestContext } from "../inference.ts";
import type { Tensor } from "../tensor.ts";
import type { ModelDescription } from "./model.ts";

/** A request, and the model's answer to it before it is handed to the caller. */
export interface AnsweredRequest {
  /** The version that answered. */
  readonly model: ModelDescription;
  /** As the caller wrote it. Views of its inputs are valid until the annotation is there or given up: an annotator that goes on by itself copies. */
  readonly request: InferenceRequest;
  readonly context: RequestContext;
  /** Rows of the request: its first dimension where the model batches, else 1. */
  readonly rows: number;
  /** What the caller asked for first, then what annotators need beside it. */
  readonly response: InferenceResponse;
  /** The answer has gone to its caller: whoever still works on an annotation may stop. */
  readonly isOver: boolean;
}

/** What an answer carries beside what its model answered. */
export interface Annotation {
  /** Named as the annotator's `output`. Absent: none. */
  readonly output?: Tensor;
  /** Added to those of the answer. Absent: none. */
  readonly parameters?: Parameters;
}

/**
 * Something that an answer of one model version carries when its request asks for it, by an output or a parameter with a name that begins
 * with `sluice_`. Requests that do not ask cost nothing.
 */
export interface Annotator {
  /** Which of the monitors it belongs to: what it leaves out is counted under this name. */
  readonly monitor: string;
  /** The output that asks for it. Absent: none does. */
  readonly output?: string;
  /** The parameter that asks for it, whatever its value. Absent: none does. */
  readonly parameter?: string;
  /** Outputs of the model that it reads. They are fetched with the others, and taken out of the answer again where nobody asked for them. */
  readonly neededOutputs: readonly string[];
  /** Longest time from the model's answer until the annotation is there, in milliseconds. An answer never waits longer. */
  readonly timeoutMs: number;
  /** What the answer carries; undefined, a throw or a rejection: the answer goes without, and that is counted. A promise only where it takes time. */
  annotate(answered: AnsweredRequest): Annotation | undefined | Promise<Annotation | undefined>;
}

/** Why an answer goes without what its request asked for: there was nothing, it failed, or it was not there in time. */
export type LeftOutReason = "unavailable" | "failed" | "timeout";

/** Who annotates the answers of each model version. */
export interface Annotators {
  /** The annotators of a version, always the same list while nothing changes; empty: an output of theirs is refused like any unknown one. */
  of(model: ModelDescription): readonly Annotator[];
  /** An answer goes without an annotation. Never throws. */
  onLeftOut(model: ModelDescription, annotator: Annotator, reason: LeftOutReason, error?: unknown): void;
}
