import { once } from "node:events";
import { extname } from "node:path";
import { deserialize } from "node:v8";
import { Worker } from "node:worker_threads";
import { InferenceError } from "../../errors.ts";
import type { ReferenceProfile, SignalProfile } from "../../model/package-messages.ts";
import { decodeProfile } from "../../model/reference-profile.ts";
import type { DecodedProfile } from "./profile-decoder.ts";

/** Files up to this size are decoded where they are read: whatever they hold, that takes some tens of milliseconds at most, and most are smaller. */
export const maxInlineBytes = 64 * 1024;

/** Memory and time of the thread that decodes a larger file: several times what the largest that make sense take. */
const maxHeapMegabytes = 512;
const maxDecodeMs = 60_000;

/**
 * The profile in a file's bytes. Of a large file they are decoded and checked in a thread of its own, with bounded memory, and come back in parts:
 * a file that is made to be slow, or just large, must not stop the requests of other models.
 * @param bytes not to be used afterwards
 * @throws InferenceError "refused" as {@link decodeProfile} does, or where that takes too much memory or time
 */
export async function readProfile(bytes: Buffer): Promise<ReferenceProfile> {
  if (bytes.byteLength <= maxInlineBytes) return decodeProfile(bytes);
  const { refusal, rest, signals: parts } = await decodeElsewhere(bytes);
  if (refusal !== undefined) throw new InferenceError("refused", refusal);
  const signals: SignalProfile[] = [];
  for (const part of parts) {
    await new Promise((resolve) => setImmediate(resolve));
    signals.push(...(deserialize(part) as readonly SignalProfile[])); // what profile-decoder.ts made
  }
  return { ...(deserialize(rest) as Omit<ReferenceProfile, "signals">), signals }; // likewise
}

async function decodeElsewhere(bytes: Buffer): Promise<DecodedProfile> {
  const worker = new Worker(new URL(`./profile-decoder${extname(import.meta.filename)}`, import.meta.url), {
    workerData: bytes,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMegabytes },
  });
  const problem = (why: string, cause?: unknown) =>
    new InferenceError("refused", `the reference profile cannot be used: ${why}`, { cause });
  try {
    const [decoded] = await once(worker, "message", { signal: AbortSignal.timeout(maxDecodeMs) });
    return decoded as DecodedProfile; // what the worker posts
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError")
      throw problem(`reading it takes more than ${maxDecodeMs} ms`, error);
    throw problem("reading it takes too much memory, or failed", error);
  } finally {
    await worker.terminate();
  }
}
