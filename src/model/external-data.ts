import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { join, posix, sep, win32 } from "node:path";
import { InferenceError } from "../errors.ts";
import { elementCount } from "../tensor.ts";
import { onnxDatatype, rawBytes } from "./onnx-datatype.ts";
import { maxMessageBytes } from "./onnx-file.ts";
import { tensorsOf } from "./onnx-graph.ts";
import type { OnnxModel, OnnxTensor } from "./onnx-proto.ts";
import { tensorShape } from "./onnx-tensor.ts";

/** Bytes of external data that were read in, and how many tensors and files they came from. */
export interface ExternalDataSummary {
  readonly files: number;
  readonly tensors: number;
  readonly bytes: number;
}

/** A tensor's reference to bytes in another file, its keys and numbers checked. */
interface Reference {
  readonly tensor: OnnxTensor;
  readonly offset: number;
  /** Undefined: to the end of the file. */
  readonly length: number | undefined;
  /** SHA-1 of the whole file, in hexadecimal; undefined: not stated. */
  readonly checksum: string | undefined;
}

/** Every key that the format knows. `basepath` is what loaders keep in memory; it is read by nobody. */
const knownKeys: ReadonlySet<string> = new Set(["location", "offset", "length", "checksum", "basepath"]);

/** By this location ONNX Runtime names its own memory: from a file, it would be a pointer of the file's choosing. */
const memoryMarker = "_ORT_MEM_ADDR_";

/** Piece in which a file is read for its checksum. */
const checksumChunkBytes = 1024 * 1024;

/**
 * Reads the data that a model keeps in other files into the model itself (`raw_data`), so that what was checked is what ONNX Runtime gets.
 *
 * Only files below `folder` are read, and every layer of ONNX's own defence against crafted locations is applied: containment of the canonical
 * path, no symbolic link as the last component, no second hard link before and after opening, the opened file is the one that was checked,
 * known keys only, and ranges inside the file.
 *
 * @param folder Folder of the model file.
 * @param maxBytes Most bytes to read in all; protobuf's own limit of 2 GiB holds as well.
 * @throws InferenceError "refused", naming the tensor or the location.
 */
export function inlineExternalData(model: OnnxModel, folder: string, maxBytes: number): ExternalDataSummary {
  const byLocation = new Map<string, Reference[]>();
  for (const tensor of tensorsOf(model)) {
    if (tensor.data_location !== 1 && tensor.external_data.length === 0) continue;
    const { location, reference } = parseReference(tensor);
    const references = byLocation.get(location);
    if (references === undefined) byLocation.set(location, [reference]);
    else references.push(reference);
  }

  const canonicalFolder = realpathSync(folder);
  const limit = Math.min(maxBytes, maxMessageBytes);
  let bytes = 0;
  let tensors = 0;
  for (const [location, references] of byLocation) {
    bytes += inlineFile(canonicalFolder, location, references, limit - bytes, limit);
    tensors += references.length;
  }
  return { files: byLocation.size, tensors, bytes };
}

function refuse(location: string, what: string, cause?: unknown): never {
  throw new InferenceError("refused", `external data '${location}' ${what}`, { cause });
}

function parseReference(tensor: OnnxTensor): { location: string; reference: Reference } {
  const where = `external data of tensor '${tensor.name ?? ""}'`;
  const entries = new Map<string, string>();
  for (const { key = "", value = "" } of tensor.external_data) {
    if (!knownKeys.has(key)) {
      throw new InferenceError("refused", `${where} has the key '${key}', known are ${[...knownKeys].join(", ")}`);
    }
    if (entries.has(key)) throw new InferenceError("refused", `${where} has the key '${key}' twice`);
    entries.set(key, value);
  }
  const location = entries.get("location");
  if (location === undefined || location === "") throw new InferenceError("refused", `${where} names no location`);
  if (onnxDatatype(tensor.data_type)?.bits === 0) {
    throw new InferenceError("refused", `${where} would hold strings, which the format does not allow`);
  }
  const reference = {
    tensor,
    offset: parseCount(entries.get("offset"), `${where} has offset`) ?? 0,
    length: parseCount(entries.get("length"), `${where} has length`),
    checksum: entries.get("checksum")?.toLowerCase(),
  };
  return { location, reference };
}

function parseCount(text: string | undefined, subject: string): number | undefined {
  if (text === undefined) return undefined;
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw new InferenceError(
      "refused",
      `${subject} ${JSON.stringify(text)}, expected a number of bytes from 0 to 2^53 - 1`,
    );
  }
  return value;
}

/** Fills the tensors that lie in one file. @returns The bytes read. */
function inlineFile(
  folder: string,
  location: string,
  references: readonly Reference[],
  remaining: number,
  limit: number,
): number {
  const { descriptor, size } = openContained(folder, location);
  try {
    const expectedSums = new Set(references.flatMap(({ checksum }) => checksum ?? []));
    if (expectedSums.size > 0) checkSum(descriptor, location, expectedSums);
    let bytes = 0;
    for (const reference of references) {
      const length = rangeLength(reference, location, size);
      bytes += length;
      if (bytes > remaining) {
        refuse(
          location,
          `takes the model beyond ${limit} bytes: a larger one cannot be checked as a whole and is not supported`,
        );
      }
      fill(reference, readRange(descriptor, reference.offset, length, location));
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/** Opens a file below a canonical folder. The caller closes the descriptor. */
function openContained(folder: string, location: string): { descriptor: number; size: number } {
  checkLocation(location);
  const path = join(folder, location);
  let canonical: string;
  let before: Stats;
  try {
    before = lstatSync(path);
    if (before.isSymbolicLink()) refuse(location, "is a symbolic link, which is not followed");
    canonical = realpathSync(path);
  } catch (error) {
    if (error instanceof InferenceError) throw error;
    return refuse(location, "does not exist beside the model, or cannot be read", error);
  }
  if (!canonical.startsWith(folder + sep)) refuse(location, "lies outside the model's folder");
  checkRegularFile(before, location);

  let descriptor: number;
  try {
    // Non-blocking, so that a pipe put there in the meantime cannot hold the load.
    descriptor = openSync(canonical, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return refuse(location, "cannot be opened", error);
  }
  try {
    const opened = fstatSync(descriptor);
    checkRegularFile(opened, location);
    const now = statSync(canonical);
    if (opened.ino !== now.ino || opened.dev !== now.dev || opened.ino !== before.ino || opened.dev !== before.dev) {
      refuse(location, "was replaced while it was opened");
    }
    return { descriptor, size: opened.size };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function checkLocation(location: string): void {
  if (location.includes(memoryMarker)) refuse(location, "names memory, not a file");
  if (location.includes("\0")) refuse(location, "holds a NUL character");
  if (posix.isAbsolute(location) || win32.isAbsolute(location))
    refuse(location, "is an absolute path, expected one inside the model's folder");
  if (location.split(/[/\\]/).includes(".."))
    refuse(location, "contains '..', expected a path inside the model's folder");
}

function checkRegularFile(file: Stats, location: string): void {
  if (!file.isFile()) refuse(location, "is not a regular file");
  if (file.nlink > 1) refuse(location, `has ${file.nlink} hard links, so it may be a file from elsewhere: expected 1`);
}

function checkSum(descriptor: number, location: string, expected: ReadonlySet<string>): void {
  const hash = createHash("sha1");
  const chunk = Buffer.allocUnsafe(checksumChunkBytes);
  for (let position = 0; ; ) {
    const count = readSync(descriptor, chunk, 0, chunk.length, position);
    if (count === 0) break;
    hash.update(chunk.subarray(0, count));
    position += count;
  }
  const actual = hash.digest("hex");
  for (const sum of expected) if (sum !== actual) refuse(location, `has SHA-1 ${actual}, the model states ${sum}`);
}

/** The bytes of a reference, which must be those that the tensor's dimensions need and lie inside the file. */
function rangeLength({ tensor, offset, length }: Reference, location: string, size: number): number {
  const stated = length ?? size - offset;
  // All three are safe integers, so that the sum is exact enough to compare.
  if (offset > size || offset + stated > size) {
    refuse(location, `has ${size} bytes, tensor '${tensor.name ?? ""}' reaches from ${offset} to ${offset + stated}`);
  }
  const datatype = onnxDatatype(tensor.data_type);
  const elements = elementCount(tensorShape(tensor.dims));
  const needed = datatype === undefined ? Number.NaN : rawBytes(datatype, elements);
  if (stated !== needed) {
    refuse(
      location,
      `gives ${stated} bytes to tensor '${tensor.name ?? ""}', whose dimensions need ${Number.isNaN(needed) ? "an impossible number" : needed}`,
    );
  }
  return stated;
}

function readRange(descriptor: number, offset: number, length: number, location: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length; ) {
    const count = readSync(descriptor, bytes, done, length - done, offset + done);
    if (count === 0) refuse(location, "became shorter while it was read");
    done += count;
  }
  return bytes;
}

function fill({ tensor }: Reference, bytes: Buffer): void {
  tensor.raw_data = bytes;
  tensor.external_data = [];
  delete tensor.data_location;
}
