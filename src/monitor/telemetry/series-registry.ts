import type { Attributes, HrTime } from "@opentelemetry/api";
import { millisToHrTime } from "@opentelemetry/core";
import type { Instrument } from "./instrument.ts";
import { instruments } from "./instruments.ts";
import { CounterSeries, type DropCounter, HistogramSeries, type HistogramSnapshot } from "./series.ts";
import { Turns } from "./turns.ts";

/** One series as it is collected: its attributes never change, so readers may cache what they make of the object. */
export interface SeriesPoint {
  readonly attributes: Readonly<Attributes>;
  readonly startTime: HrTime;
  readonly value: number | HistogramSnapshot;
}

/** All series of one instrument at one collection. */
export interface SeriesFamily {
  readonly instrument: Instrument;
  readonly points: readonly SeriesPoint[];
}

/**
 * Series of one instrument and one group. A named limit against a bug of ours: every attribute of the table has bounded values, and no
 * combination that really occurs comes near.
 */
export const maxSeriesPerGroup = 4096;

/** Points read before the event loop gets a turn: well under a millisecond of work. */
const pointsPerTurn = 1000;

interface Entry {
  readonly attributes: Readonly<Attributes>;
  /** Undefined: the series has no point now. */
  readonly read: () => number | HistogramSnapshot | undefined;
  /** It has counted something; undefined for what tells the value of now. */
  readonly isUsed: (() => boolean) | undefined;
}

/** Where a group counts what it leaves out, by reason. */
interface Drops {
  readonly notFinite: CounterSeries;
  readonly seriesLimit: CounterSeries;
}

/**
 * Series that are born and end together: those of a model version, or those of the server. Counters and histograms of a group are
 * exported from its first record on, all of them, at 0 where nothing came yet; so an idle model costs a few lines and rates see the
 * first rejection. Values of now (levels, gauges) are there from birth.
 */
export class SeriesGroup {
  /** When it was born; the start time of its cumulative points. */
  readonly startTime: HrTime;
  readonly #common: Readonly<Attributes>;
  readonly #drops: Drops;
  readonly #entries = new Map<Instrument, Entry[]>();
  #size = 0;
  #isUsed = false;

  constructor(startTime: HrTime, common: Readonly<Attributes>, drops: Drops) {
    this.startTime = startTime;
    this.#common = common;
    this.#drops = drops;
  }

  counter(instrument: Instrument, attributes: Readonly<Attributes> = {}): CounterSeries {
    const series = new CounterSeries(this.#drops.notFinite);
    this.#add(instrument, { attributes, read: () => series.value, isUsed: () => series.value !== 0 });
    return series;
  }

  /** @param boundaries of an instrument whose series bring their own */
  histogram(
    instrument: Instrument,
    attributes: Readonly<Attributes> = {},
    boundaries?: readonly number[],
  ): HistogramSeries {
    const series = createHistogram(instrument, boundaries, this.#drops.notFinite);
    const read = () => readHistogram(instrument, series);
    this.#add(instrument, { attributes, read, isUsed: () => series.count !== 0 });
    return series;
  }

  /** A histogram of what happens to the group itself, such as its load: shown at once, and no sign that the group is in use. */
  lifeHistogram(instrument: Instrument, attributes: Readonly<Attributes> = {}): HistogramSeries {
    const series = createHistogram(instrument, undefined, this.#drops.notFinite);
    this.#add(instrument, { attributes, read: () => readHistogram(instrument, series), isUsed: undefined });
    return series;
  }

  level(instrument: Instrument, attributes: Readonly<Attributes> = {}): CounterSeries {
    const series = new CounterSeries(this.#drops.notFinite);
    this.#add(instrument, { attributes, read: () => series.value, isUsed: undefined });
    return series;
  }

  /** A value that is worked out when it is collected; while it is undefined, such as a ratio of nothing, there is no point. */
  observe(instrument: Instrument, read: () => number | undefined, attributes: Readonly<Attributes> = {}): void {
    this.#add(instrument, { attributes, read, isUsed: undefined });
  }

  /** A histogram that somebody else keeps. Its counts must not change afterwards. */
  observeHistogram(
    instrument: Instrument,
    read: () => HistogramSnapshot | undefined,
    attributes: Readonly<Attributes> = {},
  ): void {
    this.#add(instrument, { attributes, read, isUsed: undefined });
  }

  #add(instrument: Instrument, entry: Entry): void {
    const entries = this.#entries.get(instrument) ?? [];
    if (entries.length >= maxSeriesPerGroup) {
      this.#drops.seriesLimit.add(1);
      return;
    }
    entries.push({ ...entry, attributes: Object.freeze({ ...this.#common, ...entry.attributes }) });
    this.#entries.set(instrument, entries);
    this.#size++;
  }

  /** How many series it has. */
  get size(): number {
    return this.#size;
  }

  /** Adds the group's points of this moment to the lists of their instruments. */
  collectInto(families: ReadonlyMap<Instrument, SeriesPoint[]>): void {
    this.#isUsed ||= [...this.#entries.values()].some((entries) => entries.some((entry) => entry.isUsed?.() === true));
    for (const [instrument, entries] of this.#entries) {
      const points = families.get(instrument);
      for (const { attributes, read, isUsed } of entries) {
        if (isUsed !== undefined && !this.#isUsed) continue;
        const value = read();
        if (value === undefined) continue;
        if (typeof value === "number" && !Number.isFinite(value)) this.#drops.notFinite.add(1);
        else points?.push({ attributes, startTime: this.startTime, value });
      }
    }
  }
}

function createHistogram(
  { name, boundaries }: Instrument,
  own: readonly number[] | undefined,
  dropped: DropCounter,
): HistogramSeries {
  if ((boundaries === "own") !== (own !== undefined)) {
    throw new TypeError(`series of ${name} ${own === undefined ? "need boundaries" : "share their boundaries"}`);
  }
  return new HistogramSeries(boundaries === "own" ? (own ?? []) : (boundaries ?? []), dropped);
}

function readHistogram({ isSigned }: Instrument, series: HistogramSeries): HistogramSnapshot {
  const snapshot = series.snapshot();
  return isSigned === true ? { ...snapshot, sum: undefined } : snapshot;
}

/** All series there are. Groups come and go with what they describe; a closed group is gone from the next collection on. */
export class SeriesRegistry {
  readonly #wallClockMs: () => number;
  readonly #groups = new Set<SeriesGroup>();
  /** What all groups leave out. */
  readonly #drops: Drops;
  readonly #dropped = new Map<string, CounterSeries>();
  readonly #refreshers: (() => void)[] = [];
  /** The series that live as long as the server. */
  readonly server: SeriesGroup;

  /** @param wallClockMs epoch milliseconds. */
  constructor(wallClockMs: () => number = Date.now) {
    this.#wallClockMs = wallClockMs;
    this.#drops = { notFinite: new CounterSeries(), seriesLimit: new CounterSeries() };
    this.server = new SeriesGroup(millisToHrTime(wallClockMs()), {}, this.#drops);
    this.#groups.add(this.server);
    this.#adopt("not_finite", this.#drops.notFinite);
    this.#adopt("series_limit", this.#drops.seriesLimit);
  }

  /** Shows a counter that was there before the registry had series. */
  #adopt(reason: string, counter: CounterSeries): void {
    const attributes = { "sluice.monitor": "latency", "sluice.reason": reason };
    this.server.observe(instruments.monitorDropped, () => counter.value, attributes);
    this.#dropped.set(`latency ${reason}`, counter);
  }

  /** Epoch milliseconds, the clock of all points. */
  nowMs(): number {
    return this.#wallClockMs();
  }

  /** @param common attributes of every series of the group. */
  openGroup(common: Readonly<Attributes>): SeriesGroup {
    const group = this.createGroup(common);
    this.addGroup(group);
    return group;
  }

  /** A group that is not exported until it is added. */
  createGroup(common: Readonly<Attributes>): SeriesGroup {
    return new SeriesGroup(millisToHrTime(this.#wallClockMs()), common, this.#drops);
  }

  /** Exports a group from here on. */
  addGroup(group: SeriesGroup): void {
    this.#groups.add(group);
  }

  /** Groups that are exported. */
  get groupCount(): number {
    return this.#groups.size;
  }

  /** The group's series vanish; records into them go nowhere from here on. */
  closeGroup(group: SeriesGroup): void {
    this.#groups.delete(group);
  }

  /** `sluice.monitor.dropped` of one monitor and reason; both from the instrument's table. */
  dropped(monitor: string, reason: string): CounterSeries {
    const key = `${monitor} ${reason}`;
    let series = this.#dropped.get(key);
    if (series === undefined) {
      series = this.server.level(instruments.monitorDropped, { "sluice.monitor": monitor, "sluice.reason": reason });
      this.#dropped.set(key, series);
    }
    return series;
  }

  /** Calls `refresh` at the beginning of every collection. */
  onCollect(refresh: () => void): void {
    this.#refreshers.push(refresh);
  }

  /**
   * All points by instrument, in the order of the table; instruments without any are left out. Each group is read at one moment, and the
   * event loop gets its turns between many.
   */
  async collect(): Promise<readonly SeriesFamily[]> {
    for (const refresh of this.#refreshers) refresh();
    const families = new Map<Instrument, SeriesPoint[]>(Object.values(instruments).map((entry) => [entry, []]));
    const turns = new Turns(pointsPerTurn);
    for (const group of [...this.#groups]) {
      await turns.before(group.size);
      if (this.#groups.has(group)) group.collectInto(families);
    }
    const all = [...families].map(([instrument, points]) => ({ instrument, points }));
    return all.filter(({ points }) => points.length > 0);
  }
}
