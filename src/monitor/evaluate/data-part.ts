import { InferenceError } from "../../errors.ts";
import { toTimestamp } from "../../model/package-messages.ts";
import type { SampledRows, Signal } from "../collect/sampled-rows.ts";
import {
  createValueCounts,
  mergeValueCounts,
  recordValues,
  type ValueCounts,
  type ValueRules,
  valueFields,
  valueRules,
} from "../collect/value-counts.ts";
import { numberRules } from "../config/monitor-config.ts";
import type { ModelPart, ModelPartContext } from "../model-part.ts";
import type { DataReport, ModelReportDraft } from "../monitor-report.ts";
import { anomalyKinds, maxDataLines } from "../telemetry/data-instruments.ts";
import { BlockRing } from "./block-ring.ts";
import { countRows, DataSeries } from "./data-series.ts";
import { signalReport } from "./value-report.ts";

/**
 * Watches the values of a model version's inputs and outputs for what should not be among them.
 * @throws InferenceError "refused" when they would make too many series
 */
export function createDataPart(context: ModelPartContext): ModelPart {
  return new DataPart(context);
}

class DataPart implements ModelPart {
  readonly name = "data";
  readonly maxBytes: number;
  readonly #context: ModelPartContext;
  readonly #signals: readonly Signal[];
  readonly #rules: ValueRules;
  readonly #total: ValueCounts;
  readonly #blocks: BlockRing<ValueCounts>;
  readonly #exported: ExportedSignals["exported"];
  /** Made with the first row looked at: idle models are many. */
  #series: DataSeries | undefined;
  readonly #note: string;

  constructor(context: ModelPartContext) {
    const { signals, note } = context.signals;
    const { blockSeconds, blocks } = context.config.windows;
    const create = () => createValueCounts(signals.length);
    this.#context = context;
    this.#signals = signals;
    this.#rules = valueRules(signals);
    this.#total = create();
    this.#blocks = new BlockRing({ blockMs: blockSeconds * 1000, blocks, create });
    this.maxBytes = (this.#blocks.capacity + 1) * signals.length * valueFields * Float64Array.BYTES_PER_ELEMENT;
    const { exported, note: seriesNote } = exportedSignals(context);
    this.#exported = exported;
    countRows(context);
    this.#note = [note, seriesNote].filter((text) => text !== "").join("; ");
    if (this.#note !== "") {
      const { name, version } = context.description;
      context.report("info", "data is watched in part", { model: name, version, reason: this.#note });
    }
  }

  onRows(rows: SampledRows): void {
    const { atMs } = rows;
    const block = this.#blocks.at(atMs, Math.max(atMs, this.#context.clock.nowMs())); // clocks may be set back
    if (block !== undefined) recordValues(block, this.#total, rows, this.#rules);
    this.#series ??= new DataSeries(this.#context, this.#exported, this.#total);
    this.#series.record(rows);
  }

  report(into: ModelReportDraft, nowMs: number, isBrief = false): void {
    const { sampler, config } = this.#context;
    const blocks = this.#blocks.window(nowMs, config.windows.rows, ({ rows }) => rows);
    const window = createValueCounts(this.#signals.length);
    for (const { state } of blocks) mergeValueCounts(window, state);
    const data: DataReport = {
      ...into.data,
      note: this.#note,
      sampled_rows_per_second: sampler.chosenPerSecond,
      rows_per_second: sampler.ratePerSecond,
      signals: this.#signals.map((signal, index) => signalReport(signal, window.numbers, index * valueFields, isBrief)),
      signal_count: this.#signals.length,
    };
    const oldest = blocks.at(-1);
    into.data =
      oldest === undefined
        ? data
        : { ...data, window: { from: toTimestamp(oldest.startMs), to: toTimestamp(nowMs), rows: window.rows } };
  }
}

interface ExportedSignals {
  readonly exported: readonly (readonly [signal: Signal, index: number])[];
  /** What is left out; empty: nothing. */
  readonly note: string;
}

/**
 * The signals with series of their own: the first ones, as many as monitor.yaml says. Where it says nothing, no more than the lines of their
 * series allow.
 */
function exportedSignals({ config, signals: { signals }, profile }: ModelPartContext): ExportedSignals {
  const wanted = config.data.exportSignals;
  const binsOf = new Map(
    (profile?.signals ?? []).map(({ name, numeric, score }) => [name, (numeric ?? score)?.edges.length ?? 0]),
  );
  let lines = 0;
  const fitting = signals.findIndex(({ name }, index) => {
    lines += (binsOf.get(name) ?? 0) + 2; // a bucket more than edges, and the count
    return lines > maxDataLines || (index + 1) * anomalyKinds.length > maxDataLines;
  });
  const most = fitting < 0 ? signals.length : fitting;
  const isTold = wanted !== numberRules["data.exportSignals"].default;
  if (isTold && Math.min(wanted, signals.length) > most) {
    throw new InferenceError(
      "refused",
      `monitor.yaml: data.exportSignals is ${wanted}, but from signal '${signals[most]?.name}' on the series of sluice.feature.value or ` +
        `sluice.feature.anomalies take more than ${maxDataLines} lines: at most ${most} signals of this model can have series`,
    );
  }
  const count = Math.min(wanted, most, signals.length);
  const left = signals.length - count;
  return {
    exported: signals.slice(0, count).map((signal, index) => [signal, index] as const),
    note: left === 0 ? "" : `${left} of ${signals.length} signals have no series of their own (data.exportSignals)`,
  };
}
