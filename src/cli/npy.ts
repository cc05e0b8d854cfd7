import { joinBytes, readTensor } from "../client/tensor-values.ts";
import { type Datatype, elementCount, formatShape, itemBytes, type Tensor } from "../tensor.ts";
import { UsageError } from "./arguments.ts";

/**
 * NumPy's array file, format versions 1 to 3 (numpy/lib/format.py): magic, version, header length, a Python dictionary with `descr`,
 * `fortran_order` and `shape`, then the elements. Little-endian arrays of every datatype; text arrays (`U`, `S`) are BYTES.
 */

const magic = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

/** Bytes of a character of a `U` array: one UCS-4 code point. */
const characterBytes = 4;

const typeCodes = {
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
  Object.entries(typeCodes).map(([datatype, code]) => [code, datatype as Datatype]),
); // keys are datatypes

/** Whether bytes begin like an NPY file. */
export function isNpy(bytes: Uint8Array): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

/**
 * The array of an NPY file as a tensor without a name. Arrays in Fortran order are brought into row-major order.
 * @throws UsageError for a broken file, or an element type that has no datatype here (big-endian, complex, objects, records).
 */
export function decodeNpy(bytes: Uint8Array): Tensor {
  if (!isNpy(bytes)) throw new UsageError("NPY: the file does not begin with the magic bytes of an NPY file");
  const { descr, isFortranOrder, shape, dataOffset } = decodeHeader(bytes);
  const element = elementType(descr);
  const count = elementCount(shape);
  const body = bytes.subarray(dataOffset);
  if (Number.isNaN(count) || body.byteLength !== count * element.bytes) {
    throw new UsageError(
      `NPY: an array ${descr} ${formatShape(shape)} takes ${count * element.bytes} bytes, the file holds ${body.byteLength}`,
    );
  }
  const data = isFortranOrder ? toRowMajor(body, shape, element.bytes) : body;
  if (element.datatype !== "BYTES") return { name: "", datatype: element.datatype, shape, data };
  const elements = Array.from({ length: count }, (_, i) =>
    decodeText(data.subarray(i * element.bytes, (i + 1) * element.bytes), element.isUnicode),
  );
  return { name: "", datatype: "BYTES", shape, data: joinBytes(elements) };
}

/** A tensor as an NPY file, version 1 or, with a header beyond 64 KiB, 2. BYTES become `U` where all are UTF-8, else `S`. */
export function encodeNpy(tensor: Tensor): Uint8Array {
  if (tensor.datatype !== "BYTES") return concat(encodeHeader(typeCodes[tensor.datatype], tensor.shape), tensor.data);
  const elements = readTensor(tensor) as readonly Uint8Array[]; // BYTES reads as one array of bytes each
  const texts = elements.map(decodeUtf8);
  if (texts.every((text) => text !== undefined)) {
    const codePoints = texts.map((text) => Array.from(text, (character) => character.codePointAt(0) ?? 0));
    const width = codePoints.reduce((most, { length }) => Math.max(most, length), 1);
    const body = new Uint32Array(width * codePoints.length);
    codePoints.forEach((characters, i) => {
      body.set(characters, i * width);
    });
    return concat(encodeHeader(`<U${width}`, tensor.shape), new Uint8Array(body.buffer));
  }
  const width = elements.reduce((most, { byteLength }) => Math.max(most, byteLength), 1);
  const body = new Uint8Array(width * elements.length);
  elements.forEach((element, i) => {
    body.set(element, i * width);
  });
  return concat(encodeHeader(`|S${width}`, tensor.shape), body);
}

interface Header {
  readonly descr: string;
  readonly isFortranOrder: boolean;
  readonly shape: readonly number[];
  readonly dataOffset: number;
}

function decodeHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6] ?? 0;
  if (version < 1 || version > 3) throw new UsageError(`NPY: format version ${version}, expected 1, 2 or 3`);
  const start = version === 1 ? 10 : 12;
  if (bytes.byteLength < start) throw new UsageError("NPY: the file ends inside its header");
  const dataOffset = start + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (dataOffset > bytes.byteLength) throw new UsageError("NPY: the file ends inside its header");
  const text = new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(bytes.subarray(start, dataOffset));
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (descr === undefined || order === undefined || shape === undefined) {
    throw new UsageError(
      `NPY: header ${JSON.stringify(text.trim())} lacks a simple 'descr', 'fortran_order' or 'shape'; arrays of records are not read`,
    );
  }
  const dims = shape
    .split(",")
    .filter((part) => part.trim() !== "")
    .map(Number);
  return { descr, isFortranOrder: order === "True", shape: dims, dataOffset };
}

interface ElementType {
  readonly datatype: Datatype;
  readonly bytes: number;
  readonly isUnicode: boolean;
}

function elementType(descr: string): ElementType {
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
    throw new UsageError(
      `NPY: element type '${descr}' has no datatype here, expected one of ${[...datatypeOfCode.keys()].join(", ")}, <U, |S${hint}`,
    );
  }
  return { datatype, bytes: itemBytes(datatype), isUnicode: false };
}

function decodeText(bytes: Uint8Array, isUnicode: boolean): Uint8Array {
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
  if (wrong !== undefined) throw new UsageError(`NPY: ${wrong} is no Unicode code point`);
  return new TextEncoder().encode(codePoints.map((codePoint) => String.fromCodePoint(codePoint)).join(""));
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function encodeHeader(descr: string, shape: readonly number[]): Uint8Array {
  const tuple = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const isLong = dictionary.length + 64 > 0xffff;
  const start = isLong ? 12 : 10;
  const end = Math.ceil((start + dictionary.length + 1) / 64) * 64; // numpy aligns the elements to 64 bytes
  const header = new Uint8Array(end);
  header.set(magic);
  header[6] = isLong ? 2 : 1;
  const view = new DataView(header.buffer);
  if (isLong) view.setUint32(8, end - start, true);
  else view.setUint16(8, end - start, true);
  header.set(new TextEncoder().encode(`${dictionary.padEnd(end - start - 1, " ")}\n`), start);
  return header;
}

/** Elements of an array whose first index runs fastest, in the order whose last index does. */
function toRowMajor(body: Uint8Array, shape: readonly number[], itemSize: number): Uint8Array {
  const result = new Uint8Array(body.byteLength);
  const index = shape.map(() => 0);
  for (let to = 0; to < body.byteLength; to += itemSize) {
    let from = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) from = from * (shape[axis] ?? 0) + (index[axis] ?? 0);
    result.set(body.subarray(from * itemSize, (from + 1) * itemSize), to);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] ?? 0) + 1;
      if ((index[axis] ?? 0) < (shape[axis] ?? 0)) break;
      index[axis] = 0;
    }
  }
  return result;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.byteLength + b.byteLength);
  bytes.set(a);
  bytes.set(b, a.byteLength);
  return bytes;
}
