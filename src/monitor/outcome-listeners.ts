import type { OutcomeSink, Prediction, PredictionLayout, PreviousTruth, Truth } from "./prediction.ts";

/** Hears of every outcome that a sink has recorded. */
export type OutcomeListener = (prediction: Prediction, truth: Truth, weight: number, receivedAtMs: number) => void;

/** A sink of outcomes whose records others hear of too. Corrections are the sink's own affair: they change what is known, not what happened. */
export class HeardOutcomes implements OutcomeSink {
  readonly #sink: OutcomeSink;
  readonly #listener: OutcomeListener;

  /** @param listener must not throw */
  constructor(sink: OutcomeSink, listener: OutcomeListener) {
    this.#sink = sink;
    this.#listener = listener;
  }

  get modelName(): string {
    return this.#sink.modelName;
  }

  get modelVersion(): string {
    return this.#sink.modelVersion;
  }

  get layout(): PredictionLayout {
    return this.#sink.layout;
  }

  get labelHorizonMs(): number {
    return this.#sink.labelHorizonMs;
  }

  record(prediction: Prediction, truth: Truth, weight: number, receivedAtMs: number): void {
    this.#sink.record(prediction, truth, weight, receivedAtMs);
    this.#listener(prediction, truth, weight, receivedAtMs);
  }

  correct(prediction: Prediction, previous: PreviousTruth, truth: Truth, weight: number, receivedAtMs: number): void {
    this.#sink.correct(prediction, previous, truth, weight, receivedAtMs);
  }
}
