import type { Instrument } from "../../src/monitor/telemetry/instrument.ts";
import { instruments } from "../../src/monitor/telemetry/instruments.ts";
import { prometheusName } from "../../src/monitor/telemetry/prometheus-text.ts";
import { TritonMetrics } from "../../src/monitor/telemetry/triton-metrics.ts";
import { describeModel } from "../monitor/telemetry/records.ts";

/** Every metric name that a server can show, histograms with their three forms. */
export function exportedNames(): ReadonlySet<string> {
  const all: readonly Instrument[] = Object.values(instruments);
  const own = all.flatMap(({ name, unit, kind, isSigned }) => {
    const shown = prometheusName(name, unit, kind === "counter");
    if (kind !== "histogram") return [shown];
    return [`${shown}_bucket`, `${shown}_count`, ...(isSigned === true ? [] : [`${shown}_sum`])];
  });
  const triton = new TritonMetrics();
  triton.onModelState("seed", "1", "READY", { reason: "", loadMs: 1, description: describeModel() });
  const theirs = [...[...triton.text()].join("").matchAll(/^# TYPE (\S+)/gm)].map(([, name = ""]) => name);
  return new Set([...own, ...theirs]);
}

/** The metric names in a PromQL expression: words before a selector, a range, an operator or the end, as far as we write them. */
export function namesIn(expr: string): readonly string[] {
  const bare = expr.replaceAll(/\{[^}]*\}|"[^"]*"/g, "").replaceAll(/\b(by|on|group_left) ?\([^)]*\)/g, "");
  return [...bare.matchAll(/\b[a-z]+(?:_[a-z0-9]+)+\b(?! ?\()/g)]
    .map(([name]) => name)
    .filter((name) => name !== "group_left");
}
