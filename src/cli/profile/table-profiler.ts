import type { MahalanobisReference, ReferenceProfile, SignalProfile } from "../../model/package-messages.ts";
import { maxAnomalySignals } from "../../model/profile-rules.ts";
import { profileFormatVersion } from "../../model/reference-profile.ts";
import { RowSpread } from "../../statistics/row-spread.ts";
import { elementCount, formatShape, type Tensor } from "../../tensor.ts";
import { UsageError } from "../arguments.ts";
import type { OutputMeaning } from "./output-meaning.ts";
import type { AnsweredRows } from "./row-answers.ts";
import { createTensorSketch, maxColumns, type ProfiledTensor, rowValues, type TensorSketch } from "./tensor-sketch.ts";
import { createTruthJudge, type TruthJudge } from "./truth-judge.ts";

/** What a profile is made for. */
export interface ProfilerOptions {
  /** Empty: it fits a model of any name. */
  readonly modelName: string;
  /** Name of each column of each input, where the table has them. */
  readonly columnNames: ReadonlyMap<string, readonly string[]>;
  readonly meaning: OutputMeaning;
  /** Columns whose numbers are categories. */
  readonly categorical: ReadonlySet<string>;
  /** Bins wanted for numbers. */
  readonly bins: number;
}

/** A finished profile, and what was left out of it. */
export interface FinishedProfile {
  readonly profile: ReferenceProfile;
  readonly notes: readonly string[];
}

/** Share of the reference rows that the anomaly score calls usual. */
const usualShare = 0.95;

/** Makes a profile of rows that come in batches, in bounded memory. */
export class TableProfiler {
  readonly #options: ProfilerOptions;
  readonly #judge: TruthJudge | undefined;
  /** One a tensor, made when the first rows come. */
  readonly #sketches = new Map<string, TensorSketch>();
  /** Numeric inputs, and where each row's part of them goes; made with the sketches. */
  #numbers: readonly { readonly tensor: string; readonly place: number; readonly width: number }[] = [];
  #spread: RowSpread | undefined;
  #rows = 0;

  constructor(options: ProfilerOptions) {
    this.#options = options;
    this.#judge = createTruthJudge(options.meaning);
  }

  /** Adds rows with their answers and their truth. */
  add({ rowCount, inputs, outputs, truth }: AnsweredRows): void {
    if (this.#sketches.size === 0) this.#begin(inputs, outputs, rowCount);
    for (const [side, tensors] of [
      ["input", inputs],
      ["output", outputs],
    ] as const) {
      for (const tensor of tensors) this.#sketches.get(`${side} ${tensor.name}`)?.add(rowValues(tensor), rowCount);
    }
    this.#addRows(inputs, rowCount);
    if (truth !== undefined && outputs.length > 0) this.#judge?.add(outputs, truth, rowCount);
    this.#rows += rowCount;
  }

  /** The profile of all rows so far. */
  finish(): FinishedProfile {
    const { modelName, bins, meaning } = this.#options;
    const signals = [...this.#sketches.values()].flatMap((sketch) => sketch.signals(bins));
    const judgement = this.#judge?.judge() ?? { expected: [], calibrations: [], notes: [] };
    const anomaly = this.#anomaly(signals);
    const profile: ReferenceProfile = {
      format_version: profileFormatVersion,
      model_name: modelName,
      model_version: 0,
      row_count: this.#rows,
      signals,
      calibrations: judgement.calibrations,
      expected: judgement.expected,
      labels: meaning.labels,
      ...(anomaly && { anomaly }),
    };
    const left =
      anomaly === undefined && this.#rows > 0 ? ["no anomaly score: it needs 1 to 512 numeric inputs that vary"] : [];
    return { profile, notes: [...judgement.notes, ...left] };
  }

  #begin(inputs: readonly Tensor[], outputs: readonly Tensor[], rowCount: number): void {
    const taken = new Set<string>();
    const tensors = [
      ...inputs.map((tensor) => this.#describe(tensor, "SIGNAL_ROLE_INPUT", rowCount, taken)),
      ...outputs.map((tensor) => this.#describe(tensor, "SIGNAL_ROLE_OUTPUT", rowCount, taken)),
    ];
    tensors.forEach((tensor, i) => {
      const side = tensor.role === "SIGNAL_ROLE_INPUT" ? "input" : "output";
      this.#sketches.set(`${side} ${tensor.name}`, createTensorSketch(tensor, 1 + i * maxColumns));
    });
    this.#beginSpread(tensors.filter(({ role }) => role === "SIGNAL_ROLE_INPUT"));
  }

  #describe(tensor: Tensor, role: ProfiledTensor["role"], rowCount: number, taken: Set<string>): ProfiledTensor {
    const { name, datatype, shape } = tensor;
    const width = elementCount(shape) / rowCount;
    if (!Number.isInteger(width)) {
      throw new UsageError(
        `'${name}' of shape ${formatShape(shape)} has no row for each of the ${rowCount} rows asked`,
      );
    }
    const named = role === "SIGNAL_ROLE_INPUT" ? this.#options.columnNames.get(name) : undefined;
    const columnNames = Array.from({ length: Math.min(width, maxColumns) }, (_, i) => {
      const wanted = named?.[i] || (width === 1 ? name : `${name}[${i}]`);
      const unique = taken.has(wanted) ? `${name}.${wanted}` : wanted;
      taken.add(unique);
      return unique;
    });
    const isScore = role === "SIGNAL_ROLE_OUTPUT" && name === this.#options.meaning.scores;
    return { name, datatype, role, width, columnNames, isScore, categorical: this.#options.categorical };
  }

  #beginSpread(inputs: readonly ProfiledTensor[]): void {
    let place = 0;
    this.#numbers = inputs.flatMap(({ name, datatype, width, columnNames, categorical }) => {
      const isNumeric = datatype !== "BYTES" && datatype !== "BOOL" && width <= maxColumns;
      if (!isNumeric || columnNames.some((column) => categorical.has(column))) return [];
      place += width;
      return [{ tensor: name, place: place - width, width }];
    });
    if (place >= 1 && place <= maxAnomalySignals) this.#spread = new RowSpread(place);
  }

  #addRows(inputs: readonly Tensor[], rowCount: number): void {
    if (this.#spread === undefined) return;
    const parts = this.#numbers.map((part) => {
      const tensor = inputs.find(({ name }) => name === part.tensor);
      return { ...part, values: tensor === undefined ? [] : rowValues(tensor) };
    });
    const row = new Float64Array(parts.reduce((sum, { width }) => sum + width, 0));
    for (let i = 0; i < rowCount; i++) {
      for (const { place, width, values } of parts) {
        for (let k = 0; k < width; k++) row[place + k] = Number(values[i * width + k]);
      }
      this.#spread.add(row);
    }
  }

  #anomaly(signals: readonly SignalProfile[]): MahalanobisReference | undefined {
    const fit = this.#spread?.fit(usualShare);
    if (fit === undefined) return undefined;
    const byPlace = this.#numbers.flatMap(({ tensor, width }) =>
      Array.from({ length: width }, (_, column) => {
        return signals.find(
          (signal) => signal.role === "SIGNAL_ROLE_INPUT" && signal.tensor === tensor && signal.column === column,
        )?.name;
      }),
    );
    const names = fit.columns.map((column) => byPlace[column]);
    if (names.some((name) => name === undefined)) return undefined;
    return {
      signals: names.filter((name) => name !== undefined),
      mean: [...fit.mean],
      inverse_covariance: [...fit.inverseCovariance],
      threshold: fit.threshold,
      threshold_probability: usualShare,
    };
  }
}
