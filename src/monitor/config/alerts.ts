import { alertMetrics } from "../alerts/alert-metrics.ts";
import {
  type AlertHold,
  type AlertRule,
  type AlertSelector,
  alertSeverities,
  maxAlertRules,
} from "../alerts/alert-rule.ts";
import { parseAlertThreshold, thresholdForms } from "../alerts/alert-threshold.ts";
import { defaultRules, defaultWindowMs } from "../alerts/default-rules.ts";
import { refused, type Section } from "./section.ts";

/** One rule of `alerts` in monitor.yaml: a new one, or what becomes of a default rule. */
export interface AlertConfig {
  readonly rule: AlertRule;
  /** False: the default rule of this name is switched off. */
  readonly isEnabled: boolean;
}

/** What a rule may be called: metrics and messages carry it. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,127}$/;

const day = 86_400;
const seconds = { min: 0, max: 7 * day } as const;
const evaluations = { min: 1, max: 1000, isInteger: true } as const;
const anyNumber = { min: -1e300, max: 1e300 } as const;

/** Reads the rules of section `alerts`. @throws InferenceError "refused" */
export function readAlertConfigs(root: Section): readonly AlertConfig[] {
  const configs = root.sections("alerts", maxAlertRules).map(readAlertConfig);
  const names = configs.map(({ rule }) => rule.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw refused(`alerts has '${twice}' twice`);
  return configs;
}

/** A rule of the name of a default one has its values where it says nothing else. */
function readAlertConfig(section: Section): AlertConfig {
  const name = section.text("name", 128) ?? "";
  if (!namePattern.test(name)) {
    const form = "a text of 1 to 128 letters, digits, spaces and . _ : / -, beginning with a letter or digit";
    throw section.invalid("name", name === "" ? undefined : name, form);
  }
  const base = defaultRules.find(({ rule }) => rule.name === name)?.rule;
  const metric = section.choice("metric", [...alertMetrics.keys()]) ?? base?.metric;
  if (metric === undefined) throw section.invalid("metric", undefined, [...alertMetrics.keys()].join(", "));
  const comparison = section.choice("comparison", ["above", "below"]) ?? base?.comparison;
  if (comparison === undefined) throw section.invalid("comparison", undefined, "above or below");
  const threshold = readThreshold(section, metric, base);
  const hold = readHold(section, "holdSeconds", "windows", base?.hold ?? { ms: 0, evaluations: 1 });
  const rule: AlertRule = {
    name,
    metric,
    selector: readSelector(section, metric),
    comparison,
    threshold,
    effectThreshold:
      section.optionalNumber("effectThreshold", anyNumber) ??
      (threshold.kind === "number" ? undefined : base?.effectThreshold),
    resolveThreshold: section.optionalNumber("resolveThreshold", anyNumber) ?? base?.resolveThreshold,
    windowMs: readWindow(section, metric) ?? base?.windowMs ?? defaultWindowMs,
    minSamples: section.number("minSamples", {
      default: base?.minSamples ?? alertMetrics.get(metric)?.minSamples ?? 0,
      min: 0,
      max: 1e12,
      isInteger: true,
    }),
    hold,
    resolve: readHold(section, "resolveSeconds", "resolveWindows", hold),
    severity: section.choice("severity", alertSeverities) ?? base?.severity ?? "warning",
    message: section.text("message") ?? base?.message ?? "",
    isSentByWebhook: section.flag("webhook", base?.isSentByWebhook ?? true),
  };
  checkThresholds(section, rule);
  return { rule, isEnabled: section.flag("enabled", true) };
}

/** Seconds or windows in a row. Where neither is written, as long as `otherwise`. */
function readHold(section: Section, secondsKey: string, windowsKey: string, otherwise: AlertHold): AlertHold {
  const heldSeconds = section.optionalNumber(secondsKey, seconds);
  const heldWindows = section.optionalNumber(windowsKey, evaluations);
  if (heldSeconds === undefined && heldWindows === undefined) return otherwise;
  return { ms: (heldSeconds ?? 0) * 1000, evaluations: heldWindows ?? 1 };
}

/** @returns undefined where nothing is written */
function readWindow(section: Section, metric: string): number | undefined {
  const windowSeconds = section.optionalNumber("windowSeconds", { min: 1, max: day });
  if (windowSeconds === undefined || alertMetrics.get(metric)?.hasWindow === true) {
    return windowSeconds === undefined ? undefined : windowSeconds * 1000;
  }
  throw section.invalid("windowSeconds", windowSeconds, `nothing: '${metric}' is taken over the window of 'windows'`);
}

function readSelector(section: Section, metric: string): AlertSelector {
  const texts = ["label", "feature", "method", "kind", "signal", "stage"] as const;
  const given = [
    ...texts.map((key) => [key, section.text(key)] as const),
    ["parameter", section.optionalNumber("parameter", anyNumber)] as const,
    ["quantile", section.optionalNumber("quantile", { min: 0, max: 1 })] as const,
  ].filter(([, value]) => value !== undefined);
  const { selectors = [], quantiles } = alertMetrics.get(metric) ?? {};
  for (const [key, value] of given) {
    if (selectors.includes(key)) continue;
    const how =
      selectors.length === 0 ? "there is one such number" : `its numbers are chosen by ${selectors.join(", ")}`;
    throw section.invalid(key, value, `nothing for '${metric}': ${how}`);
  }
  const selector: AlertSelector = Object.fromEntries(given);
  if (quantiles === undefined) return selector;
  const quantile = selector.quantile ?? quantiles[0] ?? 0;
  if (!quantiles.includes(quantile)) throw section.invalid("quantile", quantile, `one of ${quantiles.join(", ")}`);
  return { ...selector, quantile };
}

function readThreshold(section: Section, metric: string, base: AlertRule | undefined): AlertRule["threshold"] {
  const text = section.text("threshold", 100);
  if (text === undefined) {
    if (base !== undefined && base.metric === metric) return base.threshold;
    throw section.invalid("threshold", undefined, thresholdForms);
  }
  const threshold = parseAlertThreshold(text);
  if (threshold === undefined) throw section.invalid("threshold", text, thresholdForms);
  const kinds = alertMetrics.get(metric)?.thresholds ?? [];
  if (kinds.includes(threshold.kind)) return threshold;
  throw section.invalid("threshold", text, `for '${metric}': ${kinds.map((kind) => formOfKind[kind]).join(", ")}`);
}

const formOfKind: Readonly<Record<AlertRule["threshold"]["kind"], string>> = {
  number: "a number",
  reference: "'reference' as in 'reference - 3se'",
  errors: "a number of standard errors as in '3se'",
  critical: "'critical'",
};

/** A number cannot have an effect threshold beside it, and a firing alert resolves on the side where it does not fire. */
function checkThresholds(
  section: Section,
  { threshold, effectThreshold, resolveThreshold, comparison }: AlertRule,
): void {
  if (threshold.kind !== "number") return;
  if (effectThreshold !== undefined) {
    throw section.invalid("effectThreshold", effectThreshold, "nothing beside a threshold that is a number");
  }
  if (resolveThreshold === undefined) return;
  const isClear = comparison === "above" ? resolveThreshold <= threshold.value : resolveThreshold >= threshold.value;
  if (isClear) return;
  const side = comparison === "above" ? "at most" : "at least";
  throw section.invalid("resolveThreshold", resolveThreshold, `${side} the threshold, ${threshold.value}`);
}
