import assert from "node:assert/strict";
import { InferenceError, type Reason } from "../../src/errors.ts";
import type { ParameterValue, RequestContext } from "../../src/inference.ts";
import type { SequencePlan } from "../../src/model/sequence-plan.ts";
import type { BatchRecord } from "../../src/runtime/observer.ts";
import type { SequenceBatch } from "../../src/runtime/sequence/sequence-batch.ts";
import { SequenceModel, type SequenceModelOptions } from "../../src/runtime/sequence/sequence-model.ts";
import { FakeClock } from "./fake-clock.ts";
import { RecordingObserver } from "./recording-observer.ts";
import { contextOf, echoDescription, floats, RecordingReply, requestOf } from "./runtime-requests.ts";
import { type SequenceEdge, sequenceParameters } from "./sequence-calls.ts";

/** One request and what became of it. */
export interface Asked {
  readonly id: ParameterValue;
  /** Its place among all requests. */
  readonly number: number;
  readonly reply: RecordingReply;
}

/** A model with sequences and a state, whose batches run when the test says so. */
export class SequenceSubject {
  readonly clock = new FakeClock();
  readonly observer = new RecordingObserver();
  readonly model: SequenceModel;
  readonly asked: Asked[] = [];
  /** What each instance runs. */
  readonly running: (SequenceBatch | undefined)[];
  offers = 0;
  /** The version that its requests ask for; empty: none. */
  modelVersion = "";

  constructor(
    plan: Partial<SequencePlan> = {},
    options: Partial<SequenceModelOptions> = {},
    maxBatchSize = 4,
    version = "1",
  ) {
    const state = { inputName: "s", outputName: "t", datatype: "FP32", dims: [1] } as const;
    const full: SequencePlan = {
      strategy: { kind: "direct", maxDelayMs: 0, minSlotUtilization: 0 },
      slots: maxBatchSize,
      idleMs: 1_000,
      controls: [],
      states: [state],
      ...plan,
    };
    this.model = new SequenceModel(
      { ...echoDescription({ max_batch_size: maxBatchSize }), version },
      {
        clock: this.clock,
        observers: this.observer,
        plan: full,
        instances: 1,
        maxQueueRequests: 1_000,
        maxQueueBytes: 1e6,
        maxBacklogSequences: 100,
        slotBytes: 1e6,
        ...options,
      },
    );
    this.running = new Array<SequenceBatch | undefined>(options.instances ?? 1).fill(undefined);
    for (const instance of this.running.keys())
      this.model.scheduler.setRunner(instance, { offer: () => this.offers++ });
  }

  /** Sends a request whose row is its number. */
  ask(id: ParameterValue, edge: SequenceEdge = "", context: Partial<RequestContext> = {}, more: object = {}): Asked {
    const asked = { id, number: this.asked.length, reply: new RecordingReply() };
    this.asked.push(asked);
    const parameters = new Map<string, ParameterValue>(Object.entries({ ...sequenceParameters(id, edge), ...more }));
    const request = { ...requestOf([floats("x", [asked.number])], { parameters }), modelVersion: this.modelVersion };
    this.model.infer(request, contextOf({ arrivalTimeMs: this.clock.now(), ...context }), asked.reply);
    return asked;
  }

  /** Starts the next batch of an instance. @returns the numbers of the requests by row, `-` for none; undefined: there is no batch */
  take(instance = 0): string | undefined {
    assert.equal(this.running[instance], undefined, "one batch at a time");
    const batch = this.model.scheduler.take(instance);
    this.running[instance] = batch;
    return batch?.rows.map((row) => (row === undefined ? "-" : numberOf(row.item.entry.inputs[0]?.data))).join(" ");
  }

  succeed(instance = 0, stateShapes: readonly number[] = []): void {
    const batch = this.#end(instance);
    const outputs = batch.rows.map((row) => (row === undefined ? [] : [{ ...row.item.entry.inputs[0]!, name: "y" }]));
    this.model.complete(batch, this.#record(batch), outputs, stateShapes);
  }

  fail(instance = 0, reason: Reason = "runtime"): void {
    const batch = this.#end(instance);
    const error = new InferenceError(reason, "by the test");
    this.model.fail(batch, this.#record(batch, error), error);
  }

  /** The process of an instance dies, with its batch if it has one. */
  die(instance = 0): void {
    if (this.running[instance] !== undefined) {
      const batch = this.#end(instance);
      this.model.failLost(batch, this.#record(batch));
    }
    this.model.scheduler.lose(instance);
  }

  putBack(instance = 0): void {
    this.model.scheduler.putBack(this.#end(instance));
  }

  /** Takes and answers batches until there are none. */
  finish(): void {
    for (const instance of this.running.keys()) {
      if (this.running[instance] !== undefined) this.succeed(instance);
      while (this.take(instance) !== undefined) this.succeed(instance);
    }
  }

  #end(instance: number): SequenceBatch {
    const batch = this.running[instance];
    assert.ok(batch !== undefined, "nothing runs");
    this.running[instance] = undefined;
    return batch;
  }

  #record(batch: SequenceBatch, error?: InferenceError): BatchRecord {
    const requests = batch.rows.flatMap((row) => (row === undefined ? [] : [row.item.entry]));
    return {
      rows: requests.length,
      padding: batch.rows.length - requests.length,
      reason: batch.reason,
      takenMs: batch.takenMs,
      computeInputMs: 1,
      computeInferMs: 1,
      computeOutputMs: 1,
      endedMs: this.clock.now(),
      error,
      requests,
    };
  }
}

function numberOf(data: Uint8Array | undefined): number {
  return new Float32Array(Uint8Array.from(data ?? []).buffer)[0] ?? Number.NaN;
}
