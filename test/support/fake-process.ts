import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import type { Signature, TensorSpec } from "../../src/inference.ts";
import { Arena } from "../../src/runtime/process/arena.ts";
import type { Failure, RanFrame, RanOutput, RunFrame } from "../../src/runtime/process/frames.ts";
import type { ControlRequest } from "../../src/runtime/process/load-protocol.ts";
import {
  type Outcome,
  type ProcessExit,
  type RuntimeProcess,
  RuntimeProcessDied,
  type RuntimeProcessOptions,
} from "../../src/runtime/process/runtime-process.ts";
import { elementCount, itemBytes } from "../../src/tensor.ts";

/** What a runtime process would do for a model y = x: outputs as the inputs, padded rows zero. */
export function echo(arena: Arena, run: RunFrame, signature: Signature): RanFrame {
  let offset = run.outputOffset;
  const fetched = run.outputs.length > 0 ? run.outputs : signature.outputs.map((_, index) => index);
  const outputs = fetched.map((index): RanOutput => {
    const input = run.inputs.find((candidate) => candidate.index === index);
    const { datatype } = signature.outputs[index] as TensorSpec;
    assert.ok(input !== undefined);
    const given = Buffer.concat(input.segments.map((segment) => arena.read(segment.offset, segment.length)));
    const missingRows = (input.shape[0] ?? 0) - input.segments.reduce((sum, { rows }) => sum + rows, 0);
    const missing = signature.maxBatchSize > 0 ? missingRows * elementCount(input.shape.slice(1)) : 0;
    const whole = Buffer.concat([given, Buffer.alloc(missing * (itemBytes(datatype) || 4))]);
    arena.write([whole], offset);
    const output = { index, datatype, shape: input.shape, offset, length: whole.length };
    offset += whole.length;
    return output;
  });
  return {
    readMs: 1,
    inferMs: 1,
    writeMs: 1,
    residentBytes: 0,
    isFinal: true,
    stateShapes: [],
    inlined: Buffer.alloc(0),
    outputs,
  };
}

interface Pending {
  readonly slot: number;
  readonly run?: { readonly frame: RunFrame; readonly outcome: Outcome<RanFrame> };
  readonly control?: {
    readonly request: ControlRequest;
    resolve(value: unknown): void;
    reject(error: unknown): void;
  };
}

let nextPid = 1;

/** A runtime process without a process: does what it is asked when the test says so. Its models answer y = x. */
export class FakeProcess {
  readonly pid = nextPid++;
  readonly #options: RuntimeProcessOptions;
  readonly #signature: Signature;
  readonly #arena: Arena;
  readonly #freeSlots: number[];
  #pending: Pending[] = [];
  /** Sessions that are loaded. */
  readonly sessions = new Set<number>();
  /** What it was asked, in order: `load 1`, `run 1`, and so on. */
  readonly log: string[] = [];
  /** What it answers to control requests; what this throws is a failure. */
  reply: (request: ControlRequest) => unknown = () => ({});
  /** What `answer` tells of resident memory. */
  residentBytes = 0;
  isStopping = false;
  hasExited = false;
  trims = 0;

  constructor(options: RuntimeProcessOptions, signature: Signature) {
    this.#options = options;
    this.#signature = signature;
    this.#arena = Arena.create(tmpdir(), options.arenaMaxBytes, options.slots);
    this.#freeSlots = Array.from({ length: options.slots }, (_, slot) => slot);
  }

  /** As the code under test sees it. */
  get asProcess(): RuntimeProcess {
    return this as unknown as RuntimeProcess; // has all of its public members
  }

  get hasFreeSlot(): boolean {
    return this.#freeSlots.length > 0 && !this.hasExited && !this.isStopping;
  }

  get isIdle(): boolean {
    return this.#pending.length === 0;
  }

  get pending(): number {
    return this.#pending.length;
  }

  /** The control request that it works on; undefined: none, or a run. */
  get next(): ControlRequest | undefined {
    return this.#pending[0]?.control?.request;
  }

  run(_limitMs: number, write: (arena: Arena, slot: number) => RunFrame, outcome: Outcome<RanFrame>): void {
    const slot = this.#freeSlots.pop();
    assert.ok(slot !== undefined && !this.hasExited && !this.isStopping);
    let frame: RunFrame;
    try {
      frame = write(this.#arena, slot);
    } catch (error) {
      this.#freeSlots.push(slot);
      throw error;
    }
    this.log.push(`run ${frame.sessionId}`);
    this.#pending.push({ slot, run: { frame, outcome } });
  }

  control(request: ControlRequest, _limitMs: number): Promise<unknown> {
    const slot = this.#freeSlots.pop();
    assert.ok(slot !== undefined && this.isIdle && !this.hasExited && !this.isStopping);
    this.log.push(request.operation === "devices" ? "devices" : `${request.operation} ${request.sessionId}`);
    return new Promise((resolve, reject) => {
      this.#pending.push({ slot, control: { request, resolve, reject } });
    });
  }

  readOutput(offset: number, length: number): Buffer {
    return this.#arena.read(offset, length);
  }

  trim(): void {
    this.trims++;
  }

  stop(): void {
    this.isStopping = true;
    if (this.isIdle && !this.hasExited) this.#exit({ kind: "stopped", detail: "" });
  }

  kill(): void {
    this.die("crash");
  }

  /** Does what it was asked first, if anything. */
  answer(runMs = 1): void {
    const [next] = this.#pending;
    if (next?.run !== undefined) {
      const { frame, outcome } = next.run;
      assert.ok(this.sessions.has(frame.sessionId), `a run of session ${frame.sessionId}, which is not loaded`);
      const ran = { ...echo(this.#arena, frame, this.#signature), inferMs: runMs, residentBytes: this.residentBytes };
      this.#settle(() => outcome.result(ran));
    } else if (next?.control !== undefined) {
      const { request, resolve, reject } = next.control;
      let value: unknown;
      try {
        value = this.reply(request);
      } catch (error) {
        this.#settle(() => () => reject(error));
        return;
      }
      if (request.operation === "load") this.sessions.add(request.sessionId);
      if (request.operation === "unload") this.sessions.delete(request.sessionId);
      this.#settle(() => () => resolve(value));
    }
  }

  /** Fails at what it was asked first. */
  fail(reason: Failure["reason"] = "runtime"): void {
    const [next] = this.#pending;
    const failure = { reason, message: "by the test", detail: "" };
    this.#settle(() => {
      next?.run?.outcome.failed(failure);
      next?.control?.reject(new Error(failure.message));
      return undefined;
    });
  }

  die(kind: ProcessExit["kind"]): void {
    if (!this.hasExited) this.#exit({ kind, detail: "" });
  }

  #settle(settle: () => (() => void) | undefined): void {
    const next = this.#pending.shift();
    if (next === undefined) return;
    const afterwards = settle();
    this.#freeSlots.push(next.slot);
    if (this.isStopping && this.isIdle) this.#exit({ kind: "stopped", detail: "" });
    if (!this.hasExited) this.#options.onFree();
    afterwards?.();
  }

  #exit(exit: ProcessExit): void {
    this.hasExited = true;
    this.sessions.clear();
    this.#arena.close();
    const pending = this.#pending;
    this.#pending = [];
    for (const [index, { run, control }] of [...pending.entries()].reverse()) {
      run?.outcome.died(exit, index === 0);
      control?.reject(new RuntimeProcessDied(exit));
    }
    this.#options.onExit(exit);
  }
}
