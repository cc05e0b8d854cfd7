import type { InferenceError } from "../../errors.ts";
import type { SequencePlan } from "../../model/sequence-plan.ts";
import type { Clock } from "../clock.ts";
import type { ModelDescription } from "../model.ts";
import type { Observer, SequenceEnd } from "../observer.ts";
import { maxLeftovers } from "../process/frames.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import { isPlaced, type PlacedSequence, type Sequence, type SequenceItem } from "./sequence.ts";
import type { SequenceBatch, SequenceBatchRow } from "./sequence-batch.ts";
import { isReady } from "./sequence-batcher.ts";
import { cancelledError, deadlineError, expiredError, lostError } from "./sequence-errors.ts";
import { expireSequences, hopelessItem, isLate } from "./sequence-expiry.ts";
import type { SequenceId } from "./sequence-id.ts";
import { SequenceQueue, type SequenceRunner } from "./sequence-queue.ts";
import { type Arrival, SequenceTable } from "./sequence-table.ts";

export interface SequenceSchedulerOptions {
  readonly description: ModelDescription;
  readonly clock: Clock;
  readonly observers: Required<Observer>;
  readonly plan: SequencePlan;
  readonly instances: number;
  readonly maxBacklogSequences: number;
  /** Most rows of a batch. */
  readonly maxRows: number;
  /** Bytes that the inputs of one batch may take in the arena. */
  readonly slotBytes: number;
  /** Answers a request that will not run, or did not run well. */
  fail(entry: QueueEntry, error: InferenceError): void;
  /** Something has left: fewer requests are pending, or fewer sequences live. */
  onChange(): void;
}

/** Sequences that are looked through in one go, for each millisecond until it is done again: it takes a few hundredths of the time at most. */
const sweptPerMs = 1_000;

/** A lost sequence is remembered for at least so long, so that its caller hears of it. */
const shortestMemoryMs = 60_000;

/**
 * The sequences of a model: gives them slots, lets one request of each run at a time, and ends them: with their END, when they are idle, when nobody waits
 * for them, when their process has ended. Decides nothing itself: the table, the queues and the expiry do.
 */
export class SequenceScheduler {
  readonly #options: SequenceSchedulerOptions;
  readonly #table: SequenceTable;
  /** One for each instance. */
  readonly #queues: readonly SequenceQueue[];
  #waiting = 0;
  #waitingBytes = 0;
  #running = 0;
  /** Requests of the batch that is being taken which no batch had before. */
  #taken = 0;
  #cancelTimer: (() => void) | undefined;
  #timerMs = Number.POSITIVE_INFINITY;
  /** Before this moment it is not looked again what has passed. */
  #restUntilMs = 0;

  constructor(options: SequenceSchedulerOptions) {
    const { plan, instances, maxRows, slotBytes, maxBacklogSequences, clock } = options;
    this.#options = options;
    const policy = { strategy: plan.strategy, maxRows, maxBytes: slotBytes };
    this.#table = new SequenceTable({ instances, slots: plan.slots, maxBacklog: maxBacklogSequences });
    this.#queues = Array.from({ length: instances }, () => new SequenceQueue(policy, clock));
  }

  /** Requests that wait, and those that run. */
  get waiting(): number {
    return this.#waiting;
  }
  get running(): number {
    return this.#running;
  }

  /** Bytes of the inputs that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether no sequence lives. */
  get isEmpty(): boolean {
    return this.#table.isEmpty;
  }

  /** Whether a sequence takes requests of this id. */
  has(id: SequenceId): boolean {
    return this.#table.find(id) !== undefined;
  }

  /** Finds the sequence of a request, or opens it. */
  arrive(id: SequenceId, isStart: boolean): Arrival {
    const arrival = this.#table.arrive(id, isStart);
    if (arrival.kind === "opened") this.#tell();
    return arrival;
  }

  /** Lets nothing happen any more. */
  stop(): void {
    this.#cancelTimer?.();
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

  /** The next batch for an instance that is free now; undefined: nothing to run yet. */
  take(instance: number): SequenceBatch | undefined {
    const now = this.#options.clock.now();
    const queue = this.#queue(instance);
    this.#endHopeless(instance, queue, now);
    const decision = queue.take(this.#table.slotsOf(instance));
    if (decision.kind !== "batch") {
      this.#options.onChange();
      return undefined;
    }
    this.#taken = 0;
    const rows = decision.rows.map((sequence) => (sequence === undefined ? undefined : this.#start(sequence, now)));
    if (this.#taken > 0) this.#options.observers.onTaken(this.#options.description, this.#taken);
    const leftovers = this.#table.takeLeftovers(instance, maxLeftovers);
    return { rows, leftovers, reason: decision.reason, takenMs: now };
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
    this.#options.onChange();
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
    if (this.unavailable !== undefined) this.failBacklog(error);
  }

  /** Fails the sequences that wait for a slot: nothing of them has run. */
  failBacklog(error: InferenceError): void {
    for (const sequence of [...this.#table.all()])
      if (sequence.slot === undefined) this.#end(sequence, "cancelled", () => error);
  }

  /** Undefined: it can answer. Otherwise why none of its instances can. */
  get unavailable(): InferenceError | undefined {
    const failures = this.#queues.map(({ failure }) => failure);
    return failures.includes(undefined) ? undefined : failures[0];
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
   * A sequence has arrived in the slot that was kept for it, unless it has gone on where it was, or another one of its id has begun here: then that slot is
   * free again.
   * @param stateShape the number of the shapes of its state here; undefined: it could not be moved
   */
  adopt(from: SequenceScheduler, original: Sequence, own: PlacedSequence, stateShape: number | undefined): void {
    const isWanted = canMove(original) && original.slot !== undefined && !this.has(original.id);
    if (stateShape === undefined || !isWanted) {
      own.hasState = original.hasState; // it may lie in the slot
      this.#table.close(own);
      this.#release(own, undefined);
      return;
    }
    if (original.hasState) this.#table.keepState(own);
    own.stateShape = stateShape;
    own.activeMs = original.activeMs;
    this.#table.register(own);
    if (original.signal !== undefined) this.#listen(own, original.signal);
    this.#wakeAt(own.activeMs + this.#options.plan.idleMs);
    this.#tell();
    from.#table.close(original);
    from.#release(original, undefined);
    from.#options.onChange();
  }

  /** A request waits in its sequence from now on. */
  enqueue(sequence: Sequence, item: SequenceItem, now: number): void {
    const { entry } = item;
    entry.queuedMs = now;
    sequence.activeMs = now;
    this.#options.observers.onAdmitted(this.#options.description, entry);
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
      if (!sequence.isQuiet) this.cancel(sequence);
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
    if (this.#options.plan.states.length > 0 && !sequence.hasState) this.#table.keepState(sequence);
    if (item.entry.takenMs === 0) this.#taken++; // one that was put back has been told before
    item.entry.takenMs = now;
    return { sequence, item, slot: slot.number, isLast: sequence.isClosed && sequence.waiting.length === 0 };
  }

  /** The requests of a batch do not run any more: their sequences go on, or end. */
  finish(batch: SequenceBatch, now: number): void {
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
    if (sequence.isOver) return;
    sequence.isOver = true;
    sequence.unlisten();
    const promoted = this.#table.release(sequence);
    if (promoted !== undefined) this.#makeReady(promoted);
    if (reason !== undefined)
      this.#options.observers.onSequenceEnd(this.#options.description, sequence.endReason ?? reason);
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
    for (const item of items) this.#options.fail(item.entry, error(item));
  }

  /** Triton's rule: one request cancelled, the sequence cancelled. @param late the request whose deadline passed */
  cancel(sequence: Sequence, late?: SequenceItem): void {
    this.#end(sequence, "cancelled", (item) => (item === late ? deadlineError() : cancelledError()));
    this.#options.onChange();
  }

  /** The state of a sequence is gone. What waits behind a further START does not need it. */
  #lose(sequence: Sequence, now: number): void {
    const error = lostError(sequence.id, this.#options.description.name);
    const restart = sequence.waiting.findIndex(({ isStart }) => isStart);
    if (restart < 0) {
      if (!sequence.isClosed) this.#table.remember(sequence, now);
      this.#end(sequence, "lost", () => error);
      return;
    }
    sequence.hasState = false;
    const items = sequence.waiting.splice(0, restart);
    for (const item of items) this.#count(item, -1);
    for (const item of items) this.#options.fail(item.entry, error);
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
        if (front !== undefined) this.cancel(sequence, isLate(front, now) ? front : undefined);
      }
    }
  }

  /** One timer for all that passes: deadlines, the time-outs of the backlog, idle sequences. */
  #wakeAt(momentMs: number): void {
    const atMs = Math.max(momentMs, this.#restUntilMs);
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
    this.#restUntilMs = now + Math.floor((this.#table.active + this.#table.backlog) / sweptPerMs);
    const { expired, nextMs } = expireSequences(this.#table.all(), now, idleMs);
    for (const { sequence, reason, late } of expired) {
      if (reason === "cancelled") this.cancel(sequence, late);
      else if (reason === "expired" || sequence.isQuiet) this.#end(sequence, reason, expiredError);
    }
    this.#table.forgetBefore(now - Math.max(idleMs, shortestMemoryMs));
    if (nextMs < Number.POSITIVE_INFINITY) this.#wakeAt(nextMs);
    this.#options.onChange();
  }

  #count({ entry }: SequenceItem, sign: 1 | -1): void {
    this.#waiting += sign;
    this.#waitingBytes += sign * entry.byteLength;
  }

  #tell(): void {
    this.#options.observers.onSequences(this.#options.description, this.#table.active, this.#table.backlog);
  }

  #queue(instance: number): SequenceQueue {
    return this.#queues[instance] as SequenceQueue; // one for each instance
  }
}

function canMove(sequence: Sequence): boolean {
  return sequence.isQuiet && !sequence.isClosed;
}
