import type { Parameters, ParameterValue } from "../../inference.ts";
import type { CapturedTensor } from "./captured-tensor.ts";

/** One request as it is written. Holds copies only: nothing of the request lives on in it. */
export interface PayloadRecord {
  /** Arrival, epoch milliseconds. */
  readonly atMs: number;
  readonly modelName: string;
  readonly modelVersion: string;
  /** Undefined: redacted. */
  readonly id: string | undefined;
  /** Undefined: redacted, or the request has none. */
  readonly predictionId: string | undefined;
  /** Undefined: redacted. */
  readonly tenant: string | undefined;
  readonly rows: number;
  /** OK, or the reason of the failure. */
  readonly status: string;
  /** Why it failed; empty: it did not. */
  readonly error: string;
  /** Stages in milliseconds; undefined: not recorded. */
  readonly timing: Readonly<Record<string, number>> | undefined;
  /** Undefined: not recorded. */
  readonly parameters: readonly (readonly [string, ParameterValue])[] | undefined;
  readonly inputs: readonly CapturedTensor[] | undefined;
  /** Undefined: not recorded, or there was no answer. */
  readonly outputs: readonly CapturedTensor[] | undefined;
  /** What it holds in memory. */
  readonly bytes: number;
}

/** Parameters of a record at most, and characters of a text in it. */
const maxParameters = 64;
const maxTextLength = 1024;

/** A text of a client, as much of it as a record keeps: a copy where it is cut, because a slice would hold on to the whole. */
export function boundedText(text: string): string {
  if (text.length <= maxTextLength) return text;
  return Buffer.from(`${text.slice(0, maxTextLength)}…`, "utf16le").toString("utf16le");
}

/** Memory of a text. */
function textBytes(text: string | undefined): number {
  return 2 * (text?.length ?? 0);
}

/** The parameters that a record keeps, as copies. @param hidden names that it does not */
export function boundedParameters(
  parameters: Parameters,
  hidden: ReadonlySet<string>,
): readonly (readonly [string, ParameterValue])[] {
  const kept: (readonly [string, ParameterValue])[] = [];
  for (const [name, value] of parameters) {
    if (kept.length >= maxParameters) break;
    if (!hidden.has(name)) kept.push([boundedText(name), typeof value === "string" ? boundedText(value) : value]);
  }
  return kept;
}

/** What a record holds beside its tensors and the texts of clients: what objects take. */
export const recordOverheadBytes = 1024;

/** Memory of captured tensors, parameters and texts. */
export function bytesOf(
  tensors: readonly CapturedTensor[],
  parameters: PayloadRecord["parameters"] = [],
  texts: readonly (string | undefined)[] = [],
): number {
  let bytes = recordOverheadBytes;
  for (const { data, shape } of tensors) bytes += (data?.byteLength ?? 0) + 8 * shape.length + 128;
  for (const [name, value] of parameters)
    bytes += textBytes(name) + (typeof value === "string" ? textBytes(value) : 16);
  for (const text of texts) bytes += textBytes(text);
  return bytes;
}
