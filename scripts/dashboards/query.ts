import type { Instrument } from "../../src/monitor/telemetry/instrument.ts";
import { prometheusName } from "../../src/monitor/telemetry/prometheus-text.ts";

/**
 * PromQL over the instruments of the table: a name or an attribute that is not there does not compile, or stops the generation, so that no
 * dashboard or rule asks for what nobody exports.
 */

/** The attributes of an instrument. */
export type KeyOf<I extends Instrument> = I["attributes"][number]["key"];

/** The range that Grafana chooses for rates. */
export const dashboardRange = "$__rate_interval";

/** What restricts a query, and over which time rates are taken. */
export interface QueryScope {
  /** Matchers of the models that are looked at; of instruments without a model only the rest applies. */
  readonly model: string;
  /** Matchers of the servers that are looked at. */
  readonly server: string;
  readonly range: string;
}

/** An attribute as a label. */
export function labelOf(key: string): string {
  return key.replaceAll(/\W/g, "_");
}

/** The name of an instrument in Prometheus. */
export function nameOf({ name, unit, kind }: Instrument): string {
  return prometheusName(name, unit, kind === "counter");
}

/** The queries of one scope. */
export class Queries {
  readonly #scope: QueryScope;

  constructor(scope: QueryScope) {
    this.#scope = scope;
  }

  /** Samples of an instrument that match. @param part of a histogram @param where further matchers by attribute, `=` and a value unless they begin otherwise */
  samples<const I extends Instrument>(
    instrument: I,
    where: Partial<Record<KeyOf<I>, string>> = {},
    part: "" | "_bucket" | "_sum" | "_count" = "",
  ): string {
    const isOfModel = instrument.attributes.some(({ key }) => key === "sluice.model.name");
    const own = Object.entries<string | undefined>(where).map(([key, matcher = ""]) => {
      this.#check(instrument, key);
      return `${labelOf(key)}${/^(=~|!=|!~)/.test(matcher) ? matcher.replace(/^(=~|!=|!~)(.*)$/, '$1"$2"') : `="${matcher}"`}`;
    });
    const matchers = [this.#scope.server, isOfModel ? this.#scope.model : "", ...own].filter((text) => text !== "");
    return `${nameOf(instrument)}${part}${matchers.length === 0 ? "" : `{${matchers.join(",")}}`}`;
  }

  /** How much a counter grows a second, or how often a histogram hears of something. */
  rate<const I extends Instrument>(
    instrument: I,
    by: readonly KeyOf<I>[],
    where: Partial<Record<KeyOf<I>, string>> = {},
  ): string {
    const part = instrument.kind === "histogram" ? "_count" : "";
    return `${this.sum(instrument, by)} (rate(${this.samples(instrument, where, part)}[${this.#scope.range}]))`;
  }

  /** What a histogram hears of adds up to so much a second. */
  sumRate<const I extends Instrument>(
    instrument: I,
    by: readonly KeyOf<I>[],
    where: Partial<Record<KeyOf<I>, string>> = {},
  ): string {
    return `${this.sum(instrument, by)} (rate(${this.samples(instrument, where, "_sum")}[${this.#scope.range}]))`;
  }

  /** The buckets of a histogram, for a heat map or a quantile. */
  buckets<const I extends Instrument>(
    instrument: I,
    by: readonly KeyOf<I>[],
    where: Partial<Record<KeyOf<I>, string>> = {},
  ): string {
    const rate = `rate(${this.samples(instrument, where, "_bucket")}[${this.#scope.range}])`;
    return `${this.sum(instrument, by, ["le"])} (${rate})`;
  }

  quantile<const I extends Instrument>(
    share: number,
    instrument: I,
    by: readonly KeyOf<I>[],
    where: Partial<Record<KeyOf<I>, string>> = {},
  ): string {
    return `histogram_quantile(${share}, ${this.buckets(instrument, by, where)})`;
  }

  mean<const I extends Instrument>(
    instrument: I,
    by: readonly KeyOf<I>[],
    where: Partial<Record<KeyOf<I>, string>> = {},
  ): string {
    return `${this.sumRate(instrument, by, where)} / ${this.rate(instrument, by, where)}`;
  }

  /** A level or a gauge now. */
  now<const I extends Instrument>(
    how: "sum" | "max" | "min",
    instrument: I,
    by: readonly KeyOf<I>[],
    where: Partial<Record<KeyOf<I>, string>> = {},
  ): string {
    return `${how}${this.#by(instrument, by, [])} (${this.samples(instrument, where)})`;
  }

  sum<const I extends Instrument>(instrument: I, by: readonly KeyOf<I>[], more: readonly string[] = []): string {
    return `sum${this.#by(instrument, by, more)}`;
  }

  #by(instrument: Instrument, keys: readonly string[], more: readonly string[]): string {
    for (const key of keys) this.#check(instrument, key);
    const labels = [...more, ...keys.map(labelOf)];
    return labels.length === 0 ? "" : ` by (${labels.join(", ")})`;
  }

  #check({ name, attributes }: Instrument, wanted: string): void {
    if (!attributes.some(({ key }) => key === wanted)) throw new Error(`${name} has no attribute ${wanted}`);
  }
}
