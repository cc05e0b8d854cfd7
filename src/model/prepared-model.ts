import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { basename, dirname } from "node:path";
import { InferenceError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { classifierLabels } from "./classifier-labels.ts";
import { takeOutDefaults } from "./default-inputs.ts";
import { inlineExternalData } from "./external-data.ts";
import { checkModel, type OnnxLimits } from "./onnx-check.ts";
import { decodeModel, encodeModel, maxMessageBytes } from "./onnx-file.ts";
import { type ModelSummary, summarizeModel } from "./onnx-summary.ts";
import { useNeutralLocale } from "./text-locale.ts";
import { type ClassNames, takeOffZipMaps } from "./zip-map.ts";

/** A model file, read once, checked, and ready for ONNX Runtime. */
export interface PreparedModel {
  /** What ONNX Runtime gets: the file's own bytes, or a rewritten model where external data was read in, a ZipMap taken off, a default taken out or a locale replaced. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the file's own bytes, in hexadecimal. */
  readonly sha256: string;
  readonly summary: ModelSummary;
  readonly classNames: ClassNames;
  /** What to feed for optional inputs that a request leaves out; {@link bytes} has no defaults for them any more. */
  readonly defaults: readonly Tensor[];
}

/**
 * Reads and checks a model file in one go, blocking: it belongs into the runtime process that will load the model. The file is opened once, and
 * what is hashed is what is checked and what is handed out, so that a file replaced meanwhile changes nothing.
 *
 * @param file The model file; the caller has made sure that it lies in the repository. External data is looked for in its folder.
 * @param listedInputs Inputs that the configuration lists: those with a default in the file become inputs that have to be fed.
 * @throws InferenceError "refused" (no regular file, too large, not ONNX, external data or graph not acceptable) or "not_found".
 */
export function prepareModel(file: string, limits: OnnxLimits, listedInputs: readonly string[] = []): PreparedModel {
  const original = readModelFile(file, limits.maxBytes);
  const sha256 = createHash("sha256").update(original).digest("hex");
  const model = decodeModel(original);
  const externalFiles = summarizeModel(model).externalFiles;
  const external = inlineExternalData(model, dirname(file), limits.maxBytes - original.length);
  const zipMaps = takeOffZipMaps(model);
  const isLocaleReplaced = process.platform === "linux" && useNeutralLocale(model) > 0;
  checkModel(model, limits);
  const summary = { ...summarizeModel(model), externalFiles };
  const defaults = takeOutDefaults(model, listedInputs);
  const zipped = new Set(zipMaps.map(([output]) => output));
  const isRewritten = external.tensors > 0 || zipMaps.length > 0 || isLocaleReplaced || defaults.length > 0;
  return {
    bytes: isRewritten ? encodeModel(model) : original,
    sha256,
    summary,
    classNames: [...zipMaps, ...classifierLabels(model).filter(([output]) => !zipped.has(output))],
    defaults,
  };
}

/**
 * The bytes of a regular file, at most `maxBytes` (and protobuf's 2 GiB).
 * @throws InferenceError "not_found" or "refused"; names the file without its folder.
 */
export function readModelFile(file: string, maxBytes: number): Buffer {
  const name = `model file '${basename(file)}'`;
  let descriptor: number;
  try {
    // Non-blocking, because opening a named pipe would otherwise wait for a writer for ever.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw isMissing
      ? new InferenceError("not_found", `${name} does not exist`, { cause })
      : new InferenceError("refused", `${name} cannot be opened`, { cause });
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new InferenceError("refused", `${name} is not a regular file`);
    const limit = Math.min(maxBytes, maxMessageBytes);
    if (stats.size > limit) {
      throw new InferenceError(
        "refused",
        `${name} has ${stats.size} bytes, the limit is ${limit} (--max-model-bytes, and protobuf's 2 GiB)`,
      );
    }
    return readWhole(descriptor, stats.size, name);
  } finally {
    closeSync(descriptor);
  }
}

function readWhole(descriptor: number, size: number, name: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let done = 0; done < size; ) {
    const count = readSync(descriptor, bytes, done, size - done, done);
    if (count === 0) throw new InferenceError("refused", `${name} became shorter while it was read`);
    done += count;
  }
  return bytes;
}
