import { isUtf8 } from "node:buffer";
import { tableError } from "./table-error.ts";

/**
 * CSV, RFC 4180, record by record out of chunks of bytes. Fields in double quotes may hold commas, line breaks and doubled quotes; lines end
 * with LF or CRLF; a byte order mark and empty lines are skipped. Numbers are read straight from the bytes: most cells of a large table never
 * become a string (docs/adr/0013).
 */

const comma = 0x2c;
const quote = 0x22;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const minus = 0x2d;
const plus = 0x2b;
const point = 0x2e;
const zero = 0x30;

/** Largest record, bytes: what has to lie in memory to read one. A quote that is never closed would otherwise take in the rest of the file. */
export const maxRecordBytes = 64 * 1024 * 1024;

/** Digits that a double always holds exactly, so that one division gives the nearest double (Clinger, "How to read floating point numbers"). */
const exactDigits = 15;

const powersOfTen = Float64Array.from({ length: exactDigits + 1 }, (_, i) => Number(`1e${i}`));

/** Reads the records of a CSV file; between two calls of {@link next} the fields of one record can be looked at. */
export class CsvScanner {
  readonly #file: string;
  #bytes: Buffer = Buffer.alloc(0);
  #isEnded = false;
  #position = 0;
  /** Offset of the first byte of #bytes in the file. */
  #base: number;
  #line: number;
  #nextLine: number;
  /** Start and end of each field, and whether it stood in quotes: 0 no, 1 yes, 2 with doubled quotes inside. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #quoting: number[] = [];
  #count = 0;

  /** @param byte offset in the file at which the first chunk begins, which is the beginning of a line. */
  constructor(file: string, byte = 0, line = 1) {
    this.#file = file;
    this.#base = byte;
    this.#line = line;
    this.#nextLine = line;
  }

  /** Takes the next chunk of the file; the fields of the current record are gone. The chunk must not change until the next call. */
  push(chunk: Buffer): void {
    const rest = this.#bytes.subarray(this.#position);
    if (rest.byteLength > maxRecordBytes) {
      throw tableError(
        this.#file,
        `line ${this.#nextLine}`,
        `a record of more than ${maxRecordBytes} bytes; perhaps a quote that is not closed`,
      );
    }
    this.#base += this.#position;
    this.#bytes = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.#position = 0;
    if (this.#base === 0 && this.#bytes[0] === 0xef && this.#bytes[1] === 0xbb && this.#bytes[2] === 0xbf) {
      this.#position = 3; // a byte order mark
    }
  }

  /** No chunk follows: what is left is the last record, with or without a line break. */
  end(): void {
    this.#isEnded = true;
  }

  /**
   * Goes to the next record; false when the chunks so far hold no further one in full.
   * @throws InferenceError "invalid" naming the line, for a quote that is not closed or stands inside a field, or bytes that are no UTF-8.
   */
  next(): boolean {
    for (;;) {
      if (this.#position >= this.#bytes.byteLength) return false;
      const start = this.#position;
      const startLine = this.#nextLine;
      if (!this.#record()) {
        this.#nextLine = startLine;
        this.#position = start;
        return false;
      }
      const isBlank = this.#count === 1 && this.#quoting[0] === 0 && this.#starts[0] === this.#ends[0];
      if (isBlank) continue;
      this.#line = startLine;
      return true;
    }
  }

  /** Fields of the current record. */
  get fieldCount(): number {
    return this.#count;
  }

  /** Line at which the current record begins, from 1. */
  get line(): number {
    return this.#line;
  }

  /** Offset in the file behind the current record. */
  get endByte(): number {
    return this.#base + this.#position;
  }

  /** Line behind the current record. */
  get endLine(): number {
    return this.#nextLine;
  }

  /** Bytes that were pushed and not yet read. */
  get pendingBytes(): number {
    return this.#bytes.byteLength - this.#position;
  }

  /** A field as text. @throws InferenceError "invalid" when it is no UTF-8 */
  text(field: number): string {
    const bytes = this.#bytes.subarray(this.#starts[field], this.#ends[field]);
    const text = bytes.toString("utf8");
    if (text.includes("\ufffd") && !isUtf8(bytes)) {
      throw tableError(this.#file, `line ${this.#line}`, `field ${field + 1} is no UTF-8 text`);
    }
    return this.#quoting[field] === 2 ? text.replaceAll('""', '"') : text;
  }

  /** A field that is a plain number of at most 15 digits, such as `-12.5`; NaN for everything else, which may be a number all the same. */
  plainNumber(field: number): number {
    const bytes = this.#bytes;
    const end = this.#ends[field] ?? 0;
    let position = this.#starts[field] ?? 0;
    const sign = bytes[position];
    if (sign === minus || sign === plus) position++;
    const digitsStart = position;
    let mantissa = 0;
    let pointAt = -1;
    for (; position < end; position++) {
      const byte = bytes[position] as number; // position is below end
      const digit = byte - zero;
      if (digit >= 0 && digit <= 9) mantissa = mantissa * 10 + digit;
      else if (byte === point && pointAt === -1) pointAt = position;
      else return Number.NaN;
    }
    const digits = end - digitsStart - (pointAt === -1 ? 0 : 1);
    if (digits < 1 || digits > exactDigits) return Number.NaN;
    const value = pointAt === -1 ? mantissa : mantissa / (powersOfTen[end - pointAt - 1] as number); // at most 15 digits
    return sign === minus ? -value : value;
  }

  /** Finds the fields of the record at #position and moves behind it; false when its end is not there yet. */
  #record(): boolean {
    const bytes = this.#bytes;
    const length = bytes.byteLength;
    let position = this.#position;
    let count = 0;
    for (;;) {
      const start = position;
      if (bytes[position] === quote) {
        position = this.#quoted(position, count);
        if (position === -1) return false;
      } else {
        let byte = -1;
        for (; position < length; position++) {
          byte = bytes[position] as number; // position is below length
          if (byte === comma || byte === lineFeed) break;
          if (byte === quote) this.#refuse("a quote inside a field that is not quoted");
        }
        if (position === length && !this.#isEnded) return false;
        const hasReturn = position > start && bytes[position - 1] === carriageReturn && byte === lineFeed;
        this.#ends[count] = hasReturn ? position - 1 : position;
        this.#starts[count] = start;
        this.#quoting[count] = 0;
      }
      count++;
      if (position < length && bytes[position] === comma) {
        position++;
        if (position === length && !this.#isEnded) return false;
        continue;
      }
      if (bytes[position] === carriageReturn) position++;
      this.#position = Math.min(length, position + 1);
      this.#count = count;
      this.#nextLine++;
      return true;
    }
  }

  /** A field in quotes; its end is where the separator stands. -1 when that is not there yet. */
  #quoted(start: number, field: number): number {
    const bytes = this.#bytes;
    let quoting = 1;
    let lines = 0;
    for (let position = start + 1; position < bytes.byteLength; position++) {
      const byte = bytes[position];
      if (byte === lineFeed) lines++;
      if (byte !== quote) continue;
      const next = position + 1 < bytes.byteLength ? bytes[position + 1] : undefined;
      if (next === undefined && !this.#isEnded) return -1;
      if (next === quote) {
        quoting = 2;
        position++;
        continue;
      }
      if (next === carriageReturn && position + 2 >= bytes.byteLength && !this.#isEnded) return -1;
      const isEnd =
        next === undefined ||
        next === comma ||
        next === lineFeed ||
        (next === carriageReturn && (position + 2 >= bytes.byteLength || bytes[position + 2] === lineFeed));
      this.#nextLine += lines;
      if (!isEnd) this.#refuse("text after the closing quote of a field");
      this.#starts[field] = start + 1;
      this.#ends[field] = position;
      this.#quoting[field] = quoting;
      return position + 1;
    }
    if (this.#isEnded) this.#refuse("a quoted field that is not closed");
    return -1;
  }

  #refuse(problem: string): never {
    throw tableError(this.#file, `line ${this.#nextLine}`, problem);
  }
}
