import type { InferenceError } from "../../src/errors.ts";
import type { Batch, BatchedModel, BatchRunner } from "../../src/runtime/batched-model.ts";
import type { BatchRecord } from "../../src/runtime/observer.ts";
import type { FakeClock } from "./fake-clock.ts";

/** Where batches run when the test says so; answers y = x. */
export class FakeRunner implements BatchRunner {
  readonly #model: BatchedModel;
  readonly #clock: FakeClock;
  /** Turns that the model asked for. */
  offers = 0;
  /** What it runs at the moment. */
  batch: Batch | undefined;

  constructor(model: BatchedModel, clock: FakeClock) {
    this.#model = model;
    this.#clock = clock;
    model.addRunner(this);
  }

  offer(): void {
    this.offers++;
  }

  /** Takes a batch; undefined: there is none yet. */
  take(): Batch | undefined {
    this.batch = this.#model.take();
    return this.batch;
  }

  /** Answers the batch after so long a run. */
  succeed(runMs = 1): void {
    const batch = this.#end();
    this.#clock.advance(runMs);
    const outputs = batch.entries.map((entry) => [{ ...entry.inputs[0]!, name: "y" }]);
    this.#model.complete(batch, this.#record(batch, runMs), outputs);
  }

  fail(error: InferenceError): void {
    const batch = this.#end();
    this.#model.fail(batch, this.#record(batch, 0, error), error);
  }

  retryAlone(error: InferenceError): void {
    const batch = this.#end();
    this.#model.retryAlone(batch, this.#record(batch, 0, error));
  }

  putBack(): void {
    this.#model.putBack(this.#end());
  }

  #end(): Batch {
    const { batch } = this;
    if (batch === undefined) throw new Error("nothing is running");
    this.batch = undefined;
    return batch;
  }

  #record(batch: Batch, runMs: number, error?: InferenceError): BatchRecord {
    return {
      rows: batch.rows,
      padding: 0,
      reason: batch.reason,
      takenMs: batch.takenMs,
      computeInputMs: 1,
      computeInferMs: runMs,
      computeOutputMs: 1,
      endedMs: this.#clock.now(),
      error,
      requests: batch.entries.map((entry) => entry.whole),
    };
  }
}
