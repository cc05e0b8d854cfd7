import type { Reason } from "../errors.ts";
import { type Datatype, itemBytes, type Tensor } from "../tensor.ts";
import { elements } from "./bytes-elements.ts";
import { WireReader, wireType } from "./wire-reader.ts";
import { fieldSize, type WireWriter, wordsSize } from "./wire-writer.ts";

/** How elements of a field of InferTensorContents lie on the wire. */
type Coding = "varint" | "fixed32" | "fixed64" | "bytes";

interface ContentsField {
  readonly fieldNumber: number;
  readonly coding: Coding;
  /** The datatype that the field stands for in error texts; int_contents and uint_contents also carry narrower ones. */
  readonly datatype: Datatype;
}

/** The fields of InferTensorContents, by field number less one. */
const contentsFields: readonly ContentsField[] = [
  { fieldNumber: 1, coding: "varint", datatype: "BOOL" },
  { fieldNumber: 2, coding: "varint", datatype: "INT32" },
  { fieldNumber: 3, coding: "varint", datatype: "INT64" },
  { fieldNumber: 4, coding: "varint", datatype: "UINT32" },
  { fieldNumber: 5, coding: "varint", datatype: "UINT64" },
  { fieldNumber: 6, coding: "fixed32", datatype: "FP32" },
  { fieldNumber: 7, coding: "fixed64", datatype: "FP64" },
  { fieldNumber: 8, coding: "bytes", datatype: "BYTES" },
];

/** Field number of InferTensorContents for a datatype; FP16 has none and travels raw only. */
const fieldNumbers: Readonly<Record<Exclude<Datatype, "FP16">, number>> = {
  BOOL: 1,
  INT8: 2,
  INT16: 2,
  INT32: 2,
  INT64: 3,
  UINT8: 4,
  UINT16: 4,
  UINT32: 4,
  UINT64: 5,
  FP32: 6,
  FP64: 7,
  BYTES: 8,
};

function fieldOf(datatype: Datatype): ContentsField | undefined {
  return datatype === "FP16" ? undefined : contentsFields[fieldNumbers[datatype] - 1];
}

/** Where one `contents` message lies; several of them are one message in pieces. */
export interface ContentsRange {
  readonly start: number;
  readonly end: number;
}

/** A `contents` message that was found but not read yet. */
export interface WireContents {
  /** The whole message that holds the ranges. */
  readonly bytes: Buffer;
  readonly ranges: readonly ContentsRange[];
  /** The message type and the reason of errors in it. */
  readonly message: string;
  readonly reason: Reason;
}

/** How a `contents` message does not fit the datatype of its tensor. */
export type ContentsMismatch =
  | { readonly kind: "datatype"; readonly given: Datatype }
  /** Elements of a second datatype beside those that fit. */
  | { readonly kind: "second" };

/**
 * Finds typed elements that do not belong to the tensor, in the order of Triton's checks.
 * @param counts from {@link countElements}.
 */
export function findMismatch(counts: readonly number[], datatype: string): ContentsMismatch | undefined {
  let isFound = false;
  for (const field of contentsFields) {
    if (counts[field.fieldNumber] === 0) continue;
    if (isFound) return { kind: "second" };
    if (!carries(field, datatype)) return { kind: "datatype", given: field.datatype };
    isFound = true;
  }
  return undefined;
}

function carries(field: ContentsField, datatype: string): boolean {
  return datatype !== "FP16" && fieldNumbers[datatype as Exclude<Datatype, "FP16">] === field.fieldNumber; // other names find undefined
}

/**
 * Elements by field number; index 0 holds the bytes of the BYTES elements in raw layout, their lengths included.
 * @throws InferenceError "invalid" when the bytes are no InferTensorContents.
 */
export function countElements(contents: WireContents): readonly number[] {
  const counts: number[] = new Array(contentsFields.length + 1).fill(0);
  visit(contents, (reader, field, isPacked) => {
    const { fieldNumber, coding } = field;
    let count = 1;
    if (coding === "bytes") {
      const end = reader.fieldEnd();
      counts[0] = (counts[0] ?? 0) + 4 + end - reader.position;
      reader.position = end;
    } else if (isPacked) count = countPacked(reader, coding);
    else skipItem(reader, coding);
    counts[fieldNumber] = (counts[fieldNumber] ?? 0) + count;
  });
  return counts;
}

function skipItem(reader: WireReader, coding: Coding): void {
  if (coding === "varint") reader.varint();
  else reader.skipBytes(coding === "fixed32" ? 4 : 8);
}

function countPacked(reader: WireReader, coding: Coding): number {
  const start = reader.position;
  const end = reader.fieldEnd();
  const size = coding === "fixed32" ? 4 : 8;
  if (coding !== "varint" && (end - reader.position) % size !== 0) {
    reader.fail(`packed field of ${end - reader.position} bytes, no multiple of ${size}`, start);
  }
  if (coding !== "varint") {
    const count = (end - reader.position) / size;
    reader.position = end;
    return count;
  }
  const outer = reader.end;
  reader.end = end;
  let count = 0;
  for (; reader.position < end; count++) reader.varint();
  reader.end = outer;
  return count;
}

type Visitor = (reader: WireReader, field: ContentsField, isPacked: boolean) => void;

/** Calls `visitor` at each field, positioned behind its tag. */
function visit(contents: WireContents, visitor: Visitor): void {
  for (const { start, end } of contents.ranges) {
    const reader = new WireReader(contents.bytes, contents.message, contents.reason, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      const field = contentsFields[(tag >>> 3) - 1];
      const type = tag & 7;
      if (field !== undefined && (type === wireType.bytes || type === itemWireType(field.coding))) {
        visitor(reader, field, type === wireType.bytes);
      } else reader.skip(tag, contentsFields.length);
    }
  }
}

function itemWireType(coding: Coding): number {
  return wireType[coding];
}

/**
 * Typed elements to raw layout: of 8 and 16 bit integers the low bytes are kept, BYTES elements get their lengths in front.
 * @param counts from {@link countElements}; only the field of `datatype` may hold elements.
 */
export function toRaw(contents: WireContents, counts: readonly number[], datatype: Datatype): Uint8Array {
  const wanted = fieldOf(datatype);
  if (wanted === undefined) return Buffer.alloc(0);
  const size = datatype === "BYTES" ? counts[0] : (counts[wanted.fieldNumber] ?? 0) * itemBytes(datatype);
  const data = Buffer.allocUnsafe(size ?? 0); // filled to the end: the counts come from the same ranges
  let position = 0;
  visit(contents, (reader, field, isPacked) => {
    if (field !== wanted)
      reader.position = reader.fieldEnd(); // a packed field without elements: counts say there are no others
    else if (field.coding === "varint") position = copyVarints(reader, isPacked, data, position, datatype);
    else if (field.coding === "bytes") position = copyElement(reader, data, position);
    else {
      const end = isPacked ? reader.fieldEnd() : reader.position + itemBytes(datatype);
      position += reader.bytes.copy(data, position, reader.position, end);
      reader.position = end;
    }
  });
  return data;
}

function copyElement(reader: WireReader, data: Buffer, position: number): number {
  const end = reader.fieldEnd();
  const start = data.writeUInt32LE(end - reader.position, position);
  const copied = reader.bytes.copy(data, start, reader.position, end);
  reader.position = end;
  return start + copied;
}

function copyVarints(reader: WireReader, isPacked: boolean, data: Buffer, start: number, datatype: Datatype): number {
  const size = itemBytes(datatype);
  const end = isPacked ? reader.fieldEnd() : reader.position + 1; // unpacked: whatever its length, one item
  let position = start;
  while (reader.position < end) {
    reader.varint();
    if (datatype === "BOOL") data[position] = reader.low !== 0 || reader.high !== 0 ? 1 : 0;
    else {
      writeWord(data, position, reader.low, Math.min(size, 4));
      if (size === 8) writeWord(data, position + 4, reader.high, 4);
    }
    position += size;
  }
  return position;
}

function writeWord(data: Buffer, position: number, word: number, size: number): void {
  for (let i = 0; i < size; i++) data[position + i] = word >>> (8 * i);
}

/** Whether a tensor can travel as typed contents. */
export function hasTypedForm(datatype: Datatype): boolean {
  return datatype !== "FP16";
}

/** Bytes of the InferTensorContents of a tensor. */
export function contentsSize(tensor: Tensor): number {
  const field = fieldOf(tensor.datatype);
  if (field === undefined || tensor.data.length === 0) return 0;
  if (field.coding !== "bytes") return fieldSize(packedSize(tensor, field));
  let size = 0;
  for (const element of elements(tensor.data)) size += fieldSize(element.length);
  return size;
}

function packedSize(tensor: Tensor, field: ContentsField): number {
  if (field.coding !== "varint") return tensor.data.length;
  if (tensor.datatype === "BOOL") return tensor.data.length;
  let size = 0;
  eachInteger(tensor, (low, high) => {
    size += wordsSize(low, high);
  });
  return size;
}

/** Writes what {@link contentsSize} measured. */
export function writeContents(writer: WireWriter, tensor: Tensor): void {
  const field = fieldOf(tensor.datatype);
  if (field === undefined || tensor.data.length === 0) return;
  const tag = (field.fieldNumber << 3) | wireType.bytes;
  if (field.coding === "bytes") {
    for (const element of elements(tensor.data)) {
      writer.field(tag, element.length);
      writer.raw(element);
    }
    return;
  }
  writer.field(tag, packedSize(tensor, field));
  if (field.coding !== "varint") writer.raw(tensor.data);
  else if (tensor.datatype === "BOOL") for (const byte of tensor.data) writer.byte(byte === 0 ? 0 : 1);
  else eachInteger(tensor, (low, high) => writer.words(low, high));
}

type WordReader = (view: DataView, offset: number) => number;

/** The low 32 bits of an integer element as its own datatype has them: negative where the element is. */
const wordReaders: Readonly<Partial<Record<Datatype, WordReader>>> = {
  INT8: (view, offset) => view.getInt8(offset),
  INT16: (view, offset) => view.getInt16(offset, true),
  INT32: (view, offset) => view.getInt32(offset, true),
  INT64: (view, offset) => view.getUint32(offset, true),
  UINT8: (view, offset) => view.getUint8(offset),
  UINT16: (view, offset) => view.getUint16(offset, true),
  UINT32: (view, offset) => view.getUint32(offset, true),
  UINT64: (view, offset) => view.getUint32(offset, true),
};

/** Calls `visitor` with each element as 64 bits, sign extended: its low and high words, unsigned. */
function eachInteger({ datatype, data }: Tensor, visitor: (low: number, high: number) => void): void {
  const read = wordReaders[datatype];
  if (read === undefined) return;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const size = itemBytes(datatype);
  for (let offset = 0; offset + size <= data.length; offset += size) {
    const word = read(view, offset);
    const high = size === 8 ? view.getUint32(offset + 4, true) : word < 0 ? 0xffffffff : 0;
    visitor(word >>> 0, high);
  }
}
