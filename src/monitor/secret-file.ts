import { readFileSync, statSync } from "node:fs";
import { InferenceError } from "../errors.ts";

/** Largest file of keys, headers and the like, so that a wrong path does not read a model. */
const maxFileBytes = 64 * 1024;

/** A file with something that must not get about. */
export interface SecretFile {
  /** What it is, as messages call it. */
  readonly what: string;
  readonly path: string;
  /** What whoever reads it can do, as messages say it. */
  readonly harm: string;
}

/**
 * The text of a file that only its owner may write and only its owner and its group may read.
 * @throws InferenceError "invalid" naming the file; never its content
 */
export function readSecretFile({ what, path, harm }: SecretFile): string {
  try {
    const { mode, size } = statSync(path);
    if (!isPrivate(mode)) {
      const found = (mode & 0o777).toString(8).padStart(4, "0");
      throw invalid(
        `${what} '${path}' has mode ${found}: whoever can read it can ${harm}, expected 0400, 0600 or 0440`,
      );
    }
    if (size > maxFileBytes) throw invalid(`${what} '${path}' has ${size} bytes, at most ${maxFileBytes} are allowed`);
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof InferenceError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InferenceError("invalid", `${what} '${path}' cannot be read: ${why}`, { cause });
  }
}

/** The owner's group may read it, as it must where Kubernetes mounts secrets for a group; nobody else may do anything. */
function isPrivate(mode: number): boolean {
  return process.platform === "win32" || (mode & 0o027) === 0;
}

function invalid(what: string): InferenceError {
  return new InferenceError("invalid", what);
}
