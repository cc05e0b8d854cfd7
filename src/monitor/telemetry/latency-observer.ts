import { serveOptions } from "../../config.ts";
import type { ModelDescription } from "../../runtime/model.ts";
import type {
  BatchRecord,
  DecoupledAnswerRecord,
  ModelState,
  ModelStateDetail,
  Observer,
  RequestRecord,
  SequenceEnd,
} from "../../runtime/observer.ts";
import { maxModelVersions, restartReasons } from "./attribute-values.ts";
import { otherValue } from "./instrument.ts";
import { instruments } from "./instruments.ts";
import { ModelSeries } from "./model-series.ts";
import type { CounterSeries } from "./series.ts";
import type { SeriesRegistry } from "./series-registry.ts";
import type { TenantMeter } from "./tenant-series.ts";

/** Milliseconds to seconds; a clock that seems to have run backwards counts as no time. NaN stays, for the series to drop and count. */
function seconds(milliseconds: number): number {
  return milliseconds < 0 ? 0 : milliseconds / 1000;
}

function keyOf(name: string, version: string): string {
  return `${name}\u0000${version}`;
}

interface Version {
  readonly series: ModelSeries;
  /** A load has succeeded: the next one that does is a reload. */
  hasLoaded: boolean;
}

/** What the observer need not know, but may. */
export interface LatencyOptions {
  /** Hears of every request as well; absent: there are no tenants. */
  readonly tenants?: TenantMeter | undefined;
  /** Most requests that wait for a model whose configuration names no number. Default: that of the server's option. */
  readonly maxQueueRequests?: number;
}

/** Feeds the request, stage, batch, queue, rejection, load and process instruments. A record costs a few array increments. */
export class LatencyObserver implements Required<Omit<Observer, "onResponse">> {
  readonly #registry: SeriesRegistry;
  readonly #versions = new Map<string, Version>();
  /** A description is one load of a version: what ends after the version was removed or replaced falls into series that nobody reads. */
  readonly #byDescription = new WeakMap<ModelDescription, ModelSeries>();
  readonly #processes: CounterSeries;
  readonly #restarts: ReadonlyMap<string, CounterSeries>;
  readonly #tenants: TenantMeter | undefined;
  readonly #maxQueueRequests: number;
  #overflow: ModelSeries | undefined;

  constructor(registry: SeriesRegistry, { tenants, maxQueueRequests }: LatencyOptions = {}) {
    this.#registry = registry;
    this.#tenants = tenants;
    this.#maxQueueRequests = maxQueueRequests ?? serveOptions.maxQueueRequests.default;
    this.#processes = registry.server.level(instruments.runtimeProcesses);
    this.#restarts = new Map(
      restartReasons.map((reason) => [
        reason,
        registry.server.counter(instruments.runtimeRestarts, { "sluice.reason": reason }),
      ]),
    );
  }

  onAdmitted(model: ModelDescription, _record: RequestRecord): void {
    const known = this.#byDescription.get(model);
    const series = known === undefined || known.isClosed ? this.#admit(model) : known;
    series.waiting++;
  }

  onTaken(model: ModelDescription, requests: number): void {
    const series = this.#find(model);
    if (series !== undefined) series.waiting -= requests;
  }

  /** The current series of a model that takes requests, so it is ready whatever states were heard of. */
  #admit(model: ModelDescription): ModelSeries {
    const isNew = !this.#versions.has(keyOf(model.name, model.version));
    const { series } = this.#open(model.name, model.version);
    if (isNew && series !== this.#overflow) series.setState("READY");
    return this.#bind(model, series);
  }

  onEnd(model: ModelDescription, record: RequestRecord): void {
    this.#tenants?.onEnd(record);
    const series = this.#find(model);
    if (series === undefined) return;
    if (record.takenMs === 0 && record.queuedMs > 0) series.waiting--;
    const duration = seconds(record.endedMs - record.context.arrivalTimeMs);
    if (record.error !== undefined) {
      series.recordFailure(record.error.reason, duration);
      return;
    }
    series.duration.record(duration);
    series.queue.record(seconds(record.takenMs - record.queuedMs));
    series.computeInput.record(seconds(record.computeInputMs));
    series.computeInfer.record(seconds(record.computeInferMs));
    series.computeOutput.record(seconds(record.computeOutputMs));
  }

  onDecoupledAnswer(model: ModelDescription, { index, outcome, sinceArrivalMs }: DecoupledAnswerRecord): void {
    if (index === 0 && outcome === "success") this.#find(model)?.recordFirstResponse(seconds(sinceArrivalMs));
  }

  onBatch(model: ModelDescription, record: BatchRecord): void {
    const series = this.#find(model);
    if (series === undefined) return;
    series.batches[record.reason].add(1);
    if (record.error !== undefined) return;
    series.batchSize.record(record.rows);
    series.batchPadding.record(record.padding);
    const { runTime, shapeBucket, elements, paddedElements } = record;
    if (elements !== undefined) series.addElements(elements, paddedElements ?? 0);
    if (runTime !== undefined && shapeBucket !== undefined)
      series.setRunTime(shapeBucket, seconds(runTime.fixedMs), seconds(runTime.perRowMs));
  }

  onSequences(model: ModelDescription, active: number, waiting: number): void {
    this.#find(model)?.sequences.set(active, waiting);
  }

  onSequenceEnd(model: ModelDescription, reason: SequenceEnd): void {
    this.#find(model)?.sequences.end(reason);
  }

  onAdmissionLimit(model: ModelDescription, limitRows: number): void {
    this.#find(model)?.showAdmissionLimit(limitRows);
  }

  onModelState(name: string, version: string, state: ModelState, detail: ModelStateDetail): void {
    let entry = this.#open(name, version);
    if (state === "READY" && detail.loadMs !== undefined) {
      if (entry.hasLoaded) {
        this.onModelRemoved(name, version);
        entry = this.#open(name, version);
      }
      entry.hasLoaded = true;
    }
    if (entry.series === this.#overflow) return;
    entry.series.setState(state);
    if (detail.loadMs !== undefined) entry.series.recordLoad(seconds(detail.loadMs), state === "READY");
    if (detail.description !== undefined) this.#bind(detail.description, entry.series);
  }

  onModelRemoved(name: string, version: string): void {
    const entry = this.#versions.get(keyOf(name, version));
    if (entry === undefined) return;
    this.#versions.delete(keyOf(name, version));
    entry.series.isClosed = true;
    this.#registry.closeGroup(entry.series.group);
  }

  onRuntimeProcess(event: "started" | "crash" | "timeout" | "memory" | "stopped", _pid: number): void {
    this.#processes.add(event === "started" ? 1 : -1);
    this.#restarts.get(event)?.add(1);
  }

  /** The series of a version that is there; only an admission or a state may bring one into being, so that none outlives its model. */
  #find(model: ModelDescription): ModelSeries | undefined {
    const known = this.#byDescription.get(model);
    if (known !== undefined) return known;
    const entry = this.#versions.get(keyOf(model.name, model.version));
    if (entry !== undefined) return this.#bind(model, entry.series);
    this.#registry.dropped("latency", "unknown_model").add(1);
    return undefined;
  }

  #bind(model: ModelDescription, series: ModelSeries): ModelSeries {
    this.#byDescription.set(model, series);
    if (series !== this.#overflow) series.describe(model, this.#maxQueueRequests);
    return series;
  }

  #open(name: string, version: string): Version {
    const key = keyOf(name, version);
    let entry = this.#versions.get(key);
    if (entry === undefined) {
      const isFull = this.#versions.size >= maxModelVersions;
      entry = { series: isFull ? this.#shared() : this.#create(name, version), hasLoaded: false };
      if (!isFull) this.#versions.set(key, entry);
    }
    return entry;
  }

  #create(name: string, version: string): ModelSeries {
    return new ModelSeries(this.#registry.openGroup({ "sluice.model.name": name, "sluice.model.version": version }));
  }

  /** The series of all versions beyond {@link maxModelVersions}. */
  #shared(): ModelSeries {
    this.#registry.dropped("latency", "model_limit").add(1);
    this.#overflow ??= this.#create(otherValue, otherValue);
    return this.#overflow;
  }
}
