import type { ServeConfig } from "../../config.ts";
import { type Criticality, defaultCriticality, type RequestContext } from "../../inference.ts";
import type { ModelParameters } from "../../model/model-parameters.ts";
import { Codel } from "./codel.ts";
import { type GradientBounds, nextLimit } from "./gradient-limit.ts";
import { ServiceRate } from "./service-rate.ts";
import { StreamGate } from "./stream-gate.ts";

/** How a model version decides what it lets in; options of the same names. */
export interface AdmissionPolicy {
  /** `off`: only the queue's own limits hold. `fixed`: so many rows at a time. `adaptive`: as many as do not wait too long. */
  readonly mode: "off" | "fixed" | "adaptive";
  /** Rows at a time under `fixed`. */
  readonly limitRows: number;
  /** The adaptive limit is never below this, nor below a few batches for each instance. */
  readonly minLimitRows: number;
  /** The adaptive limit is never above this. */
  readonly maxLimitRows: number;
  /** A wait in the queue beyond the batch window that is nothing to worry about. */
  readonly targetMs: number;
  /** How long even the shortest wait must be above the target before requests are shed; the adaptive limit takes a step this often. */
  readonly intervalMs: number;
}

/** Every request is let in. */
export const openAdmission: AdmissionPolicy = {
  mode: "off",
  limitRows: Number.POSITIVE_INFINITY,
  minLimitRows: 0,
  maxLimitRows: Number.POSITIVE_INFINITY,
  targetMs: Number.POSITIVE_INFINITY,
  intervalMs: 100,
};

/** The policy of one model: its own settings, else the server's. */
export function admissionPolicy(config: ServeConfig, parameters: ModelParameters): AdmissionPolicy {
  return {
    mode: parameters.admission ?? config.admission,
    limitRows: parameters.admissionLimit ?? config.admissionLimit,
    minLimitRows: config.admissionMinLimit,
    maxLimitRows: config.admissionMaxLimit,
    targetMs: parameters.admissionTargetMs ?? config.admissionTargetMs,
    intervalMs: config.admissionIntervalMs,
  };
}

/** What admission must know of a model's batching. */
export interface BatchSize {
  readonly maxRows: number;
  /** How long the batcher may keep a request waiting for others. */
  readonly windowMs: number;
}

/**
 * Batches for each instance that the adaptive limit always has room for, half of them for streams: one that runs, one sent ahead, two that form
 * while answers and the next requests are on their way.
 */
const leastBatches = 8;
/** While requests wait too long the limit is at most what drains within the target and so many batches for each instance. */
const processBatches = 4;
/** Before anything was measured, in batches and in rows: nobody is refused because nobody knows the model yet. */
const initialBatches = 20;
const initialRows = 512;
/** Least growth of the limit a step, in rows: the queue size of Gradient2. */
const leastGrowthRows = 4;
/** Streams stop reading at this share of the limit, so that unary calls find room beside them. */
const streamShare = 0.5;

/** Share of the time until its deadline that a request may spend in the queue. */
const patience = 0.5;
/** Weight of the latest request in the average of the wait that requests can bear. */
const patienceWeight = 0.01;

/** Up to which share of the limit requests are let in. */
const limitShare: Readonly<Record<Criticality, number>> = {
  SHEDDABLE: 0.5,
  SHEDDABLE_PLUS: 0.75,
  CRITICAL: 1,
  CRITICAL_PLUS: 1.1,
};

/** After how many times the target a request is shed while the queue stands; 2 is CoDel's. */
const shedAfter: Readonly<Record<Criticality, number>> = {
  SHEDDABLE: 1,
  SHEDDABLE_PLUS: 1.5,
  CRITICAL: 2,
  CRITICAL_PLUS: 4,
};

/**
 * Decides what one model version lets in and what it sheds (docs/adr/0011): unary requests beyond the limit are refused, streams
 * stop reading earlier and wait, and what has waited too long in a queue that stands is shed before it runs, unless it came on a stream. Pure
 * state: told what happens and when.
 */
export class ModelAdmission {
  /** Where streams wait. */
  readonly gate = new StreamGate();
  readonly rate = new ServiceRate();
  readonly #policy: AdmissionPolicy;
  readonly #batch: BatchSize;
  readonly #codel: Codel;
  #instances = 1;
  #limitRows: number;
  /** The limit as observers know it; Infinity: none. */
  #toldRows = Number.POSITIVE_INFINITY;
  #inFlightRows = 0;
  /** The wait that requests can bear on average: the target, or less where their deadlines are near. */
  #targetMs: number;
  /** When an instance came to be there last. */
  #resumedMs = Number.NEGATIVE_INFINITY;
  /** What was seen since the last step of the limit. */
  #stepMs = Number.NEGATIVE_INFINITY;
  #taken = 0;
  #waitMs = 0;
  #ran = 0;
  #runMs = 0;
  #mostInFlightRows = 0;

  constructor(policy: AdmissionPolicy, batch: BatchSize) {
    this.#policy = policy;
    this.#batch = batch;
    this.#targetMs = policy.targetMs;
    this.#codel = new Codel(policy.intervalMs);
    this.#limitRows = initialLimit(policy, batch);
    this.#openGate();
  }

  /** Rows that may be in the server at a time; Infinity: any number. */
  get limitRows(): number {
    return this.#limitRows;
  }

  /** Rows of requests that were let in and have not ended. */
  get inFlightRows(): number {
    return this.#inFlightRows;
  }

  /** The queue stands: what has waited too long is being shed. */
  get isShedding(): boolean {
    return this.#policy.mode === "adaptive" && this.#codel.isOverloaded;
  }

  /** Instances of the model that can run batches at a time. */
  set instances(count: number) {
    this.#instances = Math.max(1, count);
    this.#keepFloor();
  }

  /** A unary request came that has so long until its deadline; Infinity: it has none. */
  onArrived(remainingMs: number): void {
    if (this.#policy.mode !== "adaptive") return;
    const bearableMs = Math.min(this.#policy.targetMs, Math.max(0, remainingMs * patience));
    this.#targetMs += patienceWeight * (bearableMs - this.#targetMs);
  }

  /** Whether a request is let in. One that is let in may exceed the limit by its own rows, or a large one would never get its turn. */
  admits(context: RequestContext): boolean {
    if (this.#inFlightRows < this.#limitRows * limitShare.SHEDDABLE || context.isStreamed === true) return true;
    return this.#inFlightRows < this.#limitRows * limitShare[context.criticality ?? defaultCriticality];
  }

  /** A request was let in. */
  enter(rows: number, isStreamed: boolean): void {
    this.#inFlightRows += rows;
    if (isStreamed) this.gate.enter(rows);
  }

  /** A request that was let in has ended. */
  leave(rows: number, isStreamed: boolean): void {
    this.#inFlightRows -= rows;
    if (isStreamed) this.gate.leave(rows);
  }

  /** An instance can run again: until now requests may have waited because none could, which is no overload. */
  onResumed(now: number): void {
    this.#resumedMs = now;
    this.rate.interrupt();
  }

  /** How long a request has waited for its turn, the time without any instance left out. */
  waitOf(queuedMs: number, now: number): number {
    return now - Math.max(queuedMs, this.#resumedMs);
  }

  /** Whether a request is shed that has waited so long. Messages of a stream never are: their sender was let in and waits by itself. */
  isShed(context: RequestContext, waitMs: number): boolean {
    if (!this.isShedding || context.isStreamed === true) return false;
    return waitMs > this.allowedWaitMs * shedAfter[context.criticality ?? defaultCriticality];
  }

  /** A wait that is nothing to worry about: the batch window, the target, and what the least limit takes by itself. */
  get allowedWaitMs(): number {
    return this.#batch.windowMs + Math.max(this.#targetMs, this.rate.timeFor(this.#leastRows));
  }

  /**
   * A batch was formed.
   * @param shortestMs the shortest wait of a unary request in it; Infinity: it has none
   * @param meanMs the mean wait of all
   */
  onTaken(shortestMs: number, meanMs: number, now: number): void {
    if (this.#policy.mode !== "adaptive") return;
    if (shortestMs < Number.POSITIVE_INFINITY) this.#codel.record(shortestMs, now, this.allowedWaitMs);
    this.#taken++;
    this.#waitMs += meanMs;
    if (this.#inFlightRows > this.#mostInFlightRows) this.#mostInFlightRows = this.#inFlightRows;
  }

  /**
   * A run has ended well.
   * @param runMs without any wait
   * @returns whether there is a limit that observers have not heard of
   */
  onRan(runMs: number, now: number): boolean {
    if (this.#policy.mode === "adaptive") {
      this.#ran++;
      this.#runMs += runMs;
      if (this.#taken > 0 && now - this.#stepMs >= this.#policy.intervalMs) this.#step(now);
      this.#keepFloor();
    }
    const rows = Math.round(this.#limitRows);
    if (rows === this.#toldRows) return false;
    this.#toldRows = rows;
    return true;
  }

  #step(now: number): void {
    const excessMs = Math.max(0, this.#waitMs / this.#taken - this.allowedWaitMs);
    const window = { runMs: this.#runMs / this.#ran, excessMs, inFlightRows: this.#mostInFlightRows };
    const bounds = this.#bounds;
    this.#limitRows = nextLimit(this.#limitRows, window, bounds);
    if (excessMs > 0) this.#limitRows = Math.min(this.#limitRows, bounds.minRows + this.#processRows);
    this.#stepMs = now;
    this.#taken = 0;
    this.#waitMs = 0;
    this.#ran = 0;
    this.#runMs = 0;
    this.#mostInFlightRows = this.#inFlightRows;
  }

  /** Rows that the instances hold beside the queue while requests wait: a batch that runs, one sent ahead, and as much again. */
  get #processRows(): number {
    return processBatches * this.#instances * this.#batch.maxRows;
  }

  /** The model became faster, or has one more instance: what it works off within the target is let in at once. */
  #keepFloor(): void {
    if (this.#policy.mode !== "adaptive") return;
    const { minRows, maxRows } = this.#bounds;
    this.#limitRows = Math.min(maxRows, Math.max(minRows, this.#limitRows));
    this.#openGate();
  }

  #openGate(): void {
    this.gate.limitRows = Math.max(1, this.#limitRows * streamShare);
  }

  get #leastRows(): number {
    const batches = leastBatches * this.#instances * this.#batch.maxRows;
    return Math.min(this.#policy.maxLimitRows, Math.max(this.#policy.minLimitRows, batches));
  }

  get #bounds(): GradientBounds {
    return {
      minRows: Math.max(this.#leastRows, this.rate.rowsPerMs * this.#targetMs),
      maxRows: this.#policy.maxLimitRows,
      growthRows: Math.max(leastGrowthRows, this.#batch.maxRows),
    };
  }
}

function initialLimit(
  { mode, limitRows, minLimitRows, maxLimitRows }: AdmissionPolicy,
  { maxRows }: BatchSize,
): number {
  if (mode === "off") return Number.POSITIVE_INFINITY;
  if (mode === "fixed") return limitRows;
  return Math.min(maxLimitRows, Math.max(minLimitRows, initialRows, initialBatches * maxRows));
}
