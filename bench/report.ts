import type { BenchCase, Line } from "./bench-case.ts";
import { judge } from "./estimate.ts";

/** A line as a program reads it. */
export function toRecord(benchCase: BenchCase, line: Line): object {
  return {
    case: benchCase.name,
    ...line,
    ...(line.budget === undefined ? {} : { verdict: judge(line.estimate, line.budget) }),
  };
}

/** A line as a person reads it: what was measured, the limit beside it, the figure that the budget speaks of, the budget and the verdict. */
export function formatLine(line: Line): string {
  const { what, measured, unit, limit, budget, note } = line;
  const parts = [`${what}: ${formatNumber(measured)} ${unit}`];
  if (limit !== undefined) parts.push(`limit: ${formatNumber(limit.value)} ${unit} (${limit.name})`);
  parts.push(formatEstimate(line));
  if (budget !== undefined) {
    const sign = budget.bound === "at most" ? "<=" : ">=";
    parts.push(
      `budget: ${sign} ${formatNumber(budget.value)} ${line.estimateUnit}`,
      judge(line.estimate, budget).toUpperCase(),
    );
  }
  if (note !== undefined) parts.push(`(${note})`);
  return parts.filter((part) => part !== "").join("   ");
}

function formatEstimate({ estimate, estimateUnit }: Line): string {
  const { median, low, high, count } = estimate;
  if (count === 1) return "";
  const name = estimateUnit === "x" ? "ratio" : "median";
  const range = `[${formatNumber(low)}, ${formatNumber(high)}]`;
  return `${name}: ${formatNumber(median)} ${estimateUnit} ${range} of ${count}`;
}

/** Three significant digits, whole numbers from 1000. */
function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}
