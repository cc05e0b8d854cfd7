import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { UsageError } from "./arguments.ts";

/** Largest input that is read, bytes: it is held in memory as a whole. */
export const maxInputBytes = 1024 ** 3;

/**
 * The bytes of a file, or of standard input for `-`.
 * @throws UsageError above {@link maxInputBytes} or when standard input is a terminal; the error of the file system for an unreadable file.
 */
export async function readInput(path: string, stdin: Readable): Promise<Buffer> {
  if (path === "-") {
    if ("isTTY" in stdin && stdin.isTTY === true) {
      throw new UsageError("no input: name a file with --input, or pipe the input into this command");
    }
    return await collect(stdin, "standard input");
  }
  await using file = await open(path);
  return await collect(file.createReadStream({ autoClose: false }), path);
}

async function collect(stream: Readable, name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : (chunk as Buffer); // byte streams yield buffers
    size += bytes.byteLength;
    if (size > maxInputBytes) {
      throw new UsageError(`${name} is larger than ${maxInputBytes} bytes: split it`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, size);
}
