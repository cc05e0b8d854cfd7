import type { Writable } from "node:stream";
import { write } from "../command.ts";
import type { Checkpoint } from "./journal.ts";

/** Where the bytes of an output go. */
export interface BulkOutput {
  append(bytes: Uint8Array): Promise<void>;
  /** Everything appended so far is complete, and the run can be continued from here. */
  checkpoint(checkpoint: Omit<Checkpoint, "bytes">): Promise<void>;
  /** The output is complete. `head` replaces its first bytes. */
  finish(head: Uint8Array | undefined): Promise<void>;
  /** Leaves it unfinished. */
  close(): Promise<void>;
}

/** Standard output, which cannot be continued. */
export class StandardOutput implements BulkOutput {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength > 0) await write(this.#stream, bytes);
  }

  async checkpoint(): Promise<void> {}

  async finish(): Promise<void> {}

  async close(): Promise<void> {}
}
