import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { join, sep } from "node:path";
import { InferenceError } from "../errors.ts";

/** The longest label file, in bytes: a million short labels. */
export const maxLabelFileBytes = 16 * 1024 * 1024;

/**
 * The class labels of an output, one a line, by index. An empty last line does not count.
 *
 * @param modelFolder The folder that the file must lie in, wherever links lead.
 * @param filename The configuration's label_filename, relative to that folder.
 * @throws InferenceError "refused", naming the file as the configuration does.
 */
export function readLabels(modelFolder: string, filename: string): string[] {
  const lines = readContained(modelFolder, filename).toString("utf8").split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function refuse(filename: string, what: string, cause?: unknown): never {
  throw new InferenceError("refused", `label file '${filename}' ${what}`, { cause });
}

function readContained(modelFolder: string, filename: string): Buffer {
  if (filename.includes("\0")) refuse(filename.replaceAll("\0", ""), "has a NUL character in its name");
  let canonical: string;
  let descriptor: number;
  try {
    const folder = realpathSync(modelFolder);
    canonical = realpathSync(join(folder, filename));
    if (!canonical.startsWith(folder + sep)) refuse(filename, "lies outside the model's folder");
    descriptor = openSync(canonical, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof InferenceError) throw error;
    return refuse(filename, "does not exist in the model's folder, or cannot be read", error);
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) refuse(filename, "is not a regular file");
    if (stats.size > maxLabelFileBytes) refuse(filename, `has ${stats.size} bytes, the limit is ${maxLabelFileBytes}`);
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
