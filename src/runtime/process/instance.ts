import { InferenceError, toInferenceError } from "../../errors.ts";
import type { TraceIds } from "../../inference.ts";
import type { Batch, BatchedModel, BatchRunner } from "../batched-model.ts";
import { bucketOf, type ScatterOutput, splitBatch, writeBatch } from "../batching/batch.ts";
import type { BatchLayout } from "../batching/batch-layout.ts";
import { traceOf } from "../batching/batch-trace.ts";
import type { Clock } from "../clock.ts";
import type { BatchRecord } from "../observer.ts";
import type { Failure, RanFrame } from "./frames.ts";
import type { LoadRequest } from "./load-protocol.ts";
import type { ProcessSlot, Resident } from "./process-slot.ts";
import type { ProcessExit, RuntimeProcess } from "./runtime-process.ts";

export interface InstanceOptions {
  readonly clock: Clock;
  readonly runTimeoutMs: number;
  readonly loadTimeoutMs: number;
  /** Row counts to which batches are padded, ascending; empty: batches run as they are. */
  readonly buckets: readonly number[];
  /** How requests of different shapes share a batch; absent: they have one shape. */
  readonly layout?: BatchLayout;
  /** For the log: what went wrong in words that must not travel. */
  report(message: string, detail: string, trace?: TraceIds): void;
  /** The instance can, or cannot, run batches from now on. */
  onAvailability(error: InferenceError | undefined): void;
}

/** Deaths of the runtime process under one request, the second time alone, after which it is not run again. */
const deadlyRuns = 2;

/**
 * One session of a model in a process slot: takes the model's batches to the process and brings back what became of them. Decides what is
 * run again (docs/architecture.md, "Running again").
 */
export class Instance implements BatchRunner, Resident {
  readonly loadRequest: LoadRequest;
  readonly #model: BatchedModel;
  readonly #slot: ProcessSlot;
  readonly #options: InstanceOptions;

  constructor(model: BatchedModel, slot: ProcessSlot, loadRequest: LoadRequest, options: InstanceOptions) {
    this.#model = model;
    this.#slot = slot;
    this.loadRequest = loadRequest;
    this.#options = options;
  }

  get loadTimeoutMs(): number {
    return this.#options.loadTimeoutMs;
  }

  get hasWork(): boolean {
    return this.#model.hasWaiting;
  }

  get slot(): ProcessSlot {
    return this.#slot;
  }

  offer(): void {
    this.#slot.offer(this);
  }

  onLoaded(): void {
    this.#options.onAvailability(undefined);
    this.#model.addRunner(this);
  }

  onUnavailable(error: InferenceError): void {
    this.#options.onAvailability(error);
  }

  startBatch(process: RuntimeProcess): boolean {
    const batch = this.#model.take(!process.isIdle);
    if (batch === undefined) return false;
    const { clock, layout } = this.#options;
    const { signature } = this.#model.description;
    const padded = bucketOf(batch.rows, this.#options.buckets);
    let sentMs = 0;
    try {
      process.run(
        this.#options.runTimeoutMs,
        (arena, slot) => writeBatch(arena, slot, this.loadRequest.sessionId, batch.entries, signature, padded, layout),
        {
          result: (ran) => this.#onRan(process, batch, padded, sentMs - batch.takenMs, ran),
          failed: (failure) => this.#onFailed(process, batch, padded, sentMs, failure),
          died: (exit, isStarted) => this.#onDied(batch, padded, exit, isStarted),
        },
      );
      sentMs = clock.now();
    } catch (error) {
      this.#onUnsent(batch, padded, toInferenceError(error));
    }
    return true;
  }

  #onRan(process: RuntimeProcess, batch: Batch, padded: number, sendMs: number, ran: RanFrame): () => void {
    const receivedMs = this.#options.clock.now();
    this.#slot.onRan(this, process, ran.readMs + ran.inferMs + ran.writeMs, ran.residentBytes);
    const computeInputMs = sendMs + ran.readMs;
    try {
      const read = (offset: number, length: number) => process.readOutput(offset, length);
      const { layout } = this.#options;
      const scatter: ScatterOutput = (index, output) => layout?.scatter(index, output, read, batch.entries, padded);
      const outputs = splitBatch(ran, read, batch.entries, this.#model.description.signature, padded, scatter);
      const endedMs = this.#options.clock.now();
      const computeOutputMs = ran.writeMs + endedMs - receivedMs;
      const record = this.#record(batch, padded, endedMs, {
        computeInputMs,
        computeInferMs: ran.inferMs,
        computeOutputMs,
      });
      return () => this.#model.complete(batch, record, outputs);
    } catch (cause) {
      const error = toInferenceError(cause);
      return () => this.#settleFailure(batch, padded, error);
    }
  }

  #onFailed(process: RuntimeProcess, batch: Batch, padded: number, sentMs: number, failure: Failure): void {
    this.#slot.onRan(this, process, this.#options.clock.now() - sentMs, 0); // a run that fails takes its time as well
    const { name, version } = this.loadRequest;
    if (failure.detail !== "")
      this.#options.report(
        `a run of model '${name}' version ${version} failed`,
        failure.detail,
        traceOf(batch.entries),
      );
    const error =
      failure.reason === "too_large"
        ? new InferenceError("too_large", "the answer exceeds what a batch may carry (--arena-max-bytes)", {
            retryAfterMs: -1,
          })
        : new InferenceError("runtime", `model '${name}' failed on this request`, { cause: new Error(failure.detail) });
    this.#settleFailure(batch, padded, error);
  }

  /** Members of a failed batch run again alone, once, so that only the culprit fails. */
  #settleFailure(batch: Batch, padded: number, error: InferenceError): void {
    const record = this.#record(batch, padded, this.#options.clock.now(), noTimes, error);
    if (batch.entries.length > 1) this.#model.retryAlone(batch, record);
    else this.#model.fail(batch, record, error);
  }

  #onDied(batch: Batch, padded: number, exit: ProcessExit, isStarted: boolean): void {
    const { name } = this.loadRequest;
    const now = this.#options.clock.now();
    if (!isStarted) {
      this.#model.putBack(batch);
      return;
    }
    if (exit.kind === "timeout") {
      const error = new InferenceError(
        "runtime",
        `model '${name}' exceeded its run limit of ${this.#options.runTimeoutMs} ms`,
      );
      this.#model.fail(batch, this.#record(batch, padded, now, noTimes, error), error);
      return;
    }
    this.#slot.blame(this);
    for (const entry of batch.entries) entry.deaths++;
    const error = new InferenceError("runtime", `model '${name}' ended its runtime process on this request`);
    const record = this.#record(batch, padded, now, noTimes, error);
    const [only] = batch.entries;
    if (batch.entries.length === 1 && only !== undefined && only.deaths >= deadlyRuns) {
      this.#slot.forgiveCrashes(this, deadlyRuns);
      this.#model.fail(batch, record, error);
    } else {
      this.#model.retryAlone(batch, record);
    }
  }

  /** The inputs could not be written: nothing ran. */
  #onUnsent(batch: Batch, padded: number, error: InferenceError): void {
    this.#options.report(
      `a batch of model '${this.loadRequest.name}' could not be handed over`,
      String(error.cause ?? error.message),
      traceOf(batch.entries),
    );
    this.#settleFailure(batch, padded, error);
  }

  #record(
    batch: Batch,
    padded: number,
    endedMs: number,
    times: { computeInputMs: number; computeInferMs: number; computeOutputMs: number },
    error?: InferenceError,
  ): BatchRecord {
    const padding = this.#model.description.signature.maxBatchSize > 0 ? padded - batch.rows : 0;
    const requests = batch.entries.map((entry) => entry.whole);
    const share = this.#options.layout?.padding(batch.entries, padded);
    return {
      rows: batch.rows,
      padding,
      reason: batch.reason,
      takenMs: batch.takenMs,
      ...times,
      endedMs,
      error,
      requests,
      ...(share ?? {}),
    };
  }
}

const noTimes = { computeInputMs: 0, computeInferMs: 0, computeOutputMs: 0 };
