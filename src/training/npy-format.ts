import { InferenceError } from "../errors.ts";
import { type Datatype, itemBytes } from "../tensor.ts";

/**
 * NumPy's array file, format versions 1 to 3 (numpy/lib/format.py): magic, version, header length, a Python dictionary with `descr`,
 * `fortran_order` and `shape`, then the elements. Little-endian arrays of every datatype; text arrays (`U`, `S`) are BYTES.
 */

const magic = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

/** Bytes of a character of a `U` array: one UCS-4 code point. */
const characterBytes = 4;

/** NumPy's names of the number datatypes. */
export const npyTypeCodes = {
  BOOL: "|b1",
  UINT8: "|u1",
  UINT16: "<u2",
  UINT32: "<u4",
  UINT64: "<u8",
  INT8: "|i1",
  INT16: "<i2",
  INT32: "<i4",
  INT64: "<i8",
  FP16: "<f2",
  FP32: "<f4",
  FP64: "<f8",
} as const satisfies Record<Exclude<Datatype, "BYTES">, string>;

const datatypeOfCode: ReadonlyMap<string, Datatype> = new Map(
  Object.entries(npyTypeCodes).map(([datatype, code]) => [code, datatype as Datatype]),
); // keys are datatypes

/** Whether bytes begin like an NPY file. */
export function isNpy(bytes: Uint8Array): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

/** What the header of a file says. */
export interface NpyHeader {
  readonly descr: string;
  readonly isFortranOrder: boolean;
  readonly shape: readonly number[];
  readonly dataOffset: number;
}

/** Reads the header of a file out of its first bytes. @throws InferenceError "invalid" for a broken one or an array of records. */
export function decodeNpyHeader(bytes: Uint8Array): NpyHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6] ?? 0;
  if (version < 1 || version > 3) throw npyError(`format version ${version}, expected 1, 2 or 3`);
  const start = version === 1 ? 10 : 12;
  if (bytes.byteLength < start) throw npyError("the file ends inside its header");
  const dataOffset = start + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (dataOffset > bytes.byteLength) throw npyError("the file ends inside its header");
  const text = new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(bytes.subarray(start, dataOffset));
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (descr === undefined || order === undefined || shape === undefined) {
    throw npyError(
      `header ${JSON.stringify(text.trim())} lacks a simple 'descr', 'fortran_order' or 'shape'; arrays of records are not read`,
    );
  }
  const dims = shape
    .split(",")
    .filter((part) => part.trim() !== "")
    .map(Number);
  return { descr, isFortranOrder: order === "True", shape: dims, dataOffset };
}

/** The elements of a file. */
export interface NpyElement {
  readonly datatype: Datatype;
  readonly bytes: number;
  readonly isUnicode: boolean;
}

/** @throws InferenceError "invalid" for an element type that has no datatype here (big-endian, complex, objects, records). */
export function npyElement(descr: string): NpyElement {
  const text = /^[<|=]([US])(\d+)$/.exec(descr);
  if (text !== null) {
    const isUnicode = text[1] === "U";
    return { datatype: "BYTES", bytes: Number(text[2]) * (isUnicode ? characterBytes : 1), isUnicode };
  }
  const normal = /^[<|=]/.test(descr) ? `${descr.endsWith("1") ? "|" : "<"}${descr.slice(1)}` : descr;
  const datatype = datatypeOfCode.get(normal);
  if (datatype === undefined) {
    const hint = descr.startsWith(">")
      ? `; big-endian arrays become readable with array.astype('<${descr.slice(1)}')`
      : "";
    throw npyError(
      `element type '${descr}' has no datatype here, expected one of ${[...datatypeOfCode.keys()].join(", ")}, <U, |S${hint}`,
    );
  }
  return { datatype, bytes: itemBytes(datatype), isUnicode: false };
}

/** An element of a text array as UTF-8, or as its bytes. */
export function decodeNpyText(bytes: Uint8Array, isUnicode: boolean): Uint8Array {
  if (!isUnicode) {
    let end = bytes.byteLength;
    while (end > 0 && bytes[end - 1] === 0) end--;
    return bytes.subarray(0, end);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const codePoints: number[] = [];
  for (let i = 0; i < bytes.byteLength; i += characterBytes) codePoints.push(view.getUint32(i, true));
  while (codePoints.at(-1) === 0) codePoints.pop();
  const wrong = codePoints.find((codePoint) => codePoint > 0x10ffff);
  if (wrong !== undefined) throw npyError(`${wrong} is no Unicode code point`);
  return new TextEncoder().encode(codePoints.map((codePoint) => String.fromCodePoint(codePoint)).join(""));
}

/** The header of a file of version 1 or, beyond 64 KiB, 2; filled up with spaces to a multiple of 64 bytes, at least `minBytes`. */
export function encodeNpyHeader(descr: string, shape: readonly number[], minBytes = 0): Uint8Array {
  const tuple = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const isLong = dictionary.length + 64 > 0xffff;
  const start = isLong ? 12 : 10;
  const end = Math.max(minBytes, Math.ceil((start + dictionary.length + 1) / 64) * 64); // numpy aligns the elements to 64 bytes
  const header = new Uint8Array(end);
  header.set(magic);
  header[6] = isLong ? 2 : 1;
  const view = new DataView(header.buffer);
  if (isLong) view.setUint32(8, end - start, true);
  else view.setUint16(8, end - start, true);
  header.set(new TextEncoder().encode(`${dictionary.padEnd(end - start - 1, " ")}\n`), start);
  return header;
}

/** An error in a file of this form; whoever knows the file's name puts it in front. */
export function npyError(problem: string): InferenceError {
  return new InferenceError("invalid", `NPY: ${problem}`);
}
