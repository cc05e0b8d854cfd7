import { readStrings, readTensor, type TensorValues } from "../../client/tensor-values.ts";
import type { SignalProfile, SignalRole } from "../../model/package-messages.ts";
import { describeNumbers, type RowStatistics } from "../../statistics/row-statistics.ts";
import { CategorySketch, NumberSketch } from "../../statistics/signal-sketch.ts";
import type { Datatype, Tensor } from "../../tensor.ts";
import { UsageError } from "../arguments.ts";

/** Tensors of more columns are described as a whole; the same number is the default of data.maxColumns in monitor.yaml. */
export const maxColumns = 256;

/** Different integers up to which an output is taken for classes. */
const maxClassCodes = 1000;

/** Statistics of a tensor with too many columns, in the order of their signals. */
const statistics = ["mean", "deviation", "minimum", "maximum", "zeros"] as const;

/** A tensor whose columns are to be profiled. */
export interface ProfiledTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly role: SignalRole;
  /** Values of a row. */
  readonly width: number;
  /** Name of each column, unique among all signals; used up to {@link maxColumns}. */
  readonly columnNames: readonly string[];
  /** Its values are scores of classes. */
  readonly isScore: boolean;
  /** Names of columns whose numbers are categories. */
  readonly categorical: ReadonlySet<string>;
}

/** Elements of a tensor; those of BYTES as text. */
export type RowValues = Exclude<TensorValues, readonly Uint8Array[]> | readonly string[];

/** The elements of a tensor, row by row. */
export function rowValues(tensor: Tensor): RowValues {
  if (tensor.datatype === "BYTES") return readStrings(tensor);
  return readTensor(tensor) as Exclude<TensorValues, readonly Uint8Array[]>; // only BYTES has those
}

/** What the values of a tensor are like, column by column. */
export interface TensorSketch {
  /** Adds rows. @param values all values of the rows, row by row */
  add(values: RowValues, rowCount: number): void;
  /** The signals with at least one value. @param bins wanted for numbers */
  signals(bins: number): readonly SignalProfile[];
}

/** A sketch of a tensor, by its columns or, where they are too many, as a whole. */
export function createTensorSketch(tensor: ProfiledTensor, seed: number): TensorSketch {
  if (tensor.width <= maxColumns) return new ColumnSketch(tensor, seed);
  if (tensor.datatype === "BYTES") {
    throw new UsageError(`'${tensor.name}' has ${tensor.width} texts a row, at most ${maxColumns} can be profiled`);
  }
  return new WideSketch(tensor, seed);
}

/** One column: as numbers, as categories, or as both until it is known which. */
interface Column {
  readonly name: string;
  readonly numbers: NumberSketch | undefined;
  readonly categories: CategorySketch | undefined;
}

class ColumnSketch implements TensorSketch {
  readonly #tensor: ProfiledTensor;
  readonly #columns: readonly Column[];

  constructor(tensor: ProfiledTensor, seed: number) {
    this.#tensor = tensor;
    this.#columns = Array.from({ length: tensor.width }, (_, i) => {
      const name = tensor.columnNames[i] ?? `${tensor.name}[${i}]`;
      const isCategory = tensor.datatype === "BYTES" || tensor.datatype === "BOOL" || tensor.categorical.has(name);
      const isClass = tensor.role === "SIGNAL_ROLE_OUTPUT" && isInteger(tensor.datatype) && tensor.width === 1;
      return {
        name,
        numbers: isCategory ? undefined : new NumberSketch(seed + i),
        categories: isCategory || isClass ? new CategorySketch() : undefined,
      };
    });
  }

  add(values: RowValues, rowCount: number): void {
    for (let row = 0, at = 0; row < rowCount; row++) {
      for (let i = 0; i < this.#columns.length; i++, at++) {
        const { name, numbers, categories } = this.#columns[i] as Column; // i is below length
        const value = values[at];
        if (typeof value === "string") categories?.add(value);
        else {
          numbers?.add(Number(value));
          categories?.add(numbers === undefined ? codeOf(name, Number(value)) : Number(value));
        }
      }
    }
  }

  signals(bins: number): readonly SignalProfile[] {
    return this.#columns.flatMap((column, i) => {
      const distribution = this.#summarize(column, bins);
      return distribution === undefined ? [] : [{ ...identityOf(this.#tensor, column.name, i), ...distribution }];
    });
  }

  #summarize({ numbers, categories }: Column, bins: number) {
    const isOfClasses = categories !== undefined && categories.size > 0 && categories.size <= maxClassCodes;
    if (categories !== undefined && (numbers === undefined || isOfClasses)) {
      const categorical = categories.summarize();
      return categorical && { categorical };
    }
    const summary = numbers?.summarize(bins);
    if (summary === undefined) return undefined;
    return this.#tensor.isScore ? { score: summary } : { numeric: summary };
  }
}

/** A number as a category; NaN is a missing one. */
function codeOf(column: string, value: number): number | undefined {
  if (Number.isNaN(value)) return undefined;
  if (Number.isSafeInteger(value)) return value;
  throw new UsageError(`--categorical '${column}': ${value} is no integer, and categories that are numbers have to be`);
}

function isInteger(datatype: Datatype): boolean {
  return datatype.startsWith("INT") || datatype.startsWith("UINT");
}

function identityOf({ name: tensor, datatype, role }: ProfiledTensor, name: string, column: number) {
  return { name, tensor, column, datatype, role };
}

class WideSketch implements TensorSketch {
  readonly #tensor: ProfiledTensor;
  readonly #sketches: readonly NumberSketch[];

  constructor(tensor: ProfiledTensor, seed: number) {
    this.#tensor = tensor;
    this.#sketches = statistics.map((_, i) => new NumberSketch(seed + i));
  }

  add(values: RowValues, rowCount: number): void {
    const { width } = this.#tensor;
    const numbers = values as ArrayLike<number | bigint>; // texts were refused
    for (let row = 0; row < rowCount; row++) {
      const found = describeNumbers(numbers, row * width, width);
      statistics.forEach((statistic, i) => {
        // What is no number among the elements is told once, by the mean.
        this.#sketches[i]?.add(statistic === "mean" ? meanOrSpoilt(found) : found[statistic]);
      });
    }
  }

  signals(bins: number): readonly SignalProfile[] {
    return statistics.flatMap((statistic, i) => {
      const numeric = this.#sketches[i]?.summarize(bins);
      if (numeric === undefined) return [];
      return [{ ...identityOf(this.#tensor, `${this.#tensor.name}.${statistic}`, 0), statistic, numeric }];
    });
  }
}

function meanOrSpoilt({ mean, spoiltBy }: RowStatistics): number {
  if (spoiltBy === "nothing") return mean;
  return spoiltBy === "nan" ? Number.NaN : Number.POSITIVE_INFINITY;
}
