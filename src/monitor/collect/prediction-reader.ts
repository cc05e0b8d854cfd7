import type { InferenceResponse } from "../../inference.ts";
import type { Prediction, PredictionLayout } from "../prediction.ts";

/**
 * Reads the predictions of a response, row by row, into one object that is filled anew each time. Meant to be asked while the response is
 * being told of, since its data is only valid then.
 */
export interface PredictionReader {
  readonly layout: PredictionLayout;
  /**
   * Turns to a response.
   * @param atMs epoch milliseconds of the answer
   * @returns its rows; 0 when the outputs that tell the prediction were not asked for, or do not have the form that the layout needs
   */
  open(response: InferenceResponse, atMs: number): number;
  /** The prediction of one row of the response turned to; the same object every time. */
  read(row: number): Prediction;
}
