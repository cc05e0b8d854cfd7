import type { RequestRecord } from "../../runtime/observer.ts";
import { maxTenantSeries } from "./attribute-values.ts";
import { otherValue } from "./instrument.ts";
import { instruments } from "./instruments.ts";
import type { CounterSeries, HistogramSeries } from "./series.ts";
import type { SeriesGroup, SeriesRegistry } from "./series-registry.ts";

/** Every series of one tenant, resolved once. */
class TenantSeries {
  readonly requests: CounterSeries;
  readonly rows: CounterSeries;
  readonly queue: HistogramSeries;
  readonly #group: SeriesGroup;
  readonly #rejections = new Map<string, CounterSeries>();

  constructor(group: SeriesGroup) {
    this.#group = group;
    this.requests = group.counter(instruments.tenantRequests);
    this.rows = group.counter(instruments.tenantRows);
    this.queue = group.histogram(instruments.tenantQueueDuration);
  }

  rejection(reason: string): CounterSeries {
    let series = this.#rejections.get(reason);
    if (series === undefined) {
      series = this.#group.counter(instruments.tenantRejections, { "sluice.reason": reason });
      this.#rejections.set(reason, series);
    }
    return series;
  }
}

/**
 * The instruments of tenants. Their names are those of the tenants file, at most {@link maxTenantSeries} at a time; should a file have changed so often
 * that more were seen, the others are counted as `_OTHER`.
 */
export class TenantMeter {
  readonly #registry: SeriesRegistry;
  readonly #tenants = new Map<string, TenantSeries>();
  #latestName: string | undefined;
  #latest: TenantSeries | undefined;

  constructor(registry: SeriesRegistry) {
    this.#registry = registry;
  }

  /** A request of a known model has ended. */
  onEnd({ context, error, rows, queuedMs, takenMs }: RequestRecord): void {
    const series = this.#find(context.tenant);
    if (error !== undefined) {
      series.rejection(error.reason).add(1);
      return;
    }
    series.requests.add(1);
    series.rows.add(rows);
    series.queue.record(Math.max(0, takenMs - queuedMs) / 1000);
  }

  /** A request was refused because of its tenant's limits. */
  onRefused(tenant: string): void {
    this.#find(tenant).rejection("quota").add(1);
  }

  #find(tenant: string): TenantSeries {
    if (this.#latest !== undefined && this.#latestName === tenant) return this.#latest;
    let series = this.#tenants.get(tenant);
    if (series === undefined) {
      const name = this.#tenants.size < maxTenantSeries ? tenant : otherValue;
      series = this.#tenants.get(name) ?? new TenantSeries(this.#registry.openGroup({ "sluice.tenant": name }));
      this.#tenants.set(name, series);
    }
    this.#latestName = tenant;
    this.#latest = series;
    return series;
  }
}
