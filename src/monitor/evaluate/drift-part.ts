import { type ReferenceProfile, type SignalProfile, toTimestamp } from "../../model/package-messages.ts";
import { isApplicable } from "../../statistics/drift-test.ts";
import type { SampledRows } from "../collect/sampled-rows.ts";
import type { DriftConfig } from "../config/drift.ts";
import { refused } from "../config/section.ts";
import type { ModelPart, ModelPartContext } from "../model-part.ts";
import type { DataReport, ModelReportDraft, SignalReport } from "../monitor-report.ts";
import { maxDriftSeries, maxDriftSignals } from "../telemetry/drift-instruments.ts";
import { chooseSignals } from "./chosen-signals.ts";
import { DriftEvaluator, type DriftTurn } from "./drift-evaluator.ts";
import type { SignalReference } from "./drift-reference.ts";
import { DriftSeries } from "./drift-series.ts";
import {
  clearWindowCounts,
  createWindowCounts,
  isWindowComplete,
  mergeWindowCounts,
  recordRows,
  type WindowCounts,
} from "./drift-window.ts";
import { referenceShares, toSignalProfile } from "./signal-counts.ts";

/** Time that requests have between two slices of the preparation, which take about a millisecond each. */
const preparationPauseMs = 4;

/** Watches how far the data of a model version is from its reference. */
export class DriftPart implements ModelPart {
  readonly name = "drift";
  readonly maxBytes: number;
  readonly #context: ModelPartContext;
  readonly #config: DriftConfig;
  readonly #source: string;
  /** What is compared. Profiles, references, places in a row and counts all go by the same index. */
  readonly #references: readonly SignalReference[];
  readonly #places: Int32Array;
  readonly #evaluator: DriftEvaluator;
  readonly #series: DriftSeries;
  readonly #note: string;
  /** What this front has counted since the last block. */
  readonly #block: WindowCounts;
  /** Fills up, block by block. */
  #window: WindowCounts;
  /** The last complete one; without rows until there is one. */
  #last: WindowCounts;
  #isPrepared = false;
  #isPreparing = false;
  #isClosed = false;

  /** @throws InferenceError "refused" when the configuration names signals that are not there, or would make too many series */
  constructor(context: ModelPartContext, profile: ReferenceProfile) {
    this.#context = context;
    this.#config = context.config.drift;
    this.#source = sourceOf(profile, context.profileSource);
    const { references, places, note } = chooseSignals(context, profile);
    this.#references = references;
    this.#places = places;
    this.#note = note;
    this.#evaluator = new DriftEvaluator(this.#config, references);
    const exported = references.slice(0, Math.min(context.config.data.exportSignals, maxDriftSignals));
    checkSeries(exported, this.#config);
    this.#series = new DriftSeries(context.series, this.#evaluator, exported, this.#config);
    const profiles = references.map((reference) => reference.profile);
    this.#block = createWindowCounts(profiles);
    this.#window = createWindowCounts(profiles);
    this.#last = createWindowCounts(profiles);
    this.maxBytes = profiles.reduce((sum, signal) => sum + bytesOf(signal, this.#config), 0);
  }

  onRows(rows: SampledRows): void {
    recordRows(this.#block, rows, this.#places);
    if (!this.#isPrepared && !this.#isPreparing) this.#prepareLater();
  }

  onBlockEnd(nowMs: number): void {
    mergeWindowCounts(this.#window, this.#block);
    clearWindowCounts(this.#block);
    if (!this.#isPrepared || !isWindowComplete(this.#window, nowMs, this.#config)) return;
    const turns = this.#evaluator.compare(this.#window.signals);
    [this.#window, this.#last] = [this.#last, this.#window];
    clearWindowCounts(this.#window);
    for (const turn of turns) if (turn.hasBegun) this.#series.countDetected(turn.signal, turn.method);
    if (turns.length > 0) this.#tell(turns);
  }

  /** Adds to what is told of the values of the signals. */
  report(into: ModelReportDraft, _nowMs: number, isBrief = false): void {
    const shown = this.#last.rows > 0 ? this.#last : this.#window;
    const told = new Map(into.data.signals.map((signal) => [signal.name, signal]));
    this.#references.forEach(({ profile: { name, role } }, i) => {
      const signal = told.get(name) ?? { name, role, scores: [], anomalies: [], drifted: false };
      told.set(name, this.#reportSignal(i, signal, isBrief ? undefined : shown));
    });
    const data: DataReport = {
      ...into.data,
      reference: this.#source,
      note: [into.data.note, this.#note].filter((note) => note !== "").join("; "),
      signals: [...told.values()],
      signal_count: told.size,
      drifted_signals: this.#evaluator.driftedSignals,
      windows: this.#evaluator.windows,
    };
    const window = { from: toTimestamp(shown.fromMs), to: toTimestamp(shown.toMs), rows: shown.rows };
    into.data = shown.rows > 0 ? { ...data, compared_window: window } : data;
  }

  close(): void {
    this.#isClosed = true;
  }

  #reportSignal(index: number, told: SignalReport, shown: WindowCounts | undefined): SignalReport {
    const { profile } = this.#references[index] as SignalReference; // an index of the list
    const counts = shown?.signals[index];
    const shares = referenceShares(profile);
    return {
      ...told,
      ...(counts !== undefined && { current: toSignalProfile(profile, counts), reference: profile }),
      scores: this.#evaluator.scores(index),
      anomalies: told.anomalies.map((values) => ({ ...values, reference_share: shares.get(values.kind) ?? 0 })),
      drifted: this.#evaluator.isDrifted(index),
    };
  }

  /** Works the laws of the scores out when there is traffic, and never long at a time. */
  #prepareLater(): void {
    this.#isPreparing = true;
    this.#context.clock.after(preparationPauseMs, () => {
      if (this.#isClosed) return;
      this.#isPrepared = this.#evaluator.prepare();
      if (!this.#isPrepared) this.#prepareLater();
    });
  }

  #tell(turns: readonly DriftTurn[]): void {
    const { name, version } = this.#context.description;
    for (const hasBegun of [true, false]) {
      const found = turns.filter((turn) => turn.hasBegun === hasBegun);
      if (found.length === 0) continue;
      const signals = [...new Set(found.map(({ signal }) => this.#references[signal]?.profile.name))];
      const fields = { model: name, version, signals: signals.slice(0, 10), count: signals.length };
      this.#context.report(hasBegun ? "warn" : "info", hasBegun ? "data drifts" : "data no longer drifts", fields);
    }
  }
}

/**
 * Memory that a signal takes: counts of two windows and a block, of groups and of the reference, and for each method its law (a hundred quantiles), its
 * history and its series.
 */
function bytesOf({ numeric, score, categorical }: SignalProfile, { methods }: DriftConfig): number {
  const bins = (numeric ?? score)?.counts.length ?? categorical?.categories.length ?? 0;
  return 10 * 8 * (bins + 16) + methods.length * 2560;
}

/** Where a reference comes from, in a few words. */
function sourceOf({ row_count: rows, created_at: at }: ReferenceProfile, file: string): string {
  const when = at === undefined ? "" : `, made ${new Date(at.seconds * 1000).toISOString().slice(0, 10)}`;
  return `${file}, ${rows} rows${when}`;
}

function checkSeries(references: readonly SignalReference[], { methods }: DriftConfig): void {
  const scores = references.reduce((sum, { drift }) => {
    return sum + methods.filter((method) => isApplicable(method, drift.positions !== undefined)).length;
  }, 0);
  if (scores <= maxDriftSeries) return;
  throw refused(
    `${references.length} signals make ${scores} series of sluice.drift.score, at most ${maxDriftSeries} are allowed: lower data.exportSignals or name fewer drift.methods`,
  );
}
