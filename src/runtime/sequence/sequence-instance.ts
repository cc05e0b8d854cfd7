import { InferenceError, toInferenceError } from "../../errors.ts";
import type { SequencePlan } from "../../model/sequence-plan.ts";
import { bucketOf, splitBatch } from "../batching/batch.ts";
import { traceOf } from "../batching/batch-trace.ts";
import type { BatchRecord } from "../observer.ts";
import type { Failure, RanFrame } from "../process/frames.ts";
import type { InstanceOptions } from "../process/instance.ts";
import type { LoadRequest } from "../process/load-protocol.ts";
import type { ProcessSlot, Resident } from "../process/process-slot.ts";
import type { ProcessExit, RuntimeProcess } from "../process/runtime-process.ts";
import { membersOf, type SequenceBatch, writeSequenceBatch } from "./sequence-batch.ts";
import type { SequenceModel } from "./sequence-model.ts";
import type { SequenceRunner } from "./sequence-queue.ts";
import { transferStates } from "./state-transfer.ts";

export interface SequenceInstanceOptions extends Omit<InstanceOptions, "layout"> {
  readonly plan: SequencePlan;
  /** Its number in the model's table of sequences. */
  readonly index: number;
}

/**
 * One session of a model with sequences, in a process of its own: takes the batches of its slots there and brings back what became of them. Nothing runs
 * again, since the state may have moved on.
 */
export class SequenceInstance implements SequenceRunner, Resident {
  readonly loadRequest: LoadRequest;
  readonly #model: SequenceModel;
  readonly #slot: ProcessSlot;
  readonly #options: SequenceInstanceOptions;

  constructor(model: SequenceModel, slot: ProcessSlot, loadRequest: LoadRequest, options: SequenceInstanceOptions) {
    this.#model = model;
    this.#slot = slot;
    this.loadRequest = loadRequest;
    this.#options = options;
  }

  get loadTimeoutMs(): number {
    return this.#options.loadTimeoutMs;
  }

  get hasWork(): boolean {
    return this.#model.scheduler.hasWork(this.#options.index);
  }

  get slot(): ProcessSlot {
    return this.#slot;
  }

  offer(): void {
    this.#slot.offer(this);
  }

  onLoaded(): void {
    this.#options.onAvailability(undefined);
    this.#model.scheduler.setRunner(this.#options.index, this);
  }

  onUnavailable(error: InferenceError): void {
    this.#options.onAvailability(error);
  }

  onLost(): void {
    this.#model.scheduler.lose(this.#options.index);
  }

  async move(from: RuntimeProcess, to: RuntimeProcess): Promise<void> {
    const { sessionId } = this.loadRequest;
    const sequences = this.#model.scheduler.remembered(this.#options.index);
    const pairs = sequences.map(({ slot }) => ({ from: slot.number, to: slot.number }));
    const limitMs = this.#options.loadTimeoutMs;
    const shapes = await transferStates({ process: from, sessionId }, { process: to, sessionId }, pairs, limitMs);
    this.#model.scheduler.setShapes(sequences, shapes);
  }

  startBatch(process: RuntimeProcess): boolean {
    const batch = this.#model.scheduler.take(this.#options.index);
    if (batch === undefined) return false;
    const { clock, plan, buckets } = this.#options;
    const target = {
      sessionId: this.loadRequest.sessionId,
      signature: this.#model.description.signature,
      controls: plan.controls,
      paddedRows: bucketOf(batch.rows.length, buckets),
    };
    let sentMs = 0;
    try {
      process.run(this.#options.runTimeoutMs, (arena, slot) => writeSequenceBatch(arena, slot, batch, target), {
        result: (ran) => this.#onRan(process, batch, target.paddedRows, sentMs - batch.takenMs, ran),
        failed: (failure) => this.#onFailed(process, batch, sentMs, failure),
        died: (exit, isStarted) => this.#onDied(batch, exit, isStarted),
      });
      sentMs = clock.now();
    } catch (cause) {
      const error = toInferenceError(cause);
      this.#options.report(
        `a batch of model '${this.loadRequest.name}' could not be handed over`,
        String(error.cause ?? error.message),
        traceOf(batch.rows.map((row) => row?.item.entry)),
      );
      this.#fail(batch, error);
    }
    return true;
  }

  #onRan(process: RuntimeProcess, batch: SequenceBatch, padded: number, sendMs: number, ran: RanFrame): () => void {
    const receivedMs = this.#options.clock.now();
    this.#slot.onRan(this, process, ran.readMs + ran.inferMs + ran.writeMs, ran.residentBytes);
    try {
      const read = (offset: number, length: number) => process.readOutput(offset, length);
      const outputs = splitBatch(ran, read, membersOf(batch), this.#model.description.signature, padded);
      const endedMs = this.#options.clock.now();
      const record = this.#record(batch, padded, endedMs, {
        computeInputMs: sendMs + ran.readMs,
        computeInferMs: ran.inferMs,
        computeOutputMs: ran.writeMs + endedMs - receivedMs,
      });
      return () => this.#model.complete(batch, record, outputs, ran.stateShapes);
    } catch (cause) {
      const error = toInferenceError(cause);
      return () => this.#fail(batch, error);
    }
  }

  #onFailed(process: RuntimeProcess, batch: SequenceBatch, sentMs: number, failure: Failure): void {
    this.#slot.onRan(this, process, this.#options.clock.now() - sentMs, 0); // a run that fails takes its time as well
    const { name, version } = this.loadRequest;
    if (failure.detail !== "")
      this.#options.report(
        `a run of model '${name}' version ${version} failed`,
        failure.detail,
        traceOf(batch.rows.map((row) => row?.item.entry)),
      );
    const tooLarge = "the answer exceeds what a batch may carry (--arena-max-bytes), or the states (--max-state-bytes)";
    this.#fail(
      batch,
      failure.reason === "too_large"
        ? new InferenceError("too_large", tooLarge, { retryAfterMs: -1 })
        : new InferenceError("runtime", `model '${name}' failed on this request`, { cause: new Error(failure.detail) }),
    );
  }

  #onDied(batch: SequenceBatch, exit: ProcessExit, isStarted: boolean): void {
    const { name } = this.loadRequest;
    if (!isStarted) {
      this.#model.scheduler.putBack(batch);
      return;
    }
    if (exit.kind === "timeout") {
      const limit = `model '${name}' exceeded its run limit of ${this.#options.runTimeoutMs} ms`;
      this.#fail(batch, new InferenceError("runtime", limit));
      return;
    }
    this.#slot.blame(this);
    this.#model.failLost(batch, this.#record(batch, batch.rows.length, this.#options.clock.now(), noTimes, undefined));
  }

  #fail(batch: SequenceBatch, error: InferenceError): void {
    const record = this.#record(batch, batch.rows.length, this.#options.clock.now(), noTimes, error);
    this.#model.fail(batch, record, error);
  }

  /** Rows without a request count as padding. */
  #record(
    batch: SequenceBatch,
    padded: number,
    endedMs: number,
    times: { computeInputMs: number; computeInferMs: number; computeOutputMs: number },
    error?: InferenceError,
  ): BatchRecord {
    const requests = batch.rows.flatMap((row) => (row === undefined ? [] : [row.item.entry]));
    return {
      rows: requests.length,
      padding: padded - requests.length,
      reason: batch.reason,
      takenMs: batch.takenMs,
      ...times,
      endedMs,
      error,
      requests,
    };
  }
}

const noTimes = { computeInputMs: 0, computeInferMs: 0, computeOutputMs: 0 };
