import type { ModelReport } from "../monitor-report.ts";
import type { AlertRule, AlertThreshold } from "./alert-rule.ts";
import { type AlertReading, effectiveThreshold } from "./alert-state.ts";

/** A reading, and which of several numbers it is. */
export interface SubjectReading extends AlertReading {
  /** The feature, the class, the method: whatever chose the number; empty: there was nothing to choose. */
  readonly subject: string;
  /** End of the window that it is of, epoch milliseconds; absent: it is of this moment, however often it is asked for. */
  readonly windowEndMs?: number | undefined;
}

/** What a metric is read with, beside report and rule. */
export interface ReadingContext {
  /** Epoch milliseconds, the clock of the report. */
  readonly nowMs: number;
  /** By how much a number that only grows has grown within the rule's window. */
  readonly growth: (total: number) => { readonly amount: number; readonly evaluations: number };
}

/** Finds the number of one metric in a report. */
export type AlertReader = (report: ModelReport, rule: AlertRule, context: ReadingContext) => SubjectReading;

/** There is no such number. */
export const noReading: SubjectReading = { value: undefined, samples: 0, threshold: undefined, subject: "" };

/** A reading that is compared with a plain number. @throws nothing: any other threshold makes it one that cannot be compared */
export function plainReading(
  value: number | undefined,
  samples: number,
  rule: AlertRule,
  subject = "",
): SubjectReading {
  return { value, samples, threshold: plainThreshold(rule.threshold), subject };
}

/** The number of a threshold that is one. */
export function plainThreshold(threshold: AlertThreshold): number | undefined {
  return threshold.kind === "number" ? threshold.value : undefined;
}

/**
 * Of several readings the one that a rule is closest to alarming about, or that is furthest beyond its threshold; readings without a finite number
 * and threshold come last: they must not hide one that has both.
 */
export function worstReading(
  readings: readonly SubjectReading[],
  rule: Pick<AlertRule, "comparison" | "effectThreshold">,
): SubjectReading {
  const sign = rule.comparison === "above" ? 1 : -1;
  let worst = noReading;
  let worstMargin = Number.NEGATIVE_INFINITY;
  for (const reading of readings) {
    const { value = Number.NaN, threshold = Number.NaN } = reading;
    const margin = sign * (value - effectiveThreshold(rule, threshold));
    if (Number.isFinite(margin) && margin > worstMargin) [worst, worstMargin] = [reading, margin];
  }
  return worst === noReading ? (readings[0] ?? noReading) : worst;
}
