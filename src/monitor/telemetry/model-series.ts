import { type Reason, reasons } from "../../errors.ts";
import { resolveModelParameters } from "../../model/model-parameters.ts";
import type { ModelDescription } from "../../runtime/model.ts";
import type { BatchReason, ModelState } from "../../runtime/observer.ts";
import { batchReasons, maxShapeBuckets, stages, stateNames } from "./attribute-values.ts";
import { otherValue } from "./instrument.ts";
import { instruments } from "./instruments.ts";
import { SequenceSeries } from "./sequence-series.ts";
import type { CounterSeries, HistogramSeries } from "./series.ts";
import type { SeriesGroup } from "./series-registry.ts";

const modelStates = Object.keys(stateNames) as readonly ModelState[]; // the keys of that record

/** The value where it is one of the table's, else `_OTHER`. */
function bounded(value: string, allowed: readonly string[]): string {
  return allowed.includes(value) ? value : otherValue;
}

/** Every series of one model version, resolved once; the hot path finds them as fields. */
export class ModelSeries {
  readonly group: SeriesGroup;
  readonly duration: HistogramSeries;
  readonly queue: HistogramSeries;
  readonly computeInput: HistogramSeries;
  readonly computeInfer: HistogramSeries;
  readonly computeOutput: HistogramSeries;
  readonly batchSize: HistogramSeries;
  readonly batchPadding: HistogramSeries;
  readonly batches: Readonly<Record<BatchReason, CounterSeries>>;
  /** Made for models that pad, by their first batch. */
  #elements: { readonly requested: CounterSeries; readonly padding: CounterSeries } | undefined;
  readonly #runTimes = new Map<string, { readonly fixed: CounterSeries; readonly perRow: CounterSeries }>();
  /** Requests admitted and neither taken into a batch nor ended. */
  waiting = 0;
  /** The version was removed or replaced; its series are collected no more. */
  isClosed = false;
  readonly #rejections: Readonly<Record<Reason, CounterSeries>>;
  readonly #failureDurations = new Map<Reason, HistogramSeries>();
  readonly #states: Readonly<Record<ModelState, CounterSeries>>;
  readonly #loads: { loaded?: HistogramSeries; failed?: HistogramSeries } = {};
  #firstResponse: HistogramSeries | undefined;
  #admissionLimit: CounterSeries | undefined;
  #isDescribed = false;
  #sequences: SequenceSeries | undefined;

  constructor(group: SeriesGroup) {
    this.group = group;
    this.duration = group.histogram(instruments.requestDuration);
    const [queue, computeInput, computeInfer, computeOutput] = stages;
    this.queue = group.histogram(instruments.stageDuration, { "sluice.stage": queue });
    this.computeInput = group.histogram(instruments.stageDuration, { "sluice.stage": computeInput });
    this.computeInfer = group.histogram(instruments.stageDuration, { "sluice.stage": computeInfer });
    this.computeOutput = group.histogram(instruments.stageDuration, { "sluice.stage": computeOutput });
    this.batchSize = group.histogram(instruments.batchSize);
    this.batchPadding = group.histogram(instruments.batchPadding);
    this.batches = bySet(batchReasons, (reason) => group.counter(instruments.batches, { "sluice.reason": reason }));
    this.#rejections = bySet(reasons, (reason) => group.counter(instruments.rejections, { "sluice.reason": reason }));
    this.#states = bySet(modelStates, (state) =>
      group.level(instruments.modelStatus, { "sluice.state": stateNames[state] }),
    );
    group.observe(instruments.queueSize, () => Math.max(0, this.waiting));
  }

  /** Made on first use: most models have no sequences. */
  get sequences(): SequenceSeries {
    this.#sequences ??= new SequenceSeries(this.group);
    return this.#sequences;
  }

  /** @param seconds from arrival to the failure. */
  recordFailure(reason: Reason, seconds: number): void {
    this.#rejections[reason].add(1);
    let durations = this.#failureDurations.get(reason);
    if (durations === undefined) {
      durations = this.group.histogram(instruments.requestDuration, { "error.type": reason });
      this.#failureDurations.set(reason, durations);
    }
    durations.record(seconds);
  }

  /** The first answer of a decoupled model, by its time since the request's arrival; other models have no such series. */
  recordFirstResponse(seconds: number): void {
    this.#firstResponse ??= this.group.histogram(instruments.firstResponse);
    this.#firstResponse.record(seconds);
  }

  /** Elements of padded inputs that ran. */
  addElements(requested: number, padding: number): void {
    this.#elements ??= {
      requested: this.group.counter(instruments.batchElements, { "sluice.content": "request" }),
      padding: this.group.counter(instruments.batchElements, { "sluice.content": "padding" }),
    };
    this.#elements.requested.add(requested);
    this.#elements.padding.add(padding);
  }

  /** What a batch of a shape takes by now, seconds. */
  setRunTime(shapeBucket: string, fixedSeconds: number, perRowSeconds: number): void {
    let series = this.#runTimes.get(shapeBucket);
    if (series === undefined) {
      if (this.#runTimes.size >= maxShapeBuckets) return;
      const attributes = { "sluice.shape.bucket": shapeBucket };
      series = {
        fixed: this.group.level(instruments.runFixed, attributes),
        perRow: this.group.level(instruments.runPerRow, attributes),
      };
      this.#runTimes.set(shapeBucket, series);
    }
    series.fixed.set(fixedSeconds);
    series.perRow.set(perRowSeconds);
  }

  recordLoad(seconds: number, isLoaded: boolean): void {
    this.#loads[isLoaded ? "loaded" : "failed"] ??= this.group.lifeHistogram(
      instruments.loadDuration,
      isLoaded ? {} : { "error.type": otherValue },
    );
    this.#loads[isLoaded ? "loaded" : "failed"]?.record(seconds);
  }

  showAdmissionLimit(rows: number): void {
    this.#admissionLimit ??= this.group.level(instruments.admissionLimit);
    this.#admissionLimit.set(Math.round(rows));
  }

  setState(current: ModelState): void {
    for (const state of modelStates) this.#states[state].set(state === current ? 1 : 0);
  }

  /** Shows where the model runs, and its limits; once, since they do not change without a load. */
  describe({ provider, config }: ModelDescription, maxQueueRequests: number): void {
    if (this.#isDescribed) return;
    this.#isDescribed = true;
    const { maxQueueRequests: ownQueueRequests, latencyTargetMs } = resolveModelParameters(config);
    this.group.level(instruments.queueLimit).set(ownQueueRequests ?? maxQueueRequests);
    if (latencyTargetMs !== undefined) this.group.level(instruments.latencyTarget).set(latencyTargetMs / 1000);
    const [, , requested, actual] = instruments.modelProvider.attributes;
    const attributes = {
      "sluice.requested": bounded(provider.requested, requested.values),
      "sluice.provider": bounded(provider.actual, actual.values),
      "sluice.partial": String(provider.isPartial),
    };
    this.group.level(instruments.modelProvider, attributes).set(1);
  }
}

function bySet<K extends string, V>(keys: readonly K[], create: (key: K) => V): Readonly<Record<K, V>> {
  return Object.fromEntries(keys.map((key) => [key, create(key)])) as Record<K, V>; // one entry for every key
}
