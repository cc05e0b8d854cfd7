import { InferenceError } from "../errors.ts";
import type { InferenceResponse } from "../inference.ts";
import type { Annotator } from "../runtime/annotator.ts";
import type { ModelDescription } from "../runtime/model.ts";
import type { BatchRecord, ModelState, RequestRecord } from "../runtime/observer.ts";
import { RowCollector } from "./collect/row-collector.ts";
import type { SampledRows } from "./collect/sampled-rows.ts";
import type { MonitorConfig } from "./config/monitor-config.ts";
import { TrafficHistory, trafficIntervalSeconds, trafficMaxBytes } from "./evaluate/traffic-history.ts";
import type { CreateModelPart, ModelPart, ModelPartContext } from "./model-part.ts";
import {
  type Dropped,
  emptyAnomalies,
  emptyData,
  emptyQuality,
  type ModelReport,
  type ModelReportDraft,
} from "./monitor-report.ts";
import { HeardOutcomes } from "./outcome-listeners.ts";
import { OutcomePart } from "./outcomes/outcome-part.ts";
import type { Outcomes } from "./outcomes/outcomes.ts";
import type { OutcomeSink } from "./prediction.ts";

/**
 * Most memory that the monitor of one model version may take, in bytes. Predictions kept for their outcomes are not in it: they have a limit
 * of the whole server.
 */
export const maxMonitorBytes = 128 * 1024 * 1024;

/**
 * Watches one load of one model version: tells its parts what happens, and puts what they know together. What a part throws stops here: it
 * is counted, and logged the first time.
 */
export class ModelMonitor {
  readonly context: ModelPartContext;
  readonly #parts: readonly ModelPart[];
  /** Takes outcomes of the version; undefined: its quality is not watched. */
  readonly outcomes: OutcomeSink | undefined;
  /** What answers carry when they are asked for it. */
  readonly annotators: readonly Annotator[];
  /** Those that listen to every admission, to every answer, and to every failure. */
  readonly #onAdmitted: readonly ModelPart[];
  readonly #onAnswer: readonly ModelPart[];
  readonly #onFailure: readonly ModelPart[];
  /** Undefined: nobody looks at rows. */
  #rows: RowCollector | undefined;
  /** Others who listen to rows for a while. */
  #rowListeners: readonly ((rows: SampledRows) => void)[] = [];
  readonly #traffic: TrafficHistory;
  readonly #dropped = new Map<string, { readonly monitor: string; readonly reason: string; count: number }>();
  readonly #failed = new Set<ModelPart>();
  readonly #blockMs: number;
  #blockEndMs: number;
  state: ModelState = "LOADING";
  /** Why it is in this state; empty when there is nothing to say. */
  stateReason = "";

  /**
   * @param context all but how drops are counted, which is the monitor's own
   * @param outcomes what all versions share of outcomes; undefined: none are taken
   * @throws InferenceError "refused" when a part cannot be made of the configuration
   */
  constructor(context: ModelPartContext, createParts: readonly CreateModelPart[], outcomes?: Outcomes) {
    this.context = { ...context, drop: (monitor, reason, count) => this.#drop(context, monitor, reason, count) };
    const watching = createParts.flatMap((create) => create(this.context) ?? []);
    const sink = this.#hear(watching);
    this.outcomes = sink;
    this.#parts = outcomes === undefined ? watching : [...watching, new OutcomePart(this.context, outcomes, sink)];
    this.annotators = this.#parts.flatMap((part) => part.annotators ?? []);
    this.#onAdmitted = this.#parts.filter((part) => part.onAdmitted !== undefined);
    this.#onAnswer = this.#parts.filter((part) => part.onAnswer !== undefined);
    this.#onFailure = this.#parts.filter((part) => part.onFailure !== undefined);
    if (this.#parts.some((part) => part.onRows !== undefined)) this.#rows = this.#createCollector();
    this.#checkMemory();
    const { blockSeconds } = this.config.windows;
    this.#traffic = new TrafficHistory(trafficIntervalSeconds(blockSeconds), context.clock.nowMs());
    this.#blockMs = blockSeconds * 1000;
    this.#blockEndMs = this.#nextBlockEnd(context.clock.nowMs());
  }

  get description(): ModelDescription {
    return this.context.description;
  }

  get config(): MonitorConfig {
    return this.context.config;
  }

  onAdmitted(record: RequestRecord): void {
    this.#traffic.onAdmitted();
    this.#rows?.onAdmitted(record);
    for (const part of this.#onAdmitted) {
      try {
        part.onAdmitted?.(record);
      } catch (error) {
        this.#onError(part, error);
      }
    }
  }

  onTaken(requests: number): void {
    this.#traffic.onTaken(requests);
  }

  onBatch(record: BatchRecord): void {
    this.#traffic.onBatch(record);
  }

  onResponse(record: RequestRecord, response: InferenceResponse): void {
    const atMs = this.context.clock.epochMsOf(record.endedMs);
    this.#rows?.onResponse(record, response, atMs);
    for (const part of this.#onAnswer) {
      try {
        part.onAnswer?.(record, response, atMs);
      } catch (error) {
        this.#onError(part, error);
      }
    }
  }

  onEnd(record: RequestRecord): void {
    this.#traffic.onEnd(record);
    this.#rows?.onEnd(record);
    if (record.error === undefined) return;
    const atMs = this.context.clock.epochMsOf(record.endedMs);
    for (const part of this.#onFailure) {
      try {
        part.onFailure?.(record, atMs);
      } catch (error) {
        this.#onError(part, error);
      }
    }
  }

  /** Hands sampled rows to a listener too, which must not throw, until the returned function is called. */
  listenToRows(listener: (rows: SampledRows) => void): () => void {
    this.#rows ??= this.#createCollector();
    this.#rowListeners = [...this.#rowListeners, listener];
    return () => {
      this.#rowListeners = this.#rowListeners.filter((other) => other !== listener);
    };
  }

  /** Time has passed: ends the block that is over. Returns whether one was; takes up to a few milliseconds then. */
  tick(nowMs: number): boolean {
    this.context.sampler.adapt(nowMs);
    this.#traffic.tick(nowMs);
    if (nowMs < this.#blockEndMs) return false;
    const endMs = Math.floor(nowMs / this.#blockMs) * this.#blockMs;
    this.#blockEndMs = this.#nextBlockEnd(nowMs);
    for (const part of this.#parts) {
      try {
        part.onBlockEnd?.(endMs);
      } catch (error) {
        this.#onError(part, error);
      }
    }
    this.#evaluated(endMs);
    return true;
  }

  /** The version is in service. */
  open(): void {
    for (const part of this.#parts) {
      try {
        part.open?.();
      } catch (error) {
        this.#onError(part, error);
      }
    }
  }

  /** Lets parts look at what all of them know, where one does. */
  #evaluated(nowMs: number): void {
    if (!this.#parts.some((part) => part.onEvaluated !== undefined)) return;
    const report = this.report(nowMs, true);
    for (const part of this.#parts) {
      try {
        part.onEvaluated?.(report, nowMs);
      } catch (error) {
        this.#onError(part, error);
      }
    }
  }

  /** What is known at this moment. */
  report(nowMs: number, isBrief = false): ModelReport {
    const { name, version, provider } = this.description;
    const draft: ModelReportDraft = {
      model_name: name,
      model_version: version,
      state: this.state,
      execution_provider: provider.actual,
      history: this.#traffic.points(),
      quality: emptyQuality(this.context.taskNote),
      data: emptyData(""),
      anomalies: emptyAnomalies(""),
      alerts: [],
      dropped: [],
      state_reason: this.stateReason,
    };
    for (const part of this.#parts) {
      try {
        part.report(draft, nowMs, isBrief);
      } catch (error) {
        this.#onError(part, error);
      }
    }
    draft.dropped = [...this.#dropped.values()].map((dropped): Dropped => ({ ...dropped }));
    return draft;
  }

  /** The version is gone. */
  close(): void {
    for (const part of this.#parts) {
      try {
        part.close?.();
      } catch (error) {
        this.#onError(part, error);
      }
    }
  }

  /** Who takes outcomes, heard by all parts that want to. */
  #hear(parts: readonly ModelPart[]): OutcomeSink | undefined {
    const sink = parts.find((part) => part.outcomes !== undefined)?.outcomes;
    const listening = parts.filter((part) => part.onOutcome !== undefined);
    if (sink === undefined || listening.length === 0) return sink;
    return new HeardOutcomes(sink, (...outcome) => {
      for (const part of listening) {
        try {
          part.onOutcome?.(...outcome);
        } catch (error) {
          this.#onError(part, error);
        }
      }
    });
  }

  /** @throws InferenceError "refused" when the version's monitor could take more than its limit */
  #checkMemory(): void {
    const shares = [
      ["traffic", trafficMaxBytes],
      ["rows", this.#rows?.byteLength ?? 0],
      ...this.#parts.map(({ name, maxBytes = 0 }) => [name, maxBytes] as const),
    ] as const;
    const sum = shares.reduce((total, [, bytes]) => total + bytes, 0);
    if (sum <= maxMonitorBytes) return;
    const [name, bytes] = shares.reduce((largest, share) => (share[1] > largest[1] ? share : largest));
    const signals = this.context.signals.signals.length;
    throw new InferenceError(
      "refused",
      `monitor.yaml: the monitor could take ${sum} bytes of memory, at most ${maxMonitorBytes} are allowed; ${bytes} of them are those of ` +
        `'${name}' for ${this.config.windows.blocks} blocks and ${signals} signals: fewer windows.blocks or a smaller data.maxColumns make it less`,
    );
  }

  #createCollector(): RowCollector {
    const parts = this.#parts.filter((part) => part.onRows !== undefined);
    const { description, signals, sampler } = this.context;
    return new RowCollector(description.signature, signals, sampler, {
      onRows: (rows) => {
        for (const part of parts) {
          try {
            part.onRows?.(rows);
          } catch (error) {
            this.#onError(part, error);
          }
        }
        for (const listener of this.#rowListeners) listener(rows);
      },
      onLost: (rows) => this.context.drop("rows", "memory", rows),
    });
  }

  #nextBlockEnd(nowMs: number): number {
    return (Math.floor(nowMs / this.#blockMs) + 1) * this.#blockMs;
  }

  #drop(context: ModelPartContext, monitor: string, reason: string, count = 1): void {
    const key = `${monitor} ${reason}`;
    const entry = this.#dropped.get(key);
    if (entry === undefined) this.#dropped.set(key, { monitor, reason, count });
    else entry.count += count;
    context.drop(monitor, reason, count);
  }

  #onError(part: ModelPart, error: unknown): void {
    this.context.drop(part.name, "exception");
    if (this.#failed.has(part)) return;
    this.#failed.add(part);
    const { name, version } = this.description;
    const fields = { model: name, version, monitor: part.name, error };
    this.context.report("error", "a monitor failed; further failures are only counted", fields);
  }
}
