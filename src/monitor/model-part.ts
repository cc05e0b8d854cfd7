import type { InferenceResponse } from "../inference.ts";
import type { ReferenceProfile } from "../model/package-messages.ts";
import type { Annotator } from "../runtime/annotator.ts";
import type { ModelDescription } from "../runtime/model.ts";
import type { RequestRecord } from "../runtime/observer.ts";
import type { AlertBoard } from "./alerts/alert-board.ts";
import type { AskModel } from "./ask-model.ts";
import type { PredictionReader } from "./collect/prediction-reader.ts";
import type { RowSampler } from "./collect/row-sampler.ts";
import type { SampledRows, SignalLayout } from "./collect/sampled-rows.ts";
import type { ModelTask } from "./config/model-task.ts";
import type { MonitorConfig } from "./config/monitor-config.ts";
import type { MonitorClock } from "./monitor-clock.ts";
import type { ModelReport, ModelReportDraft } from "./monitor-report.ts";
import type { PayloadLogs } from "./payload/payload-logs.ts";
import type { OutcomeSink, Prediction, Truth } from "./prediction.ts";
import type { SeriesGroup } from "./telemetry/series-registry.ts";

/**
 * One thing that is watched about a model version: its quality, its data, its anomalies. Everything is synchronous and on the way of a request
 * or of a timer; what it throws is counted by the engine, which goes on.
 */
export interface ModelPart {
  /** For the count of what it drops, such as "quality". */
  readonly name: string;
  /** Most memory that it takes, in bytes, whatever happens. Absent: next to nothing. */
  readonly maxBytes?: number;
  /** Takes the outcomes of the version, where this part does. */
  readonly outcomes?: OutcomeSink;
  /** What answers carry when they are asked for it. */
  readonly annotators?: readonly Annotator[];
  /** Rows of one answered request that were chosen for row statistics. Everything is only valid during the call. */
  onRows?(rows: SampledRows): void;
  /** The version is in service. Whatever others see of it begins here: a version may be loaded beside the one that serves. */
  open?(): void;
  /** A request enters the queue. Views of its inputs are only valid during the call; that of its end, one of the next two, follows always. */
  onAdmitted?(record: RequestRecord): void;
  /** Every answered request, chosen or not: cheap things only. `atMs`: epoch milliseconds of the answer. */
  onAnswer?(record: RequestRecord, response: InferenceResponse, atMs: number): void;
  /** An outcome was recorded by the part that takes outcomes. The prediction is only valid during the call. */
  onOutcome?(prediction: Prediction, truth: Truth, weight: number, receivedAtMs: number): void;
  /** A request failed or was refused. */
  onFailure?(record: RequestRecord, atMs: number): void;
  /** A block of time has ended. `nowMs`: its end, epoch milliseconds, a multiple of the block's length. */
  onBlockEnd?(nowMs: number): void;
  /** All parts have ended the block: what they know together, in brief. */
  onEvaluated?(report: ModelReport, nowMs: number): void;
  /**
   * Fills its part of the report.
   * @param isBrief only numbers that rules may be about are needed: distributions may be left out, which with thousands of signals is most of it
   */
  report(into: ModelReportDraft, nowMs: number, isBrief?: boolean): void;
  /** The version was removed or replaced. */
  close?(): void;
}

/** What a part is made from. */
export interface ModelPartContext {
  readonly description: ModelDescription;
  readonly config: MonitorConfig;
  /** Undefined: quality is not watched, and `taskNote` says why. */
  readonly task: ModelTask | undefined;
  readonly taskNote: string;
  /** Undefined: there is no reference. */
  readonly profile: ReferenceProfile | undefined;
  /** Name of its file; empty: there is none. */
  readonly profileSource: string;
  /** The signals of a sampled row. */
  readonly signals: SignalLayout;
  /** Which rows are chosen for row statistics, and how many there are. */
  readonly sampler: RowSampler;
  /** Reads predictions out of responses; undefined without a task. */
  readonly predictions: PredictionReader | undefined;
  /** Series of this load of the version; they begin when it becomes ready and end with it. */
  readonly series: SeriesGroup;
  readonly clock: MonitorClock;
  /** Asks another model of the repository. Absent: there is none. */
  readonly ask?: AskModel | undefined;
  /** Where the alerts of the server stand. */
  readonly alerts: AlertBoard;
  /** Where payloads are logged. Absent: nowhere. */
  readonly payloadLogs?: PayloadLogs | undefined;
  /** Counts what a monitor had to leave out, by its name and the reason; both from the table of sluice.monitor.dropped. */
  drop(monitor: string, reason: string, count?: number): void;
  /** For the log. */
  report(level: "info" | "warn" | "error", message: string, fields: Readonly<Record<string, unknown>>): void;
}

/**
 * Makes a part for a version that is about to become ready; undefined: there is nothing to watch.
 * @throws InferenceError "refused" when the configuration or the profile cannot be used: the version is not served then
 */
export type CreateModelPart = (context: ModelPartContext) => ModelPart | undefined;
