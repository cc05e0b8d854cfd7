import { InferenceError } from "../errors.ts";

/**
 * Writing in two passes: first the exact size, then the bytes into one buffer of that size. The `…Size` functions and the writer's
 * methods go in pairs. Every field number of the messages here is below 16, so a tag is always one byte.
 */

/** Strings up to this length are written byte by byte, longer ones by native code, whose call costs more than the loop. */
const shortStringLength = 32;

export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  let size = 5;
  for (let rest = Math.floor(value / 2 ** 35); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Bytes of an int64 or uint64 as varint; a negative value takes ten. */
export function int64Size(value: number | bigint): number {
  if (typeof value === "number" && value >= 0) return varintSize(value);
  return value < 0 ? 10 : wordsSize(lowWord(value), highWord(value));
}

/** Bytes of a 64-bit varint given as its low and high 32 bits, both unsigned. */
export function wordsSize(low: number, high: number): number {
  return high === 0 ? varintSize(low) : Math.ceil((64 - Math.clz32(high)) / 7);
}

function lowWord(value: number | bigint): number {
  return typeof value === "number" ? value >>> 0 : Number(BigInt.asUintN(32, value));
}

function highWord(value: number | bigint): number {
  return typeof value === "number" ? Math.floor(value / 2 ** 32) >>> 0 : Number(BigInt.asUintN(32, value >> 32n));
}

/** Bytes of a string in UTF-8; a lone surrogate counts and is written as U+FFFD. */
export function utf8Size(text: string): number {
  const { length } = text;
  if (length > shortStringLength) return Buffer.byteLength(text);
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) >= 0x80) return Buffer.byteLength(text);
  return length;
}

/** Bytes of a length-delimited field: tag, length and `size` bytes. */
export function fieldSize(size: number): number {
  return 1 + varintSize(size) + size;
}

/** Bytes of a string field; an empty string is the default and is left out. */
export function stringFieldSize(text: string): number {
  return text === "" ? 0 : fieldSize(utf8Size(text));
}

/**
 * The bytes of a tensor as they are given, for a `bytes` field.
 * @throws InferenceError "invalid" for anything but a Uint8Array: another typed array would be cut to single bytes without a sound.
 */
export function checkBytes(data: Uint8Array, name: string): Uint8Array {
  if (data instanceof Uint8Array) return data;
  const kind = Object.prototype.toString.call(data).slice(8, -1);
  throw new InferenceError("invalid", `data of tensor '${name}' is a ${kind}, expected a Uint8Array in raw layout`);
}

/** Writes into a buffer whose size was computed before. */
export class WireWriter {
  readonly bytes: Buffer;
  position = 0;

  /** @param allocate gives memory of exactly `size` bytes */
  constructor(size: number, allocate: (bytes: number) => Buffer = Buffer.allocUnsafe) {
    this.bytes = allocate(size);
  }

  byte(value: number): void {
    this.bytes[this.position++] = value;
  }

  /** A non-negative safe integer. */
  varint(value: number): void {
    const { bytes } = this;
    let position = this.position;
    let rest = value;
    while (rest >= 0x80000000) {
      bytes[position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 0x80) {
      bytes[position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[position++] = rest;
    this.position = position;
  }

  int64(value: number | bigint): void {
    if (typeof value === "number" && value >= 0) this.varint(value);
    else this.words(lowWord(value), highWord(value));
  }

  /** A 64-bit varint given as its low and high 32 bits, both unsigned. */
  words(low: number, high: number): void {
    const { bytes } = this;
    let position = this.position;
    let restLow = low;
    let restHigh = high;
    while (restHigh !== 0 || restLow >= 0x80) {
      bytes[position++] = (restLow & 0x7f) | 0x80;
      restLow = ((restLow >>> 7) | (restHigh << 25)) >>> 0;
      restHigh >>>= 7;
    }
    bytes[position++] = restLow;
    this.position = position;
  }

  double(value: number): void {
    this.position = this.bytes.writeDoubleLE(value, this.position);
  }

  /** The start of a length-delimited field. */
  field(tag: number, size: number): void {
    this.bytes[this.position++] = tag;
    this.varint(size);
  }

  /** A string field, also when the string is empty. */
  string(tag: number, text: string): void {
    const { bytes } = this;
    const { length } = text;
    if (length <= shortStringLength && this.#shortString(tag, text)) return;
    const size = Buffer.byteLength(text);
    this.field(tag, size);
    this.position += bytes.write(text, this.position, size === length ? "latin1" : "utf8");
  }

  #shortString(tag: number, text: string): boolean {
    const { bytes } = this;
    const { length } = text;
    let position = this.position;
    bytes[position++] = tag;
    bytes[position++] = length;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) return false;
      bytes[position++] = code;
    }
    this.position = position;
    return true;
  }

  /** A string field, left out when the string is empty. */
  optionalString(tag: number, text: string): void {
    if (text !== "") this.string(tag, text);
  }

  /** Bytes as they are, without tag or length. */
  raw(data: Uint8Array): void {
    const { length } = data;
    if (length <= 16) {
      const { bytes, position } = this;
      for (let i = 0; i < length; i++) bytes[position + i] = data[i] as number; // i is below the length
    } else this.bytes.set(data, this.position);
    this.position += length;
  }
}
