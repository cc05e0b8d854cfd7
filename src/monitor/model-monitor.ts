import type { InferenceResponse } from "../inference.ts";
import type { ModelDescription } from "../runtime/model.ts";
import type { ModelState, RequestRecord } from "../runtime/observer.ts";
import type { MonitorConfig } from "./config/monitor-config.ts";
import type { CreateModelPart, ModelPart, ModelPartContext } from "./model-part.ts";
import {
  type Dropped,
  emptyAnomalies,
  emptyData,
  emptyQuality,
  type ModelReport,
  type ModelReportDraft,
} from "./monitor-report.ts";
import type { OutcomeSink } from "./prediction.ts";

/**
 * Watches one load of one model version: tells its parts what happens, and puts what they know together. What a part throws stops here: it
 * is counted, and logged the first time.
 */
export class ModelMonitor {
  readonly context: ModelPartContext;
  readonly #parts: readonly ModelPart[];
  /** Those that listen to every answer, and to every failure. */
  readonly #onAnswer: readonly ModelPart[];
  readonly #onFailure: readonly ModelPart[];
  readonly #dropped = new Map<string, { readonly monitor: string; readonly reason: string; count: number }>();
  readonly #failed = new Set<ModelPart>();
  readonly #blockMs: number;
  #blockEndMs: number;
  state: ModelState = "LOADING";

  /**
   * @param context all but how drops are counted, which is the monitor's own
   * @throws InferenceError "refused" when a part cannot be made of the configuration
   */
  constructor(context: ModelPartContext, createParts: readonly CreateModelPart[]) {
    this.context = { ...context, drop: (monitor, reason, count) => this.#drop(context, monitor, reason, count) };
    this.#parts = createParts.flatMap((create) => create(this.context) ?? []);
    this.#onAnswer = this.#parts.filter((part) => part.onAnswer !== undefined);
    this.#onFailure = this.#parts.filter((part) => part.onFailure !== undefined);
    this.#blockMs = this.config.windows.blockSeconds * 1000;
    this.#blockEndMs = this.#nextBlockEnd(context.clock.nowMs());
  }

  get description(): ModelDescription {
    return this.context.description;
  }

  get config(): MonitorConfig {
    return this.context.config;
  }

  /** Takes outcomes of the version; undefined: its quality is not watched. */
  get outcomes(): OutcomeSink | undefined {
    return this.#parts.find((part) => part.outcomes !== undefined)?.outcomes;
  }

  onAdmitted(_record: RequestRecord): void {}

  onResponse(record: RequestRecord, response: InferenceResponse): void {
    const atMs = this.context.clock.epochMsOf(record.endedMs);
    for (const part of this.#onAnswer) {
      try {
        part.onAnswer?.(record, response, atMs);
      } catch (error) {
        this.#onError(part, error);
      }
    }
  }

  onEnd(record: RequestRecord): void {
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

  /** Time has passed: ends the block that is over. Returns whether one was; takes up to a few milliseconds then. */
  tick(nowMs: number): boolean {
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
    const report = this.report(nowMs);
    for (const part of this.#parts) {
      try {
        part.onEvaluated?.(report, nowMs);
      } catch (error) {
        this.#onError(part, error);
      }
    }
  }

  /** What is known at this moment. */
  report(nowMs: number): ModelReport {
    const { name, version, provider } = this.description;
    const draft: ModelReportDraft = {
      model_name: name,
      model_version: version,
      state: this.state,
      execution_provider: provider.actual,
      history: [],
      quality: emptyQuality(this.context.taskNote),
      data: emptyData(""),
      anomalies: emptyAnomalies(""),
      alerts: [],
      dropped: [],
    };
    for (const part of this.#parts) {
      try {
        part.report(draft, nowMs);
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
