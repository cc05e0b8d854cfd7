import { createReadStream } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { InferenceError } from "../errors.ts";

/** Bytes that are read at a time. */
export const chunkBytes = 256 * 1024;

/** Where the bytes of a table come from. */
export interface ByteSource {
  /** For messages. */
  readonly name: string;
  /** Undefined: not known before the end. */
  readonly byteLength: number | undefined;
  /** The first bytes, at least {@link chunkBytes} unless there are fewer; does not use them up. */
  head(): Promise<Head>;
  /** All bytes from an offset on. */
  chunks(from: number): AsyncGenerator<Buffer, void, undefined>;
  /** Opens it for reading anywhere; absent where there is only a stream. */
  open?(): Promise<ByteRanges>;
}

/** Bytes from anywhere of an opened source. */
export interface ByteRanges extends AsyncDisposable {
  /** Fewer only at the end. Aligned for every datatype. */
  read(start: number, length: number): Promise<Buffer>;
}

/** The beginning of a table's bytes. */
export interface Head {
  readonly bytes: Buffer;
  /** Nothing follows. */
  readonly isAll: boolean;
}

/** A file, which can be read again and again. @throws the error of the file system when there is none. */
export async function fileSource(path: string): Promise<ByteSource> {
  const { size } = await stat(path);
  return {
    name: path,
    byteLength: size,
    async head() {
      const chunks: Buffer[] = [];
      for await (const chunk of createReadStream(path, { end: chunkBytes - 1 })) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      return { bytes, isAll: bytes.byteLength === size };
    },
    async *chunks(from) {
      yield* createReadStream(path, { start: from, highWaterMark: chunkBytes });
    },
    open: async () => new FileRanges(await open(path)),
  };
}

class FileRanges implements ByteRanges {
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async read(start: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(length); // not out of the shared pool: aligned
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#file.read(buffer, filled, length - filled, start + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** Standard input, which can be read once and from its beginning. */
export function streamSource(stream: Readable, name = "standard input"): ByteSource {
  const iterator: AsyncIterator<unknown> = stream[Symbol.asyncIterator]();
  let kept: Buffer[] | undefined = [];
  let isEnded = false;
  const next = async (): Promise<Buffer | undefined> => {
    const { done, value } = await iterator.next();
    isEnded = done === true;
    if (isEnded) return undefined;
    return typeof value === "string" ? Buffer.from(value) : (value as Buffer); // byte streams yield buffers
  };
  return {
    name,
    byteLength: undefined,
    async head() {
      if (kept === undefined) throw onlyOnce(name);
      for (let size = total(kept); size < chunkBytes; ) {
        const chunk = await next();
        if (chunk === undefined) break;
        kept.push(chunk);
        size += chunk.byteLength;
      }
      return { bytes: Buffer.concat(kept), isAll: isEnded };
    },
    async *chunks(from) {
      if (kept === undefined || from !== 0) throw onlyOnce(name);
      const first = kept;
      kept = undefined;
      yield* first;
      for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk;
    },
  };
}

/** Bytes in memory; for small inputs that were read as a whole. */
export function memorySource(bytes: Buffer, name: string): ByteSource {
  return {
    name,
    byteLength: bytes.byteLength,
    head: async () => ({ bytes, isAll: true }),
    async *chunks(from) {
      if (from < bytes.byteLength) yield bytes.subarray(from);
    },
    open: async () => ({
      read: async (start, length) => Buffer.from(new Uint8Array(bytes.subarray(start, start + length)).buffer),
      [Symbol.asyncDispose]: async () => {},
    }),
  };
}

/** The chunks, then undefined. */
export async function* withEnd(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer | undefined, void, undefined> {
  yield* chunks;
  yield undefined;
}

function total(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

function onlyOnce(name: string): InferenceError {
  return new InferenceError("invalid", `${name} can be read only once, from its beginning: name a file instead`);
}
