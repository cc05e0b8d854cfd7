/**
 * What is kept of a prediction until its truth is known, and who takes the two together. The contract between those who keep predictions
 * (in memory by id, in a token) and those who judge them.
 */

/** What a model predicts: one of two classes, one of several, or numbers. */
export type PredictionTask = "binary" | "multiclass" | "regression";

/** What the predictions of one model version are made of; the same for all of its rows. */
export interface PredictionLayout {
  readonly task: PredictionTask;
  /**
   * Numbers kept of each row. Classes: the score of each class in the order of `labels`, a single one (of the positive class) where the model
   * gives only that, none where it gives labels alone. Regression: the predicted numbers.
   */
  readonly width: number;
  /** Class labels in the order of their index; empty for a regression. */
  readonly labels: readonly string[];
}

/** The prediction of one row. Filled anew for each row by a reader, so whoever keeps it copies. */
export interface Prediction {
  /** When it was made: epoch milliseconds. Windows go by it. */
  atMs: number;
  /** Index of the predicted class; -1: unknown to the layout's labels, or a regression. */
  predictedClass: number;
  /** As many numbers as the layout's width; NaN where the model gave none. */
  readonly values: Float32Array;
}

/** What turned out to be true of one row: the index of a class, or one number for each of a regression's. */
export type Truth = number | Float64Array;

/** How the outcomes of one model version are taken. One per loaded version whose quality is watched. */
export interface OutcomeSink {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly layout: PredictionLayout;
  /** How old a prediction may be when its truth arrives, milliseconds. */
  readonly labelHorizonMs: number;
  /** A prediction and its truth. `receivedAtMs`: epoch milliseconds; no prediction is of later. */
  record(prediction: Prediction, truth: Truth, weight: number, receivedAtMs: number): void;
  /** Another truth about a prediction that was recorded before, at `previous.atMs`: in windows it takes the old one's place, counters only count it. */
  correct(prediction: Prediction, previous: PreviousTruth, truth: Truth, weight: number, receivedAtMs: number): void;
}

/** What was recorded of a prediction that is corrected now. */
export interface PreviousTruth {
  /** Time of the prediction that it was recorded under, epoch milliseconds. */
  readonly atMs: number;
  readonly truth: Truth;
  readonly weight: number;
}
