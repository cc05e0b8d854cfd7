import { InferenceError, toInferenceError } from "../../errors.ts";
import {
  type InferenceRequest,
  type InferenceResponse,
  noParameters,
  type Reply,
  type RequestContext,
} from "../../inference.ts";
import type { SequencePlan } from "../../model/sequence-plan.ts";
import type { Tensor } from "../../tensor.ts";
import { SlotLimit } from "../batching/slot-limit.ts";
import type { Clock } from "../clock.ts";
import type { Model, ModelDescription } from "../model.ts";
import type { BatchRecord, Observer } from "../observer.ts";
import { QueueEntry } from "../queue/queue-entry.ts";
import { queueFull } from "../queue/queue-policy.ts";
import type { ValidRequest } from "../validator.ts";
import type { Sequence } from "./sequence.ts";
import type { SequenceBatch } from "./sequence-batch.ts";
import { deadlineError, fullRetryAfterMs, lostError, unknownError } from "./sequence-errors.ts";
import { type SequenceId, sequencePosition } from "./sequence-id.ts";
import { SequenceReader } from "./sequence-request.ts";
import { SequenceScheduler } from "./sequence-scheduler.ts";
import type { Arrival } from "./sequence-table.ts";

export interface SequenceModelOptions {
  readonly clock: Clock;
  readonly observers: Required<Observer>;
  readonly plan: SequencePlan;
  readonly instances: number;
  readonly maxQueueRequests: number;
  readonly maxQueueBytes: number;
  readonly maxBacklogSequences: number;
  /** Bytes that the inputs of one batch may take in the arena. */
  readonly slotBytes: number;
}

/**
 * A model whose requests belong to sequences (Triton's sequence batcher): each sequence keeps its slot of one instance, its requests run in their order,
 * one at a time, never twice. Admits and answers requests; which of them run, and which sequences end, is the scheduler's affair.
 */
export class SequenceModel implements Model {
  readonly description: ModelDescription;
  readonly #options: SequenceModelOptions;
  readonly #reader: SequenceReader;
  readonly #slotLimit: SlotLimit;
  /** Its sequences. Instances take their batches there. */
  readonly scheduler: SequenceScheduler;
  #draining: InferenceError | undefined;
  #onDrained: (() => void)[] = [];
  /** The versions of the model that have sequences or may begin some, this one among them: a sequence stays with the one that has it. */
  #family = new Set<SequenceModel>([this]);
  /** Another version serves in its place, and it lives on until its sequences have ended. */
  #isReplaced = false;
  /** It was drained: nothing of it can run any more. */
  #isEnded = false;

  constructor(description: ModelDescription, options: SequenceModelOptions) {
    const { name, config, signature } = description;
    const maxRows = Math.max(1, config.max_batch_size ?? 0);
    this.description = description;
    this.#options = options;
    this.#slotLimit = new SlotLimit(options.slotBytes, signature.maxBatchSize > 0 ? maxRows : 0);
    this.#reader = new SequenceReader(name, signature, options.plan);
    this.scheduler = new SequenceScheduler({
      ...options,
      description,
      maxRows,
      fail: (entry, error) => this.#fail(entry, error),
      onChange: () => this.#checkDrained(),
    });
  }

  /** Requests waiting or running. */
  get pending(): number {
    return this.scheduler.waiting + this.scheduler.running;
  }

  infer(request: InferenceRequest, context: RequestContext, reply: Reply): void {
    const { id, isStart } = sequencePosition(request.parameters);
    const other = id === undefined || isStart ? undefined : this.#otherThatKnows(id, request.modelVersion);
    if (other !== undefined) {
      other.infer(request, context, reply);
      return;
    }
    try {
      this.#admit(request, context, reply, this.#options.clock.now());
    } catch (error) {
      const nothing = { inputs: [], rows: 0, shapeKey: "", outputs: [] };
      const entry = new QueueEntry(request, context, reply, nothing, Number.POSITIVE_INFINITY);
      this.#fail(entry, toInferenceError(error));
    }
  }

  /**
   * A batch has its answers.
   * @param outputs one list of tensors for each row
   * @param stateShapes for each row with a request the number of the shapes of its state; empty: all the same
   */
  complete(
    batch: SequenceBatch,
    record: BatchRecord,
    outputs: readonly (readonly Tensor[])[],
    stateShapes: readonly number[],
  ): void {
    this.#options.observers.onBatch(this.description, record);
    const endedMs = this.#options.clock.now();
    const { name, version } = this.description;
    let position = 0;
    for (const row of batch.rows) {
      if (row === undefined) continue;
      row.sequence.stateShape = stateShapes[position++] ?? 0;
      if (row.isLast) row.sequence.hasState = false; // let go of by the run
    }
    this.scheduler.finish(batch, endedMs);
    for (const [i, row] of batch.rows.entries()) {
      if (row === undefined) continue;
      const { entry } = row.item;
      entry.computeInputMs = record.computeInputMs;
      entry.computeInferMs = record.computeInferMs;
      entry.computeOutputMs = record.computeOutputMs;
      entry.endedMs = endedMs;
      const response: InferenceResponse = {
        modelName: name,
        modelVersion: version,
        id: entry.request.id,
        parameters: noParameters,
        outputs: outputs[i] as readonly Tensor[], // one for each row
      };
      this.#options.observers.onResponse(this.description, entry, response);
      this.#options.observers.onEnd(this.description, entry);
      entry.reply.respond(response, true);
    }
    this.#checkDrained();
  }

  /** A batch failed: its requests get the error and never run again, their sequences go on without them (Triton's rule). */
  fail(batch: SequenceBatch, record: BatchRecord, error: InferenceError): void {
    this.#options.observers.onBatch(this.description, record);
    this.scheduler.finish(batch, this.#options.clock.now());
    for (const row of batch.rows) if (row !== undefined) this.#fail(row.item.entry, error);
    if (error.reason === "too_large") this.#endUnbegun(batch);
    this.#checkDrained();
  }

  /** Sequences whose first state found no room have none to go on from. */
  #endUnbegun({ rows }: SequenceBatch): void {
    for (const row of rows) if (row?.item.isStart === true) this.scheduler.cancel(row.sequence);
  }

  /** The process ended under a batch: what the model remembered is gone. `SequenceScheduler.lose` follows. */
  failLost(batch: SequenceBatch, record: BatchRecord): void {
    const { name } = this.description;
    const hasStates = this.#options.plan.states.length > 0;
    const error = (id: SequenceId): InferenceError =>
      hasStates
        ? lostError(id, name)
        : new InferenceError("runtime", `model '${name}' ended its runtime process on this request`);
    this.#options.observers.onBatch(this.description, { ...record, error: error(0n) });
    this.scheduler.finish(batch, this.#options.clock.now());
    for (const row of batch.rows) if (row !== undefined) this.#fail(row.item.entry, error(row.sequence.id));
    this.#checkDrained();
  }

  /**
   * Begins no further sequence, refuses those that wait for a slot, and answers what it has accepted for the others, also what still comes; resolves
   * when nothing is left.
   */
  drain(error: InferenceError): Promise<void> {
    this.#draining = error;
    if (!this.#isReplaced) this.scheduler.failBacklog(error); // slots may stay taken for as long as sequences may be idle
    this.#hurry();
    return new Promise((resolve) => {
      this.#onDrained.push(resolve);
      this.#checkDrained();
    });
  }

  /** Joins another version: requests of the sequences that live there find their way. @param isReplaced the other one begins no more */
  follow(other: SequenceModel, isReplaced: boolean): void {
    if (isReplaced) other.#isReplaced = true;
    for (const member of this.#family) {
      other.#family.add(member);
      member.#family = other.#family;
    }
  }

  /** Whether states of the other version are states of this one. */
  canAdopt(other: SequenceModel): boolean {
    return JSON.stringify(this.#options.plan.states) === JSON.stringify(other.#options.plan.states);
  }

  /** Another version that has the sequence, of this number where the caller asks for it. */
  #otherThatKnows(id: SequenceId, version: string): SequenceModel | undefined {
    if (this.#family.size === 1 || this.scheduler.has(id)) return undefined;
    const others = [...this.#family].filter(
      ({ description }) => version === "" || description.version === this.description.version,
    );
    return others.find(({ scheduler }) => scheduler.has(id));
  }

  /** When no version of the model begins sequences any more, nobody waits for those to end that have begun. */
  #hurry(): void {
    if ([...this.#family].some((member) => member.#draining === undefined)) return;
    for (const member of this.#family) {
      member.#isReplaced = false;
      if (member.#draining !== undefined) member.scheduler.failBacklog(member.#draining);
      member.#checkDrained();
    }
  }

  #admit(request: InferenceRequest, context: RequestContext, reply: Reply, now: number): void {
    const refusal = this.scheduler.unavailable ?? (this.#isEnded ? this.#draining : undefined);
    if (refusal !== undefined) throw refusal;
    const { valid, id, isStart, isEnd, correlation } = this.#reader.read(request);
    if (this.#draining !== undefined && isStart) throw this.#draining;
    const { kind, sequence } = this.#sequenceOf(id, isStart, request);
    const entry = new QueueEntry(request, context, reply, valid, context.deadlineMs);
    try {
      this.#checkRoom(entry, valid, now);
    } catch (error) {
      // Requests that follow on a stream may be on their way: the sequence must not go on without this one.
      if (context.isStreamed === true || kind === "opened") this.scheduler.cancel(sequence);
      throw error;
    }
    this.scheduler.enqueue(sequence, { entry, isStart, isEnd, correlation }, now);
  }

  #sequenceOf(id: SequenceId, isStart: boolean, request: InferenceRequest): Arrival & { readonly sequence: Sequence } {
    const { name } = this.description;
    const arrival = this.scheduler.arrive(id, isStart);
    switch (arrival.kind) {
      case "known":
      case "opened":
        return arrival;
      case "unknown":
        throw unknownError(id, name);
      case "lost":
        throw lostError(id, name);
      case "full":
        throw queueFull(request, fullRetryAfterMs);
    }
  }

  /** @throws InferenceError when the request cannot wait, or need not */
  #checkRoom({ request, byteLength, deadlineMs }: QueueEntry, valid: ValidRequest, now: number): void {
    if (deadlineMs <= now) throw deadlineError();
    this.#slotLimit.check(valid, byteLength);
    const { maxQueueRequests, maxQueueBytes } = this.#options;
    const { waiting, waitingBytes } = this.scheduler;
    const isOver = waiting > 0 && waitingBytes + byteLength > maxQueueBytes;
    if (isOver || waiting >= maxQueueRequests) throw queueFull(request, fullRetryAfterMs);
  }

  #fail(entry: QueueEntry, error: InferenceError): void {
    entry.error = error;
    entry.endedMs = this.#options.clock.now();
    this.#options.observers.onEnd(this.description, entry);
    entry.reply.fail(error);
  }

  #checkDrained(): void {
    if (this.#draining === undefined || this.pending > 0) return;
    if (this.#isReplaced && !this.scheduler.isEmpty) return;
    this.scheduler.stop();
    this.#isEnded = true;
    this.#family.delete(this);
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }
}
