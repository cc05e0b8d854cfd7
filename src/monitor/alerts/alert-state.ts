import type { AlertHold, AlertRule, AlertStateName } from "./alert-rule.ts";

/**
 * How a number stands to a rule: beyond its threshold, clear of it, between threshold and resolve threshold (where nothing changes for a
 * firing alert), or unknown, because it rests on too few samples or is not there.
 */
export type AlertCondition = "met" | "between" | "clear" | "unknown";

/** A number at one moment. */
export interface AlertReading {
  /** Undefined: there is none. */
  readonly value: number | undefined;
  /** Rows, requests or outcomes that it rests on. */
  readonly samples: number;
  /** What it is compared with; undefined: that cannot be told. */
  readonly threshold: number | undefined;
}

/** An alert between two evaluations. */
export interface AlertStatus {
  readonly state: AlertStateName;
  /** When it came to stand so. */
  readonly sinceMs: number;
  /** When the turn that is under way began: toward firing, or away from it. Undefined: none is. */
  readonly turnSinceMs: number | undefined;
  /** Evaluations in a row that spoke for the turn. */
  readonly turnEvaluations: number;
}

/** What an alert is before its first evaluation. */
export function newAlertStatus(nowMs: number): AlertStatus {
  return { state: "unknown", sinceMs: nowMs, turnSinceMs: undefined, turnEvaluations: 0 };
}

/** What a number must be beyond: the threshold, and the effect threshold where there is one. */
export function effectiveThreshold(
  { comparison, effectThreshold }: Pick<AlertRule, "comparison" | "effectThreshold">,
  threshold: number,
): number {
  if (effectThreshold === undefined) return threshold;
  return comparison === "above" ? Math.max(threshold, effectThreshold) : Math.min(threshold, effectThreshold);
}

/** How a reading stands to a rule. */
export function alertCondition(
  { value, samples, threshold }: AlertReading,
  {
    comparison,
    minSamples,
    effectThreshold,
    resolveThreshold,
  }: Pick<AlertRule, "comparison" | "minSamples" | "effectThreshold" | "resolveThreshold">,
): AlertCondition {
  if (value === undefined || threshold === undefined || !Number.isFinite(value) || !Number.isFinite(threshold)) {
    return "unknown";
  }
  if (!(samples >= minSamples)) return "unknown";
  const sign = comparison === "above" ? 1 : -1;
  if (sign * value > sign * effectiveThreshold({ comparison, effectThreshold }, threshold)) return "met";
  return resolveThreshold !== undefined && sign * value > sign * resolveThreshold ? "between" : "clear";
}

/**
 * The next state of an alert. Pure: time comes in.
 *
 * An alert fires once its condition was met by every evaluation for as long as `hold` says, and until then is pending; one evaluation that does
 * not meet it ends that. It resolves once no evaluation met the condition for as long as `resolve` says, to `ok` or, where the samples have
 * run out, to `unknown`. So it never begins to fire on too few samples, and fires at most once in `hold` and `resolve` together.
 */
export function nextAlertStatus(
  status: AlertStatus,
  condition: AlertCondition,
  nowMs: number,
  { hold, resolve }: Pick<AlertRule, "hold" | "resolve">,
): AlertStatus {
  if (status.state === "firing") return nextOfFiring(status, condition, nowMs, resolve);
  if (condition !== "met") return settle(status, condition === "unknown" ? "unknown" : "ok", nowMs);
  const turned = turn(status, nowMs);
  if (hasLasted(turned, nowMs, hold)) return settle(turned, "firing", nowMs);
  return turned.state === "pending" ? turned : { ...turned, state: "pending", sinceMs: nowMs };
}

function nextOfFiring(status: AlertStatus, condition: AlertCondition, nowMs: number, resolve: AlertHold): AlertStatus {
  if (condition === "met" || condition === "between") return settle(status, "firing", nowMs);
  const turned = turn(status, nowMs);
  return hasLasted(turned, nowMs, resolve) ? settle(turned, condition === "clear" ? "ok" : "unknown", nowMs) : turned;
}

/** One evaluation more in favour of a turn. */
function turn(status: AlertStatus, nowMs: number): AlertStatus {
  return { ...status, turnSinceMs: status.turnSinceMs ?? nowMs, turnEvaluations: status.turnEvaluations + 1 };
}

function hasLasted({ turnSinceMs, turnEvaluations }: AlertStatus, nowMs: number, hold: AlertHold): boolean {
  return turnSinceMs !== undefined && nowMs - turnSinceMs >= hold.ms && turnEvaluations >= hold.evaluations;
}

/** A state without a turn under way. */
function settle(status: AlertStatus, state: AlertStateName, nowMs: number): AlertStatus {
  if (status.state === state && status.turnSinceMs === undefined) return status;
  const sinceMs = status.state === state ? status.sinceMs : nowMs;
  return { state, sinceMs, turnSinceMs: undefined, turnEvaluations: 0 };
}
