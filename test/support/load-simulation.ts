import assert from "node:assert/strict";
import type { Criticality, Reply } from "../../src/inference.ts";
import type { AdmissionPolicy } from "../../src/runtime/admission/model-admission.ts";
import { type Batch, BatchedModel, type BatchRunner } from "../../src/runtime/batched-model.ts";
import { ObserverList } from "../../src/runtime/observer.ts";
import { FakeClock } from "./fake-clock.ts";
import { contextOf, echoDescription, floats, requestOf } from "./runtime-requests.ts";

/** What became of one simulated request. */
export interface Outcome {
  readonly arrivalMs: number;
  readonly endMs: number;
  readonly deadlineMs: number;
  /** `ok`, or the reason of the failure. */
  readonly result: string;
  readonly retryAfterMs: number | undefined;
  readonly criticality: Criticality;
}

export interface SimulationOptions {
  readonly admission?: AdmissionPolicy;
  readonly maxBatchSize?: number;
  /** Batches that the batcher may keep waiting. */
  readonly windowMs?: number;
  readonly instances?: number;
}

/** A run takes a + b * rows milliseconds. */
export interface RunTime {
  readonly aMs: number;
  readonly bMs: number;
}

export interface OfferOptions {
  /** Requests a millisecond, of one row each; their gaps are exponentially distributed, or all alike. */
  readonly perMs: number;
  readonly isEven?: boolean;
  readonly durationMs: number;
  /** What the callers give a request; absent: no deadline. */
  readonly timeoutMs?: number;
  /** Taken in turns. */
  readonly criticalities?: readonly Criticality[];
}

/** A model in virtual time: real queue, batcher and admission, instances that only wait. The same in every run. */
export class LoadSimulation {
  readonly clock = new FakeClock();
  /** What the adaptive limit was, step by step. */
  readonly limits: number[] = [];
  readonly model: BatchedModel;
  readonly outcomes: Outcome[] = [];
  /** May be changed at any time. */
  runTime: RunTime = { aMs: 1, bMs: 0.5 };
  /** Most requests in the model at a time, so far. */
  mostPending = 0;
  readonly #instances: readonly SimulatedInstance[];
  readonly #random = createRandom(1);
  readonly #request = requestOf([floats("x", [1])]);

  constructor({ admission, maxBatchSize = 32, windowMs = 0, instances = 1 }: SimulationOptions = {}) {
    const dynamic_batching = { max_queue_delay_microseconds: windowMs * 1000 };
    this.model = new BatchedModel(echoDescription({ max_batch_size: maxBatchSize, dynamic_batching }), {
      clock: this.clock,
      observers: new ObserverList([{ onAdmissionLimit: (_, rows) => this.limits.push(rows) }], assert.ifError),
      maxQueueRequests: 1_000_000,
      maxQueueBytes: 1_000_000_000,
      slotBytes: 1_000_000,
      splitting: "always",
      ...(admission === undefined ? {} : { admission }),
    });
    this.#instances = Array.from({ length: instances }, () => new SimulatedInstance(this));
    for (const instance of this.#instances) instance.start();
  }

  get now(): number {
    return this.clock.now();
  }

  /** Takes the instances away, as when their processes died; each can be started again. */
  stop(): readonly SimulatedInstance[] {
    for (const instance of this.#instances) instance.stop();
    return this.#instances;
  }

  /** Rows a millisecond that the instances work off in full batches. */
  capacity(maxBatchSize = 32, instances = 1): number {
    return (instances * maxBatchSize) / (this.runTime.aMs + this.runTime.bMs * maxBatchSize);
  }

  /** An open loop: requests come whatever becomes of those before. @returns the outcomes of what came in this time, when all have ended or later */
  offer({
    perMs,
    isEven = false,
    durationMs,
    timeoutMs = Number.POSITIVE_INFINITY,
    criticalities,
  }: OfferOptions): void {
    const endMs = this.now + durationMs;
    let nextMs = this.now;
    for (let i = 0; ; i++) {
      nextMs += (isEven ? 1 : -Math.log(1 - this.#random())) / perMs;
      if (nextMs >= endMs) break;
      this.clock.advance(nextMs - this.now);
      this.ask(timeoutMs, criticalities?.[i % criticalities.length]);
    }
    this.clock.advance(endMs - this.now);
  }

  /** A closed loop of so many callers: each asks again when it has its answer, or when it may after a refusal. @returns answers in the time */
  keepInFlight(callers: number, durationMs: number): number {
    const endMs = this.now + durationMs;
    const before = this.outcomes.length;
    const ask = () => {
      if (this.now < endMs) this.ask(undefined, undefined, again);
    };
    const again = ({ result, retryAfterMs = 0 }: Outcome) => {
      if (result === "ok") this.clock.soon(ask);
      else this.clock.after(retryAfterMs, ask);
    };
    for (let i = 0; i < callers; i++) ask();
    this.clock.advance(durationMs);
    return this.outcomes.slice(before).filter(({ result }) => result === "ok").length;
  }

  ask(
    timeoutMs = Number.POSITIVE_INFINITY,
    criticality: Criticality = "CRITICAL",
    onEnd: (outcome: Outcome) => void = () => {},
  ): void {
    const arrivalMs = this.now;
    const deadlineMs = arrivalMs + timeoutMs;
    const end = (result: string, retryAfterMs: number | undefined) => {
      const outcome = { arrivalMs, endMs: this.now, deadlineMs, result, retryAfterMs, criticality };
      this.outcomes.push(outcome);
      onEnd(outcome);
    };
    const reply: Reply = {
      respond: () => end("ok", undefined),
      fail: (error) => end(error.reason, error.retryAfterMs),
    };
    const context = contextOf({ arrivalTimeMs: arrivalMs, deadlineMs, criticality });
    this.model.infer(this.#request, context, reply);
    this.mostPending = Math.max(this.mostPending, this.model.pending);
  }

  /** Outcomes of requests that arrived in [fromMs, untilMs). */
  arrived(fromMs: number, untilMs = Number.POSITIVE_INFINITY): Outcome[] {
    return this.outcomes.filter(({ arrivalMs }) => arrivalMs >= fromMs && arrivalMs < untilMs);
  }
}

/** Answered before the deadline. */
export function isGood({ result, endMs, deadlineMs }: Outcome): boolean {
  return result === "ok" && endMs <= deadlineMs;
}

/** Runs one batch after another, in virtual time. */
class SimulatedInstance implements BatchRunner {
  readonly #simulation: LoadSimulation;
  #isBusy = false;
  #isPlanned = false;
  #isStopped = true;

  constructor(simulation: LoadSimulation) {
    this.#simulation = simulation;
  }

  start(): void {
    this.#isStopped = false;
    this.#simulation.model.addRunner(this);
  }

  stop(): void {
    this.#isStopped = true;
  }

  offer(): void {
    if (this.#isStopped || this.#isBusy || this.#isPlanned) return;
    this.#isPlanned = true;
    this.#simulation.clock.soon(() => {
      this.#isPlanned = false;
      this.#run();
    });
  }

  #run(): void {
    const { model, clock, runTime } = this.#simulation;
    const batch = this.#isBusy || this.#isStopped ? undefined : model.take();
    if (batch === undefined) return;
    this.#isBusy = true;
    const runMs = runTime.aMs + runTime.bMs * batch.rows;
    clock.after(runMs, () => this.#end(batch, runMs));
  }

  #end(batch: Batch, runMs: number): void {
    const { model, clock } = this.#simulation;
    this.#isBusy = false;
    const record = {
      rows: batch.rows,
      padding: 0,
      reason: batch.reason,
      takenMs: batch.takenMs,
      computeInputMs: 0,
      computeInferMs: runMs,
      computeOutputMs: 0,
      endedMs: clock.now(),
      error: undefined,
      requests: batch.entries.map((entry) => entry.whole),
    };
    model.complete(
      batch,
      record,
      batch.entries.map(() => []),
    );
    this.offer();
  }
}

/** Pseudo-random numbers in [0, 1), the same in every run (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
