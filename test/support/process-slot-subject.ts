import type { InferenceError } from "../../src/errors.ts";
import type { ModelConfig } from "../../src/model/model-config.ts";
import { BatchedModel } from "../../src/runtime/batched-model.ts";
import { Instance } from "../../src/runtime/process/instance.ts";
import type { LoadRequest } from "../../src/runtime/process/load-protocol.ts";
import { ProcessSlot } from "../../src/runtime/process/process-slot.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeProcess } from "./fake-process.ts";
import { RecordingObserver } from "./recording-observer.ts";
import { contextOf, echoDescription, floats, RecordingReply, requestOf } from "./runtime-requests.ts";

/** Lets promises settle. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

function loadRequest(sessionId: number): LoadRequest {
  return {
    operation: "load",
    sessionId,
    name: "m",
    version: "1",
    file: "/m/1/model.onnx",
    folder: "/m",
    config: {},
    batching: "final",
    defaultMaxBatchSize: 8,
    device: "cpu",
    isFallbackAllowed: true,
    intraOpThreads: 1,
    maxModelNodes: 1,
    maxModelBytes: 1,
    maxStateBytes: 1 << 20,
  };
}

/** A model y = x with one instance in a slot. */
export class SlotModel {
  readonly observer = new RecordingObserver();
  readonly model: BatchedModel;
  readonly instance: Instance;
  readonly sessionId: number;
  readonly replies: RecordingReply[] = [];
  /** Why it cannot answer; undefined: it can. */
  unavailable: InferenceError | undefined;
  readonly #clock: FakeClock;

  constructor(slot: ProcessSlot, clock: FakeClock, sessionId: number, config: ModelConfig) {
    this.#clock = clock;
    this.sessionId = sessionId;
    this.model = new BatchedModel(echoDescription(config), {
      clock,
      observers: this.observer,
      maxQueueRequests: 1_000,
      maxQueueBytes: 1e6,
      slotBytes: slot.slotBytes,
      splitting: "always",
    });
    this.instance = new Instance(this.model, slot, loadRequest(sessionId), {
      clock,
      runTimeoutMs: 1_000,
      loadTimeoutMs: 1_000,
      buckets: [],
      report: () => {},
      onAvailability: (error) => {
        this.unavailable = error;
        this.model.refuse(error);
        if (error !== undefined) this.model.failWaiting(error);
      },
    });
  }

  /** Asks for so many rows, all with this value. */
  ask(value = 0, rows = 1, deadlineMs = Number.POSITIVE_INFINITY): RecordingReply {
    const reply = new RecordingReply();
    this.replies.push(reply);
    const request = requestOf([floats("x", new Array<number>(rows).fill(value))]);
    this.model.infer(request, contextOf({ arrivalTimeMs: this.#clock.now(), deadlineMs }), reply);
    return reply;
  }

  get outcomes(): string[] {
    return this.replies.map(({ outcome }) => outcome);
  }
}

/** A process slot over fake processes and a fake clock. */
export class SlotSubject {
  readonly clock = new FakeClock();
  /** Every process that was started, in order. */
  readonly processes: FakeProcess[] = [];
  readonly events: string[] = [];
  readonly slot: ProcessSlot;
  /** Starts that fail from now on. */
  failingStarts = 0;

  constructor(
    options: { readonly prefetch?: number; readonly crashLoopLimit?: number; readonly recycleBytes?: number } = {},
  ) {
    this.slot = new ProcessSlot({
      arenaFolder: "",
      arenaMaxBytes: 1 << 16,
      prefetch: options.prefetch ?? 0,
      recycleBytes: options.recycleBytes ?? 1e9,
      crashLoopLimit: options.crashLoopLimit ?? 5,
      clock: this.clock,
      onEvent: (event) => this.events.push(event),
      spawn: (processOptions) => {
        if (this.failingStarts > 0) {
          this.failingStarts--;
          throw new Error("no more processes");
        }
        const process = new FakeProcess(processOptions, echoDescription().signature);
        this.processes.push(process);
        return process.asProcess;
      },
    });
  }

  /** The process that was started last. */
  get process(): FakeProcess {
    return this.processes.at(-1)!;
  }

  /** Loads a session without letting its model in yet. */
  async load(sessionId: number, config: ModelConfig = {}): Promise<{ model: SlotModel; generation: number }> {
    const model = new SlotModel(this.slot, this.clock, sessionId, config);
    const { generation } = this.slot;
    const loaded = this.slot.control(model.instance.loadRequest, 1_000);
    await this.answer();
    await loaded;
    return { model, generation };
  }

  /** Loads a session and lets its model in. */
  async add(sessionId: number, config: ModelConfig = {}): Promise<SlotModel> {
    const { model, generation } = await this.load(sessionId, config);
    this.slot.add(model.instance, generation);
    return model;
  }

  /** Lets the process do one thing and everybody hear of it. */
  async answer(runMs = 1): Promise<void> {
    this.clock.turn();
    this.process.answer(runMs);
    await this.turn();
  }

  /** Ends the turn of the event loop. */
  async turn(): Promise<void> {
    this.clock.turn();
    await settle();
    this.clock.turn();
  }

  /** Lets processes work until nothing is under way and nothing waits that can go on. */
  async finish(): Promise<void> {
    await this.turn();
    for (let step = 0; step < 10_000 && this.processes.some((process) => process.pending > 0); step++) {
      for (const process of this.processes) process.answer();
      await this.turn();
    }
  }
}
