import { isUtf8 } from "node:buffer";
import { InferenceError } from "../errors.ts";

/**
 * The elements of a BYTES tensor in raw layout: each a uint32 little-endian length and that many bytes.
 */

/** Elements up to this length are checked byte by byte, longer ones by native code, whose call costs more than the loop. */
const shortElementBytes = 48;

function readLength(data: Uint8Array, position: number): number {
  const low = (data[position] ?? 0) | ((data[position + 1] ?? 0) << 8);
  return low + (data[position + 2] ?? 0) * 0x10000 + (data[position + 3] ?? 0) * 0x1000000;
}

/**
 * Checks that `data` holds exactly `count` elements that the runtime can carry: ONNX Runtime's Node binding takes strings, which end
 * at the first NUL and must be UTF-8.
 * @param where what the texts name, as in `input 'X' for model 'm'`; `prefix` comes before the whole text.
 * @throws InferenceError "invalid", in Triton's words where it has them.
 */
export function validateElements(data: Uint8Array, count: number, where: string, prefix: string): void {
  const { length } = data;
  let position = 0;
  let index = 0;
  for (; position < length; index++) {
    const left = length - position;
    if (left < 4) {
      invalid(
        `${prefix}incomplete string length indicator for inference ${where}, expecting 4 bytes but only ${left} bytes available. ` +
          "Please make sure the string length indicator is in one buffer.",
      );
    }
    if (index === count) {
      invalid(`${prefix}unexpected number of string elements ${index + 1} for inference ${where}, expecting ${count}`);
    }
    const size = readLength(data, position);
    position += 4;
    if (size > length - position) {
      invalid(
        `${prefix}incomplete string data for inference ${where}, element ${index} has length ${size} but only ${length - position} bytes available`,
      );
    }
    validateText(data, position, position + size, index, where, prefix);
    position += size;
  }
  if (index !== count) invalid(`${prefix}expected ${count} string elements for inference ${where}, got ${index}`);
}

function validateText(
  data: Uint8Array,
  start: number,
  end: number,
  index: number,
  where: string,
  prefix: string,
): void {
  let position = start;
  if (end - start <= shortElementBytes) {
    for (; position < end; position++) {
      const byte = data[position] as number; // position is below the end
      if (byte === 0 || byte >= 0x80) break;
    }
  }
  if (position === end) return;
  const text = data.subarray(position, end);
  if (text.includes(0)) invalid(`${prefix}string element ${index} of ${where} contains a NUL byte`);
  if (!isUtf8(text)) invalid(`${prefix}string element ${index} of ${where} is not valid UTF-8`);
}

function invalid(message: string): never {
  throw new InferenceError("invalid", message);
}

/** The number of elements; NaN when a length reaches beyond the data. */
export function countBytesElements(data: Uint8Array): number {
  let count = 0;
  let position = 0;
  for (; position + 4 <= data.length; count++) position += 4 + readLength(data, position);
  return position === data.length ? count : Number.NaN;
}

/** Views of the elements; `data` must have been checked or made by this server. Stops where the layout ends. */
export function* elements(data: Uint8Array): Generator<Uint8Array> {
  for (let position = 0; position + 4 <= data.length; ) {
    const start = position + 4;
    position = start + readLength(data, position);
    yield data.subarray(start, position);
  }
}

/** Strings to the raw layout. */
export function encodeElements(texts: readonly string[]): Uint8Array {
  let size = 0;
  for (const text of texts) size += 4 + Buffer.byteLength(text);
  const data = Buffer.allocUnsafe(size);
  let position = 0;
  for (const text of texts) {
    const written = data.write(text, position + 4, "utf8");
    position = data.writeUInt32LE(written, position) + written;
  }
  return data;
}

/** The raw layout to strings, as UTF-8; what is not UTF-8 becomes U+FFFD. */
export function decodeElements(data: Uint8Array): string[] {
  const texts: string[] = [];
  for (const element of elements(data)) {
    texts.push(Buffer.from(element.buffer, element.byteOffset, element.byteLength).toString("utf8"));
  }
  return texts;
}
