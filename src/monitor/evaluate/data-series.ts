import type { SignalProfile } from "../../model/package-messages.ts";
import { markOk, type SampledRows, type Signal } from "../collect/sampled-rows.ts";
import { anomalyPlaces, type ValueCounts, valueFields } from "../collect/value-counts.ts";
import type { ModelPartContext } from "../model-part.ts";
import { dataInstruments } from "../telemetry/data-instruments.ts";
import type { HistogramSeries } from "../telemetry/series.ts";

/** Shows how many rows there were and how many of them were looked at, from the first one on. */
export function countRows({ series, sampler }: ModelPartContext): void {
  const passedBy = () => (sampler.seen === 0 ? undefined : sampler.seen - sampler.chosen);
  series.observe(dataInstruments.monitorRows, passedBy, { "sluice.sampled": "false" });
  const lookedAt = () => (sampler.seen === 0 ? undefined : sampler.chosen);
  series.observe(dataInstruments.monitorRows, lookedAt, { "sluice.sampled": "true" });
}

/** The series of what a model's rows look like. */
export class DataSeries {
  readonly #values: readonly { readonly index: number; readonly histogram: HistogramSeries }[];

  /**
   * @param exported signals with series of their own, and their place in a row
   * @param total counts of all signals since the version was loaded
   */
  constructor(
    { series, profile }: ModelPartContext,
    exported: readonly (readonly [signal: Signal, index: number])[],
    total: ValueCounts,
  ) {
    const profiles = new Map(profile?.signals.map((signal) => [signal.name, signal]));
    for (const [signal, index] of exported) {
      const known = profiles.get(signal.name);
      for (const [kind, place] of anomalyPlaces) {
        if (!canBe(kind, signal, known)) continue;
        const at = index * valueFields + place;
        const read = () => {
          const count = total.numbers[at] ?? 0;
          return count > 0 || (known !== undefined && total.rows > 0) ? count : undefined;
        };
        series.observe(dataInstruments.featureAnomalies, read, { "sluice.feature": signal.name, "sluice.kind": kind });
      }
    }
    this.#values = exported.flatMap(([{ name }, index]) => {
      const edges = edgesOf(profiles.get(name));
      if (edges === undefined) return [];
      const attributes = { "sluice.feature": name };
      return [{ index, histogram: series.histogram(dataInstruments.featureValue, attributes, edges) }];
    });
  }

  record({ count, width, values, marks }: SampledRows): void {
    for (const { index, histogram } of this.#values) {
      for (let at = index; at < count * width; at += width) {
        if (marks[at] === markOk) histogram.record(values[at] ?? Number.NaN);
      }
    }
  }
}

function edgesOf(profile: SignalProfile | undefined): readonly number[] | undefined {
  return (profile?.numeric ?? profile?.score)?.edges;
}

/** Whether a signal can have values of a kind, so that what can never count has no series. */
function canBe(kind: string, signal: Signal, profile: SignalProfile | undefined): boolean {
  const isCategory = signal.kind === "categorical";
  if (kind === "unseen_category") return isCategory && profile !== undefined;
  if (kind === "out_of_range") return !isCategory && Number.isFinite(signal.minimum + signal.maximum);
  if (kind === "null") return signal.role === "SIGNAL_ROLE_INPUT";
  return !isCategory && signal.datatype.startsWith("FP");
}
