import type { MonitorClock } from "../monitor-clock.ts";
import { fileName, filePrefix } from "./file-name.ts";
import type { PayloadFile, PayloadStore } from "./payload-folder.ts";
import { filesToRemove, isComplete, type RotationLimits } from "./rotation.ts";

/** What the files of one model version are made from. */
export interface PayloadFilesOptions {
  readonly store: PayloadStore;
  readonly modelName: string;
  readonly modelVersion: string;
  readonly limits: RotationLimits;
  /** Names of the files that any log of this server writes to at the moment; shared by all of them. */
  readonly active: Set<string>;
  readonly clock: Pick<MonitorClock, "nowMs">;
}

interface OpenFile {
  readonly name: string;
  readonly file: PayloadFile;
  readonly openedMs: number;
  bytes: number;
}

/** The file that the records of a model version go to, one after another. Its methods must not run at the same time. */
export class PayloadFiles {
  readonly #options: PayloadFilesOptions;
  #open: OpenFile | undefined;
  #sequence = 0;

  constructor(options: PayloadFilesOptions) {
    this.#options = options;
  }

  /** When the open file is complete by its age; undefined: none is open. */
  get completeAtMs(): number | undefined {
    return this.#open === undefined ? undefined : this.#open.openedMs + this.#options.limits.maxFileMs;
  }

  /** Whole lines. @throws whatever the file system says; the next write begins a new file then, so that half a line stays alone */
  async write(bytes: Uint8Array): Promise<void> {
    await this.completeOld();
    if (this.#hasNoRoomFor(bytes.byteLength)) await this.close();
    const open = this.#open ?? (await this.#begin(bytes.byteLength));
    try {
      await open.file.write(bytes);
      open.bytes += bytes.byteLength;
    } catch (error) {
      await this.close().catch(() => {}); // what made the write fail
      // A disk that is full must not collect a file with every attempt.
      if (open.bytes === 0) await this.#options.store.remove(open.name).catch(() => {});
      throw error;
    }
  }

  /** Closes the open file when it is large or old enough. */
  async completeOld(): Promise<void> {
    const { limits, clock } = this.#options;
    if (this.#open !== undefined && isComplete(this.#open, clock.nowMs(), limits)) await this.close();
  }

  async close(): Promise<void> {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    try {
      await open.file.close();
    } finally {
      this.#options.active.delete(open.name);
    }
  }

  /** One write may be larger than a file should be: it has one of its own then. */
  #hasNoRoomFor(bytes: number): boolean {
    return (
      this.#open !== undefined && this.#open.bytes > 0 && this.#open.bytes + bytes > this.#options.limits.maxFileBytes
    );
  }

  /** @param firstBytes of the first write */
  async #begin(firstBytes: number): Promise<OpenFile> {
    const { store, modelName, modelVersion, active, limits, clock } = this.#options;
    const files = await store.list(filePrefix(modelName));
    for (const { name } of filesToRemove(files, (name) => active.has(name), limits, firstBytes)) {
      await store.remove(name);
    }
    const openedMs = clock.nowMs();
    const name = fileName(modelName, modelVersion, openedMs, this.#sequence++);
    active.add(name);
    try {
      this.#open = { name, file: await store.create(name), openedMs, bytes: 0 };
      return this.#open;
    } catch (error) {
      active.delete(name);
      throw error;
    }
  }
}
