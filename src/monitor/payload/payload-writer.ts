import { setImmediate } from "node:timers/promises";
import type { MonitorClock } from "../monitor-clock.ts";
import type { PayloadFiles } from "./payload-files.ts";
import type { PayloadMemory } from "./payload-memory.ts";
import type { PayloadRecord } from "./payload-record.ts";
import { recordLine } from "./record-lines.ts";

/** What a writer is made from. */
export interface PayloadWriterOptions {
  readonly files: PayloadFiles;
  /** Records give back to it what their captures took. */
  readonly memory: PayloadMemory;
  readonly clock: Pick<MonitorClock, "nowMs" | "after">;
  readonly onWritten: (records: number, bytes: number) => void;
  readonly onDropped: (reason: "write_failed" | "stopped", records: number) => void;
  /** For the log: the first failure, and the end of failures. */
  readonly report: (level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** How long the first record waits for others to be written with it. */
const gatherMs = 200;

/** Text of one write, about. */
const chunkBytes = 256 * 1024;

/** How long text is made before others run. */
const sliceMs = 1;

/** Longest wait for a file to become too old: timers cannot be set for a month. */
const maxWaitMs = 3_600_000;

const firstPauseMs = 1_000;
const maxPauseMs = 60_000;

/** Records of a write, and their text. */
interface Chunk {
  readonly bytes: Uint8Array;
  readonly records: number;
  /** What its records took of the memory: theirs until it is written. */
  readonly memoryBytes: number;
}

/**
 * Writes records of one model version behind the requests' backs: in the order of their ends, one write at a time, text made in slices between
 * which the event loop runs. What cannot be written is dropped and counted; it tries again with the records that come after a pause.
 */
export class PayloadWriter {
  readonly #options: PayloadWriterOptions;
  #queue: PayloadRecord[] = [];
  #cancelTimer: (() => void) | undefined;
  #timerMs = Number.POSITIVE_INFINITY;
  #draining: Promise<void> | undefined;
  #failures = 0;
  #isClosed = false;

  constructor(options: PayloadWriterOptions) {
    this.#options = options;
  }

  /** Takes a record whose memory was taken before. */
  push(record: PayloadRecord): void {
    if (this.#isClosed) {
      this.#options.memory.give(record.bytes);
      this.#options.onDropped("stopped", 1);
      return;
    }
    this.#queue.push(record);
    this.#planNext();
  }

  /** Writes what is there, closes the file. Records that come later are dropped. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer?.();
    await this.#draining;
    await this.#drain();
    const left = this.#queue.splice(0);
    for (const { bytes } of left) this.#options.memory.give(bytes);
    if (left.length > 0) this.#options.onDropped("stopped", left.length);
    await this.#settle(() => this.#options.files.close(), 0);
  }

  /** One timer: an earlier moment takes the place of a later one. */
  #plan(delayMs: number): void {
    const { clock } = this.#options;
    const atMs = clock.nowMs() + delayMs;
    if (this.#isClosed || this.#draining !== undefined || atMs >= this.#timerMs) return;
    this.#cancelTimer?.();
    this.#timerMs = atMs;
    this.#cancelTimer = clock.after(delayMs, () => {
      this.#timerMs = Number.POSITIVE_INFINITY;
      this.#draining = this.#drain().finally(() => {
        this.#draining = undefined;
        this.#planNext();
      });
    });
  }

  /** After a failure a pause; else when there is something to write, or a file becomes too old. */
  #planNext(): void {
    const { clock, files } = this.#options;
    const completeAtMs = files.completeAtMs;
    if (this.#failures > 0 && this.#queue.length > 0) {
      this.#plan(Math.min(maxPauseMs, firstPauseMs * 2 ** Math.min(this.#failures - 1, 16)));
    } else if (this.#queue.length > 0) this.#plan(gatherMs);
    else if (completeAtMs !== undefined) {
      this.#plan(Math.min(maxWaitMs, Math.max(gatherMs, completeAtMs - clock.nowMs())));
    }
  }

  /** Writes the queue, chunk by chunk, until it is empty or a write fails. Never rejects. */
  async #drain(): Promise<void> {
    const { files } = this.#options;
    if (this.#queue.length === 0) await this.#settle(() => files.completeOld(), 0);
    while (this.#queue.length > 0) {
      const chunk = await this.#nextChunk();
      const isWritten = await this.#settle(() => files.write(chunk.bytes), chunk.records);
      this.#options.memory.give(chunk.memoryBytes);
      if (!isWritten) return;
      this.#options.onWritten(chunk.records, chunk.bytes.byteLength);
    }
  }

  async #nextChunk(): Promise<Chunk> {
    const texts: string[] = [];
    let [length, records, memoryBytes] = [0, 0, 0];
    let sliceEndMs = performance.now() + sliceMs;
    const queue = this.#queue;
    while (records < queue.length && length < chunkBytes) {
      const record = queue[records++] as PayloadRecord; // below length
      for (const piece of recordLine(record)) {
        texts.push(piece);
        length += piece.length;
        if (performance.now() < sliceEndMs) continue;
        await setImmediate();
        sliceEndMs = performance.now() + sliceMs;
      }
      memoryBytes += record.bytes;
    }
    this.#queue = queue.slice(records);
    return { bytes: Buffer.from(texts.join("")), records, memoryBytes };
  }

  /** Does something to the files. @param records that are lost when it fails @returns whether it succeeded */
  async #settle(act: () => Promise<void>, records: number): Promise<boolean> {
    const { report, onDropped } = this.#options;
    try {
      await act();
    } catch (error) {
      if (this.#failures++ === 0) {
        report("warn", "the payload log cannot be written; records are dropped and counted until it can", { error });
      }
      if (records > 0) onDropped("write_failed", records);
      return false;
    }
    if (this.#failures > 0 && records > 0) {
      this.#failures = 0;
      report("info", "the payload log is written again", {});
    }
    return true;
  }
}
