import type { Signature, TensorSpec } from "../../inference.ts";
import { columnCount } from "../../model/guess-task.ts";
import type { ReferenceProfile, SignalProfile, SignalRole } from "../../model/package-messages.ts";
import { type Signal, type SignalLayout, type TensorStatistic, tensorStatistics } from "./sampled-rows.ts";
import { maxStatisticElements } from "./tensor-columns.ts";

/** Most signals of a model that are watched. Their windows take a few megabytes. */
export const maxSignals = 2048;

/**
 * Values a second that row statistics look at, at most, whatever `quality.maxRowsPerSecond` says: of a table of a thousand columns a hundred rows.
 * Counting a value takes about 150 ns, so this is 1.5 % of a core.
 */
export const maxValuesPerSecond = 50_000;

/** Elements that a statistic over a tensor looks at cost as much as one value that is counted on its own. */
const elementsOfValue = 8;

/** Rows a second that row statistics may look at. @param maxRows what the configuration allows */
export function rowsPerSecond({ signals }: SignalLayout, signature: Signature, maxRows: number): number {
  const wide = new Set(signals.filter(({ statistic }) => statistic !== undefined).map(({ tensor }) => tensor));
  const elements = [...signature.inputs, ...signature.outputs]
    .filter(({ name }) => wide.has(name))
    .map((spec) => Math.min(columnCount(spec, signature) ?? maxStatisticElements, maxStatisticElements));
  const values = elements.reduce((sum, count) => sum + count / elementsOfValue, signals.length);
  return Math.min(maxRows, maxValuesPerSecond / Math.max(1, values));
}

/**
 * What is watched of a model's rows: the signals of its reference profile, else every column of its inputs and outputs. A tensor of more
 * columns than `maxColumns`, or of no fixed number, is watched by statistics over all of them.
 */
export function signalLayout(
  signature: Signature,
  profile: ReferenceProfile | undefined,
  maxColumns: number,
): SignalLayout {
  const all = profile === undefined ? columnsOf(signature, maxColumns) : profile.signals.map(profiled);
  const inputs = all.filter(({ role }) => role === "SIGNAL_ROLE_INPUT");
  const outputs = all.filter(({ role }) => role === "SIGNAL_ROLE_OUTPUT");
  const signals = [...inputs, ...outputs].slice(0, maxSignals);
  const note =
    all.length > maxSignals
      ? `of ${all.length} signals the first ${maxSignals} are watched; data.maxColumns makes statistics of wide tensors`
      : "";
  return { signals, inputCount: Math.min(inputs.length, maxSignals), note };
}

function profiled(signal: SignalProfile): Signal {
  const { name, role, tensor, column, datatype, numeric, score, categorical } = signal;
  const statistic = tensorStatistics.find((known) => known === signal.statistic);
  const { minimum, maximum } = numeric ?? { minimum: 0, maximum: 1 };
  const isScore = score !== undefined;
  return {
    name,
    role,
    tensor,
    column,
    datatype,
    kind: categorical !== undefined ? "categorical" : isScore ? "score" : "numeric",
    categories: (categorical?.categories ?? []).map(({ text, code }) => text ?? String(code)),
    minimum: isScore ? Number.NEGATIVE_INFINITY : minimum,
    maximum: isScore ? Number.POSITIVE_INFINITY : maximum,
    ...(statistic && { statistic }),
  };
}

function columnsOf(signature: Signature, maxColumns: number): Signal[] {
  const of = (specs: readonly TensorSpec[], role: SignalRole) =>
    specs.flatMap((spec) => signalsOf(spec, role, columnCount(spec, signature), maxColumns));
  return [...of(signature.inputs, "SIGNAL_ROLE_INPUT"), ...of(signature.outputs, "SIGNAL_ROLE_OUTPUT")];
}

function signalsOf(spec: TensorSpec, role: SignalRole, columns: number | undefined, maxColumns: number): Signal[] {
  const isText = spec.datatype === "BYTES";
  const create = (name: string, column: number, statistic?: TensorStatistic): Signal => ({
    name,
    role,
    tensor: spec.name,
    column,
    datatype: spec.datatype,
    kind: isText ? "categorical" : "numeric",
    categories: [],
    minimum: Number.NEGATIVE_INFINITY,
    maximum: Number.POSITIVE_INFINITY,
    ...(statistic && { statistic }),
  });
  if (columns === 1) return [create(spec.name, 0)];
  if (columns !== undefined && columns <= maxColumns) {
    return Array.from({ length: columns }, (_, column) => create(`${spec.name}[${column}]`, column));
  }
  if (isText) return []; // a list of texts of any length has no columns to tell of
  return tensorStatistics.map((statistic) => create(`${spec.name}.${statistic}`, 0, statistic));
}
