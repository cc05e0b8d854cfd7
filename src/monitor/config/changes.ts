import type { NumberRule, Section } from "./section.ts";

/** Numbers that can be watched over time, one value a row but for the latency, which has one a request. */
export const changeSignals = ["error", "confidence", "output_share", "value", "latency"] as const;

/** What is watched: see docs/monitoring.md. */
export type ChangeSignal = (typeof changeSignals)[number];

/** How it is watched, with the settings of the method. Lengths and numbers are in values; `limit`, `delta` and `threshold` of the last two in standard deviations. */
export type ChangeMethod =
  /** `delta`: probability that a look finds a change where there is none. Smaller changes than `minChange`, or than this share of what was before, are not told. */
  | { readonly method: "adwin"; readonly delta: number; readonly minChange: number; readonly minRatio: number }
  | { readonly method: "page_hinkley"; readonly delta: number; readonly threshold: number; readonly baseline: number }
  | { readonly method: "ewma"; readonly weight: number; readonly limit: number; readonly baseline: number }
  /** A change is a value beyond a bound after one within. In the unit of the signal. */
  | { readonly method: "threshold"; readonly above: number; readonly below: number };

/** One entry of `changes` in monitor.yaml: what watches a number over time. */
export type ChangeConfig = ChangeMethod & {
  readonly signal: ChangeSignal;
  /** The class whose share is watched (output_share), or the predicted number by its index (value); empty: the first number. */
  readonly label: string;
  /** So many values in a row become one, their mean, before the method sees them. */
  readonly averageOf: number;
};

/** Most entries of `changes`. */
export const maxChanges = 32;

/** Ranges and defaults of the numbers of an entry. */
export const changeRules = {
  averageOf: { default: 1, min: 1, max: 100_000, isInteger: true },
  adwinDelta: { default: 0.002, min: 1e-12, max: 0.5 },
  minChange: { default: 0, min: 0, max: 1e300 },
  minRatio: { default: 0, min: 0, max: 1e6 },
  pageHinkleyDelta: { default: 0.5, min: 0, max: 1000 },
  pageHinkleyThreshold: { default: 12, min: 0.1, max: 1e9 },
  weight: { default: 0.2, min: 0.001, max: 1 },
  limit: { default: 4, min: 0.1, max: 1000 },
  baseline: { default: 300, min: 30, max: 1_000_000, isInteger: true },
} as const satisfies Record<string, NumberRule>;

const bound = { min: -1e300, max: 1e300 };

/**
 * What is watched without configuration, of models that have it. A change of less than two points of a share, or of a tenth of a regression's
 * error, is none that anybody acts on.
 */
export const defaultChanges: readonly ChangeConfig[] = (["confidence", "error"] as const).map((signal) => ({
  ...{ method: "adwin", delta: changeRules.adwinDelta.default, minChange: 0.02, minRatio: 0 },
  ...{ signal, label: "", averageOf: changeRules.averageOf.default },
}));

/** Reads one entry. @throws InferenceError "refused" */
export function readChangeConfig(section: Section): ChangeConfig {
  const signal = section.choice("signal", changeSignals);
  if (signal === undefined) throw section.invalid("signal", undefined, changeSignals.join(", "));
  const label = signal === "output_share" || signal === "value" ? section.text("label") : undefined;
  if (signal === "output_share" && label === undefined) {
    throw section.invalid("label", undefined, "the label of the class whose share is watched");
  }
  if (signal === "value" && label !== undefined && !/^\d{1,6}$/.test(label)) {
    throw section.invalid("label", label, "the index of a predicted number, from 0");
  }
  const averageOf = section.number("averageOf", changeRules.averageOf);
  return { ...readMethod(section), signal, label: label ?? "", averageOf };
}

function readMethod(section: Section): ChangeMethod {
  const method = section.choice("method", ["adwin", "page_hinkley", "ewma", "threshold"]) ?? "adwin";
  if (method === "threshold") return readThreshold(section);
  if (method === "adwin") {
    const delta = section.number("delta", changeRules.adwinDelta);
    const minChange = section.number("minChange", changeRules.minChange);
    return { method, delta, minChange, minRatio: section.number("minRatio", changeRules.minRatio) };
  }
  const baseline = section.number("baseline", changeRules.baseline);
  if (method === "ewma") {
    const weight = section.number("weight", changeRules.weight);
    return { method, weight, limit: section.number("limit", changeRules.limit), baseline };
  }
  const delta = section.number("delta", changeRules.pageHinkleyDelta);
  return { method, delta, threshold: section.number("threshold", changeRules.pageHinkleyThreshold), baseline };
}

function readThreshold(section: Section): ChangeMethod {
  const above = section.optionalNumber("above", bound) ?? Number.POSITIVE_INFINITY;
  const below = section.optionalNumber("below", bound) ?? Number.NEGATIVE_INFINITY;
  if (above === Number.POSITIVE_INFINITY && below === Number.NEGATIVE_INFINITY) {
    throw section.invalid("above", undefined, "a number, or one under 'below'");
  }
  if (below > above) throw section.invalid("below", below, `at most the ${above} of 'above'`);
  return { method: "threshold", above, below };
}
