import { InferenceError, toInferenceError } from "../errors.ts";
import {
  type InferenceRequest,
  type InferenceResponse,
  noParameters,
  type Reply,
  type RequestContext,
} from "../inference.ts";
import { equalShares, type TenantShares } from "../tenant.ts";
import type { Tensor } from "../tensor.ts";
import { type AdmissionPolicy, ModelAdmission, openAdmission } from "./admission/model-admission.ts";
import { pushbackMs } from "./admission/service-rate.ts";
import type { Gate } from "./admission/stream-gate.ts";
import { ArrivalRate } from "./batching/arrival-rate.ts";
import { limitStretch } from "./batching/batch-stretch.ts";
import {
  type BatchLimits,
  type BatchPolicy,
  batchPolicy,
  type DecidedBatch,
  decideBatch,
  drainPolicy,
  type Forecast,
} from "./batching/batcher.ts";
import { type Measurer, onlyBucketName } from "./batching/request-measure.ts";
import { busyTime, RunKnowledge } from "./batching/run-knowledge.ts";
import { predictRunMs, type RunTimeModel } from "./batching/run-time-model.ts";
import { RunUnderWay } from "./batching/run-under-way.ts";
import { SlotLimit, sizeInBatch } from "./batching/slot-limit.ts";
import type { Clock } from "./clock.ts";
import type { Model, ModelDescription } from "./model.ts";
import type { BatchReason, BatchRecord, Observer } from "./observer.ts";
import { dropError } from "./queue/drop-error.ts";
import { QueueEntry } from "./queue/queue-entry.ts";
import { levelOf, overLimit, type QueuePolicy, queuePolicy, timeoutOf } from "./queue/queue-policy.ts";
import { QueueRoom } from "./queue/queue-room.ts";
import { RequestQueue } from "./queue/request-queue.ts";
import type { DropReason } from "./queue/tenant-line.ts";
import { ReplySequencer } from "./reply-sequencer.ts";
import { splitRequest } from "./split-request.ts";
import { type FreeAxes, Validator } from "./validator.ts";

/** Whose requests of more rows than a batch are split: everybody's, those of streams, or nobody's. */
export type Splitting = "always" | "streams" | "never";

export interface BatchedModelOptions {
  readonly clock: Clock;
  readonly observers: Required<Observer>;
  readonly maxQueueRequests: number;
  readonly maxQueueBytes: number;
  /** Bytes that the inputs of one batch may take in the arena. */
  readonly slotBytes: number;
  /** Which requests of more rows than max_batch_size are split and joined again, instead of refused. */
  readonly splitting: Splitting;
  /** Who gets how much of the model while others wait. Absent: everybody alike. */
  readonly shares?: TenantShares | undefined;
  /** How much longer a batch may take for the rows of tenants with a backlog (`batch-stretch.ts`). Absent: any. */
  readonly batchStretch?: number;
  /** What of the model's settings is the batcher's; absent: nothing is set. */
  readonly limits?: BatchLimits;
  /** What its requests cost beside rows and bytes; absent: nothing. */
  readonly measurer?: Measurer | undefined;
  /** In which inputs requests of one batch may differ in shape; absent: in none. */
  readonly freeAxes?: FreeAxes;
  /** What is known of its run times before its first request, from the warm-up; absent: nothing. */
  readonly runTimes?: RunTimeModel;
  /** What is let in at a time; absent: everything that the queue has room for. */
  readonly admission?: AdmissionPolicy;
}

/** Where a model's batches run. */
export interface BatchRunner {
  /** The model has something to run: asks for a turn; the runner then calls {@link BatchedModel.take}. */
  offer(): void;
}

/** Requests that were taken to be run together. */
export interface Batch {
  readonly entries: readonly QueueEntry[];
  readonly rows: number;
  readonly reason: BatchReason;
  readonly takenMs: number;
  /** It waited behind another batch in its runtime process. */
  readonly isAhead: boolean;
}

/** The arrival rate looks back so many latency targets. */
const rateMemoryTargets = 10;
/** A queue that stands is searched for what has waited too long at most this often. */
const shedPassMs = 10;

/**
 * A model whose requests wait in one queue and are run in batches. Holds the queue and the requests under way, decides what becomes of
 * each request, and knows nothing of processes: runners come to take batches and bring back what became of them.
 */
export class BatchedModel implements Model {
  readonly description: ModelDescription;
  readonly #options: BatchedModelOptions;
  readonly #validator: Validator;
  readonly #policy: BatchPolicy;
  readonly #drainPolicy: BatchPolicy;
  readonly #queuePolicy: QueuePolicy;
  readonly #shares: TenantShares;
  readonly #queue: RequestQueue;
  /** What has left the queue without running and is still to be told. */
  readonly #dropped: { readonly entry: QueueEntry; readonly reason: DropReason }[] = [];
  readonly #admission: ModelAdmission;
  readonly #slotLimit: SlotLimit;
  readonly #runners = new Set<BatchRunner>();
  readonly #sequencer: ReplySequencer | undefined;
  readonly #knowledge: RunKnowledge;
  readonly #room: QueueRoom;
  /** Only where a latency target asks for it. */
  readonly #arrivals: ArrivalRate | undefined;
  readonly #runUnderWay = new RunUnderWay();
  #cancelLateTimer: (() => void) | undefined;
  #running = 0;
  #shedMs = Number.NEGATIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;
  #timerMs = Number.POSITIVE_INFINITY;
  #refusal: InferenceError | undefined;
  /** Who waits for the end of all requests; undefined: new ones are welcome. */
  #onDrained: (() => void)[] | undefined;

  constructor(description: ModelDescription, options: BatchedModelOptions) {
    const { name, config, signature } = description;
    this.description = description;
    this.#options = options;
    this.#policy = batchPolicy(config, options.limits);
    this.#drainPolicy = drainPolicy(this.#policy);
    this.#knowledge = new RunKnowledge(this.#policy.maxRows, options.runTimes);
    const { latencyTargetMs } = this.#policy;
    if (latencyTargetMs !== undefined) this.#arrivals = new ArrivalRate(rateMemoryTargets * latencyTargetMs);
    this.#queuePolicy = queuePolicy(config);
    this.#admission = new ModelAdmission(options.admission ?? openAdmission, {
      maxRows: this.#policy.maxRows,
      windowMs: Math.max(this.#policy.maxDelayMs, latencyTargetMs ?? 0), // what waits for others to join it is no overload
    });
    this.#slotLimit = new SlotLimit(options.slotBytes, signature.maxBatchSize > 0 ? this.#policy.maxRows : 0);
    this.#validator = new Validator(name, signature, options.freeAxes);
    this.#shares = options.shares ?? equalShares;
    this.#queue = new RequestQueue(this.#queuePolicy, (entry, reason) => this.#dropped.push({ entry, reason }), {
      shares: this.#shares,
      isArrivalOrder: config.dynamic_batching?.preserve_ordering === true,
    });
    this.#room = new QueueRoom(this.#queue, this.#queuePolicy, this.#slotLimit, {
      maxQueueRequests: options.maxQueueRequests,
      maxQueueBytes: options.maxQueueBytes,
      onSearched: () => this.#failDropped(),
      pushbackMs: () => this.#pushbackMs(),
    });
    if (config.dynamic_batching?.preserve_ordering === true) this.#sequencer = new ReplySequencer();
  }

  /** Requests waiting or running. */
  get pending(): number {
    return this.#queue.requests + this.#running;
  }

  /** Rows of requests that were let in and have not ended. */
  get rowsInFlight(): number {
    return this.#admission.inFlightRows;
  }

  get hasWaiting(): boolean {
    return this.#queue.requests > 0;
  }

  /** Where streams wait while the model has enough of theirs. */
  get gate(): Gate {
    return this.#admission.gate;
  }

  addRunner(runner: BatchRunner): void {
    this.#runners.add(runner);
    this.#admission.instances = this.#runners.size;
    this.#admission.onResumed(this.#options.clock.now());
    if (this.hasWaiting) runner.offer();
  }

  removeRunner(runner: BatchRunner): void {
    this.#runners.delete(runner);
    this.#admission.instances = this.#runners.size;
  }

  infer(request: InferenceRequest, context: RequestContext, reply: Reply): void {
    const now = this.#options.clock.now();
    let entry: QueueEntry;
    try {
      entry = this.#admit(request, context, reply, now);
    } catch (error) {
      this.#refuse(request, context, reply, toInferenceError(error));
      this.#failDropped();
      return;
    }
    this.#admission.enter(entry.rows, context.isStreamed === true);
    this.#options.observers.onAdmitted(this.description, entry);
    this.#arrivals?.record(now, entry.rows);
    this.#failDropped(); // who had to give way for it
    const level = this.#levelOf(request, context);
    const maxRows = this.#slotLimit.rowsOf(sizeInBatch(entry));
    if (entry.rows <= maxRows) {
      this.#enqueue(entry, level, now);
    } else {
      const whole: Reply = {
        respond: (response) => this.#succeed(entry, response, this.#options.clock.now()),
        fail: (error) => this.#fail(entry, error),
      };
      for (const part of splitRequest(entry, maxRows, whole, this.#options.measurer)) this.#enqueue(part, level, now);
    }
    this.#wake();
  }

  /**
   * The next batch for a runner that is free now; undefined: nothing to run yet.
   * @param isAhead it will wait behind another batch: only worth it when it is full, since until then others may still join it
   */
  take(isAhead = false): Batch | undefined {
    for (;;) {
      const batch = this.#takeBatch(isAhead);
      const hasDropped = this.#failDropped();
      if (batch !== undefined) return batch;
      if (!hasDropped) break; // otherwise other requests may have come of it
    }
    this.#checkDrained();
    return undefined;
  }

  #takeBatch(isAhead: boolean): Batch | undefined {
    const now = this.#options.clock.now();
    // Sent ahead early, a batch of one tenant's would be in front of what another one sends meanwhile.
    if (isAhead && this.#queue.isShared(now) && !this.#isLate(now)) return undefined;
    const policy = this.#onDrained === undefined ? this.#policy : this.#drainPolicy;
    if (this.#admission.isShedding) this.#shed(now);
    const forecast = this.#forecast(now);
    const decision = decideBatch(
      this.#queue,
      policy,
      now,
      this.#options.slotBytes,
      this.#knowledge.shortestRunMs,
      forecast,
    );
    if (decision.kind === "wait") this.#wakeAt(decision.untilMs);
    if (decision.kind !== "batch") return undefined;
    if (isAhead && decision.reason !== "full" && decision.rows < policy.maxRows) return undefined;
    const { count, rows, reason, picked } = this.#withinStretch(decision, now);
    const entries = picked === undefined ? this.#queue.take(count) : this.#queue.takePicked(picked);
    let requests = 0;
    let waitMs = 0;
    let shortestMs = Number.POSITIVE_INFINITY;
    for (const entry of entries) {
      if (entry.whole.takenMs === 0) requests++;
      const entryMs = this.#admission.waitOf(entry.queuedMs, now);
      waitMs += entryMs;
      if (entryMs < shortestMs && entry.context.isStreamed !== true) shortestMs = entryMs;
      entry.takenMs = now;
      entry.whole.takenMs = now;
    }
    if (requests > 0) this.#options.observers.onTaken(this.description, requests);
    this.#running += entries.length;
    this.#admission.onTaken(shortestMs, waitMs / entries.length, now);
    this.#runUnderWay.onTaken({ rows, shapeBucket: shapeBucketOf(entries) }, isAhead, now);
    const isDrain = this.#onDrained !== undefined && reason === "idle";
    return { entries, rows, reason: isDrain ? "drain" : reason, takenMs: now, isAhead };
  }

  /** The batch without those rows of a tenant with a backlog that would keep the others in it waiting. */
  #withinStretch(decision: DecidedBatch, now: number): DecidedBatch {
    const { batchStretch: limit = Number.POSITIVE_INFINITY } = this.#options;
    if (limit === Number.POSITIVE_INFINITY || decision.count < 2 || !this.#queue.isShared(now)) return decision;
    const { shortestRunMs } = this.#knowledge;
    const entries = decision.picked ?? this.#queue.first(decision.count, now, now + shortestRunMs);
    const estimate = this.#knowledge.estimate(shapeBucketOf(entries));
    if (estimate === undefined) return decision;
    return limitStretch(decision, entries, {
      limit,
      predictMs: (rows) => predictRunMs(estimate, rows),
      waitingOf: (tenant) => this.#queue.requestsOf(tenant),
    });
  }

  /** Whether the run under way is about to end, so that its process should have the next batch; if not, asks for a turn when it is. */
  #isLate(now: number): boolean {
    if (this.#runners.size !== 1) return false; // nobody knows whose turn ends next
    const fromMs = this.#runUnderWay.nextFromMs(({ rows, shapeBucket }) =>
      this.#knowledge.predictMs(rows, shapeBucket),
    );
    if (now >= fromMs) return true;
    if (fromMs < Number.POSITIVE_INFINITY && this.#cancelLateTimer === undefined) {
      this.#cancelLateTimer = this.#options.clock.after(fromMs - now, () => {
        this.#cancelLateTimer = undefined;
        if (this.hasWaiting) this.#wake();
      });
    }
    return false;
  }

  #onBatchEnded(batch: Batch): void {
    this.#running -= batch.entries.length;
    this.#runUnderWay.onEnded(this.#options.clock.now());
    this.#cancelLateTimer?.();
    this.#cancelLateTimer = undefined;
  }

  #forecast(now: number): Forecast | undefined {
    if (this.#arrivals === undefined && this.#policy.lengthBuckets === undefined) return undefined;
    return {
      rowsPerMs: this.#arrivals?.perMs(now) ?? 0,
      runTime: (shapeBucket) => this.#knowledge.estimate(shapeBucket),
    };
  }

  /** Takes what has waited too long out of a queue that stands. */
  #shed(now: number): void {
    if (now - this.#shedMs < shedPassMs) return;
    this.#shedMs = now;
    this.#queue.shed(now, (entry) =>
      this.#admission.isShed(entry.context, this.#admission.waitOf(entry.queuedMs, now)),
    );
  }

  /** A batch has its answers: one list of tensors for each entry. */
  complete(batch: Batch, record: BatchRecord, outputs: readonly (readonly Tensor[])[]): void {
    this.#onBatchEnded(batch);
    this.#options.observers.onBatch(this.description, { ...record, ...this.#learn(batch, record) });
    this.#settle(batch, busyTime(record));
    this.#measure(record);
    const { name, version } = this.description;
    const endedMs = this.#options.clock.now();
    for (let i = 0; i < batch.entries.length; i++) {
      const entry = batch.entries[i] as QueueEntry; // i is an index of entries
      entry.computeInputMs = record.computeInputMs;
      entry.computeInferMs = record.computeInferMs;
      entry.computeOutputMs = record.computeOutputMs;
      const response: InferenceResponse = {
        modelName: name,
        modelVersion: version,
        id: entry.request.id,
        parameters: noParameters,
        outputs: outputs[i] as readonly Tensor[], // one for each entry
      };
      this.#succeed(entry, response, endedMs);
    }
    this.#admission.gate.wake();
    this.#checkDrained();
  }

  #learn(batch: Batch, record: BatchRecord): Required<Pick<BatchRecord, "runTime" | "shapeBucket">> {
    const { entries, rows, reason, isAhead } = batch;
    const shapeBucket = shapeBucketOf(entries);
    const isFull = reason === "full" || rows >= this.#policy.maxRows;
    const runTime = this.#knowledge.learn({ rows, shapeBucket, isAhead, isFull }, record);
    return { runTime, shapeBucket: this.#options.measurer?.bucketName(shapeBucket) ?? onlyBucketName };
  }

  #measure(record: BatchRecord): void {
    const { rows, takenMs, endedMs } = record;
    this.#admission.rate.record(rows, takenMs, endedMs, this.#queue.rows >= this.#policy.maxRows);
    if (this.#admission.onRan(busyTime(record), endedMs)) this.#tellLimit();
  }

  #tellLimit(): void {
    this.#options.observers.onAdmissionLimit(this.description, this.#admission.limitRows);
  }

  /** A batch failed for good: every request in it gets the error. */
  fail(batch: Batch, record: BatchRecord, error: InferenceError): void {
    this.#onBatchEnded(batch);
    this.#options.observers.onBatch(this.description, record);
    this.#charge(batch, record.endedMs - record.takenMs);
    for (const entry of batch.entries) this.#fail(entry, error);
    this.#admission.gate.wake();
    this.#checkDrained();
  }

  /** A batch failed in a way that may be one member's doing: each of them runs again alone, in front of all others. */
  retryAlone(batch: Batch, record: BatchRecord): void {
    this.#onBatchEnded(batch);
    this.#options.observers.onBatch(this.description, record);
    for (const entry of batch.entries) entry.isAlone = true;
    this.#queue.unshift(batch.entries);
    this.#wake();
  }

  /** A batch could not be handed over: its requests wait on. */
  putBack(batch: Batch): void {
    this.#onBatchEnded(batch);
    this.#queue.unshift(batch.entries);
    this.#wake();
  }

  /** From now on requests are refused with this error, or accepted again (undefined), except while draining. Those in the queue stay there. */
  refuse(error: InferenceError | undefined): void {
    if (this.#onDrained === undefined) this.#refusal = error;
  }

  /** Fails everything that waits. */
  failWaiting(error: InferenceError): void {
    for (const entry of this.#queue.clear()) this.#fail(entry, error);
    this.#admission.gate.wake();
    this.#checkDrained();
  }

  /** Refuses new requests; resolves when all accepted ones have their answer. */
  drain(error: InferenceError): Promise<void> {
    this.#refusal = error;
    return new Promise((resolve) => {
      this.#onDrained = [...(this.#onDrained ?? []), resolve];
      this.#wake(); // what waits for others to join it waits no longer
      this.#checkDrained();
    });
  }

  /** A batch has run: its tenants have paid an estimate for each row and now pay what it took. */
  #settle(batch: Batch, costMs: number): void {
    this.#queue.learn(batch.rows, costMs);
    // What runs again alone is in most cases not at fault for that: it pays for its share of a batch, as if it had gone well.
    if (batch.entries[0]?.isAlone === false) this.#charge(batch, costMs);
  }

  #charge(batch: Batch, costMs: number): void {
    const rowMs = costMs / Math.max(1, batch.rows);
    for (const entry of batch.entries) this.#queue.settle(entry, rowMs * Math.max(1, entry.rows));
  }

  #admit(request: InferenceRequest, context: RequestContext, reply: Reply, now: number): QueueEntry {
    if (this.#refusal !== undefined) throw this.#refusal;
    const valid = this.#validator.validate(request, this.#isSplitAllowed(context));
    const deadlineMs = itemDeadline(request, context);
    if (context.isStreamed !== true) this.#admission.onArrived(deadlineMs - now); // a stream's is the end of all its messages
    if (deadlineMs <= now + this.#knowledge.shortestRunMs) {
      this.#doubtRunEstimate(deadlineMs);
      throw dropError("deadline", -1);
    }
    if (!this.#isAdmitted(context)) throw overLimit(request, this.#admission.limitRows, this.#pushbackMs());
    const level = this.#levelOf(request, context);
    if (deadlineMs < Number.POSITIVE_INFINITY) this.#checkDeadline(context.tenant, level, deadlineMs, now);
    const measure = this.#options.measurer?.measure(valid.inputs, valid.rows);
    const measured = measure === undefined ? valid : { ...valid, measure };
    this.#room.claim(request, measured, { tenant: context.tenant, level }, now);
    return new QueueEntry(request, context, this.#sequencer?.reserve(reply) ?? reply, measured, deadlineMs);
  }

  /** Within the limit, or, while others fill it, within the caller's own share of it. */
  #isAdmitted(context: RequestContext): boolean {
    return this.#admission.admits(context) || this.#queue.isBelowShare(context.tenant, this.#admission.limitRows);
  }

  /** A request is dropped although its deadline has not passed. */
  #doubtRunEstimate(deadlineMs: number): void {
    if (deadlineMs <= this.#options.clock.now()) return;
    this.#knowledge.doubt();
  }

  #isSplitAllowed(context: RequestContext): boolean {
    const { splitting } = this.#options;
    return splitting === "always" || (splitting === "streams" && context.isStreamed === true);
  }

  /** The priority level of a request, as far as its tenant may ask for it. */
  #levelOf(request: InferenceRequest, { tenant }: RequestContext): number {
    const levels = this.#queuePolicy.levels.length;
    if (levels === 1) return 1;
    return Math.min(levels, Math.max(levelOf(request, this.#queuePolicy), this.#shares.find(tenant).highestPriority));
  }

  /**
   * Refuses early what would miss its deadline behind the work that is sure to run before it, at the best pace seen lately. Corrects itself: where
   * there is work ahead batches run, and their pace is measured again.
   */
  #checkDeadline(tenant: string, level: number, deadlineMs: number, now: number): void {
    if (this.#queue.requests === 0) return;
    const rowsAhead = this.#queue.rowsAhead(tenant, level, deadlineMs, now);
    const rowsBefore = rowsAhead - (rowsAhead % this.#policy.maxRows); // the rest may share its batch
    const isVaried = this.#options.measurer !== undefined;
    const waitMs = this.#knowledge.leastWaitMs(rowsBefore, this.#runners.size, this.#queue, isVaried);
    const finishMs = waitMs + this.#knowledge.shortestRunMs;
    if (deadlineMs > now + finishMs) return;
    const leftMs = Math.floor(deadlineMs - now);
    const text = `the deadline is in ${leftMs} ms, and the answer could come in ${Math.ceil(finishMs)} ms, behind ${rowsAhead} rows`;
    throw new InferenceError("deadline", text, { retryAfterMs: -1 });
  }

  #enqueue(entry: QueueEntry, level: number, now: number): void {
    const policy = this.#queuePolicy.levels[level - 1];
    entry.queuedMs = now;
    entry.whole.queuedMs = now;
    if (policy !== undefined) entry.timeoutMs = now + timeoutOf(entry.request, policy);
    this.#queue.push(entry, level);
    const expiresMs = Math.min(entry.deadlineMs, entry.timeoutMs);
    if (expiresMs < this.#timerMs) this.#wakeAt(expiresMs);
  }

  #wake(): void {
    for (const runner of this.#runners) runner.offer();
  }

  /** One timer for the delay of a batch and for what expires while nobody takes a batch. */
  #wakeAt(atMs: number): void {
    if (atMs >= this.#timerMs) return;
    this.#cancelTimer?.();
    this.#timerMs = atMs;
    this.#cancelTimer = this.#options.clock.after(atMs - this.#options.clock.now(), () => {
      this.#cancelTimer = undefined;
      this.#timerMs = Number.POSITIVE_INFINITY;
      const nextMs = this.#queue.expire(this.#options.clock.now());
      if (nextMs < Number.POSITIVE_INFINITY) this.#wakeAt(nextMs);
      this.#failDropped();
      if (this.hasWaiting) this.#wake();
      this.#checkDrained();
    });
  }

  /**
   * Fails what the queue has dropped, only after it was looked through: whoever hears of it may come back with the next request at once.
   * @returns whether there was any
   */
  #failDropped(): boolean {
    if (this.#dropped.length === 0) return false;
    for (const { entry, reason } of this.#dropped.splice(0)) {
      if (reason === "deadline") this.#doubtRunEstimate(entry.deadlineMs);
      this.#fail(entry, dropError(reason, this.#pushbackMs()));
    }
    this.#admission.gate.wake();
    return true;
  }

  #succeed(entry: QueueEntry, response: InferenceResponse, endedMs: number): void {
    entry.whole.absorb(entry);
    if (entry.whole !== entry) {
      entry.reply.respond(response, true); // the part's reply is the joiner
      return;
    }
    entry.endedMs = endedMs;
    this.#admission.leave(entry.rows, entry.context.isStreamed === true);
    this.#options.observers.onResponse(this.description, entry, response);
    this.#options.observers.onEnd(this.description, entry);
    entry.reply.respond(response, true);
  }

  #fail(entry: QueueEntry, error: InferenceError): void {
    entry.whole.absorb(entry);
    if (entry.whole !== entry) {
      entry.reply.fail(error);
      return;
    }
    if (entry.error !== undefined) return;
    entry.error = error;
    entry.endedMs = this.#options.clock.now();
    this.#admission.leave(entry.rows, entry.context.isStreamed === true);
    this.#options.observers.onEnd(this.description, entry);
    entry.reply.fail(error);
  }

  /** A request that never entered the queue. */
  #refuse(request: InferenceRequest, context: RequestContext, reply: Reply, error: InferenceError): void {
    const entry = new QueueEntry(
      request,
      context,
      reply,
      { inputs: [], rows: 0, shapeKey: "", outputs: [] },
      Number.POSITIVE_INFINITY,
    );
    this.#fail(entry, error);
  }

  /** When a queue as full as this one will have been worked off. */
  #pushbackMs(): number {
    return pushbackMs(this.#admission.rate.timeFor(this.#queue.rows), Math.random());
  }

  #checkDrained(): void {
    if (this.#onDrained === undefined || this.pending > 0) return;
    this.#cancelTimer?.();
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }
}

/** The earlier of the call's deadline and the request's own `sluice_timeout_ms`, which counts from its arrival. */
function itemDeadline(request: InferenceRequest, context: RequestContext): number {
  const own = request.parameters.get("sluice_timeout_ms");
  return own === undefined ? context.deadlineMs : Math.min(context.deadlineMs, context.arrivalTimeMs + Number(own));
}

/** Padded entries run at the length of the longest; others have one shape, hence one bucket, or nearly so. */
function shapeBucketOf(entries: readonly QueueEntry[]): number {
  let bucket = 0;
  for (const { measure } of entries) bucket = Math.max(bucket, measure.shapeBucket);
  return bucket;
}
