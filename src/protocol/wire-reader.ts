import { isUtf8 } from "node:buffer";
import { InferenceError, type Reason } from "../errors.ts";

/** How wire types are written in the low three bits of a tag. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** Groups inside unknown fields may nest this deep; protobuf's own readers stop at the same depth. */
export const maxGroupDepth = 100;

const maxFieldNumber = 0x1fffffff;

/** Strings up to this length are read byte by byte, longer ones by native code, whose call costs more than the loop. */
const shortStringBytes = 48;

const internedCount = 1024;
/** A direct-mapped cache of names seen: the same model, tensor and datatype names come with every request. */
const interned: string[] = new Array(internedCount).fill("");

/**
 * A cursor over one protobuf message, hand-written for messages that hold a few fields and one large run of bytes. Nothing is copied:
 * {@link bytesField} answers with views. Whatever the bytes are, a read ends in a value or in an InferenceError that names the
 * position; it never reads past the message.
 */
export class WireReader {
  readonly bytes: Buffer;
  position: number;
  /** Where the innermost open message ends. */
  end: number;
  /** The low and high 32 bits of the varint read last, unsigned. */
  low = 0;
  high = 0;
  readonly #message: string;
  readonly #reason: Reason;

  /** @param message the message type, for error texts; `reason` is "internal" where the peer is a server and not a caller. */
  constructor(bytes: Buffer, message: string, reason: Reason = "invalid", start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
    this.#message = message;
    this.#reason = reason;
  }

  fail(what: string, position = this.position): never {
    throw new InferenceError(this.#reason, `malformed ${this.#message}: ${what} at byte ${position}`);
  }

  /** The next tag (field number << 3 | wire type), or 0 at the end of the message. */
  tag(): number {
    const position = this.position;
    if (position >= this.end) return 0;
    const first = this.bytes[position] as number; // position is below the end
    if (first < 0x80 && first > 7) {
      this.position = position + 1;
      return first;
    }
    this.varint();
    const fieldNumber = this.high * 2 ** 29 + (this.low >>> 3);
    if (fieldNumber === 0) this.fail("field number 0", position);
    if (fieldNumber > maxFieldNumber) this.fail(`field number ${fieldNumber} above ${maxFieldNumber}`, position);
    return this.low;
  }

  /** Reads a varint of up to 64 bits into `low` and `high`. */
  varint(): void {
    const { bytes, end } = this;
    const start = this.position;
    let position = start;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= end) this.fail("varint cut short", start);
      const byte = bytes[position++] as number; // position is below the end
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else {
        if (byte > 1) break;
        high |= bits << 31;
      }
      if (byte < 0x80) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        this.position = position;
        return;
      }
    }
    this.fail("varint longer than 64 bits", start);
  }

  bool(): boolean {
    this.varint();
    return this.low !== 0 || this.high !== 0;
  }

  /** A signed 64-bit value; a bigint only where a number would lose digits. */
  int64(): number | bigint {
    const first = this.position < this.end ? (this.bytes[this.position] as number) : 0x80;
    if (first < 0x80) {
      this.position++;
      return first;
    }
    this.varint();
    const value = (this.high | 0) * 2 ** 32 + this.low;
    return Number.isSafeInteger(value) ? value : BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(this.low));
  }

  /** An unsigned 64-bit value; a bigint only where a number would lose digits. */
  uint64(): number | bigint {
    this.varint();
    const value = this.high * 2 ** 32 + this.low;
    return Number.isSafeInteger(value) ? value : (BigInt(this.high) << 32n) | BigInt(this.low);
  }

  double(): number {
    const position = this.position;
    if (this.end - position < 8) this.fail("fixed 64-bit value cut short");
    this.position = position + 8;
    return this.bytes.readDoubleLE(position);
  }

  /** Reads the length of a field and returns where the field ends. */
  fieldEnd(): number {
    const start = this.position;
    const first = start < this.end ? (this.bytes[start] as number) : 0x80;
    let length = first;
    if (first < 0x80) this.position = start + 1;
    else {
      this.varint();
      length = this.high * 2 ** 32 + this.low;
    }
    const left = this.end - this.position;
    if (length > left) this.fail(`length ${length} beyond the ${left} bytes left`, start);
    return this.position + length;
  }

  /** Opens a nested message and returns what {@link leave} takes back. */
  enter(): number {
    const outer = this.end;
    this.end = this.fieldEnd();
    return outer;
  }

  leave(outer: number): void {
    this.end = outer;
  }

  /** A view of a `bytes` field. */
  bytesField(): Buffer {
    const end = this.fieldEnd();
    const view = this.bytes.subarray(this.position, end);
    this.position = end;
    return view;
  }

  string(): string {
    const end = this.fieldEnd();
    const start = this.position;
    this.position = end;
    if (start === end) return "";
    const { bytes } = this;
    if (end - start <= shortStringBytes) {
      let position = start;
      while (position < end && (bytes[position] as number) < 0x80) position++;
      if (position === end) return bytes.toString("latin1", start, end);
    }
    return this.#utf8(start, end);
  }

  /** A string that is likely to come again: found in a small cache rather than made anew. */
  name(): string {
    const end = this.fieldEnd();
    const start = this.position;
    this.position = end;
    const length = end - start;
    if (length === 0) return "";
    if (length > shortStringBytes) return this.#utf8(start, end);
    const { bytes } = this;
    let hash = length;
    for (let position = start; position < end; position++) {
      const byte = bytes[position] as number; // position is below the end
      if (byte >= 0x80) return this.#utf8(start, end);
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    const slot = (hash ^ (hash >>> 15)) & (internedCount - 1);
    const known = interned[slot] as string; // the table is full of strings
    if (known.length === length && equalsAscii(bytes, start, known)) return known;
    const name = bytes.toString("latin1", start, end);
    interned[slot] = name;
    return name;
  }

  #utf8(start: number, end: number): string {
    if (!isUtf8(this.bytes.subarray(start, end))) this.fail("string that is not UTF-8", start);
    return this.bytes.toString("utf8", start, end);
  }

  /**
   * Passes over a field that the message does not know. A field number up to `lastField` is known, so it came with the wrong wire
   * type: its value would be lost silently, which is why that is an error.
   */
  skip(tag: number, lastField: number): void {
    const fieldNumber = tag >>> 3;
    if (fieldNumber <= lastField) this.fail(`field ${fieldNumber} with wire type ${tag & 7}`);
    this.#skipValue(tag, 0);
  }

  #skipValue(tag: number, depth: number): void {
    switch (tag & 7) {
      case wireType.varint:
        this.varint();
        return;
      case wireType.fixed64:
        this.skipBytes(8);
        return;
      case wireType.bytes:
        this.position = this.fieldEnd();
        return;
      case wireType.startGroup:
        this.#skipGroup(tag >>> 3, depth + 1);
        return;
      case wireType.fixed32:
        this.skipBytes(4);
        return;
      case wireType.endGroup:
        this.fail(`end of group ${tag >>> 3} that was not begun`);
        break;
      default:
        this.fail(`unknown wire type ${tag & 7}`);
    }
  }

  /** Passes over a fixed-size value. */
  skipBytes(count: number): void {
    if (this.end - this.position < count) this.fail(`fixed ${8 * count}-bit value cut short`);
    this.position += count;
  }

  #skipGroup(fieldNumber: number, depth: number): void {
    if (depth > maxGroupDepth) this.fail(`groups nested deeper than ${maxGroupDepth}`);
    for (;;) {
      const tag = this.tag();
      if (tag === 0) this.fail(`group ${fieldNumber} without an end`);
      if ((tag & 7) === wireType.endGroup) {
        if (tag >>> 3 !== fieldNumber) this.fail(`end of group ${tag >>> 3} inside group ${fieldNumber}`);
        return;
      }
      this.#skipValue(tag, depth);
    }
  }
}

function equalsAscii(bytes: Buffer, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}
