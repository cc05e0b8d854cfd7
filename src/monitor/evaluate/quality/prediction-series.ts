import { expectedCounts } from "../../../statistics/quality-estimate.ts";
import { instruments } from "../../telemetry/instruments.ts";
import { maxClassSeries, unknownClass } from "../../telemetry/quality-instruments.ts";
import type { CounterSeries } from "../../telemetry/series.ts";
import type { SeriesGroup } from "../../telemetry/series-registry.ts";
import type { ClassificationRules } from "./classification-measure.ts";
import { hasEstimates, type SeenPredictions } from "./seen-predictions.ts";

/** Counts what a classifier predicted and what its scores lead to expect: a block at a time, since it is the same as in the block. */
export class PredictionSeries {
  /** By class, the unknown one last; empty with too many classes. */
  readonly #classes: readonly CounterSeries[];
  readonly #expected: Readonly<Record<"tp" | "fp" | "fn" | "tn", CounterSeries>> | undefined;

  constructor(group: SeriesGroup, { labels, scores }: ClassificationRules, isCalibrated: boolean) {
    const shown = labels.length <= maxClassSeries ? [...labels, unknownClass] : [];
    this.#classes = shown.map((label) => group.counter(instruments.predictedClasses, { "sluice.predicted": label }));
    const expected = (outcome: string) =>
      group.counter(instruments.estimateOutcomes, {
        "sluice.outcome": outcome,
        "sluice.calibrated": String(isCalibrated),
      });
    if (scores === "none") return;
    this.#expected = { tp: expected("tp"), fp: expected("fp"), fn: expected("fn"), tn: expected("tn") };
  }

  /** Adds what was seen in a block. */
  add(seen: SeenPredictions): void {
    const { classCounts, estimate } = seen;
    for (const [index, series] of this.#classes.entries()) series.add(classCounts[index] ?? 0);
    if (!hasEstimates(seen)) return;
    for (let index = 0; index < estimate.classes; index++) {
      const counts = expectedCounts(estimate, index);
      this.#expected?.tp.add(counts.truePositives);
      this.#expected?.fp.add(counts.falsePositives);
      this.#expected?.fn.add(counts.falseNegatives);
      this.#expected?.tn.add(counts.trueNegatives);
    }
  }
}
