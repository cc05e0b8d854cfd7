import type { InferenceResponse } from "../../src/inference.ts";
import { noParameters } from "../../src/inference.ts";
import type { ReferenceProfile } from "../../src/model/package-messages.ts";
import { AlertBoard } from "../../src/monitor/alerts/alert-board.ts";
import { PredictionReader } from "../../src/monitor/collect/prediction-reader.ts";
import { RowSampler } from "../../src/monitor/collect/row-sampler.ts";
import { signalLayout } from "../../src/monitor/collect/signal-layout.ts";
import { findTask } from "../../src/monitor/config/model-task.ts";
import { readMonitorConfig } from "../../src/monitor/config/monitor-config.ts";
import type { ModelPart, ModelPartContext } from "../../src/monitor/model-part.ts";
import { emptyAnomalies, emptyData, emptyQuality, type ModelReport } from "../../src/monitor/monitor-report.ts";
import { SeriesRegistry } from "../../src/monitor/telemetry/series-registry.ts";
import type { ModelDescription } from "../../src/runtime/model.ts";
import { QueueEntry } from "../../src/runtime/queue/queue-entry.ts";
import type { Tensor } from "../../src/tensor.ts";
import { FakeMonitorClock } from "./fake-monitor-clock.ts";
import { contextOf, RecordingReply, requestOf } from "./runtime-requests.ts";

/** What a part is made from for a model with this monitor.yaml, and what comes of it. */
export class MonitoredModel {
  readonly clock = new FakeMonitorClock();
  readonly registry = new SeriesRegistry(() => this.clock.nowMs());
  readonly logged: Readonly<Record<string, unknown>>[] = [];
  readonly dropped: string[] = [];
  readonly context: ModelPartContext;

  /** @throws InferenceError "refused" as a load would */
  constructor(description: ModelDescription, yaml = "", profile?: ReferenceProfile) {
    const config = readMonitorConfig(yaml);
    const { task, note } = findTask(config, description, profile?.labels);
    const attributes = { "sluice.model.name": description.name, "sluice.model.version": description.version };
    this.context = {
      description,
      config,
      task,
      taskNote: note,
      profile,
      profileSource: profile === undefined ? "" : "reference.json",
      signals: signalLayout(description.signature, profile, config.data.maxColumns),
      sampler: new RowSampler(config.quality.maxRowsPerSecond),
      predictions: task && new PredictionReader(task, description.signature),
      series: this.registry.openGroup(attributes),
      clock: this.clock,
      alerts: new AlertBoard(),
      drop: (monitor, reason, count = 1) => void this.dropped.push(`${monitor} ${reason} ${count}`),
      report: (level, message, fields) => void this.logged.push({ level, message, ...fields }),
    };
  }

  /** A request of these inputs as the runtime tells of it, arrived now. */
  recordOf(inputs: readonly Tensor[]): QueueEntry {
    const request = requestOf(inputs);
    const rows = this.context.description.signature.maxBatchSize > 0 ? (inputs[0]?.shape[0] ?? 1) : 1;
    const valid = { inputs, rows, shapeKey: "", outputs: [] };
    const context = contextOf({ arrivalTimeMs: this.clock.monotonicMs() });
    return new QueueEntry(request, context, new RecordingReply(), valid, Number.POSITIVE_INFINITY);
  }

  /** Tells a part of an answered request. */
  answer(part: ModelPart, inputs: readonly Tensor[], outputs: readonly Tensor[], tookMs = 1): void {
    const record = this.recordOf(inputs);
    this.clock.advance(tookMs);
    record.endedMs = this.clock.monotonicMs();
    part.onAnswer?.(record, this.responseOf(outputs), this.clock.nowMs());
  }

  responseOf(outputs: readonly Tensor[]): InferenceResponse {
    const { name: modelName, version: modelVersion } = this.context.description;
    return { modelName, modelVersion, id: "", parameters: noParameters, outputs };
  }

  /** What a part reports. */
  report(part: ModelPart): ModelReport {
    const { name, version } = this.context.description;
    const draft = {
      model_name: name,
      model_version: version,
      state: "READY",
      execution_provider: "cpu",
      history: [],
      quality: emptyQuality(""),
      data: emptyData(""),
      anomalies: emptyAnomalies(""),
      alerts: [],
      dropped: [],
      state_reason: "",
    };
    part.report(draft, this.clock.nowMs());
    return draft;
  }

  /** Sum of the points of an instrument. */
  async total(name: string): Promise<number> {
    const families = await this.registry.collect();
    const points = families.find(({ instrument }) => instrument.name === name)?.points ?? [];
    return points.reduce((sum, { value }) => sum + (typeof value === "number" ? value : value.count), 0);
  }
}
