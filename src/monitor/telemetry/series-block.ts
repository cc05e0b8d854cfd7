import type { Attributes, HrTime } from "@opentelemetry/api";
import type { Instrument, InstrumentKind } from "./instrument.ts";
import { instruments } from "./instruments.ts";
import type { HistogramSnapshot } from "./series.ts";
import type { SeriesFamily, SeriesPoint } from "./series-registry.ts";

/** One series of a block: a {@link SeriesPoint} without objects that only this process has. */
export interface BlockPoint {
  readonly attributes: Readonly<Attributes>;
  readonly startTime: HrTime;
  readonly value: number | HistogramSnapshot;
}

/**
 * All series of one front at one moment, by the names of their instruments: plain data that survives JSON, so that it can be sent to where the
 * server's numbers are shown, and be added to the blocks of other fronts.
 */
export type SeriesBlock = Readonly<Record<string, readonly BlockPoint[]>>;

/** A block of what a registry collected. */
export function createBlock(families: readonly SeriesFamily[]): SeriesBlock {
  return Object.fromEntries(
    families.map(({ instrument, points }) => [
      instrument.name,
      points.map(({ attributes, startTime, value }) => ({ attributes, startTime, value })),
    ]),
  );
}

/**
 * Two fronts as one server. Counters, levels and histograms add up, from the earlier start on; of a gauge the larger value counts, because every
 * model's are told by one front alone, its home, and those of processes by how badly the worst is off. Neither block is changed. Commutative and, but
 * for the rounding of sums, associative.
 *
 * @throws TypeError for histograms of one series with different boundaries: a bug of ours, since fronts read the same references
 */
export function mergeBlocks(one: SeriesBlock, other: SeriesBlock): SeriesBlock {
  const merged: Record<string, readonly BlockPoint[]> = { ...one };
  for (const [name, points] of Object.entries(other)) {
    const known = merged[name];
    merged[name] = known === undefined ? points : mergePoints(name, known, points);
  }
  return merged;
}

/** A block as a producer takes it, instruments in the order of the table; names that the table does not have are left out. */
export function familiesOf(block: SeriesBlock): readonly SeriesFamily[] {
  const table: readonly Instrument[] = Object.values(instruments);
  return table.flatMap((instrument): SeriesFamily[] => {
    const points: readonly SeriesPoint[] | undefined = block[instrument.name];
    return points === undefined ? [] : [{ instrument, points }];
  });
}

const kinds: ReadonlyMap<string, InstrumentKind> = new Map(
  Object.values(instruments).map(({ name, kind }) => [name, kind]),
);

function mergePoints(name: string, one: readonly BlockPoint[], other: readonly BlockPoint[]): readonly BlockPoint[] {
  const byAttributes = new Map(one.map((point) => [keyOf(point.attributes), point]));
  for (const point of other) {
    const key = keyOf(point.attributes);
    const known = byAttributes.get(key);
    byAttributes.set(key, known === undefined ? point : mergePoint(name, known, point));
  }
  return [...byAttributes.values()];
}

/** The same for the same attributes in whatever order. */
function keyOf(attributes: Readonly<Attributes>): string {
  return JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function mergePoint(name: string, one: BlockPoint, other: BlockPoint): BlockPoint {
  const startTime = isEarlier(one.startTime, other.startTime) ? one.startTime : other.startTime;
  return { attributes: one.attributes, startTime, value: mergeValue(name, one.value, other.value) };
}

function isEarlier([seconds, nanoseconds]: HrTime, [otherSeconds, otherNanoseconds]: HrTime): boolean {
  return seconds < otherSeconds || (seconds === otherSeconds && nanoseconds < otherNanoseconds);
}

function mergeValue(name: string, one: BlockPoint["value"], other: BlockPoint["value"]): BlockPoint["value"] {
  if (typeof one !== "number" && typeof other !== "number") return mergeHistograms(name, one, other);
  if (typeof one !== "number" || typeof other !== "number") throw new TypeError(`${name} is a number and a histogram`);
  return kinds.get(name) === "gauge" ? Math.max(one, other) : one + other;
}

function mergeHistograms(name: string, one: HistogramSnapshot, other: HistogramSnapshot): HistogramSnapshot {
  const { boundaries } = one;
  const isSame =
    boundaries.length === other.boundaries.length &&
    boundaries.every((edge, index) => edge === other.boundaries[index]);
  if (!isSame) throw new TypeError(`${name} has series with different boundaries`);
  return {
    boundaries,
    counts: one.counts.map((count, index) => count + (other.counts[index] ?? 0)),
    sum: one.sum === undefined || other.sum === undefined ? undefined : one.sum + other.sum,
    count: one.count + other.count,
  };
}
