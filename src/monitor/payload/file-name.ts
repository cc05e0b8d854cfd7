import { createHash } from "node:crypto";

/** Between the parts of a file's name; no encoded model name has one. */
const separator = "@";

const maxNameLength = 100;
const hashLength = 16;

/** What the names of all files of a model begin with. */
export function filePrefix(modelName: string): string {
  return `${encodeName(modelName)}${separator}`;
}

/** `model@version@20260101T000000000Z-0.jsonl`: files of a version sort by their age. @param sequence tells files of one millisecond apart */
export function fileName(modelName: string, modelVersion: string, atMs: number, sequence: number): string {
  const stamp = new Date(atMs).toISOString().replace(/[-:.]/g, "");
  return `${filePrefix(modelName)}${encodeName(modelVersion)}${separator}${stamp}-${sequence}.jsonl`;
}

/** When a file was begun, as its name tells it, for ordering; empty: it is none of ours. */
export function stampOf(name: string): string {
  return /^[^@]+@[^@]+@(\d{8}T\d{9}Z-\d+)\.jsonl$/.exec(name)?.[1] ?? "";
}

/**
 * A name as part of a file's: letters, digits, dots, dashes and underscores stay, all else is percent-encoded. A long one is cut and ends with a
 * hash of the whole, so that no two models share the files of one.
 */
function encodeName(name: string): string {
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /[!'()*~]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
  if (encoded.length <= maxNameLength) return encoded;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, hashLength);
  return `${encoded.slice(0, maxNameLength - hashLength - 1)}-${hash}`;
}
