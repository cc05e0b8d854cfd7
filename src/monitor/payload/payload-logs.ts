import type { MonitorClock } from "../monitor-clock.ts";
import { PayloadFiles } from "./payload-files.ts";
import type { PayloadStore } from "./payload-folder.ts";
import { PayloadMemory } from "./payload-memory.ts";
import { PayloadWriter, type PayloadWriterOptions } from "./payload-writer.ts";
import type { RotationLimits } from "./rotation.ts";

/** What one log is about. */
export interface PayloadLogOptions extends Pick<PayloadWriterOptions, "onWritten" | "onDropped" | "report"> {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly limits: RotationLimits;
}

/** The payload logs of a server: what they share, and who must be waited for when it stops. */
export class PayloadLogs {
  readonly memory: PayloadMemory;
  readonly #store: PayloadStore;
  readonly #clock: MonitorClock;
  readonly #active = new Set<string>();
  readonly #writers = new Set<PayloadWriter>();
  readonly #closing = new Set<Promise<void>>();

  /** @param memory default: the usual bound for all of them */
  constructor(store: PayloadStore, clock: MonitorClock, memory = new PayloadMemory()) {
    this.memory = memory;
    this.#store = store;
    this.#clock = clock;
  }

  /** Logs that are being written. */
  get openCount(): number {
    return this.#writers.size;
  }

  open({ modelName, modelVersion, limits, ...listeners }: PayloadLogOptions): PayloadWriter {
    const clock = this.#clock;
    const files = new PayloadFiles({
      store: this.#store,
      modelName,
      modelVersion,
      limits,
      active: this.#active,
      clock,
    });
    const writer = new PayloadWriter({ files, memory: this.memory, clock, ...listeners });
    this.#writers.add(writer);
    return writer;
  }

  /** The version is gone: its log is written to its end, and nobody waits for it but {@link stop}. */
  close(writer: PayloadWriter): void {
    if (!this.#writers.delete(writer)) return;
    const closing = writer.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** Writes everything to its end, within `timeoutMs`; what a disk does not take by then is lost. Never rejects. */
  async stop(timeoutMs: number): Promise<void> {
    for (const writer of [...this.#writers]) this.close(writer);
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    await Promise.race([Promise.allSettled(this.#closing), late]);
    clearTimeout(timer);
  }
}
