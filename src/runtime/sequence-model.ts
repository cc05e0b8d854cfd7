import { InferenceError, toInferenceError } from "../errors.ts";
import {
  type InferenceRequest,
  type InferenceResponse,
  noParameters,
  type Reply,
  type RequestContext,
} from "../inference.ts";
import type { SequencePlan } from "../model/sequence-plan.ts";
import type { Tensor } from "../tensor.ts";
import type { Clock } from "./clock.ts";
import type { Model, ModelDescription } from "./model.ts";
import type { BatchRecord, Observer, SequenceEnd } from "./observer.ts";
import { QueueEntry } from "./queue-entry.ts";
import { queueFull } from "./queue-policy.ts";
import { isPlaced, type PlacedSequence, type Sequence, type SequenceItem } from "./sequence.ts";
import type { SequenceBatch, SequenceBatchRow } from "./sequence-batch.ts";
import { isReady } from "./sequence-batcher.ts";
import {
  cancelledError,
  deadlineError,
  expiredError,
  fullRetryAfterMs,
  lostError,
  unknownError,
} from "./sequence-errors.ts";
import { expireSequences, hopelessItem, isLate } from "./sequence-expiry.ts";
import { type SequenceId, sequencePosition } from "./sequence-id.ts";
import { SequenceQueue, type SequenceRunner } from "./sequence-queue.ts";
import { SequenceReader } from "./sequence-request.ts";
import { type Arrival, SequenceTable } from "./sequence-table.ts";
import { SlotLimit } from "./slot-limit.ts";
import type { ValidRequest } from "./validator.ts";

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

/** A lost sequence is remembered for at least so long, so that its caller hears of it. */
const shortestMemoryMs = 60_000;

/**
 * A model whose requests belong to sequences (Triton's sequence batcher): each sequence keeps its slot of one instance, its requests run in their order,
 * one at a time, never twice. Holds the table of sequences and their requests; runners come to take batches and bring back what became of them.
 */
export class SequenceModel implements Model {
  readonly description: ModelDescription;
  readonly #options: SequenceModelOptions;
  readonly #reader: SequenceReader;
  readonly #slotLimit: SlotLimit;
  readonly #table: SequenceTable;
  /** One for each instance. */
  readonly #queues: readonly SequenceQueue[];
  #waiting = 0;
  #waitingBytes = 0;
  #running = 0;
  #cancelTimer: (() => void) | undefined;
  #timerMs = Number.POSITIVE_INFINITY;
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
    const { plan, instances } = options;
    this.description = description;
    this.#options = options;
    const maxRows = Math.max(1, config.max_batch_size ?? 0);
    const policy = { strategy: plan.strategy, maxRows, maxBytes: options.slotBytes };
    this.#slotLimit = new SlotLimit(options.slotBytes, signature.maxBatchSize > 0 ? maxRows : 0);
    this.#reader = new SequenceReader(name, signature, plan);
    this.#table = new SequenceTable({ instances, slots: plan.slots, maxBacklog: options.maxBacklogSequences });
    this.#queues = Array.from({ length: instances }, () => new SequenceQueue(policy, options.clock));
  }

  /** Requests waiting or running. */
  get pending(): number {
    return this.#waiting + this.#running;
  }

  /** Whether an instance has something to run. */
  hasWork(instance: number): boolean {
    return this.#queue(instance).hasWork(this.#table.slotsOf(instance));
  }

  /** An instance can run batches from now on. */
  setRunner(instance: number, runner: SequenceRunner): void {
    this.#queue(instance).runner = runner;
    if (this.hasWork(instance)) runner.offer();
  }

  infer(request: InferenceRequest, context: RequestContext, reply: Reply): void {
    const { id, isStart } = sequencePosition(request.parameters);
    const other = id === undefined || isStart ? undefined : this.#otherThatKnows(id);
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

  /** The next batch for an instance that is free now; undefined: nothing to run yet. */
  take(instance: number): SequenceBatch | undefined {
    const now = this.#options.clock.now();
    const queue = this.#queue(instance);
    this.#endHopeless(instance, queue, now);
    const decision = queue.take(this.#table.slotsOf(instance));
    if (decision.kind !== "batch") {
      this.#checkDrained();
      return undefined;
    }
    const rows = decision.rows.map((sequence) => (sequence === undefined ? undefined : this.#start(sequence, now)));
    const count = rows.reduce((sum, row) => (row === undefined ? sum : sum + 1), 0);
    this.#options.observers.onTaken(this.description, count);
    return { rows, reason: decision.reason, takenMs: now };
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
    for (const row of batch.rows) if (row !== undefined) row.sequence.stateShape = stateShapes[position++] ?? 0;
    this.#finish(batch, endedMs);
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
    this.#finish(batch, this.#options.clock.now());
    for (const row of batch.rows) if (row !== undefined) this.#fail(row.item.entry, error);
    this.#checkDrained();
  }

  /** The process ended under a batch: what the model remembered is gone. {@link lose} follows. */
  failLost(batch: SequenceBatch, record: BatchRecord): void {
    const { name } = this.description;
    const hasStates = this.#options.plan.states.length > 0;
    const error = (id: SequenceId): InferenceError =>
      hasStates
        ? lostError(id, name)
        : new InferenceError("runtime", `model '${name}' ended its runtime process on this request`);
    this.#options.observers.onBatch(this.description, { ...record, error: error(0n) });
    this.#finish(batch, this.#options.clock.now());
    for (const row of batch.rows) if (row !== undefined) this.#fail(row.item.entry, error(row.sequence.id));
    this.#checkDrained();
  }

  /** A batch could not be handed over: its requests wait on, first of their sequences. */
  putBack(batch: SequenceBatch): void {
    for (const row of batch.rows) {
      if (row === undefined) continue;
      const { sequence, item } = row;
      this.#running--;
      sequence.running = undefined;
      sequence.waiting.unshift(item);
      this.#count(item, 1);
      this.#makeReady(sequence);
    }
  }

  /** The process of an instance has ended, and with it all that the model remembered there. Nothing of the instance runs any more. */
  lose(instance: number): void {
    if (this.#options.plan.states.length === 0) return;
    const now = this.#options.clock.now();
    for (const sequence of [...this.#table.slotsOf(instance)])
      if (sequence?.hasState === true) this.#lose(sequence, now);
    this.#checkDrained();
  }

  /** The sequences of an instance that the model remembers something of. */
  remembered(instance: number): readonly PlacedSequence[] {
    if (this.#options.plan.states.length === 0) return [];
    return this.#table
      .slotsOf(instance)
      .flatMap((sequence) => (isPlaced(sequence) && sequence.hasState ? [sequence] : []));
  }

  /** States were moved to another process: the numbers of their shapes there; undefined: the state could not be moved. */
  setShapes(sequences: readonly PlacedSequence[], shapes: readonly (number | undefined)[]): void {
    const now = this.#options.clock.now();
    for (const [i, sequence] of sequences.entries()) {
      const shape = shapes[i];
      if (shape !== undefined) sequence.stateShape = shape;
      else if (sequence.slot !== undefined) this.#lose(sequence, now);
    }
  }

  /** An instance cannot run for the time being, or can again (undefined). What waits for one that cannot fails. */
  setFailure(instance: number, error: InferenceError | undefined): void {
    this.#queue(instance).failure = error;
    this.#table.setOnline(instance, error === undefined);
    if (error === undefined) {
      this.#promoteAll();
      return;
    }
    for (const sequence of [...this.#table.slotsOf(instance)])
      if (sequence !== undefined) this.#abandon(sequence, error);
    if (this.unavailable === undefined) return;
    for (const sequence of [...this.#table.all()]) if (sequence.slot === undefined) this.#abandon(sequence, error);
  }

  /** Undefined: it can answer. Otherwise why none of its instances can. */
  get unavailable(): InferenceError | undefined {
    const failures = this.#queues.map(({ failure }) => failure);
    return failures.includes(undefined) ? undefined : failures[0];
  }

  /** Begins no further sequence and answers what it has accepted, also what still comes for sequences that have begun; resolves when nothing is left. */
  drain(error: InferenceError): Promise<void> {
    this.#draining = error;
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

  /** Sequences of an instance that nothing waits or runs of: those that can move to another version. */
  quiet(instance: number): readonly PlacedSequence[] {
    return this.#table
      .slotsOf(instance)
      .flatMap((sequence) => (isPlaced(sequence) && canMove(sequence) ? [sequence] : []));
  }

  /** Keeps a slot for a sequence that is on its way from another version; undefined: there is none. */
  reserve({ id }: Sequence): PlacedSequence | undefined {
    const sequence = this.#table.reserve(id);
    return isPlaced(sequence) ? sequence : undefined;
  }

  /**
   * A sequence has arrived in the slot that was kept for it, unless it has gone on where it was: then that slot is free again.
   * @param stateShape the number of the shapes of its state here; undefined: it could not be moved
   */
  adopt(from: SequenceModel, original: Sequence, own: PlacedSequence, stateShape: number | undefined): void {
    if (stateShape === undefined || !canMove(original) || original.slot === undefined) {
      this.#table.close(own);
      this.#release(own, undefined);
      return;
    }
    own.hasState = original.hasState;
    own.stateShape = stateShape;
    own.activeMs = original.activeMs;
    this.#table.register(own);
    if (original.signal !== undefined) this.#listen(own, original.signal);
    this.#wakeAt(own.activeMs + this.#options.plan.idleMs);
    this.#tell();
    from.#table.close(original);
    from.#release(original, undefined);
    from.#checkDrained();
  }

  /** Another version that has the sequence. */
  #otherThatKnows(id: SequenceId): SequenceModel | undefined {
    if (this.#family.size === 1 || this.#table.find(id) !== undefined) return undefined;
    return [...this.#family].find((member) => member.#table.find(id) !== undefined);
  }

  /** When no version of the model begins sequences any more, nobody waits for those to end that have begun. */
  #hurry(): void {
    if ([...this.#family].some((member) => member.#draining === undefined)) return;
    for (const member of this.#family) {
      member.#isReplaced = false;
      member.#checkDrained();
    }
  }

  #queue(instance: number): SequenceQueue {
    return this.#queues[instance] as SequenceQueue; // one for each instance
  }

  #admit(request: InferenceRequest, context: RequestContext, reply: Reply, now: number): void {
    const refusal = this.unavailable ?? (this.#isEnded ? this.#draining : undefined);
    if (refusal !== undefined) throw refusal;
    const { valid, id, isStart, isEnd, correlation } = this.#reader.read(request);
    if (this.#draining !== undefined && isStart) throw this.#draining;
    const { kind, sequence } = this.#sequenceOf(id, isStart, request);
    const entry = new QueueEntry(request, context, reply, valid, context.deadlineMs);
    try {
      this.#checkRoom(entry, valid, now);
    } catch (error) {
      // Requests that follow on a stream may be on their way: the sequence must not go on without this one.
      if (context.isStreamed === true || kind === "opened") this.#cancel(sequence);
      throw error;
    }
    this.#enqueue(sequence, { entry, isStart, isEnd, correlation }, now);
  }

  #sequenceOf(id: SequenceId, isStart: boolean, request: InferenceRequest): Arrival & { readonly sequence: Sequence } {
    const { name } = this.description;
    const arrival = this.#table.arrive(id, isStart);
    switch (arrival.kind) {
      case "known":
        return arrival;
      case "opened":
        this.#tell();
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
    const isOver = this.#waiting > 0 && this.#waitingBytes + byteLength > maxQueueBytes;
    if (isOver || this.#waiting >= maxQueueRequests) throw queueFull(request, fullRetryAfterMs);
  }

  #enqueue(sequence: Sequence, item: SequenceItem, now: number): void {
    const { entry } = item;
    entry.queuedMs = now;
    sequence.activeMs = now;
    this.#options.observers.onAdmitted(this.description, entry);
    sequence.waiting.push(item);
    this.#count(item, 1);
    if (entry.context.isStreamed === true) this.#listen(sequence, entry.context.signal);
    if (sequence.slot === undefined) this.#limitBacklog(sequence, entry, now);
    if (item.isEnd) this.#table.close(sequence);
    if (sequence.waiting.length === 1) this.#makeReady(sequence);
    this.#wakeAt(Math.min(entry.deadlineMs, now + this.#options.plan.idleMs));
  }

  /** The whole sequence fails when the `timeout` (microseconds) of one of its requests passes in the backlog. */
  #limitBacklog(sequence: Sequence, { request }: QueueEntry, now: number): void {
    const timeoutMs = Number(request.parameters.get("timeout") ?? 0) / 1000;
    if (timeoutMs <= 0) return;
    sequence.expiresMs = Math.min(sequence.expiresMs, now + timeoutMs);
    this.#wakeAt(sequence.expiresMs);
  }

  /** A caller who leaves its stream leaves those of its sequences that it waits for; others it may go on with elsewhere (Triton's rule). */
  #listen(sequence: Sequence, signal: AbortSignal): void {
    if (signal === sequence.signal) return;
    sequence.listen(signal, () => {
      if (!sequence.isQuiet) this.#cancel(sequence);
    });
  }

  /** The first waiting request of a sequence may run now, if it has a slot and nothing of it runs. */
  #makeReady(sequence: Sequence): void {
    const { slot } = sequence;
    if (slot === undefined || !isReady(sequence)) return;
    this.#queue(slot.instance).add(sequence);
  }

  #start(sequence: Sequence, now: number): SequenceBatchRow {
    const item = sequence.waiting.shift();
    const slot = sequence.slot;
    if (item === undefined || slot === undefined) throw new RangeError("a batch of a sequence that cannot run");
    this.#count(item, -1);
    this.#running++;
    sequence.running = item;
    sequence.hasState = true;
    item.entry.takenMs = now;
    return { sequence, item, slot: slot.number, isLast: sequence.isClosed && sequence.waiting.length === 0 };
  }

  /** The requests of a batch do not run any more: their sequences go on, or end. */
  #finish(batch: SequenceBatch, now: number): void {
    for (const row of batch.rows) {
      if (row === undefined) continue;
      const { sequence } = row;
      this.#running--;
      sequence.running = undefined;
      sequence.activeMs = now;
      if (sequence.isClosed && sequence.waiting.length === 0) this.#release(sequence, "end");
      else this.#makeReady(sequence);
    }
  }

  /** @param reason undefined: it has not ended, but lives on in another version */
  #release(sequence: Sequence, reason: SequenceEnd | undefined): void {
    sequence.unlisten();
    const promoted = this.#table.release(sequence);
    if (promoted !== undefined) this.#makeReady(promoted);
    if (reason !== undefined) this.#options.observers.onSequenceEnd(this.description, sequence.endReason ?? reason);
    this.#tell();
  }

  #promoteAll(): void {
    for (let next = this.#table.promote(); next !== undefined; next = this.#table.promote()) this.#makeReady(next);
    this.#tell();
  }

  /** Ends a sequence: what waits fails, what runs is still answered. */
  #end(sequence: Sequence, reason: SequenceEnd, error: (item: SequenceItem) => InferenceError): void {
    this.#table.close(sequence);
    sequence.endReason ??= reason;
    const items = sequence.waiting.splice(0);
    for (const item of items) this.#count(item, -1);
    if (sequence.running === undefined) this.#release(sequence, reason);
    for (const item of items) this.#fail(item.entry, error(item));
  }

  /** Triton's rule: one request cancelled, the sequence cancelled. @param late the request whose deadline passed */
  #cancel(sequence: Sequence, late?: SequenceItem): void {
    this.#end(sequence, "cancelled", (item) => (item === late ? deadlineError() : cancelledError()));
    this.#checkDrained();
  }

  /** The state of a sequence is gone. What waits behind a further START does not need it. */
  #lose(sequence: Sequence, now: number): void {
    const error = lostError(sequence.id, this.description.name);
    const restart = sequence.waiting.findIndex(({ isStart }) => isStart);
    if (restart < 0) {
      if (!sequence.isClosed) this.#table.remember(sequence, now);
      this.#end(sequence, "lost", () => error);
      return;
    }
    sequence.hasState = false;
    const items = sequence.waiting.splice(0, restart);
    for (const item of items) this.#count(item, -1);
    for (const item of items) this.#fail(item.entry, error);
  }

  /** Fails what waits of a sequence whose instance cannot run. */
  #abandon(sequence: Sequence, error: InferenceError): void {
    if (!sequence.isClosed) this.#table.remember(sequence, this.#options.clock.now());
    this.#end(sequence, "lost", () => error);
  }

  /** Ends the sequences of an instance whose next request nobody waits for any more. */
  #endHopeless(instance: number, queue: SequenceQueue, now: number): void {
    for (;;) {
      const hopeless = queue
        .candidates(this.#table.slotsOf(instance))
        .filter(({ waiting }) => hopelessItem(waiting.slice(0, 1), now) !== undefined);
      if (hopeless.length === 0) return;
      for (const sequence of hopeless) {
        const [front] = sequence.waiting;
        if (front !== undefined) this.#cancel(sequence, isLate(front, now) ? front : undefined);
      }
    }
  }

  /** One timer for all that passes: deadlines, the time-outs of the backlog, idle sequences. */
  #wakeAt(atMs: number): void {
    if (atMs >= this.#timerMs) return;
    this.#cancelTimer?.();
    this.#timerMs = atMs;
    const { clock } = this.#options;
    this.#cancelTimer = clock.after(atMs - clock.now(), () => {
      this.#timerMs = Number.POSITIVE_INFINITY;
      this.#sweep(clock.now());
    });
  }

  #sweep(now: number): void {
    const { idleMs } = this.#options.plan;
    const { expired, nextMs } = expireSequences(this.#table.all(), now, idleMs);
    for (const { sequence, reason, late } of expired) {
      if (reason === "cancelled") this.#cancel(sequence, late);
      else this.#end(sequence, reason, expiredError);
    }
    this.#table.forgetBefore(now - Math.max(idleMs, shortestMemoryMs));
    if (nextMs < Number.POSITIVE_INFINITY) this.#wakeAt(nextMs);
    this.#checkDrained();
  }

  #count({ entry }: SequenceItem, sign: 1 | -1): void {
    this.#waiting += sign;
    this.#waitingBytes += sign * entry.byteLength;
  }

  #tell(): void {
    this.#options.observers.onSequences(this.description, this.#table.active, this.#table.backlog);
  }

  #fail(entry: QueueEntry, error: InferenceError): void {
    entry.error = error;
    entry.endedMs = this.#options.clock.now();
    this.#options.observers.onEnd(this.description, entry);
    entry.reply.fail(error);
  }

  #checkDrained(): void {
    if (this.#draining === undefined || this.pending > 0) return;
    if (this.#isReplaced && !this.#table.isEmpty) return;
    this.#cancelTimer?.();
    this.#isEnded = true;
    this.#family.delete(this);
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }
}

function canMove(sequence: Sequence): boolean {
  return sequence.isQuiet && !sequence.isClosed;
}
