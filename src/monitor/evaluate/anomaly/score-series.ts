import type { AnomalyReport } from "../../monitor-report.ts";
import { instruments } from "../../telemetry/instruments.ts";
import type { CounterSeries, HistogramSeries } from "../../telemetry/series.ts";
import type { SeriesGroup } from "../../telemetry/series-registry.ts";
import type { ScoreBook } from "./score-book.ts";

/** The scores of rows in metrics and report. */
export class ScoreSeries {
  readonly #book: ScoreBook;
  readonly #group: SeriesGroup;
  readonly #attributes: { readonly "sluice.detector": string };
  readonly #anomalous: CounterSeries;
  /** Made when the bins of scores are known. */
  #histogram: HistogramSeries | undefined;

  /** @param detector kind of the detector: mahalanobis, half_space_trees or model */
  constructor(group: SeriesGroup, book: ScoreBook, detector: string) {
    this.#group = group;
    this.#book = book;
    this.#attributes = { "sluice.detector": detector };
    this.#anomalous = group.counter(instruments.anomalyRows, this.#attributes);
    group.observe(instruments.anomalyThreshold, () => known(book.threshold), this.#attributes);
  }

  /** Counts the score of a row; NaN is none. */
  record(score: number, atMs: number): void {
    if (Number.isNaN(score)) return;
    if (this.#book.record(score, atMs)) this.#anomalous.add(1);
    const { edges } = this.#book;
    if (this.#histogram === undefined && edges !== undefined) {
      this.#histogram = this.#group.histogram(instruments.anomalyScore, this.#attributes, [...edges]);
    }
    if (Number.isFinite(score)) this.#histogram?.record(score);
  }

  /** What the report says of scores. */
  report(nowMs: number): Pick<AnomalyReport, "anomalous_rows" | "threshold" | "scores" | "anomalous_share"> {
    const { scores, share } = this.#book.window(nowMs);
    return {
      anomalous_rows: this.#book.anomalousRows,
      threshold: known(this.#book.threshold) ?? 0,
      ...(scores && { scores }),
      ...(share !== undefined && { anomalous_share: share }),
    };
  }
}

function known(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}
