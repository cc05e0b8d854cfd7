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
import type { Sequence, SequenceItem, SequenceSlot } from "./sequence.ts";
import type { SequenceBatch, SequenceBatchRow } from "./sequence-batch.ts";
import { decideDirect, decideOldest, isReady, type SequenceDecision, type SequencePolicy } from "./sequence-batcher.ts";
import { correlationElement, type SequenceId, sequencePosition } from "./sequence-id.ts";
import { type Arrival, SequenceTable } from "./sequence-table.ts";
import { SlotLimit } from "./slot-limit.ts";
import { Validator, type ValidRequest } from "./validator.ts";

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

/** Where the batches of one instance run. */
export interface SequenceRunner {
  /** The instance has something to run: asks for a turn; the runner then calls {@link SequenceModel.take}. */
  offer(): void;
}

/** How long a refused request is asked to wait. */
const fullRetryAfterMs = 100;
/** A lost sequence is remembered for at least so long, so that its caller hears of it. */
const shortestMemoryMs = 60_000;

/**
 * A model whose requests belong to sequences (Triton's sequence batcher): each sequence keeps its slot of one instance, its requests run in their order,
 * one at a time, never twice. Holds the table of sequences and their requests; runners come to take batches and bring back what became of them.
 */
export class SequenceModel implements Model {
  readonly description: ModelDescription;
  readonly #options: SequenceModelOptions;
  readonly #validator: Validator;
  readonly #policy: SequencePolicy;
  readonly #slotLimit: SlotLimit;
  readonly #table: SequenceTable;
  readonly #runners: (SequenceRunner | undefined)[];
  /** Under the oldest strategy: sequences of each instance with a request that may run, in the order in which it could have run. */
  readonly #ready: Sequence[][];
  /** Since when each instance cannot run, and why; undefined: it can. */
  readonly #failures: (InferenceError | undefined)[];
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

  constructor(description: ModelDescription, options: SequenceModelOptions) {
    const { name, config, signature } = description;
    const { plan, instances } = options;
    this.description = description;
    this.#options = options;
    const maxRows = Math.max(1, config.max_batch_size ?? 0);
    this.#policy = { strategy: plan.strategy, maxRows, maxBytes: options.slotBytes };
    this.#slotLimit = new SlotLimit(options.slotBytes, signature.maxBatchSize > 0 ? maxRows : 0);
    this.#validator = new Validator(name, signature);
    this.#table = new SequenceTable({ instances, slots: plan.slots, maxBacklog: options.maxBacklogSequences });
    this.#runners = new Array<SequenceRunner | undefined>(instances).fill(undefined);
    this.#ready = Array.from({ length: instances }, () => []);
    this.#failures = new Array<InferenceError | undefined>(instances).fill(undefined);
  }

  /** Requests waiting or running. */
  get pending(): number {
    return this.#waiting + this.#running;
  }

  /** Whether an instance has something to run. */
  hasWork(instance: number): boolean {
    return this.#isOldest ? (this.#ready[instance] ?? []).length > 0 : this.#table.slotsOf(instance).some(isReady);
  }

  /** An instance can run batches from now on. */
  setRunner(instance: number, runner: SequenceRunner): void {
    this.#runners[instance] = runner;
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
    this.#endHopeless(instance, now);
    const decision = this.#decide(instance, now);
    if (decision.kind === "wait") {
      this.#options.clock.after(decision.untilMs - now, () => this.#runners[instance]?.offer());
    }
    if (decision.kind !== "batch") {
      this.#checkDrained();
      return undefined;
    }
    const rows = decision.rows.map((sequence) => (sequence === undefined ? undefined : this.#start(sequence, now)));
    const count = rows.reduce((sum, row) => (row === undefined ? sum : sum + 1), 0);
    if (this.#isOldest) this.#ready[instance]?.splice(0, count);
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
    this.#failures[instance] = error;
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
    return this.#failures.every((failure) => failure !== undefined) ? this.#failures[0] : undefined;
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
      const promoted = this.#table.release(own);
      if (promoted !== undefined) this.#makeReady(promoted);
      return;
    }
    own.hasState = original.hasState;
    own.stateShape = stateShape;
    own.activeMs = original.activeMs;
    this.#table.register(own);
    if (original.signal !== undefined) this.#listenTo(own, original.signal);
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

  get #isOldest(): boolean {
    return this.#policy.strategy.kind === "oldest";
  }

  #decide(instance: number, now: number): SequenceDecision {
    if (!this.#isOldest) return decideDirect(this.#table.slotsOf(instance), this.#policy, now);
    const ready = (this.#ready[instance] ?? []).filter(isReady);
    this.#ready[instance] = ready;
    return decideOldest(ready, this.#policy, now);
  }

  #admit(request: InferenceRequest, context: RequestContext, reply: Reply, now: number): void {
    const { name } = this.description;
    const { id, isStart, isEnd } = sequencePosition(request.parameters);
    const unavailable = this.unavailable;
    if (unavailable !== undefined) throw unavailable;
    const valid = this.#validator.validate(request, false);
    const control = this.#options.plan.controls.find(({ kind }) => kind === "correlation");
    const correlation = control === undefined ? undefined : correlationElement(id ?? 0n, control, name, request.id);
    if (valid.rows !== 1) {
      throw new InferenceError(
        "invalid",
        `inference request to model '${name}' must specify batch-size 1 due to requirements of sequence batcher`,
      );
    }
    if (id === undefined) {
      throw new InferenceError(
        "invalid",
        `inference request to model '${name}' must specify a non-zero or non-empty correlation ID`,
      );
    }
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
        throw new InferenceError(
          "invalid",
          `inference request for sequence ${id} to model '${name}' must specify the START flag on the first request of the sequence`,
        );
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
    this.#listen(sequence, entry.context);
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
  #listen(sequence: Sequence, context: RequestContext): void {
    if (context.isStreamed !== true) return;
    const { signal } = context;
    if (signal !== sequence.signal) this.#listenTo(sequence, signal);
  }

  #listenTo(sequence: Sequence, signal: AbortSignal): void {
    sequence.unlisten?.();
    const onAbort = () => {
      if (!sequence.isQuiet) this.#cancel(sequence);
    };
    signal.addEventListener("abort", onAbort);
    sequence.signal = signal;
    sequence.unlisten = () => signal.removeEventListener("abort", onAbort);
  }

  /** The first waiting request of a sequence may run now, if it has a slot and nothing of it runs. */
  #makeReady(sequence: Sequence): void {
    const { slot } = sequence;
    if (slot === undefined || !isReady(sequence)) return;
    sequence.readyMs = this.#options.clock.now();
    const ready = this.#ready[slot.instance];
    if (this.#isOldest && ready?.includes(sequence) === false) ready.push(sequence);
    this.#runners[slot.instance]?.offer();
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
    sequence.unlisten?.();
    sequence.unlisten = undefined;
    sequence.signal = undefined;
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
    this.#end(sequence, "lost", () => error);
  }

  /** Ends the sequences of an instance whose next request nobody waits for any more. */
  #endHopeless(instance: number, now: number): void {
    for (const sequence of [...this.#table.slotsOf(instance)]) {
      const front = sequence?.waiting[0];
      if (sequence === undefined || front === undefined) continue;
      const { context, deadlineMs } = front.entry;
      if (context.isCancelled) this.#cancel(sequence);
      else if (deadlineMs <= now) this.#cancel(sequence, front);
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
    let nextMs = Number.POSITIVE_INFINITY;
    for (const sequence of [...this.#table.all()]) {
      const late = sequence.waiting.find(({ entry }) => entry.context.isCancelled || entry.deadlineMs <= now);
      if (late !== undefined) {
        this.#cancel(sequence, late.entry.deadlineMs <= now ? late : undefined);
      } else if (sequence.slot === undefined && sequence.expiresMs <= now) {
        this.#end(sequence, "expired", expiredError);
      } else if (sequence.slot !== undefined && sequence.isQuiet && sequence.activeMs + idleMs <= now) {
        this.#end(sequence, "idle", expiredError);
      } else {
        nextMs = Math.min(nextMs, this.#nextEventOf(sequence, now));
      }
    }
    this.#table.forgetBefore(now - Math.max(idleMs, shortestMemoryMs));
    if (nextMs < Number.POSITIVE_INFINITY) this.#wakeAt(nextMs);
    this.#checkDrained();
  }

  #nextEventOf(sequence: Sequence, now: number): number {
    const { idleMs } = this.#options.plan;
    if (sequence.isQuiet) return sequence.activeMs + idleMs;
    let nextMs = Math.min(sequence.slot === undefined ? sequence.expiresMs : Number.POSITIVE_INFINITY, now + idleMs);
    for (const { entry } of sequence.waiting) nextMs = Math.min(nextMs, entry.deadlineMs);
    return nextMs;
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
    this.#family.delete(this);
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }
}

function canMove(sequence: Sequence): boolean {
  return sequence.isQuiet && !sequence.isClosed;
}

/** A sequence in a slot, at this moment. */
export type PlacedSequence = Sequence & { readonly slot: SequenceSlot };

function isPlaced(sequence: Sequence | undefined): sequence is PlacedSequence {
  return sequence?.slot !== undefined;
}

function lostError(id: SequenceId, modelName: string): InferenceError {
  return new InferenceError(
    "sequence_lost",
    `sequence ${id} of model '${modelName}' has lost its state because a runtime process ended: begin it again with the START flag`,
    { retryAfterMs: -1 },
  );
}

function cancelledError(): InferenceError {
  return new InferenceError("cancelled", "the sequence of the request was cancelled");
}

function deadlineError(): InferenceError {
  return new InferenceError("deadline", "the deadline passed before the request could run", { retryAfterMs: -1 });
}

function expiredError(): InferenceError {
  return new InferenceError("queue_timeout", "timeout of the corresponding sequence has been expired", {
    retryAfterMs: fullRetryAfterMs,
  });
}
