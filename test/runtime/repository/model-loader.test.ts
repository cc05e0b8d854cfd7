import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { resolveConfig } from "../../../src/config.ts";
import { InferenceError } from "../../../src/errors.ts";
import type { Signature } from "../../../src/inference.ts";
import type { ModelConfig } from "../../../src/model/model-config.ts";
import type { ControlRequest } from "../../../src/runtime/process/load-protocol.ts";
import type { Place, Placement } from "../../../src/runtime/process/placement.ts";
import { bucketsOf, ModelLoader } from "../../../src/runtime/repository/model-loader.ts";
import type { LoadedVersion } from "../../../src/runtime/repository/serving-version.ts";
import { sourceOf } from "../../support/fake-loader.ts";
import { SlotSubject, settle } from "../../support/process-slot-subject.ts";
import { RecordingObserver } from "../../support/recording-observer.ts";
import { echoDescription } from "../../support/runtime-requests.ts";

/** A place for small models: one trial slot, two shared ones and one of its own, over fake processes that answer by themselves. */
class Subject {
  readonly slots = [new SlotSubject(), new SlotSubject(), new SlotSubject(), new SlotSubject()] as const;
  /** Threads and batches ahead of each process of its own that was asked for. */
  readonly own: [threads: number, prefetch: number | undefined][] = [];
  readonly reports: string[] = [];
  /** What a process is asked for; may throw. */
  onControl: (request: ControlRequest, slot: number) => void = () => {};
  /** Which control requests take the process along. */
  isDeadly: (request: ControlRequest) => boolean = () => false;
  /** Places that have been given back. */
  released = 0;
  signature: Signature = echoDescription().signature;
  readonly loader: ModelLoader;
  #config: ModelConfig = {};

  constructor() {
    const place = (index: number): Place => ({
      slot: this.slots[index]!.slot,
      threads: 1,
      isShared: true,
      release: () => {
        this.released++;
      },
    });
    const placement: Partial<Placement> = {
      isShared: () => true,
      withTrial: (use) => use(this.slots[0].slot),
      acquireShared: (avoid) => [1, 2].map(place).find(({ slot }) => !avoid.has(slot)),
      acquireOwn: (threads, prefetch) => {
        this.own.push([threads, prefetch]);
        return { ...place(3), isShared: false };
      },
    };
    this.loader = new ModelLoader({
      config: resolveConfig({ device: "cpu" }),
      placement: placement as Placement,
      clock: this.slots[0].clock,
      report: (message) => this.reports.push(message),
    });
  }

  /** Loads, with processes that work until it is done. */
  async load(config: ModelConfig = {}): Promise<LoadedVersion> {
    this.#config = config;
    let isDone = false;
    const loaded = this.loader.load({ ...sourceOf("1"), config }, new RecordingObserver()).finally(() => {
      isDone = true;
    });
    loaded.catch(() => {});
    while (!isDone) await this.#work();
    for (let i = 0; i < 5; i++) await this.#work();
    return loaded;
  }

  async #work(): Promise<void> {
    for (const [index, slot] of this.slots.entries()) {
      slot.clock.turn();
      for (const process of slot.processes) {
        process.reply = (request) => {
          this.onControl(request, index);
          return {
            config: { max_batch_size: this.signature.maxBatchSize, ...this.#config },
            signature: this.signature,
            provider: { requested: "cpu", actual: "cpu", isPartial: false, detail: "" },
            batching: request.operation === "load" ? request.batching : "on: by the test",
            sha256: "digest by the test",
            classNames: new Map(),
          };
        };
        if (process.next !== undefined && this.isDeadly(process.next)) process.die("crash");
        else process.answer();
      }
    }
    await settle();
  }

  /** Sessions in each slot. */
  get sessions(): number[] {
    return this.slots.map(({ processes }) => processes.reduce((sum, { sessions }) => sum + sessions.size, 0));
  }

  /** What each slot's processes were asked. */
  log(slot: number): string[] {
    return this.slots[slot]!.processes.flatMap(({ log }) => log.map((line) => line.split(" ")[0]!));
  }
}

const twoInstances: ModelConfig = { instance_group: [{ count: 2 }] };

describe("a small model", () => {
  it("is tried apart, then loaded and warmed up where it serves", async () => {
    const subject = new Subject();
    const { model, unavailable } = await subject.load();
    assert.equal(unavailable, undefined);
    assert.equal(model.description.batching, "on: by the test");
    assert.deepEqual(subject.log(0), ["load", "try", "warm-up", "unload"]);
    assert.deepEqual(subject.log(1), ["load", "warm-up", "warm-up", "warm-up", "warm-up"]);
    assert.deepEqual(subject.sessions, [0, 1, 0, 0]);
  });

  it("has one session for each instance, in different processes", async () => {
    const subject = new Subject();
    await subject.load(twoInstances);
    assert.deepEqual(subject.sessions, [0, 1, 1, 0]);
  });

  it("that kills its trial serves without batching and without warm-up", async () => {
    const subject = new Subject();
    subject.isDeadly = ({ operation }) => operation === "try";
    const { model } = await subject.load();
    assert.equal(model.description.batching, "untried");
    assert.deepEqual(subject.log(1), ["load"]);
    assert.match(subject.reports[0]!, /did not end well/);
  });

  it("that kills whatever loads it is refused", async () => {
    const subject = new Subject();
    subject.isDeadly = ({ operation }) => operation === "load";
    await assert.rejects(subject.load(), { reason: "refused", message: "loading model 'm' ended its runtime process" });
  });

  it("leaves nothing behind when a later instance fails to load", async () => {
    const subject = new Subject();
    subject.onControl = ({ operation }, slot) => {
      if (operation === "load" && slot === 2) throw new Error("no room");
    };
    await assert.rejects(subject.load(twoInstances), /no room/);
    assert.deepEqual(subject.sessions, [0, 0, 0, 0]);
    assert.equal(subject.released, 2);
  });

  it("leaves nothing behind when its warm-up samples fail where it is to serve", async () => {
    const subject = new Subject();
    subject.onControl = ({ operation }, slot) => {
      if (operation === "warm-up" && slot === 1) throw new Error("by the test");
    };
    const config = { model_warmup: [{ name: "sample" }] };
    await assert.rejects(subject.load(config), { reason: "refused", message: "warm-up sample 'sample' failed" });
    assert.deepEqual(subject.sessions, [0, 0, 0, 0]);
  });

  it("has as many instances on each GPU of a group as its count says", async () => {
    const subject = new Subject();
    const devices: (number | undefined)[] = [];
    subject.onControl = (request, slot) => {
      if (request.operation === "load" && slot > 0) devices.push(request.deviceId);
    };
    await subject.load({ instance_group: [{ count: 1, gpus: [0, 3] }] });
    assert.deepEqual(devices, [0, 3]);
  });

  it("is loaded where it serves only from the file that was tried", async () => {
    const subject = new Subject();
    const digests: (string | undefined)[] = [];
    subject.onControl = (request) => {
      if (request.operation === "load") digests.push(request.sha256);
    };
    await subject.load();
    assert.deepEqual(digests, [undefined, "digest by the test"]);
  });

  it("leaves nothing behind in its trial when it is refused there", async () => {
    const subject = new Subject();
    subject.onControl = ({ operation }) => {
      if (operation === "try") throw new InferenceError("refused", "by the test");
    };
    await assert.rejects(subject.load(), { reason: "refused" });
    assert.deepEqual(subject.log(0), ["load", "try", "unload"]);
    assert.deepEqual(subject.sessions, [0, 0, 0, 0]);
  });

  it("is not warmed up with more zeros than a request may have", async () => {
    const subject = new Subject();
    const inputs = [{ name: "x", datatype: "FP32", dims: [subject.slots[1].slot.slotBytes / 8] } as const];
    subject.signature = { ...subject.signature, inputs };
    await subject.load();
    assert.deepEqual(subject.log(1), ["load", "warm-up", "warm-up"], "of one row and of two");
    inputs[0] = { name: "x", datatype: "FP32", dims: [2 ** 50, 2 ** 50] } as never;
    await subject.load();
    assert.deepEqual(subject.log(1).slice(3), ["load"]);
  });

  it("is not refused because the process where it is to serve ends before its warm-up", async () => {
    const subject = new Subject();
    const place = subject.slots[1];
    const control = place.slot.control.bind(place.slot);
    let deaths = 0;
    place.slot.control = (request, limitMs) => {
      if (request.operation === "warm-up" && deaths++ === 0) place.process.die("crash");
      return control(request, limitMs);
    };
    subject.onControl = (request, slot) => {
      const isKnown = request.operation !== "warm-up" || subject.slots[slot]!.process.sessions.has(request.sessionId);
      if (!isKnown) throw new Error(`no session ${request.sessionId}`);
    };
    const { unavailable } = await subject.load({ model_warmup: [{ name: "sample" }] });
    assert.equal(unavailable, undefined);
    assert.deepEqual(subject.sessions, [0, 1, 0, 0]);
  });

  it("has a process of its own where its settings ask for more than a shared one gives", async () => {
    for (const [key, value, expected] of [
      ["sluice_intra_op_threads", "3", [3, undefined]],
      ["sluice_prefetch", "1", [0, 1]],
    ] as const) {
      const subject = new Subject();
      await subject.load({ parameters: { [key]: { string_value: value } } });
      assert.deepEqual(subject.own, [expected]);
      assert.deepEqual(subject.sessions, [0, 0, 0, 1]);
    }
    const subject = new Subject();
    await subject.load({ parameters: { sluice_intra_op_threads: { string_value: "1" } } });
    assert.deepEqual([subject.own, subject.sessions], [[], [0, 1, 0, 0]]);
  });

  it("holds its neighbours up for no longer than a run may take", async () => {
    const subject = new Subject();
    const { slot } = subject.slots[1];
    const control = slot.control.bind(slot);
    const limits = new Set<number>();
    slot.control = (request, limitMs) => {
      if (request.operation === "warm-up") limits.add(limitMs);
      return control(request, limitMs);
    };
    await subject.load({ parameters: { sluice_run_timeout_ms: { string_value: "777" } } });
    assert.deepEqual([...limits], [777]);
  });
});

describe("bucketsOf", () => {
  it("gives powers of two and the largest batch", () => {
    const of = (maxBatchSize: number) => bucketsOf({ inputs: [], outputs: [], maxBatchSize });
    assert.deepEqual([of(0), of(1), of(2), of(6), of(8)], [[1], [1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8]]);
  });
});
