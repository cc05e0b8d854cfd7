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
import { ArrivalRate } from "./arrival-rate.ts";
import { countWithinStretch } from "./batch-stretch.ts";
import {
  type BatchDecision,
  type BatchLimits,
  type BatchPolicy,
  batchPolicy,
  decideBatch,
  drainPolicy,
  type Forecast,
} from "./batcher.ts";
import type { Clock } from "./clock.ts";
import { dropError } from "./drop-error.ts";
import { LeastWait } from "./least-wait.ts";
import type { Model, ModelDescription } from "./model.ts";
import { type AdmissionPolicy, ModelAdmission, openAdmission } from "./model-admission.ts";
import type { BatchReason, BatchRecord, Observer } from "./observer.ts";
import { QueueEntry } from "./queue-entry.ts";
import { levelOf, overLimit, type QueuePolicy, queueFull, queuePolicy, timeoutOf } from "./queue-policy.ts";
import { ReplySequencer } from "./reply-sequencer.ts";
import { inputBytes, type Measurer, noMeasure, onlyBucketName } from "./request-measure.ts";
import { type QueueMeasure, RequestQueue } from "./request-queue.ts";
import { predictRunMs, RunTimeModel } from "./run-time-model.ts";
import { RunUnderWay } from "./run-under-way.ts";
import { pushbackMs } from "./service-rate.ts";
import { SlotLimit, sizeInBatch } from "./slot-limit.ts";
import { splitRequest } from "./split-request.ts";
import type { Gate } from "./stream-gate.ts";
import type { DropReason } from "./tenant-line.ts";
import { type FreeAxes, Validator, type ValidRequest } from "./validator.ts";

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

/** Where a request will wait. */
interface QueuePlace {
  readonly tenant: string;
  readonly level: number;
}

/** What a request takes in the queue. */
interface QueueNeed {
  readonly bytes: number;
  /** Places: one for each batch that it takes part in. */
  readonly parts: number;
}

type DecidedBatch = Extract<BatchDecision, { readonly kind: "batch" }>;

/** A limit of the queue that a request would exceed, and by how much. */
interface QueueExcess {
  readonly kind: "level" | "requests" | "bytes";
  readonly missing: number;
}

const inBytes: QueueMeasure = { line: ({ bytes }) => bytes, entry: ({ byteLength }) => byteLength };
const inRequests: QueueMeasure = { line: ({ requests }) => requests, entry: () => 1 };

function inLevel(level: number): QueueMeasure {
  return { line: (line) => line.requestsIn(level), entry: () => 1 };
}

/** How long a batch of this model takes at least: decays, so that one lucky run does not count for ever. */
const shortestRunDecay = 1.02;
/** Each request that is refused because of that time halves it: without runs it would never be corrected. */
const refusedRunDecay = 0.5;
/** A full queue is searched for entries that nobody waits for any more at most this often: the search looks at all of them. */
const fullSearchMs = 50;
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
  readonly #runTimes: RunTimeModel;
  /** Only where a latency target asks for it. */
  readonly #arrivals: ArrivalRate | undefined;
  readonly #leastWait: LeastWait;
  readonly #runUnderWay = new RunUnderWay();
  #cancelLateTimer: (() => void) | undefined;
  #running = 0;
  #shortestRunMs = 0;
  #searchedMs = Number.NEGATIVE_INFINITY;
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
    this.#runTimes = options.runTimes ?? new RunTimeModel();
    const { latencyTargetMs } = this.#policy;
    if (latencyTargetMs !== undefined) this.#arrivals = new ArrivalRate(rateMemoryTargets * latencyTargetMs);
    this.#queuePolicy = queuePolicy(config);
    this.#admission = new ModelAdmission(options.admission ?? openAdmission, {
      maxRows: this.#policy.maxRows,
      windowMs: Math.max(this.#policy.maxDelayMs, latencyTargetMs ?? 0), // what waits for others to join it is no overload
    });
    this.#slotLimit = new SlotLimit(options.slotBytes, signature.maxBatchSize > 0 ? this.#policy.maxRows : 0);
    this.#leastWait = new LeastWait(this.#policy.maxRows);
    this.#validator = new Validator(name, signature, options.freeAxes);
    this.#shares = options.shares ?? equalShares;
    this.#queue = new RequestQueue(this.#queuePolicy, (entry, reason) => this.#dropped.push({ entry, reason }), {
      shares: this.#shares,
      isArrivalOrder: config.dynamic_batching?.preserve_ordering === true,
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
    const decision = decideBatch(this.#queue, policy, now, this.#options.slotBytes, this.#shortestRunMs, forecast);
    if (decision.kind === "wait") this.#wakeAt(decision.untilMs);
    if (decision.kind !== "batch") return undefined;
    if (isAhead && decision.reason !== "full" && decision.rows < policy.maxRows) return undefined;
    const { count, rows, reason, picked } = this.#limitStretch(decision, now);
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

  /** The batch without those rows of a tenant with a backlog that would keep the others in it waiting (`batch-stretch.ts`). */
  #limitStretch(decision: DecidedBatch, now: number): DecidedBatch {
    const { batchStretch: limit = Number.POSITIVE_INFINITY } = this.#options;
    if (limit === Number.POSITIVE_INFINITY || decision.count < 2 || !this.#queue.isShared(now)) return decision;
    const all = decision.picked ?? this.#queue.first(decision.count, now, now + this.#shortestRunMs);
    const estimate = this.#runTimes.estimate(shapeBucketOf(all));
    if (estimate === undefined) return decision;
    const count = countWithinStretch(all, {
      limit,
      predictMs: (rows) => predictRunMs(estimate, rows),
      waitingOf: (tenant) => this.#queue.requestsOf(tenant),
    });
    if (count >= all.length) return decision;
    const entries = all.slice(0, count);
    const rows = entries.reduce((sum, entry) => sum + entry.rows, 0);
    const batch = { kind: "batch", count, rows, reason: "share" } as const;
    return decision.picked === undefined ? batch : { ...batch, picked: entries };
  }

  /** Whether the run under way is about to end, so that its process should have the next batch; if not, asks for a turn when it is. */
  #isLate(now: number): boolean {
    if (this.#runners.size !== 1) return false; // nobody knows whose turn ends next
    const fromMs = this.#runUnderWay.nextFromMs(({ rows, shapeBucket }) => {
      const estimate = this.#runTimes.estimate(shapeBucket);
      return estimate === undefined ? undefined : predictRunMs(estimate, rows);
    });
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
      runTime: (shapeBucket) => this.#runTimes.estimate(shapeBucket),
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
    const runMs = record.endedMs - record.takenMs;
    this.#shortestRunMs = this.#shortestRunMs === 0 ? runMs : Math.min(this.#shortestRunMs * shortestRunDecay, runMs);
    this.#options.observers.onBatch(this.description, { ...record, ...this.#learn(batch, record) });
    const busyMs = record.computeInputMs + record.computeInferMs + record.computeOutputMs;
    this.#leastWait.onRan(batch.rows, batch.reason === "full" || batch.rows >= this.#policy.maxRows, busyMs);
    this.#settle(batch, busyMs);
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
    const bucket = shapeBucketOf(batch.entries);
    const busyMs = record.computeInputMs + record.computeInferMs + record.computeOutputMs;
    const runTime = batch.isAhead
      ? this.#runTimes.learnBusy(bucket, batch.rows, busyMs)
      : this.#runTimes.learn(bucket, batch.rows, record.endedMs - record.takenMs, busyMs);
    return { runTime, shapeBucket: this.#options.measurer?.bucketName(bucket) ?? onlyBucketName };
  }

  #measure(record: BatchRecord): void {
    const { rows, takenMs, endedMs, computeInputMs, computeInferMs, computeOutputMs } = record;
    this.#admission.rate.record(rows, takenMs, endedMs, this.#queue.rows >= this.#policy.maxRows);
    if (this.#admission.onRan(computeInputMs + computeInferMs + computeOutputMs, endedMs)) this.#tellLimit();
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
    if (deadlineMs <= now + this.#shortestRunMs) {
      this.#doubtRunEstimate(deadlineMs);
      throw dropError("deadline", -1);
    }
    if (!this.#isAdmitted(context)) throw overLimit(request, this.#admission.limitRows, this.#pushbackMs());
    const level = this.#levelOf(request, context);
    if (deadlineMs < Number.POSITIVE_INFINITY) this.#checkDeadline(context.tenant, level, deadlineMs, now);
    const measure = this.#options.measurer?.measure(valid.inputs, valid.rows);
    const measured = measure === undefined ? valid : { ...valid, measure };
    this.#checkRoom(request, { tenant: context.tenant, level }, measured, now);
    return new QueueEntry(request, context, this.#sequencer?.reserve(reply) ?? reply, measured, deadlineMs);
  }

  /** Within the limit, or, while others fill it, within the caller's own share of it. */
  #isAdmitted(context: RequestContext): boolean {
    return this.#admission.admits(context) || this.#queue.isBelowShare(context.tenant, this.#admission.limitRows);
  }

  /** A request is dropped although its deadline has not passed. */
  #doubtRunEstimate(deadlineMs: number): void {
    if (deadlineMs <= this.#options.clock.now()) return;
    this.#shortestRunMs *= refusedRunDecay;
    this.#leastWait.doubt();
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
    const finishMs = this.#leastWaitMs(rowsBefore) + this.#shortestRunMs;
    if (deadlineMs > now + finishMs) return;
    const leftMs = Math.floor(deadlineMs - now);
    const text = `the deadline is in ${leftMs} ms, and the answer could come in ${Math.ceil(finishMs)} ms, behind ${rowsAhead} rows`;
    throw new InferenceError("deadline", text, { retryAfterMs: -1 });
  }

  /**
   * How long so many of the rows that wait take at least. Where requests differ in what they take, the latest batches tell nothing of those that wait: then
   * no row takes more than one of the cheapest shape that waits, and nothing where that has never run.
   */
  #leastWaitMs(rows: number): number {
    const latestMs = this.#leastWait.timeFor(rows, this.#runners.size);
    if (this.#options.measurer === undefined || latestMs === 0) return latestMs;
    const { maxRows } = this.#policy;
    const rowMs = this.#queue.leastOfBuckets((shapeBucket) => {
      const estimate = this.#runTimes.estimate(shapeBucket);
      return estimate === undefined ? 0 : predictRunMs(estimate, maxRows) / maxRows;
    });
    return Math.min(latestMs, (rows * rowMs) / Math.max(1, this.#runners.size));
  }

  #checkRoom(request: InferenceRequest, place: QueuePlace, valid: ValidRequest, now: number): void {
    const { inputs, rows, measure = noMeasure } = valid;
    const bytes = inputBytes(inputs);
    const size = sizeInBatch({ inputs, rows, byteLength: bytes, measure });
    this.#slotLimit.check(size, size.byteLength);
    const need = { bytes, parts: this.#partsOf(rows, this.#slotLimit.rowsOf(size)) };
    if (this.#fullOf(place.level, need) !== undefined && now - this.#searchedMs >= fullSearchMs) {
      this.#searchedMs = now;
      this.#queue.expire(now);
      this.#failDropped();
    }
    this.#makeRoom(request, place, need);
  }

  /**
   * Each part of a split request takes a place in the queue. Rows alone bound nothing: a row of no elements takes no bytes.
   * @throws InferenceError "too_large" when there can never be so many places
   */
  #partsOf(rows: number, maxRows: number): number {
    const parts = rows <= maxRows ? 1 : Math.ceil(rows / maxRows);
    const { maxQueueRequests } = this.#options;
    if (parts === 1 || parts <= maxQueueRequests) return parts;
    throw new InferenceError(
      "too_large",
      `a request of ${rows} rows takes ${parts} batches, more than the ${maxQueueRequests} requests that may wait (--max-queue-requests)`,
      { retryAfterMs: -1 },
    );
  }

  /** In a full queue whoever has most by weight gives way to a tenant that has less; a tenant that has most itself is refused. */
  #makeRoom(request: InferenceRequest, { tenant, level }: QueuePlace, need: QueueNeed): void {
    for (let full = this.#fullOf(level, need); full !== undefined; full = this.#fullOf(level, need)) {
      const { kind, missing } = full;
      const hasRoom =
        kind === "bytes"
          ? this.#queue.giveWay(tenant, inBytes, need.bytes, missing)
          : kind === "requests"
            ? this.#queue.giveWay(tenant, inRequests, need.parts, missing)
            : this.#queue.giveWay(tenant, inLevel(level), 1, missing, level);
      if (!hasRoom) throw queueFull(request, this.#pushbackMs());
    }
  }

  /** What there is too much of to let one more in, and by how much; undefined: there is room. */
  #fullOf(level: number, { bytes, parts }: QueueNeed): QueueExcess | undefined {
    const { maxQueueRequests, maxQueueBytes } = this.#options;
    const policy = this.#queuePolicy.levels[level - 1];
    const places = policy === undefined ? 0 : this.#queue.requestsIn(level) + 1 - policy.maxRequests;
    if (places > 0) return { kind: "level", missing: places };
    const requests = this.#queue.requests + parts - maxQueueRequests;
    if (requests > 0) return { kind: "requests", missing: requests };
    const excess = this.#queue.bytes + bytes - maxQueueBytes;
    if (this.#queue.requests === 0 || excess <= 0) return undefined; // an empty queue takes a request of any size
    return { kind: "bytes", missing: Math.min(excess, this.#queue.bytes) };
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
