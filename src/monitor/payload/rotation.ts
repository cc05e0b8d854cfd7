import { stampOf } from "./file-name.ts";

/** A file of the folder. */
export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
}

/** How large files become, how old, and how much there is of them. */
export interface RotationLimits {
  readonly maxFileBytes: number;
  readonly maxFileMs: number;
  readonly maxTotalBytes: number;
}

/** Files of a model at most, however small they are: each is looked at when another one is begun. */
export const maxPayloadFiles = 10_000;

/** Whether a file is complete before more is written to it. */
export function isComplete(
  file: { readonly bytes: number; readonly openedMs: number },
  nowMs: number,
  limits: RotationLimits,
): boolean {
  return file.bytes >= limits.maxFileBytes || nowMs - file.openedMs >= limits.maxFileMs;
}

/**
 * The files to remove so that another one of full size has room, oldest first. Files that are being written stay and will have their full size
 * too; what is not of the log stays as well.
 * @param firstBytes of the first write to the new file, which may be more than its full size
 */
export function filesToRemove(
  files: readonly StoredFile[],
  isActive: (name: string) => boolean,
  { maxFileBytes, maxTotalBytes }: RotationLimits,
  firstBytes = 0,
): readonly StoredFile[] {
  const own = files.filter(({ name }) => stampOf(name) !== "");
  const removable = own
    .filter(({ name }) => !isActive(name))
    .sort((a, b) => (stampOf(a.name) < stampOf(b.name) ? -1 : 1));
  const sizes = own.map(({ name, bytes }) => (isActive(name) ? Math.max(bytes, maxFileBytes) : bytes));
  let excess = sizes.reduce((sum, bytes) => sum + bytes, 0) + Math.max(maxFileBytes, firstBytes) - maxTotalBytes;
  const removed: StoredFile[] = [];
  for (const file of removable) {
    if (excess <= 0 && own.length - removed.length < maxPayloadFiles) break;
    removed.push(file);
    excess -= file.bytes;
  }
  return removed;
}
