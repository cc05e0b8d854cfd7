import { serialize } from "node:v8";
import { parentPort, workerData } from "node:worker_threads";
import { InferenceError } from "../../errors.ts";
import type { SignalProfile } from "../../model/package-messages.ts";
import { decodeProfile } from "../../model/reference-profile.ts";

/** A profile as the thread hands it over, serialized by V8: in parts, each of which is read back in about a millisecond. */
export interface DecodedProfile {
  /** Why it cannot be used; absent: it can. */
  readonly refusal?: string;
  /** All but the signals. */
  readonly rest: Uint8Array;
  readonly signals: readonly Uint8Array[];
}

/** Numbers and categories of a part. */
const partSize = 10_000;

function inParts(signals: readonly SignalProfile[]): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = 0;
  let size = 0;
  signals.forEach(({ numeric, score, categorical }, i) => {
    size += 32 + 2 * ((numeric ?? score)?.counts.length ?? 0) + 10 * (categorical?.categories.length ?? 0);
    if (size < partSize && i + 1 < signals.length) return;
    parts.push(serialize(signals.slice(start, i + 1)));
    start = i + 1;
    size = 0;
  });
  return parts;
}

function decode(bytes: Uint8Array): DecodedProfile {
  try {
    const { signals, ...rest } = decodeProfile(bytes);
    return { rest: serialize(rest), signals: inParts(signals) };
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    return { refusal: error.message, rest: new Uint8Array(), signals: [] };
  }
}

/** The body of a worker; see profile-file.ts. */
parentPort?.postMessage(decode(workerData as Uint8Array)); // what profile-file.ts starts the worker with
