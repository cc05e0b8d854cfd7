import { InferenceError } from "../../errors.ts";
import {
  type MahalanobisReference,
  type ReferenceProfile,
  type SignalProfile,
  toTimestamp,
} from "../../model/package-messages.ts";
import { profileFormatVersion } from "../../model/reference-profile.ts";
import { RowSpread } from "../../statistics/row-spread.ts";
import { CategorySketch, NumberSketch } from "../../statistics/signal-sketch.ts";
import type { Datatype } from "../../tensor.ts";
import {
  markInfinite,
  markNan,
  markNull,
  markOk,
  markUnseen,
  type SampledRows,
  type Signal,
} from "../collect/sampled-rows.ts";

/** Most signals of a capture: the sketch of each takes up to 200 KB. */
export const maxCapturedSignals = 256;

/** Rows of a capture: enough for windows to be compared with, and a bound for how long one may take. */
export const capturedRows = { min: 500, max: 1_000_000 } as const;

/** Most numeric inputs of a capture's anomaly score: with more, what is worked out in the end would hold up requests. */
const maxSpreadSignals = 64;

/** Bins wanted for numbers. */
const bins = 10;

/** Different integers up to which an output is taken for classes. */
const maxClassCodes = 1000;

/** Share of the rows that the anomaly score calls usual. */
const usualShare = 0.95;

/** What is captured, and of which model. */
export interface CaptureOptions {
  readonly modelName: string;
  readonly signals: readonly Signal[];
  /** Labels of the classes by index; empty: no classification. */
  readonly labels: readonly string[];
  /** Output with the scores of classes; undefined: there is none. */
  readonly scoresOutput: string | undefined;
  readonly rowCount: number;
  /** Classes that are integers stay numbers, as the rows have them. Default: they become categories. */
  readonly areClassesNumbers?: boolean;
}

/** One signal in the making. */
interface SignalCapture {
  readonly signal: Signal;
  readonly isScore: boolean;
  readonly numbers: NumberSketch | undefined;
  readonly categories: CategorySketch | undefined;
}

/** A reference profile in the making, out of rows as they are asked and answered. */
export class ReferenceCapture {
  readonly #options: CaptureOptions;
  readonly #signals: readonly SignalCapture[];
  /** Places of numeric inputs in a row. */
  readonly #numbers: readonly number[];
  readonly #spread: RowSpread | undefined;
  readonly #row: Float64Array;
  #rows = 0;

  /** @throws InferenceError "invalid" for a number of rows out of its range, "unsupported" for a model with too many signals */
  constructor(options: CaptureOptions) {
    const { rowCount, signals, scoresOutput, areClassesNumbers = false } = options;
    if (!(rowCount >= capturedRows.min && rowCount <= capturedRows.max)) {
      throw new InferenceError(
        "invalid",
        `row_count is ${rowCount}, expected ${capturedRows.min} to ${capturedRows.max}`,
      );
    }
    if (signals.length > maxCapturedSignals) {
      throw new InferenceError(
        "unsupported",
        `the model has ${signals.length} signals, a capture takes at most ${maxCapturedSignals}: use \`sluice profile\`, or a smaller data.maxColumns`,
      );
    }
    this.#options = options;
    this.#signals = signals.map((signal, seed) => {
      return captureOf(signal, signal.tensor === scoresOutput, areClassesNumbers, seed + 1);
    });
    this.#numbers = signals.flatMap(({ role, kind, statistic }, place) => {
      return role === "SIGNAL_ROLE_INPUT" && kind === "numeric" && statistic === undefined ? [place] : [];
    });
    const isSpread = this.#numbers.length >= 1 && this.#numbers.length <= maxSpreadSignals;
    this.#spread = isSpread ? new RowSpread(this.#numbers.length) : undefined;
    this.#row = new Float64Array(this.#numbers.length);
  }

  /** Whether it has all its rows. */
  get isComplete(): boolean {
    return this.#rows >= this.#options.rowCount;
  }

  /** Adds rows, as many as are still wanted. */
  add({ count, width, values, marks }: SampledRows): void {
    for (let row = 0; row < count && !this.isComplete; row++, this.#rows++) {
      const start = row * width;
      for (let i = 0; i < this.#signals.length; i++) {
        addValue(this.#signals[i] as SignalCapture, values[start + i] as number, marks[start + i] as number); // a row has all signals
      }
      if (this.#spread === undefined) continue;
      this.#numbers.forEach((place, i) => {
        this.#row[i] = marks[start + place] === markOk ? (values[start + place] as number) : Number.NaN;
      });
      this.#spread.add(this.#row);
    }
  }

  /**
   * The profile of the rows so far. Takes up to a few milliseconds for each signal.
   * @param nowMs epoch milliseconds
   * @param pause gives others a turn
   */
  async finish(nowMs: number, pause: () => Promise<void>): Promise<ReferenceProfile> {
    const signals: SignalProfile[] = [];
    for (const signal of this.#signals) {
      signals.push(...profileOf(signal));
      await pause();
    }
    const anomaly = this.#anomaly(signals);
    return {
      format_version: profileFormatVersion,
      model_name: this.#options.modelName,
      model_version: 0,
      created_at: toTimestamp(nowMs),
      row_count: this.#rows,
      signals,
      calibrations: [],
      expected: [],
      labels: this.#options.labels,
      ...(anomaly && { anomaly }),
    };
  }

  #anomaly(signals: readonly SignalProfile[]): MahalanobisReference | undefined {
    const fit = this.#spread?.fit(usualShare);
    if (fit === undefined) return undefined;
    const names = fit.columns.flatMap((column) => this.#signals[this.#numbers[column] ?? -1]?.signal.name ?? []);
    if (!names.every((name) => signals.some((signal) => signal.name === name))) return undefined;
    return {
      signals: names,
      mean: [...fit.mean],
      inverse_covariance: [...fit.inverseCovariance],
      threshold: fit.threshold,
      threshold_probability: usualShare,
    };
  }
}

function captureOf(signal: Signal, isOfScores: boolean, areClassesNumbers: boolean, seed: number): SignalCapture {
  const { kind, role, datatype, statistic } = signal;
  const isClass = !areClassesNumbers && role === "SIGNAL_ROLE_OUTPUT" && statistic === undefined && isInteger(datatype);
  return {
    signal,
    isScore: kind === "score" || (kind === "numeric" && isOfScores && statistic === undefined),
    numbers: kind === "categorical" ? undefined : new NumberSketch(seed),
    // Of texts only those are known that a reference lists.
    categories: (kind === "categorical" && signal.categories.length > 0) || isClass ? new CategorySketch() : undefined,
  };
}

function isInteger(datatype: string): boolean {
  return /^(U?INT|BOOL)/.test(datatype);
}

function addValue({ signal, numbers, categories }: SignalCapture, value: number, mark: number): void {
  if (mark === markOk) {
    numbers?.add(value);
    categories?.add(signal.kind === "categorical" ? categoryOf(signal, value) : value);
  } else if (mark === markNan || mark === markNull) {
    numbers?.add(Number.NaN);
    categories?.add(undefined);
  } else if (mark === markInfinite) numbers?.add(Number.POSITIVE_INFINITY);
  else if (mark === markUnseen) categories?.addOther();
}

/** A known category by its index, as what the tensor holds. */
function categoryOf({ categories, datatype }: Signal, index: number): string | number | undefined {
  const text = categories[index];
  return text === undefined || (datatype as Datatype) === "BYTES" ? text : Number(text);
}

/** Integers beyond 2^53 are others, and no classes. */
function isOfClasses({ size }: CategorySketch): boolean {
  return size > 0 && size <= maxClassCodes;
}

/** The signal of the profile; none where nothing is known of its values. */
function profileOf({ signal, isScore, numbers, categories }: SignalCapture): readonly SignalProfile[] {
  const { name, tensor, column, datatype, role, statistic } = signal;
  const identity = { name, tensor, column, datatype, role, ...(statistic && { statistic }) };
  if (categories !== undefined && (numbers === undefined || isOfClasses(categories))) {
    const categorical = categories.summarize();
    return categorical === undefined ? [] : [{ ...identity, categorical }];
  }
  const summary = numbers?.summarize(bins);
  if (summary === undefined) return [];
  return [isScore ? { ...identity, score: summary } : { ...identity, numeric: summary }];
}
