import type { NumericProfile, SignalProfile } from "../../../model/package-messages.ts";
import { numberText } from "./number-text.ts";

/** Bars of two distributions over the same bins, as shares of all values. */
export interface Bars {
  readonly labels: readonly string[];
  readonly now: readonly number[];
  readonly reference: readonly number[] | undefined;
  /** Where the horizontal axis is labelled, counted in bars from 0, the middle of the first. */
  readonly ticks: { readonly at: readonly number[]; readonly labels: readonly string[] };
}

/** Values of a categorical signal that are shown one by one; the rest stands together. */
const maxCategories = 24;
/** Labels that fit below a histogram. */
const maxTicks = 7;

/** The bars of a signal now beside its reference; undefined while there is neither. */
export function signalBars(current: SignalProfile | undefined, reference: SignalProfile | undefined): Bars | undefined {
  const [now, before] = [numbersOf(current), numbersOf(reference)];
  const numeric = now ?? before;
  if (numeric !== undefined) return numericBars(now ?? emptyLike(numeric), before);
  if (current?.categorical === undefined && reference?.categorical === undefined) return undefined;
  return countBars(categoriesOf(current), reference === undefined ? undefined : categoriesOf(reference));
}

/** The numbers of a profile, of whichever kind. */
export function numbersOf(profile: SignalProfile | undefined): NumericProfile | undefined {
  return profile?.numeric ?? profile?.score;
}

function emptyLike(profile: NumericProfile): NumericProfile {
  return { ...profile, counts: profile.counts.map(() => 0), underflow_count: 0, overflow_count: 0 };
}

/** The bars of a distribution of numbers; what lies outside of its edges has bars of its own, if there is any. */
export function numericBars(now: NumericProfile, reference?: NumericProfile): Bars {
  const { edges } = reference ?? now;
  const [first, last] = [edges[0] ?? 0, edges.at(-1) ?? 0];
  const hasUnder = now.underflow_count + (reference?.underflow_count ?? 0) > 0;
  const hasOver = now.overflow_count + (reference?.overflow_count ?? 0) > 0;
  const all = (profile: NumericProfile) => [
    ...(hasUnder ? [profile.underflow_count] : []),
    ...profile.counts,
    ...(hasOver ? [profile.overflow_count] : []),
  ];
  const labels = [
    ...(hasUnder ? [`below ${numberText(first)}`] : []),
    ...edges.slice(1).map((edge, i) => `${numberText(edges[i])} to ${numberText(edge)}`),
    ...(hasOver ? [`above ${numberText(last)}`] : []),
  ];
  const every = Math.max(1, Math.ceil(edges.length / maxTicks));
  const ticks = edges.map((edge, i) => ({ at: i - 0.5 + (hasUnder ? 1 : 0), label: numberText(edge, 3) }));
  const shown = ticks.filter((_, i) => i % every === 0);
  return {
    labels,
    now: shares(all(now)),
    reference: reference === undefined ? undefined : shares(all(reference)),
    ticks: { at: shown.map(({ at }) => at), labels: shown.map(({ label }) => label) },
  };
}

function categoriesOf(profile: SignalProfile | undefined): ReadonlyMap<string, number> {
  const { categories = [], other_count = 0, null_count = 0 } = profile?.categorical ?? {};
  const counts = new Map(categories.map(({ text, code, count }) => [text ?? String(code ?? ""), count]));
  if (other_count > 0) counts.set("other", (counts.get("other") ?? 0) + other_count);
  if (null_count > 0) counts.set("null", (counts.get("null") ?? 0) + null_count);
  return counts;
}

/** Bars of values that are counted one by one; of many, the frequent ones and the rest together. */
export function countBars(now: ReadonlyMap<string, number>, reference?: ReadonlyMap<string, number>): Bars {
  const names = [...new Set([...(reference?.keys() ?? []), ...now.keys()])];
  const weight = (name: string) => (reference ?? now).get(name) ?? 0;
  const kept =
    names.length <= maxCategories ? names : names.sort((a, b) => weight(b) - weight(a)).slice(0, maxCategories);
  const rest = names.filter((name) => !kept.includes(name));
  const counts = (from: ReadonlyMap<string, number>) => [
    ...kept.map((name) => from.get(name) ?? 0),
    ...(rest.length === 0 ? [] : [rest.reduce((sum, name) => sum + (from.get(name) ?? 0), 0)]),
  ];
  const labels = [...kept, ...(rest.length === 0 ? [] : [`${rest.length} others`])];
  const every = Math.max(1, Math.ceil(labels.length / (maxTicks + 3)));
  const at = labels.map((_, i) => i).filter((i) => i % every === 0);
  return {
    labels,
    now: shares(counts(now)),
    reference: reference === undefined ? undefined : shares(counts(reference)),
    ticks: { at, labels: at.map((i) => shortened(labels[i] ?? "")) },
  };
}

function shortened(label: string): string {
  return label.length > 12 ? `${label.slice(0, 11)}…` : label;
}

function shares(counts: readonly number[]): readonly number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (total === 0 ? 0 : count / total));
}
