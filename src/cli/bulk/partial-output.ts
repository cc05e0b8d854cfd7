import { type FileHandle, open, readFile, rename, rm, stat } from "node:fs/promises";
import { UsageError } from "../arguments.ts";
import {
  type Checkpoint,
  describeChange,
  formatCheckpoint,
  formatHead,
  type JobDescription,
  type JournalHead,
  readJournal,
} from "./journal.ts";

/** Bytes that are collected before they are written: the answers to one message are often a few kilobytes. */
const writtenBytes = 256 * 1024;

/** An output that was begun before and can be continued. */
export interface BegunOutput {
  readonly head: JournalHead;
  /** Up to where the output is complete; all of them, since each carries what was new. Never empty. */
  readonly checkpoints: readonly Checkpoint[];
}

/** Where an output lies until it is complete. */
export function partialPath(output: string): string {
  return `${output}.partial`;
}

/** Where its journal lies. */
export function journalPath(output: string): string {
  return `${output}.journal`;
}

/**
 * What an earlier run left of an output; undefined when it can only be started anew.
 * @throws UsageError when that run was another job: another input, model, or option.
 */
export async function findBegun(output: string, job: JobDescription): Promise<BegunOutput | undefined> {
  const text = await readIfThere(journalPath(output));
  const size = await sizeIfThere(partialPath(output));
  if (text === undefined || size === undefined) return undefined;
  const content = within(output, () => readJournal(text));
  const checkpoints = content?.checkpoints.filter(({ bytes }) => bytes <= size) ?? [];
  if (content === undefined || checkpoints.length === 0) return undefined;
  const change = describeChange(content.head.job, job);
  if (change !== undefined) {
    throw new UsageError(`${partialPath(output)} was begun otherwise: ${change}; --restart starts anew`);
  }
  return { head: content.head, checkpoints };
}

function within<T>(output: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${partialPath(output)}: ${error.message}`) : error;
  }
}

/** Removes what an earlier run left. */
export async function discardBegun(output: string): Promise<void> {
  await rm(partialPath(output), { force: true });
  await rm(journalPath(output), { force: true });
}

/** A file on its way to be complete: written beside its name, continued after a kill, given its name in one step at the end. */
export class PartialOutput {
  readonly #output: string;
  readonly #file: FileHandle;
  readonly #journal: FileHandle;
  /** Bytes in the file. */
  #bytes: number;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  private constructor(output: string, file: FileHandle, journal: FileHandle, bytes: number) {
    this.#output = output;
    this.#file = file;
    this.#journal = journal;
    this.#bytes = bytes;
  }

  /** Begins an output. */
  static async begin(output: string, head: JournalHead): Promise<PartialOutput> {
    await discardBegun(output);
    const file = await open(partialPath(output), "w+");
    const journal = await open(journalPath(output), "w");
    await journal.write(formatHead(head));
    return new PartialOutput(output, file, journal, 0);
  }

  /** Continues an output: whatever lies behind its last checkpoint is cut off, in the journal too. */
  static async resume(output: string, { head, checkpoints }: BegunOutput): Promise<PartialOutput> {
    const bytes = checkpoints.at(-1)?.bytes ?? 0;
    const file = await open(partialPath(output), "r+");
    await file.truncate(bytes);
    const draft = `${journalPath(output)}.draft`;
    const journal = await open(draft, "w");
    await journal.write(formatHead(head) + checkpoints.map(formatCheckpoint).join(""));
    await rename(draft, journalPath(output));
    return new PartialOutput(output, file, journal, bytes);
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    if (this.#waitingBytes >= writtenBytes) await this.#flush();
  }

  /** Notes that everything appended so far is complete. */
  async checkpoint(checkpoint: Omit<Checkpoint, "bytes">): Promise<void> {
    await this.#flush();
    await this.#journal.write(formatCheckpoint({ bytes: this.#bytes, ...checkpoint }));
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting, this.#waitingBytes);
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    let written = 0;
    while (written < bytes.byteLength) {
      const left = bytes.byteLength - written;
      const { bytesWritten } = await this.#file.write(bytes, written, left, this.#bytes + written);
      written += bytesWritten;
    }
    this.#bytes += bytes.byteLength;
  }

  /** Gives the file its name, with other first bytes where the format needs them, and removes the journal. */
  async finish(head: Uint8Array | undefined): Promise<void> {
    await this.#flush();
    if (head !== undefined) await this.#file.write(head, 0, head.byteLength, 0);
    await this.#file.sync();
    await this.close();
    await rename(partialPath(this.#output), this.#output);
    await rm(journalPath(this.#output), { force: true });
  }

  /** Leaves the output as it is, to be continued. */
  async close(): Promise<void> {
    await this.#file.close();
    await this.#journal.close();
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await ifThere(readFile(path, "utf8"));
}

async function sizeIfThere(path: string): Promise<number | undefined> {
  return (await ifThere(stat(path)))?.size;
}

async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
