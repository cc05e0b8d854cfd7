import { type Datatype, itemBytes } from "../tensor.ts";
import { arrayClasses } from "../typed-arrays.ts";
import type { GroupValues } from "./table.ts";

/** Smallest and largest value of the integer datatypes of up to 32 bits. */
const smallRanges = {
  INT8: [-(2 ** 7), 2 ** 7 - 1],
  INT16: [-(2 ** 15), 2 ** 15 - 1],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  UINT8: [0, 2 ** 8 - 1],
  UINT16: [0, 2 ** 16 - 1],
  UINT32: [0, 2 ** 32 - 1],
} as const;

const largeRanges = {
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
} as const;

/**
 * Values of one datatype that are filled in from what files hold. A setter says whether the value is one of the datatype; where it is not,
 * nothing was stored, and the caller knows the place for the error.
 */
export interface ValueArray {
  readonly values: GroupValues;
  /** A number read from text that is known to be one, e.g. `1.5`. */
  setNumber(index: number, value: number): boolean;
  /** A cell of a text file. */
  setText(index: number, text: string): boolean;
  /** A value of JSON or of a binary file: floats also take "NaN", "Infinity" and "-Infinity", which JSON cannot write as numbers. */
  setValue(index: number, value: unknown): boolean;
}

/** Room for so many values of a datatype. */
export function createValueArray(datatype: Datatype, length: number): ValueArray {
  switch (datatype) {
    case "BYTES":
      return new TextArray(length);
    case "BOOL":
      return new BooleanArray(length);
    case "FP16":
    case "FP32":
    case "FP64":
      return new FloatArray(new arrayClasses[datatype](length));
    case "INT64":
    case "UINT64":
      return new LargeIntegerArray(new arrayClasses[datatype](length), largeRanges[datatype]);
    default:
      return new IntegerArray(new arrayClasses[datatype](length), smallRanges[datatype]);
  }
}

/** The elements of raw, aligned bytes of a number datatype, as a view. */
export function viewValues(datatype: Exclude<Datatype, "BYTES" | "BOOL">, bytes: Uint8Array): GroupValues {
  return new arrayClasses[datatype](
    bytes.buffer as ArrayBuffer, // what files are read into is never shared
    bytes.byteOffset,
    bytes.byteLength / itemBytes(datatype),
  );
}

class FloatArray implements ValueArray {
  readonly values: Float16Array | Float32Array | Float64Array;

  constructor(values: Float16Array | Float32Array | Float64Array) {
    this.values = values;
  }

  setNumber(index: number, value: number): boolean {
    this.values[index] = value;
    return true;
  }

  setText(index: number, text: string): boolean {
    const value = floatOf(text.trim());
    if (value === undefined) return false;
    this.values[index] = value;
    return true;
  }

  setValue(index: number, value: unknown): boolean {
    const isWord = value === "NaN" || value === "Infinity" || value === "-Infinity";
    if (typeof value !== "number" && typeof value !== "bigint" && !isWord) return false;
    this.values[index] = Number(value);
    return true;
  }
}

type SmallIntegers = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;

class IntegerArray implements ValueArray {
  readonly values: SmallIntegers;
  readonly #min: number;
  readonly #max: number;

  constructor(values: SmallIntegers, [min, max]: readonly [number, number]) {
    this.values = values;
    this.#min = min;
    this.#max = max;
  }

  setNumber(index: number, value: number): boolean {
    if (!Number.isInteger(value) || value < this.#min || value > this.#max) return false;
    this.values[index] = value;
    return true;
  }

  setText(index: number, text: string): boolean {
    const value = integerOf(text.trim());
    return value !== undefined && this.setNumber(index, Number(value));
  }

  setValue(index: number, value: unknown): boolean {
    return (typeof value === "number" || typeof value === "bigint") && this.setNumber(index, Number(value));
  }
}

class LargeIntegerArray implements ValueArray {
  readonly values: BigInt64Array | BigUint64Array;
  readonly #min: bigint;
  readonly #max: bigint;

  constructor(values: BigInt64Array | BigUint64Array, [min, max]: readonly [bigint, bigint]) {
    this.values = values;
    this.#min = min;
    this.#max = max;
  }

  setNumber(index: number, value: number): boolean {
    return Number.isSafeInteger(value) && this.#set(index, BigInt(value));
  }

  setText(index: number, text: string): boolean {
    const value = integerOf(text.trim());
    return value !== undefined && this.#set(index, value);
  }

  setValue(index: number, value: unknown): boolean {
    return typeof value === "bigint"
      ? this.#set(index, value)
      : typeof value === "number" && this.setNumber(index, value);
  }

  #set(index: number, value: bigint): boolean {
    if (value < this.#min || value > this.#max) return false;
    this.values[index] = value;
    return true;
  }
}

class BooleanArray implements ValueArray {
  readonly values: Uint8Array;

  constructor(length: number) {
    this.values = new Uint8Array(length);
  }

  setNumber(index: number, value: number): boolean {
    if (value !== 0 && value !== 1) return false;
    this.values[index] = value;
    return true;
  }

  setText(index: number, text: string): boolean {
    const word = text.trim().toLowerCase();
    if (word === "true" || word === "1") return this.setNumber(index, 1);
    return (word === "false" || word === "0") && this.setNumber(index, 0);
  }

  setValue(index: number, value: unknown): boolean {
    return (typeof value === "boolean" || typeof value === "number") && this.setNumber(index, Number(value));
  }
}

class TextArray implements ValueArray {
  readonly values: (string | Uint8Array)[];

  constructor(length: number) {
    this.values = new Array<string>(length).fill("");
  }

  /** Never called with success: text is taken as it is written, not as the number that it may look like. */
  setNumber(): boolean {
    return false;
  }

  setText(index: number, text: string): boolean {
    this.values[index] = text;
    return true;
  }

  setValue(index: number, value: unknown): boolean {
    if (typeof value !== "string" && !(value instanceof Uint8Array)) return false;
    this.values[index] = value;
    return true;
  }
}

/** Text as a float: decimal notation, NaN and the infinities in the spellings that C, Python and JavaScript write. */
export function floatOf(text: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  if (/^[+-]?nan$/i.test(text)) return Number.NaN;
  const infinity = /^([+-]?)inf(inity)?$/i.exec(text);
  if (infinity === null) return undefined;
  return infinity[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** Text as an integer; a fraction of zeros, as spreadsheets write, is one too. */
export function integerOf(text: string): bigint | undefined {
  if (!/^[+-]?\d+(\.0*)?$/.test(text)) return undefined;
  return BigInt(text.replace(/^\+/, "").replace(/\..*/, ""));
}
