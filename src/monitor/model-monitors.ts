import type { InferenceResponse } from "../inference.ts";
import { toTimestamp } from "../model/package-messages.ts";
import type { Annotator, Annotators, LeftOutReason } from "../runtime/annotator.ts";
import type { ModelDescription } from "../runtime/model.ts";
import type { BatchRecord, ModelState, ModelStateDetail, Observer, RequestRecord } from "../runtime/observer.ts";
import { AlertBoard } from "./alerts/alert-board.ts";
import type { AskModel } from "./ask-model.ts";
import { PredictionReader } from "./collect/prediction-reader.ts";
import { RowSampler } from "./collect/row-sampler.ts";
import { rowsPerSecond, signalLayout } from "./collect/signal-layout.ts";
import { findTask } from "./config/model-task.ts";
import { readMonitorConfig } from "./config/monitor-config.ts";
import { type ModelPlace, readMonitorFile } from "./config/monitor-files.ts";
import { readReferenceFile } from "./config/reference-file.ts";
import { type ServerGauges, ServerHistory, systemGauges } from "./evaluate/server-history.ts";
import { ModelMonitor } from "./model-monitor.ts";
import type { CreateModelPart, ModelPartContext } from "./model-part.ts";
import { modelParts } from "./model-parts.ts";
import { type MonitorClock, systemMonitorClock } from "./monitor-clock.ts";
import type { ModelReport, MonitorReport } from "./monitor-report.ts";
import type { Outcomes } from "./outcomes/outcomes.ts";
import type { PayloadLogs } from "./payload/payload-logs.ts";
import { maxModelVersions } from "./telemetry/attribute-values.ts";
import type { SeriesRegistry } from "./telemetry/series-registry.ts";
import { type ModelStanding, unwatchedModels } from "./unwatched-models.ts";

/** What the monitors of a server are made from. */
export interface ModelMonitorsOptions {
  readonly registry: SeriesRegistry;
  /** `service.instance.id` of the server's telemetry. */
  readonly serverInstance: string;
  readonly serverVersion: string;
  /** For the log. */
  report(level: "info" | "warn" | "error", message: string, fields: Readonly<Record<string, unknown>>): void;
  /** What is measured of this process. Default: the process's own. */
  readonly gauges?: ServerGauges;
  /** Default: the system's. */
  readonly clock?: MonitorClock;
  /** What all versions share of outcomes. Absent: none are taken. */
  readonly outcomes?: Outcomes;
  /** Where payloads are logged. Default: nowhere. */
  readonly payloadLogs?: PayloadLogs | undefined;
  /** Asks a model of the repository. Absent: there is none to ask. */
  readonly ask?: AskModel;
  /** What is watched about each version. Default: everything. */
  readonly parts?: readonly CreateModelPart[];
}

const noAnnotators: readonly Annotator[] = [];

/** How often ended blocks are looked for. Blocks are seconds long at least. */
const tickMs = 1000;

/** How long evaluations and reports keep the event loop before it gets a turn: many models may end their blocks in the same second. */
const sliceLengthMs = 2;

/**
 * The monitors of all model versions of a server: one observer of the runtime that hands each version's events to its own monitor, one timer
 * that ends blocks, one report.
 */
export class ModelMonitors implements Observer, Annotators {
  readonly #options: ModelMonitorsOptions;
  readonly #clock: MonitorClock;
  /** The alerts of all versions in service. */
  readonly alerts = new AlertBoard();
  readonly #startedMs: number;
  /** Every load that was prepared. A description is one load of a version. */
  readonly #byDescription = new WeakMap<ModelDescription, ModelMonitor>();
  /** Those in service, by name and version. */
  readonly #monitors = new Map<string, ModelMonitor>();
  /** The one asked for last: most requests in a row are of one model. */
  #lastDescription: ModelDescription | undefined;
  #lastMonitor: ModelMonitor | undefined;
  readonly #history: ServerHistory;
  #readRuntimeBytes: () => number = () => 0;
  #readIndex: () => readonly ModelStanding[] = () => [];
  /** Those whose failure was logged. */
  readonly #failedAnnotators = new WeakSet<Annotator>();
  #cancelTick: (() => void) | undefined;
  #isStopped = false;

  constructor(options: ModelMonitorsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemMonitorClock;
    this.#startedMs = this.#clock.nowMs();
    const gauges = options.gauges ?? systemGauges(() => this.#readRuntimeBytes());
    this.#history = new ServerHistory(gauges, this.#startedMs);
    this.#tickLater();
  }

  /**
   * Makes the monitor of a version that has been loaded and is about to become ready: reads its monitor.yaml and its reference profile, a large
   * one in a thread of its own.
   * @throws InferenceError "refused" when they cannot be used; the version must not become ready then
   */
  async prepare(place: ModelPlace, description: ModelDescription): Promise<void> {
    const config = readMonitorConfig(readMonitorFile(place));
    const found = await readReferenceFile(place, config.reference, description);
    const profile = found?.profile;
    const { task, note } = findTask(config, description, profile?.labels);
    const { registry, report } = this.#options;
    const { signature } = description;
    const signals = signalLayout(signature, profile, config.data.maxColumns);
    const context: ModelPartContext = {
      description,
      config,
      task,
      taskNote: note,
      profile,
      profileSource: found?.source ?? "",
      signals,
      sampler: new RowSampler(
        rowsPerSecond(signals, signature, config.quality.maxRowsPerSecond),
        0,
        this.#clock.nowMs(),
      ),
      predictions: task && new PredictionReader(task, signature),
      series: registry.createGroup({
        "sluice.model.name": description.name,
        "sluice.model.version": description.version,
      }),
      clock: this.#clock,
      ask: this.#options.ask,
      alerts: this.alerts,
      payloadLogs: this.#options.payloadLogs,
      drop: (monitor, reason, count = 1) => registry.dropped(monitor, reason).add(count),
      report: (level, message, fields) => report(level, message, fields),
    };
    if (task === undefined && config.task === "auto") {
      report("info", "quality is not watched", { model: description.name, version: description.version, reason: note });
    }
    this.#byDescription.set(
      description,
      new ModelMonitor(context, this.#options.parts ?? modelParts, this.#options.outcomes),
    );
  }

  /** The monitors of the versions in service, by name and version. */
  monitors(): readonly ModelMonitor[] {
    return [...this.#monitors.values()].sort((a, b) => compare(a.description, b.description));
  }

  /** Takes reported outcomes; undefined: none are taken. */
  get outcomes(): Outcomes | undefined {
    return this.#options.outcomes;
  }

  of(model: ModelDescription): readonly Annotator[] {
    return this.#find(model)?.annotators ?? noAnnotators;
  }

  onLeftOut(model: ModelDescription, annotator: Annotator, reason: LeftOutReason, error?: unknown): void {
    const { name, version } = model;
    const { monitor } = annotator;
    this.#find(model)?.context.drop(monitor, reason === "failed" ? "exception" : reason);
    if (error === undefined || this.#failedAnnotators.has(annotator)) return;
    this.#failedAnnotators.add(annotator);
    const message = "an answer goes without what was asked for beside it; further failures are only counted";
    this.#options.report("error", message, { model: name, version, monitor, error });
  }

  /**
   * What is known at this moment; made a slice at a time, since a thousand models take a tenth of a second.
   * @param modelName only this model; empty: all
   * @param modelVersion only this version; empty: all
   */
  async report(modelName = "", modelVersion = ""): Promise<MonitorReport> {
    const nowMs = this.#clock.nowMs();
    const chosen = this.monitors().filter(
      ({ description: { name, version } }) =>
        (modelName === "" || name === modelName) && (modelVersion === "" || version === modelVersion),
    );
    const models: ModelReport[] = [];
    let sliceMs = nowMs;
    for (const monitor of chosen) {
      models.push(monitor.report(nowMs));
      if (this.#clock.nowMs() - sliceMs < sliceLengthMs) continue;
      await new Promise<void>((resolve) => this.#clock.soon(resolve));
      sliceMs = this.#clock.nowMs();
    }
    const isWatched = (name: string, version: string) => this.#monitors.has(keyOf(name, version));
    const unwatched = unwatchedModels(this.#readIndex(), { modelName, modelVersion, isWatched });
    return {
      at: toTimestamp(nowMs),
      server_instance: this.#options.serverInstance,
      server_version: this.#options.serverVersion,
      started_at: toTimestamp(this.#startedMs),
      models: [...models, ...unwatched].sort(byName),
      history: this.#history.points(),
    };
  }

  onAdmitted(model: ModelDescription, record: RequestRecord): void {
    this.#find(model)?.onAdmitted(record);
  }

  onTaken(model: ModelDescription, requests: number): void {
    this.#find(model)?.onTaken(requests);
  }

  onBatch(model: ModelDescription, record: BatchRecord): void {
    this.#find(model)?.onBatch(record);
  }

  onResponse(model: ModelDescription, record: RequestRecord, response: InferenceResponse): void {
    this.#find(model)?.onResponse(record, response);
  }

  onEnd(model: ModelDescription, record: RequestRecord): void {
    this.#find(model)?.onEnd(record);
  }

  onModelState(name: string, version: string, state: ModelState, { description, reason }: ModelStateDetail): void {
    const key = keyOf(name, version);
    const prepared = description === undefined ? undefined : this.#byDescription.get(description);
    const current = this.#monitors.get(key);
    if (prepared !== undefined && prepared !== current) {
      if (current !== undefined) this.#close(current);
      this.#monitors.set(key, prepared);
      prepared.open();
      if (this.#monitors.size <= maxModelVersions) this.#options.registry.addGroup(prepared.context.series);
      else prepared.context.drop("latency", "model_limit");
    }
    const monitor = this.#monitors.get(key);
    if (monitor === undefined) return;
    monitor.state = state;
    monitor.stateReason = reason;
  }

  onModelRemoved(name: string, version: string): void {
    const monitor = this.#monitors.get(keyOf(name, version));
    if (monitor === undefined) return;
    this.#monitors.delete(keyOf(name, version));
    this.#close(monitor);
  }

  /** Gives the source of the states of every model version of the repository, also of those that failed to load. */
  setIndex(read: () => readonly ModelStanding[]): void {
    this.#readIndex = read;
  }

  /** Gives the source of the runtime processes' resident memory, in bytes. */
  setRuntimeBytes(read: () => number): void {
    this.#readRuntimeBytes = read;
  }

  /** No block ends any more. */
  stop(): void {
    this.#isStopped = true;
    this.#history.stop();
    this.#cancelTick?.();
  }

  #close(monitor: ModelMonitor): void {
    this.#options.registry.closeGroup(monitor.context.series);
    monitor.close();
  }

  #find(model: ModelDescription): ModelMonitor | undefined {
    if (model === this.#lastDescription) return this.#lastMonitor;
    this.#lastMonitor = this.#byDescription.get(model);
    this.#lastDescription = model;
    return this.#lastMonitor;
  }

  #tickLater(): void {
    if (this.#isStopped) return;
    this.#cancelTick = this.#clock.after(tickMs, () => {
      this.#history.tick(this.#clock.nowMs());
      this.#tick([...this.#monitors.values()]);
    });
  }

  /** Ends blocks that are over, a slice at a time. */
  #tick(left: ModelMonitor[]): void {
    if (this.#isStopped) return;
    const nowMs = this.#clock.nowMs();
    for (let monitor = left.pop(); monitor !== undefined; monitor = left.pop()) {
      const hasEvaluated = monitor.tick(nowMs);
      if (!hasEvaluated || this.#clock.nowMs() - nowMs < sliceLengthMs) continue;
      this.#clock.soon(() => this.#tick(left));
      return;
    }
    this.#tickLater();
  }
}

function keyOf(name: string, version: string): string {
  return `${name}\u0000${version}`;
}

function byName(a: ModelReport, b: ModelReport): number {
  if (a.model_name !== b.model_name) return a.model_name < b.model_name ? -1 : 1;
  return Number(a.model_version) - Number(b.model_version);
}

function compare(a: ModelDescription, b: ModelDescription): number {
  return a.name === b.name ? Number(a.version) - Number(b.version) : a.name < b.name ? -1 : 1;
}
