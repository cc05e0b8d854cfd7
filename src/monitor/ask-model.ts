import type { InferenceResponse } from "../inference.ts";
import type { Tensor } from "../tensor.ts";

/** What the monitor asks of another model. */
export interface ModelQuestion {
  readonly modelName: string;
  /** Empty: its highest ready version. */
  readonly modelVersion: string;
  readonly outputs: readonly string[];
  readonly timeoutMs: number;
  /** Makes its inputs, which belong to the question from then on, as the model names them. */
  inputs(names: readonly string[]): readonly Tensor[];
}

/**
 * Asks a model of the repository, behind everybody else.
 * @returns a rejection, an InferenceError, when it is not there, refuses or fails
 */
export type AskModel = (question: ModelQuestion) => Promise<InferenceResponse>;
