import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { join, sep } from "node:path";
import { InferenceError } from "../errors.ts";

/** What a file beside a model is called in messages, and how large it may be. */
export interface ContainedFileRule {
  /** Such as "label file". */
  readonly what: string;
  readonly maxBytes: number;
}

/**
 * The bytes of a file that must lie in a folder, wherever links lead: what a model brings along must not read the rest of the machine.
 * @throws InferenceError "refused", naming the file as the configuration does
 */
export function readContainedFile(folder: string, filename: string, { what, maxBytes }: ContainedFileRule): Buffer {
  const refuse = (reason: string, cause?: unknown): never => {
    throw new InferenceError("refused", `${what} '${filename.replaceAll("\0", "")}' ${reason}`, { cause });
  };
  if (filename.includes("\0")) refuse("has a NUL character in its name");
  const descriptor = openContained(folder, filename, refuse);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) refuse("is not a regular file");
    if (stats.size > maxBytes) refuse(`has ${stats.size} bytes, the limit is ${maxBytes}`);
    const bytes = Buffer.alloc(stats.size);
    let done = 0;
    for (let count = 1; count > 0 && done < bytes.length; done += count) {
      count = readSync(descriptor, bytes, done, bytes.length - done, done);
    }
    return bytes.subarray(0, done);
  } finally {
    closeSync(descriptor);
  }
}

function openContained(folder: string, filename: string, refuse: (reason: string, cause?: unknown) => never): number {
  try {
    const root = realpathSync(folder);
    const canonical = realpathSync(join(root, filename));
    if (!canonical.startsWith(root + sep)) return refuse("lies outside the model's folder");
    return openSync(canonical, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof InferenceError) throw error;
    return refuse("does not exist in the model's folder, or cannot be read", error);
  }
}
