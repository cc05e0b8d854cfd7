import { isUtf8 } from "node:buffer";
import { maxRecordBytes } from "./csv-scanner.ts";
import { tableError } from "./table-error.ts";

const lineFeed = 0x0a;

/** Cuts chunks of bytes into lines, skipping empty ones; counts lines and bytes, so that reading can go on behind any of them. */
export class LineScanner {
  readonly #file: string;
  #bytes: Buffer = Buffer.alloc(0);
  #isEnded = false;
  #position = 0;
  #base: number;
  #nextLine: number;
  #text = "";

  /** @param byte offset in the file at which the first chunk begins, which is the beginning of a line. */
  constructor(file: string, byte = 0, line = 1) {
    this.#file = file;
    this.#base = byte;
    this.#nextLine = line;
  }

  /** Takes the next chunk of the file. */
  push(chunk: Buffer): void {
    const rest = this.#bytes.subarray(this.#position);
    if (rest.byteLength > maxRecordBytes) {
      throw tableError(this.#file, `line ${this.#nextLine}`, `a line of more than ${maxRecordBytes} bytes`);
    }
    this.#base += this.#position;
    this.#bytes = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.#position = 0;
  }

  /** No chunk follows: what is left is the last line. */
  end(): void {
    this.#isEnded = true;
  }

  /** Goes to the next line that is not empty; false when the chunks so far hold no further one. @throws InferenceError for no UTF-8 */
  next(): boolean {
    while (this.#position < this.#bytes.byteLength) {
      const found = this.#bytes.indexOf(lineFeed, this.#position);
      if (found === -1 && !this.#isEnded) return false;
      const end = found === -1 ? this.#bytes.byteLength : found;
      const bytes = this.#bytes.subarray(this.#position, end);
      this.#position = Math.min(this.#bytes.byteLength, end + 1);
      this.#nextLine++;
      this.#text = bytes.toString("utf8").trim(); // a byte order mark is white space
      if (this.#text.includes("\ufffd") && !isUtf8(bytes)) {
        throw tableError(this.#file, `line ${this.line}`, "no UTF-8 text");
      }
      if (this.#text !== "") return true;
    }
    return false;
  }

  /** The current line without the white space around it. */
  get text(): string {
    return this.#text;
  }

  /** Its number, from 1. */
  get line(): number {
    return this.#nextLine - 1;
  }

  /** Offset in the file behind it. */
  get endByte(): number {
    return this.#base + this.#position;
  }
}
