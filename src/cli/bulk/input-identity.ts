import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { resolve } from "node:path";

/** Bytes at the beginning and at the end of a file that are compared beside its size and time. */
const sampleBytes = 64 * 1024;

/**
 * What tells a file from a changed one, in words: where it lies, its size, when it was last written, and a digest of its beginning and end.
 * The whole of a large file is not read: it would take as long as the run.
 */
export async function describeInput(path: string): Promise<string> {
  await using file = await open(path);
  const { size, mtime } = await file.stat();
  const hash = createHash("sha256");
  for (const position of [0, Math.max(0, size - sampleBytes)]) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(sampleBytes), 0, sampleBytes, position);
    hash.update(buffer.subarray(0, bytesRead));
  }
  return `${resolve(path)} (${size} bytes of ${mtime.toISOString()}, sample ${hash.digest("hex").slice(0, 12)})`;
}
