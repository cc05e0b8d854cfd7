import type { OutcomeSink, Prediction, PredictionLayout, PreviousTruth, Truth } from "../../src/monitor/prediction.ts";

/** Predictions of two classes with a score each. */
export const twoClasses: PredictionLayout = { task: "binary", width: 2, labels: ["no", "yes"] };

/** Predictions of so many numbers. */
export function numbers(width: number): PredictionLayout {
  return { task: "regression", width, labels: [] };
}

/** An outcome as a sink got it. */
export interface RecordedOutcome {
  readonly atMs: number;
  readonly predictedClass: number;
  readonly values: readonly number[];
  readonly truth: number | readonly number[];
  readonly weight: number;
  readonly previous?: { readonly truth: number | readonly number[]; readonly weight: number };
}

/** Keeps what it gets, as copies. */
export class RecordingSink implements OutcomeSink {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly layout: PredictionLayout;
  readonly labelHorizonMs: number;
  readonly outcomes: RecordedOutcome[] = [];

  constructor({ name = "m", version = "1", layout = twoClasses, labelHorizonMs = 3_600_000 } = {}) {
    this.modelName = name;
    this.modelVersion = version;
    this.layout = layout;
    this.labelHorizonMs = labelHorizonMs;
  }

  record(prediction: Prediction, truth: Truth, weight: number): void {
    this.outcomes.push({ ...copyOf(prediction), truth: plain(truth), weight });
  }

  correct(prediction: Prediction, previous: PreviousTruth, truth: Truth, weight: number): void {
    const before = { truth: plain(previous.truth), weight: previous.weight };
    this.outcomes.push({ ...copyOf(prediction), truth: plain(truth), weight, previous: before });
  }
}

function copyOf({ atMs, predictedClass, values }: Prediction) {
  return { atMs, predictedClass, values: [...values] };
}

function plain(truth: Truth): number | readonly number[] {
  return typeof truth === "number" ? truth : [...truth];
}
