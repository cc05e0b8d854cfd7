import { type DriftMethod, isApplicable } from "../../statistics/drift-test.ts";
import type { DriftConfig } from "../config/drift.ts";
import { driftInstruments } from "../telemetry/drift-instruments.ts";
import type { CounterSeries } from "../telemetry/series.ts";
import type { SeriesGroup } from "../telemetry/series-registry.ts";
import type { DriftEvaluator } from "./drift-evaluator.ts";
import type { SignalReference } from "./drift-reference.ts";

/** The series of what drifts: scores and critical values of the last window, and how often drift began. */
export class DriftSeries {
  /** By signal and method. */
  readonly #detected = new Map<string, CounterSeries>();

  /** @param exported signals with series of their own: the first ones of the evaluator */
  constructor(
    group: SeriesGroup,
    evaluator: DriftEvaluator,
    exported: readonly SignalReference[],
    { methods }: DriftConfig,
  ) {
    exported.forEach(({ profile, drift }, signal) => {
      for (const method of methods) {
        if (!isApplicable(method, drift.positions !== undefined)) continue;
        const attributes = { "sluice.feature": profile.name, "sluice.method": method };
        const score = () => evaluator.scores(signal).find((found) => found.method === method);
        group.observe(driftInstruments.driftScore, () => score()?.value, attributes);
        group.observe(driftInstruments.driftCritical, () => bound(score()), attributes);
        this.#detected.set(`${signal} ${method}`, group.counter(driftInstruments.driftDetected, attributes));
      }
    });
    group.observe(driftInstruments.driftSignals, () =>
      evaluator.windows === 0 ? undefined : evaluator.driftedSignals,
    );
  }

  /** A score of a signal became drift. */
  countDetected(signal: number, method: DriftMethod): void {
    this.#detected.get(`${signal} ${method}`)?.add(1);
  }
}

function bound(
  score: { readonly critical: number; readonly effect_threshold: number } | undefined,
): number | undefined {
  return score && Math.max(score.critical, score.effect_threshold);
}
