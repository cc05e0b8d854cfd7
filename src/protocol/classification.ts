import { InferenceError } from "../errors.ts";
import { type Datatype, elementCount, itemBytes, type Tensor } from "../tensor.ts";
import { encodeElements } from "./bytes-elements.ts";

/** Most elements of one row that are ranked, as at Triton: ranking happens between two requests of everybody else. */
export const maxClassificationElements = 1_000_000;

type NumberReader = (view: DataView, offset: number) => number | bigint;

/** The datatypes that have a ranking, by the extension: neither BOOL, FP16 nor BYTES. */
const readers: Readonly<Partial<Record<Datatype, NumberReader>>> = {
  UINT8: (view, offset) => view.getUint8(offset),
  UINT16: (view, offset) => view.getUint16(offset, true),
  UINT32: (view, offset) => view.getUint32(offset, true),
  UINT64: (view, offset) => view.getBigUint64(offset, true),
  INT8: (view, offset) => view.getInt8(offset),
  INT16: (view, offset) => view.getInt16(offset, true),
  INT32: (view, offset) => view.getInt32(offset, true),
  INT64: (view, offset) => view.getBigInt64(offset, true),
  FP32: (view, offset) => view.getFloat32(offset, true),
  FP64: (view, offset) => view.getFloat64(offset, true),
};

export interface ClassificationOptions {
  /** Highest values wanted of each row, at least 1; a row with fewer elements gives all. */
  readonly count: number;
  /** The first dimension counts rows (the model batches); else the whole tensor is one row. */
  readonly hasBatchDimension: boolean;
  /** Class labels by index; an index beyond them has none. */
  readonly labels?: readonly string[];
}

/**
 * Triton's classification extension: the output becomes BYTES of shape [batch, n] ([n] without a batch dimension), each element
 * `value:index` or `value:index:label`, the highest value first, the lower index first among equals, NaN last. Floats stand with six
 * decimals as C prints `%f`, integers plainly.
 * @throws InferenceError "invalid" for a datatype without a ranking or a row above {@link maxClassificationElements}.
 */
export function classify(output: Tensor, options: ClassificationOptions): Tensor {
  const { name, datatype, shape, data } = output;
  const read = readers[datatype];
  if (read === undefined) {
    throw new InferenceError("invalid", `class result not available for output due to unsupported type '${datatype}'`);
  }
  const isBatched = options.hasBatchDimension && shape.length > 0;
  const rows = isBatched ? (shape[0] ?? 0) : 1;
  const rowElements = elementCount(isBatched ? shape.slice(1) : shape);
  if (rowElements > maxClassificationElements) {
    throw new InferenceError("invalid", "classification output tensor too large");
  }
  const count = Math.min(options.count, rowElements);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const size = itemBytes(datatype);
  const texts: string[] = [];
  for (let row = 0; row < rows; row++) {
    const values: (number | bigint)[] = [];
    for (let i = 0; i < rowElements; i++) values.push(read(view, (row * rowElements + i) * size));
    for (const index of highest(values, count)) {
      const label = options.labels?.[index];
      const value = formatValue(values[index] ?? 0, datatype);
      texts.push(label === undefined ? `${value}:${index}` : `${value}:${index}:${label}`);
    }
  }
  return { name, datatype: "BYTES", shape: isBatched ? [rows, count] : [count], data: encodeElements(texts) };
}

/** Indices of the `count` highest values, in order. Reads the row once with a heap of the best so far, whose root is the worst of them. */
function highest(values: readonly (number | bigint)[], count: number): readonly number[] {
  const comesBefore = (a: number, b: number) => compare(values[a] ?? 0, values[b] ?? 0) < 0;
  const best: number[] = [];
  for (let index = 0; index < values.length; index++) {
    if (best.length < count) raise(best, best.push(index) - 1, comesBefore);
    else if (comesBefore(index, best[0] ?? 0)) lower(best, index, comesBefore);
  }
  return best.sort((a, b) => compare(values[a] ?? 0, values[b] ?? 0) || a - b);
}

type Order = (a: number, b: number) => boolean;

/** Moves a new last entry up to its place; of equals the later index is the worse. */
function raise(heap: number[], last: number, comesBefore: Order): void {
  const entry = heap[last] ?? 0;
  let place = last;
  while (place > 0) {
    const parent = (place - 1) >>> 1;
    const above = heap[parent] ?? 0;
    if (isWorse(above, entry, comesBefore)) break;
    heap[place] = above;
    place = parent;
  }
  heap[place] = entry;
}

/** Puts an entry in place of the root and moves it down to its place. */
function lower(heap: number[], entry: number, comesBefore: Order): void {
  let place = 0;
  for (;;) {
    let child = 2 * place + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isWorse(heap[child + 1] ?? 0, heap[child] ?? 0, comesBefore)) child++;
    const below = heap[child] ?? 0;
    if (!isWorse(below, entry, comesBefore)) break;
    heap[place] = below;
    place = child;
  }
  heap[place] = entry;
}

function isWorse(a: number, b: number, comesBefore: Order): boolean {
  return comesBefore(b, a) || (a > b && !comesBefore(a, b));
}

/** Negative when `a` is the higher value; NaN comes after everything. */
function compare(a: number | bigint, b: number | bigint): number {
  if (a > b) return -1;
  if (a < b) return 1;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

function formatValue(value: number | bigint, datatype: Datatype): string {
  return typeof value === "number" && (datatype === "FP32" || datatype === "FP64") ? formatFloat(value) : String(value);
}

/** A number as C's `printf("%f")` writes it: six decimals, exact ties to the even digit, no exponent. */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  const magnitude = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (magnitude === Number.POSITIVE_INFINITY) return `${sign}inf`;
  if (magnitude >= 1e21) return `${sign}${BigInt(magnitude)}.000000`; // toFixed would use an exponent
  return sign + (isTie(magnitude) ? roundTie(magnitude) : magnitude.toFixed(6));
}

/** Whether six decimals leave exactly half a unit: only odd multiples of 2^-7 do, and toFixed rounds those up instead of to even. */
function isTie(magnitude: number): boolean {
  return (magnitude * 128) % 2 === 1;
}

function roundTie(magnitude: number): string {
  const lower = (BigInt(magnitude * 128) * 15625n - 1n) / 2n; // millionths, rounded down: 10^6 / 128 = 15625 / 2
  const even = lower % 2n === 0n ? lower : lower + 1n;
  return `${even / 1_000_000n}.${String(even % 1_000_000n).padStart(6, "0")}`;
}
