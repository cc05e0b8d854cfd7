import { sumGroups } from "../../statistics/bin-groups.ts";
import { sumOf } from "../../statistics/distribution-distance.ts";
import { type DriftMethod, DriftTest } from "../../statistics/drift-test.ts";
import { significanceLevel } from "../../statistics/multiple-testing.ts";
import { type DriftConfig, leastWindowRows } from "../config/drift.ts";
import type { DriftScore } from "../monitor-report.ts";
import type { SignalReference } from "./drift-reference.ts";
import { comparedBins, type SignalCounts } from "./signal-counts.ts";

/** Scores that a report keeps of the last windows. */
export const maxScoreHistory = 60;

/** A score that began or ceased to be drift with the last window. */
export interface DriftTurn {
  /** Index of the signal among those compared. */
  readonly signal: number;
  readonly method: DriftMethod;
  readonly hasBegun: boolean;
}

/** One score between two windows. */
interface ScoreState {
  readonly method: DriftMethod;
  /** Undefined: there was none in the last window. */
  last: DriftScore | undefined;
  windowsAbove: number;
  readonly history: number[];
}

interface SignalState {
  readonly reference: SignalReference;
  readonly test: DriftTest;
  readonly scores: readonly ScoreState[];
  /** Counts of the groups in the window before, where that is what windows are compared with. */
  previous: Float64Array | undefined;
}

/** A score of the window that is being compared, before it is known what the correction makes of it. */
interface Comparison {
  readonly state: SignalState;
  readonly score: ScoreState;
  readonly value: number;
  readonly rows: number;
  readonly referenceRows: number;
}

/**
 * Compares windows with the reference, one after the other, and says what drifts: a score that was above its critical value and above the
 * threshold from which a difference matters, for several windows in a row. Critical values are those of the window's own size, and keep the
 * probability of a false alarm over all scores together.
 */
export class DriftEvaluator {
  readonly #config: DriftConfig;
  readonly #signals: readonly SignalState[];
  #unprepared = 0;
  #windows = 0;

  constructor(config: DriftConfig, references: readonly SignalReference[]) {
    this.#config = config;
    this.#signals = references.map((reference, seed) => {
      const test = new DriftTest(reference.drift, config.methods, leastWindowRows, seed);
      const scores = test.methods.map(
        (method): ScoreState => ({ method, last: undefined, windowsAbove: 0, history: [] }),
      );
      return { reference, test, scores, previous: undefined };
    });
  }

  /** Windows compared so far. */
  get windows(): number {
    return this.#windows;
  }

  /** Works out the laws of the scores, a slice of about a millisecond at each call. @returns whether all are there */
  prepare(): boolean {
    const slice = 200;
    while (this.#unprepared < this.#signals.length) {
      const isPrepared = this.#signals[this.#unprepared]?.test.prepare(slice) ?? true;
      if (!isPrepared) return false;
      this.#unprepared++;
      if (this.#unprepared < this.#signals.length) return false;
    }
    return true;
  }

  /** Compares a window. {@link prepare} must have said that all is there. @param window counts of each signal */
  compare(window: readonly SignalCounts[]): readonly DriftTurn[] {
    const ended: DriftTurn[] = [];
    const comparisons = this.#signals.flatMap((state, i) => this.#compareSignal(state, window[i], ended));
    const level = this.#level(comparisons);
    this.#windows++;
    return [...ended, ...comparisons.flatMap((comparison) => this.#decide(comparison, level) ?? [])];
  }

  /** Where the correction goes by how many scores there are alone, what each would be by chance is not worked out: that takes half of the time. */
  #level(comparisons: readonly Comparison[]): number {
    const { alpha, correction } = this.#config;
    const isStepwise = correction === "holm" || correction === "benjamini_hochberg";
    const pValues = comparisons.map(({ state, score, value, rows, referenceRows }) =>
      isStepwise ? state.test.pValue(score.method, value, rows, referenceRows) : 1,
    );
    return significanceLevel(pValues, alpha, correction);
  }

  /** Scores of a signal in the last window. */
  scores(signal: number): readonly DriftScore[] {
    return this.#signals[signal]?.scores.flatMap(({ last }) => last ?? []) ?? [];
  }

  /** Whether some score of a signal is drift. */
  isDrifted(signal: number): boolean {
    return this.#signals[signal]?.scores.some(({ windowsAbove }) => windowsAbove >= this.#config.windows) ?? false;
  }

  /** How many signals drift. */
  get driftedSignals(): number {
    return this.#signals.filter((_, signal) => this.isDrifted(signal)).length;
  }

  /**
   * The scores of a signal that the last window has; none where it has too few rows, or nothing to be compared with.
   * @param ended takes what is no drift any more for that reason
   */
  #compareSignal(state: SignalState, counts: SignalCounts | undefined, ended: DriftTurn[]): readonly Comparison[] {
    const groups = new Float64Array(state.reference.groups.groupCount);
    if (counts !== undefined) sumGroups(state.reference.groups, comparedBins(counts), groups);
    const rows = sumOf(groups);
    const isSliding = this.#config.against === "previous";
    const against = isSliding ? state.previous : state.test.reference.counts;
    if (isSliding && rows >= leastWindowRows) state.previous = groups;
    if (against === undefined || rows < leastWindowRows) {
      for (const score of state.scores) {
        if (score.windowsAbove >= this.#config.windows) {
          ended.push({ signal: this.#signals.indexOf(state), method: score.method, hasBegun: false });
        }
        score.last = undefined;
        score.windowsAbove = 0;
      }
      return [];
    }
    const referenceRows = sumOf(against);
    return state.scores.map((score) => {
      const value = state.test.score(score.method, groups, against);
      return { state, score, value, rows, referenceRows };
    });
  }

  #decide({ state, score, value, rows, referenceRows }: Comparison, level: number): DriftTurn | undefined {
    const { method } = score;
    const { thresholds, windows } = this.#config;
    const critical = state.test.critical(method, level, rows, referenceRows);
    const effect = state.test.effectThreshold(method, thresholds[method], rows, referenceRows);
    const isAbove = value > critical && value > effect;
    const was = score.windowsAbove >= windows;
    score.windowsAbove = isAbove ? score.windowsAbove + 1 : 0;
    score.history.push(value);
    if (score.history.length > maxScoreHistory) score.history.shift();
    score.last = {
      method,
      value,
      critical,
      effect_threshold: effect,
      windows_above: score.windowsAbove,
      above: isAbove,
      history: [...score.history],
    };
    const is = score.windowsAbove >= windows;
    return was === is ? undefined : { signal: this.#signals.indexOf(state), method, hasBegun: is };
  }
}
