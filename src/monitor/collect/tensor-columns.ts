import { type Datatype, elementCount, itemBytes, type Tensor } from "../../tensor.ts";
import { type ElementReader, elementReader } from "./element-reader.ts";
import { markAbsent, markInfinite, markNan, markNull, markOk, markUnseen, type Signal } from "./sampled-rows.ts";
import { TextElements } from "./text-elements.ts";
import { TextIndex } from "./text-index.ts";

/** Most elements of a row that a statistic over all columns looks at: of more, every second, third and so on. An image takes microseconds so. */
export const maxStatisticElements = 4096;

/** A signal of a tensor and its place among the values of a row. */
interface Place {
  readonly signal: Signal;
  readonly index: number;
  /** Texts that are known; undefined: the signal is no text. */
  readonly texts: TextIndex | undefined;
  /** Integers that are known, for categories of a tensor of numbers. */
  readonly codes: ReadonlyMap<number, number> | undefined;
}

const noData = new Uint8Array();

/** Reads the signals that one tensor carries out of one row after another. */
export class TensorColumns {
  readonly tensor: string;
  readonly #read: ElementReader | undefined;
  readonly #itemBytes: number;
  readonly #columns: readonly Place[];
  readonly #statistics: readonly Place[];
  readonly #elements = new TextElements();
  readonly #isOutput: boolean;
  #data: Uint8Array = noData;
  /** Elements of a row; 0: there is no such tensor. */
  #elementsOfRow = 0;
  #rows = 0;

  /** @param signals all of one tensor, with the place of each among the values of a row */
  constructor(tensor: string, datatype: Datatype, signals: readonly (readonly [signal: Signal, index: number])[]) {
    this.tensor = tensor;
    this.#read = elementReader(datatype);
    this.#itemBytes = itemBytes(datatype);
    this.#isOutput = signals[0]?.[0].role === "SIGNAL_ROLE_OUTPUT";
    const places = signals.map(([signal, index]) => ({
      signal,
      index,
      ...knownValues(signal, this.#read === undefined),
    }));
    // Texts are walked through from the front.
    this.#columns = places
      .filter(({ signal }) => signal.statistic === undefined)
      .sort((a, b) => a.signal.column - b.signal.column);
    this.#statistics = places.filter(({ signal }) => signal.statistic !== undefined);
  }

  /** Turns to the tensor of a request or response of so many rows. @param tensors those of the request or response */
  open(tensors: readonly Tensor[], rows: number): void {
    this.#elementsOfRow = 0;
    for (let i = 0; i < tensors.length; i++) {
      const tensor = tensors[i];
      if (tensor === undefined || tensor.name !== this.tensor) continue;
      this.#data = tensor.data;
      this.#rows = rows;
      this.#elementsOfRow = rows > 0 ? Math.floor(elementCount(tensor.shape) / rows) : 0;
      if (this.#read === undefined) this.#elements.open(tensor.data);
      return;
    }
  }

  /** Reads a row's signals to their places from `start` on. */
  copy(row: number, values: Float64Array, marks: Uint8Array, start: number): void {
    const isThere = this.#elementsOfRow > 0 && row < this.#rows;
    for (let i = 0; i < this.#columns.length; i++) {
      const place = this.#columns[i] as Place; // i is an index of columns
      const at = start + place.index;
      if (isThere && place.signal.column < this.#elementsOfRow) this.#copyColumn(row, place, values, marks, at);
      else this.#setMissing(values, marks, at);
    }
    if (this.#statistics.length === 0) return;
    if (isThere && this.#read !== undefined) this.#copyStatistics(row, this.#read, values, marks, start);
    else for (const { index } of this.#statistics) this.#setMissing(values, marks, start + index);
  }

  /** Forgets the data, which belongs to somebody else. */
  close(): void {
    this.#data = noData;
    this.#elements.close();
    this.#elementsOfRow = 0;
  }

  #setMissing(values: Float64Array, marks: Uint8Array, at: number): void {
    values[at] = Number.NaN;
    marks[at] = this.#isOutput ? markAbsent : markNull;
  }

  #copyColumn(row: number, place: Place, values: Float64Array, marks: Uint8Array, at: number): void {
    const element = row * this.#elementsOfRow + place.signal.column;
    if (this.#read === undefined) {
      this.#copyText(element, place, values, marks, at);
      return;
    }
    const value = this.#read(this.#data, element * this.#itemBytes);
    if (place.codes === undefined) {
      values[at] = value;
      marks[at] = markOf(value);
      return;
    }
    const code = place.codes.get(value);
    values[at] = code ?? Number.NaN;
    marks[at] = code !== undefined ? markOk : Number.isNaN(value) ? markNan : markUnseen;
  }

  #copyText(element: number, { texts }: Place, values: Float64Array, marks: Uint8Array, at: number): void {
    values[at] = Number.NaN;
    marks[at] = markNull;
    const elements = this.#elements;
    if (!elements.seek(element) || elements.start === elements.end) return;
    const known = texts?.find(elements.data, elements.start, elements.end) ?? 0; // no list: every text is one
    values[at] = known;
    marks[at] = known < 0 ? markUnseen : markOk;
  }

  #copyStatistics(row: number, read: ElementReader, values: Float64Array, marks: Uint8Array, start: number): void {
    const found = describeRow(this.#data, row * this.#elementsOfRow, this.#elementsOfRow, read, this.#itemBytes);
    for (let i = 0; i < this.#statistics.length; i++) {
      const { signal, index } = this.#statistics[i] as Place; // i is an index of statistics
      const at = start + index;
      const value = signal.statistic === undefined ? Number.NaN : found[signal.statistic];
      values[at] = value;
      // What is no number among the elements is told once, by the mean.
      const isSpoilt = signal.statistic === "mean" && found.spoilt !== markOk;
      marks[at] = isSpoilt ? found.spoilt : markOf(value);
    }
  }
}

function markOf(value: number): number {
  if (value - value === 0) return markOk; // finite
  return Number.isNaN(value) ? markNan : markInfinite;
}

function knownValues({ kind, categories }: Signal, isText: boolean): Pick<Place, "texts" | "codes"> {
  if (kind !== "categorical" || categories.length === 0) return { texts: undefined, codes: undefined };
  if (isText) return { texts: new TextIndex(categories), codes: undefined };
  return { texts: undefined, codes: new Map(categories.map((code, index) => [Number(code), index])) };
}

/** Filled anew for each row. */
const row = { mean: 0, deviation: 0, minimum: 0, maximum: 0, zeros: 0, spoilt: markOk };

/** Statistics over the elements of a row that are numbers, or over every n-th of many. */
function describeRow(
  data: Uint8Array,
  first: number,
  count: number,
  read: ElementReader,
  bytes: number,
): Readonly<typeof row> {
  const step = Math.ceil(count / maxStatisticElements);
  let [n, mean, m2, zeros, spoilt] = [0, 0, 0, 0, markOk];
  let [minimum, maximum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < count; i += step) {
    const value = read(data, (first + i) * bytes);
    if (value - value !== 0) {
      if (spoilt !== markNan) spoilt = markOf(value);
      continue;
    }
    n++;
    const delta = value - mean;
    mean += delta / n;
    m2 += delta * (value - mean);
    if (value === 0) zeros++;
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
  }
  const isEmpty = n === 0;
  row.mean = isEmpty ? Number.NaN : mean;
  row.deviation = isEmpty ? Number.NaN : Math.sqrt(m2 / n);
  row.minimum = isEmpty ? Number.NaN : minimum;
  row.maximum = isEmpty ? Number.NaN : maximum;
  row.zeros = isEmpty ? Number.NaN : zeros / n;
  row.spoilt = spoilt;
  return row;
}
