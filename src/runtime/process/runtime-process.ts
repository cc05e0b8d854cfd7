import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { assert, InferenceError } from "../../errors.ts";
import type { Clock } from "../clock.ts";
import { Arena } from "./arena.ts";
import {
  bodyOf,
  decodeRan,
  decodeReference,
  encodeBody,
  encodeJson,
  encodeReference,
  encodeRun,
  type Failure,
  type Frame,
  FrameDecoder,
  frameKind,
  maxFrameBytes,
  type RanFrame,
  type RunFrame,
} from "./frames.ts";
import type { BodyReference, BytesRange, ControlRequest } from "./load-protocol.ts";

/** Largest answer to a control request: the description of a model with thousands of tensors. */
const maxAnswerBytes = 16 * 1024 * 1024;

/** Frames are numbered in 32 bits; 0 is no frame. */
const maxFrameId = 2 ** 32 - 1;

/** How long a process that was asked to end may take for it. */
const lastWordsMs = 10_000;

/** Most bytes of a runtime process's standard error kept for the log when it dies. */
const maxStderrBytes = 4096;

/** How a runtime process ended. */
export interface ProcessExit {
  /** `stopped`: as asked; `timeout`: we killed it because a run exceeded its limit; `crash`: anything else. */
  readonly kind: "stopped" | "timeout" | "crash";
  /** Exit code or signal and the end of standard error; for the log only. */
  readonly detail: string;
}

/** What becomes of one batch or control request. */
export interface Outcome<T> {
  /** Takes what it needs out of the arena; the function it returns is called when the process has been given its next work. */
  result(value: T): (() => void) | undefined;
  failed(failure: Failure): void;
  /** The process ended before it answered. `isStarted`: it may have begun with this; otherwise nothing of it ran. */
  died(exit: ProcessExit, isStarted: boolean): void;
}

interface Pending {
  readonly id: number;
  readonly slot: number;
  readonly limitMs: number;
  readonly run: Outcome<RanFrame> | undefined;
  readonly control: Outcome<unknown> | undefined;
}

export interface RuntimeProcessOptions {
  readonly arenaFolder: string;
  readonly arenaMaxBytes: number;
  /** Batches under way at a time: 1, or 2 with prefetching. */
  readonly slots: number;
  readonly clock: Clock;
  /** A slot has become free. */
  onFree(): void;
  onExit(exit: ProcessExit): void;
}

/** The entry of the child, beside this module in the checkout (.ts) and in the package (.js). */
const entry = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./process-main.ts" : "./process-main.js", import.meta.url),
);

/**
 * One child process that owns ONNX Runtime, its arena, and the frames under way. It executes frames one after another in the order sent;
 * the run limit of a frame counts from when its predecessor was answered. Never restarts by itself: see `process-slot.ts`.
 */
export class RuntimeProcess {
  readonly #child: ChildProcess;
  readonly #frames: Duplex;
  readonly #arena: Arena;
  readonly #options: RuntimeProcessOptions;
  /** Frames under way in the order sent, at most one for each slot: an array, because a Map's outgrown tables keep dead batches alive. */
  #pending: Pending[] = [];
  readonly #freeSlots: number[];
  #nextId = 1;
  #cancelWatchdog: (() => void) | undefined;
  /** The frame being executed, 0: none; since when, and for how long it may. */
  #watchedId = 0;
  #watchedSinceMs = 0;
  #watchedLimitMs = 0;
  #timerMs = 0;
  #stderr = "";
  #isStopping = false;
  #isTimedOut = false;
  #hasExited = false;
  /** The short outputs of the run that is being settled, which stand for the beginning of its output range. */
  #inlined: Buffer = Buffer.alloc(0);
  #inlinedOffset = 0;

  /** @throws InferenceError when the machine has no descriptors or no room for another process */
  constructor(options: RuntimeProcessOptions) {
    this.#options = options;
    this.#arena = Arena.create(options.arenaFolder, options.arenaMaxBytes, options.slots);
    this.#freeSlots = Array.from({ length: options.slots }, (_, slot) => slot);
    this.#child = start(this.#arena);
    this.#child.on("error", () => this.#exited("could not be started"));
    this.#child.on("close", (code, signal) => this.#exited(signal ?? `exit code ${code}`));
    // Both are pipes, see above; without descriptors to spare Node makes none.
    const [, , stderr, frames] = (this.#child.stdio ?? []) as (Duplex | undefined)[];
    if (stderr === undefined || frames === undefined) {
      this.#hasExited = true;
      this.#arena.close();
      throw new InferenceError("restarting", "a runtime process could not be started");
    }
    this.#frames = frames;
    const decoder = new FrameDecoder();
    this.#frames.on("data", (chunk: Buffer) => this.#receive(decoder, chunk));
    this.#frames.on("error", () => this.kill());
    stderr.setEncoding("utf8");
    stderr.on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-maxStderrBytes);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether another batch may be sent. */
  get hasFreeSlot(): boolean {
    return this.#freeSlots.length > 0 && !this.#hasExited && !this.#isStopping;
  }

  /** Whether nothing is under way. */
  get isIdle(): boolean {
    return this.#pending.length === 0;
  }

  /** Bytes that the inputs of one batch may take, and its outputs. */
  get slotBytes(): number {
    return this.#arena.slotBytes;
  }

  /**
   * Sends one batch: `write` puts the inputs into the slot's range and describes them. Only while {@link hasFreeSlot}. What `write` throws
   * is passed on and leaves the slot free.
   */
  run(limitMs: number, write: (arena: Arena, slot: number) => RunFrame, outcome: Outcome<RanFrame>): void {
    const slot = this.#freeSlots.pop();
    assert(slot !== undefined, "no free slot in the runtime process");
    const id = this.#takeId();
    try {
      this.#sendRun(write(this.#arena, slot), id, slot);
    } catch (error) {
      this.#freeSlots.push(slot);
      throw error;
    }
    this.#add({ id, slot, limitMs, run: outcome, control: undefined });
  }

  /** One frame, or, where that is too small for the description, the description behind the inputs and a frame that says where. */
  #sendRun(run: RunFrame, id: number, slot: number): void {
    const message = encodeRun(id, run);
    if (message.length <= maxFrameBytes) {
      this.#frames.write(message);
      return;
    }
    const body = bodyOf(message);
    const offset = endOf(run, this.#arena.inputOffset(slot));
    if (offset + body.length > this.#arena.inputOffset(slot) + this.#arena.slotBytes) {
      throw new InferenceError("too_large", "the inputs leave no room for their description (--arena-max-bytes)", {
        retryAfterMs: -1,
      });
    }
    this.#arena.write([body], offset);
    this.#frames.write(encodeReference(frameKind.longRun, id, { offset, length: body.length }));
  }

  /** Asks for something beside a batch. Only while idle. @throws InferenceError what the process answered, RuntimeProcessDied when it died */
  async control(request: ControlRequest, limitMs: number): Promise<unknown> {
    return await this.#ask(
      limitMs,
      (id, slot) => this.#sendControl(request, id, slot),
      (value) => value,
    );
  }

  /**
   * As {@link control}, with bytes that go through the arena.
   * @param input goes along with the request; empty: the answer comes with bytes instead
   * @param answerBytes how many bytes come with an answer
   */
  async exchange<T>(
    request: ControlRequest,
    input: readonly Uint8Array[],
    limitMs: number,
    answerBytes: (value: T) => number,
  ): Promise<{ readonly value: T; readonly bytes: Buffer }> {
    return await this.#ask(
      limitMs,
      (id, slot) => {
        const isInput = input.length > 0;
        if (isInput) this.#arena.write(input, this.#arena.inputOffset(slot));
        const bytesOffset = isInput ? this.#arena.inputOffset(slot) : this.#arena.outputOffset(slot);
        const range: BytesRange = { bytesOffset, bytesLimit: this.#arena.slotBytes };
        this.#frames.write(encodeJson(frameKind.control, id, { ...request, ...range }));
      },
      (answer, slot) => {
        const value = answer as T; // what process-main.ts answers to the request
        const length = answerBytes(value);
        assert(length >= 0 && length <= this.#arena.slotBytes, "bytes outside their range");
        return { value, bytes: this.#arena.read(this.#arena.outputOffset(slot), length) };
      },
    );
  }

  /** @param read makes the result of an answer, before the slot is used again */
  async #ask<T>(
    limitMs: number,
    send: (id: number, slot: number) => void,
    read: (value: unknown, slot: number) => T,
  ): Promise<T> {
    const slot = this.isIdle ? this.#freeSlots.pop() : undefined;
    assert(slot !== undefined, "a control request beside a batch");
    const id = this.#takeId();
    try {
      send(id, slot);
    } catch (error) {
      this.#freeSlots.push(slot);
      throw error;
    }
    return await new Promise((resolve, reject) => {
      const control: Outcome<unknown> = {
        result: (value) => {
          try {
            resolve(read(value, slot));
          } catch (error) {
            reject(error);
          }
          return undefined;
        },
        failed: (failure) => reject(toError(failure)),
        died: (exit) => reject(new RuntimeProcessDied(exit)),
      };
      this.#add({ id, slot, limitMs, run: undefined, control });
    });
  }

  /** One frame, or, where that is too small for the request, the request in the arena and a frame that says where. */
  #sendControl(request: ControlRequest, id: number, slot: number): void {
    const answer = { answerOffset: this.#arena.outputOffset(slot), answerLimit: maxAnswerBytes };
    const body = Buffer.from(JSON.stringify({ ...request, ...answer }));
    if (body.length + 64 <= maxFrameBytes) {
      this.#frames.write(encodeBody(frameKind.control, id, body));
      return;
    }
    const offset = this.#arena.inputOffset(slot);
    this.#arena.write([body], offset);
    const reference: BodyReference = { arenaOffset: offset, arenaLength: body.length };
    this.#frames.write(encodeBody(frameKind.control, id, Buffer.from(JSON.stringify(reference))));
  }

  /** The number of the next frame: 1 to 2^32 - 1 and then from 1 again, which takes days. */
  #takeId(): number {
    const id = this.#nextId;
    this.#nextId = id === maxFrameId ? 1 : id + 1;
    return id;
  }

  /** Copies an output out of the arena; only inside the `result` of its run, before the next batch may overwrite it. */
  readOutput(offset: number, length: number): Buffer {
    if (this.#inlined.length === 0) return this.#arena.read(offset, length);
    const start = offset - this.#inlinedOffset;
    assert(start + length <= this.#inlined.length, "an output beyond what its frame holds");
    return this.#inlined.subarray(start, start + length);
  }

  /** Whether a range lies in a slot's outputs; a model may own the process that named it. */
  isOutputRange(slot: number, offset: number, length: number): boolean {
    const start = this.#arena.outputOffset(slot);
    return offset >= start && length >= 0 && offset + length <= start + this.#arena.slotBytes;
  }

  /** Gives the arena's memory back; does nothing while a frame is under way. */
  trim(): void {
    if (this.isIdle && !this.#hasExited) this.#arena.trim();
  }

  /** Ends the process once it has answered what is under way. */
  stop(): void {
    this.#isStopping = true;
    if (this.isIdle) this.#finish();
  }

  /** The front's end closes, which ends the process; one that is stuck in its own clean-up is ended after a while. */
  #finish(): void {
    this.#frames.end();
    this.#options.clock.after(lastWordsMs, () => this.kill());
  }

  /** Ends the process at once. */
  kill(): void {
    if (!this.#hasExited) this.#child.kill("SIGKILL");
  }

  #add(pending: Pending): void {
    this.#pending.push(pending);
    if (this.#pending.length === 1) this.#watch(pending);
  }

  /**
   * The run limit of the frame that is being executed. One timer outlives many short runs: it looks at what it finds under way when it
   * fires, so that a batch costs no timer of its own.
   */
  #watch({ id, limitMs }: Pending): void {
    this.#watchedId = id;
    this.#watchedSinceMs = this.#options.clock.now();
    this.#watchedLimitMs = limitMs;
    if (this.#cancelWatchdog === undefined || limitMs < this.#timerMs) this.#arm(limitMs);
  }

  #arm(delayMs: number): void {
    this.#cancelWatchdog?.();
    this.#timerMs = delayMs;
    this.#cancelWatchdog = this.#options.clock.after(delayMs, () => {
      this.#cancelWatchdog = undefined;
      if (this.#watchedId === 0) return;
      const leftMs = this.#watchedSinceMs + this.#watchedLimitMs - this.#options.clock.now();
      if (leftMs > 0) {
        this.#arm(leftMs);
        return;
      }
      this.#isTimedOut = true;
      this.kill();
    });
  }

  #receive(decoder: FrameDecoder, chunk: Buffer): void {
    let frames: Frame[];
    try {
      frames = decoder.push(chunk);
    } catch {
      this.kill(); // it speaks nonsense
      return;
    }
    for (const frame of frames) this.#dispatch(frame);
  }

  #dispatch(frame: Frame): void {
    const pending = this.#pending.find(({ id }) => id === frame.id);
    if (pending === undefined) return;
    let settle: () => (() => void) | undefined;
    try {
      settle = this.#settlement(frame, pending);
    } catch {
      this.kill(); // an answer that cannot be read
      return;
    }
    this.#pending = this.#pending.filter((other) => other !== pending);
    this.#watchedId = 0;
    const [next] = this.#pending;
    if (next !== undefined) this.#watch(next);
    const afterwards = settle();
    this.#freeSlots.push(pending.slot);
    if (this.#isStopping && this.isIdle) this.#finish();
    if (!this.#hasExited) this.#options.onFree();
    afterwards?.();
  }

  #settlement(frame: Frame, pending: Pending): () => (() => void) | undefined {
    const { run, control } = pending;
    switch (frame.kind) {
      case frameKind.ran:
      case frameKind.longRan: {
        assert(run !== undefined, "outputs in answer to a control request");
        const ran = decodeRan(frame.kind === frameKind.ran ? frame.body : this.#readLong(frame, pending.slot));
        assert(ran.isFinal, "one of several answers, which no model that is served gives");
        assert(
          ran.outputs.every((output) => this.isOutputRange(pending.slot, output.offset, output.length)),
          "an output outside its range",
        );
        return () => {
          this.#inlined = ran.inlined;
          this.#inlinedOffset = this.#arena.outputOffset(pending.slot);
          return run.result(ran);
        };
      }
      case frameKind.result: {
        assert(control !== undefined, "a result in answer to a batch");
        const value = this.#readBody(JSON.parse(frame.body.toString()), pending.slot);
        return () => control.result(value);
      }
      default: {
        const failure = toFailure(JSON.parse(frame.body.toString()));
        return () => {
          (run ?? control)?.failed(failure);
          return undefined;
        };
      }
    }
  }

  #readLong(frame: Frame, slot: number): Buffer {
    const { offset, length } = decodeReference(frame.body);
    assert(this.isOutputRange(slot, offset, length), "an answer outside its range");
    return this.#arena.read(offset, length);
  }

  #readBody(message: unknown, slot: number): unknown {
    if (typeof message !== "object" || message === null || !("arenaLength" in message)) return message;
    const { arenaOffset, arenaLength } = message as BodyReference; // recognised by its field
    assert(
      arenaOffset === this.#arena.outputOffset(slot) && arenaLength <= maxAnswerBytes,
      "an answer outside its range",
    );
    return JSON.parse(this.#arena.read(arenaOffset, arenaLength).toString());
  }

  #exited(how: string): void {
    if (this.#hasExited) return;
    this.#hasExited = true;
    this.#cancelWatchdog?.();
    this.#arena.close();
    // As asked only when it had answered everything: one that dies on its last batches has crashed under them.
    const kind = this.#isTimedOut ? "timeout" : this.#isStopping && this.isIdle ? "stopped" : "crash";
    const exit: ProcessExit = { kind, detail: `${how}${this.#stderr === "" ? "" : `: ${this.#stderr.trim()}`}` };
    const pending = this.#pending;
    this.#pending = [];
    for (const { id, run, control } of pending) (run ?? control)?.died(exit, id === this.#watchedId);
    this.#options.onExit(exit);
  }
}

/** @throws InferenceError "restarting" when the machine has no room for another process; closes the arena then */
function start(arena: Arena): ChildProcess {
  try {
    return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", entry], {
      stdio: ["ignore", "ignore", "pipe", "pipe", arena.fd],
    });
  } catch (cause) {
    arena.close();
    throw new InferenceError("restarting", "a runtime process could not be started", { cause });
  }
}

/** The first aligned byte behind the inputs of a batch. */
function endOf(run: RunFrame, start: number): number {
  let end = start;
  for (const { segments } of run.inputs) {
    for (const { offset, length } of segments) end = Math.max(end, offset + length);
  }
  return Math.ceil(end / 8) * 8;
}

/** The process ended before it answered a control request. */
export class RuntimeProcessDied extends Error {
  override readonly name = "RuntimeProcessDied";
  readonly exit: ProcessExit;

  constructor(exit: ProcessExit) {
    super(`the runtime process ended (${exit.kind})`);
    this.exit = exit;
  }
}

/** A failure as a process tells it; a model may own that process. */
function toFailure(message: unknown): Failure {
  assert(typeof message === "object" && message !== null, "a failure that is none");
  const failure: Partial<Failure> = message;
  return {
    reason: failure.reason ?? "internal",
    message: String(failure.message),
    detail: String(failure.detail ?? ""),
  };
}

function toError(failure: Failure): InferenceError {
  const reason = failure.reason === "refused" || failure.reason === "invalid" ? "refused" : "internal";
  return new InferenceError(reason, failure.message, { cause: new Error(failure.detail) });
}
