import type { TensorSpec } from "../../src/inference.ts";
import type { ReferenceProfile } from "../../src/model/package-messages.ts";
import { AlertBoard } from "../../src/monitor/alerts/alert-board.ts";
import { PredictionReader } from "../../src/monitor/collect/prediction-reader.ts";
import { RowSampler } from "../../src/monitor/collect/row-sampler.ts";
import { findTask } from "../../src/monitor/config/model-task.ts";
import { readMonitorConfig } from "../../src/monitor/config/monitor-config.ts";
import { createQualityPart } from "../../src/monitor/evaluate/quality/create-quality-part.ts";
import type { QualityPart } from "../../src/monitor/evaluate/quality/quality-part.ts";
import type { ModelPartContext } from "../../src/monitor/model-part.ts";
import {
  emptyAnomalies,
  emptyData,
  emptyQuality,
  type Metric,
  type ModelReportDraft,
  type QualityReport,
} from "../../src/monitor/monitor-report.ts";
import type { Prediction, Truth } from "../../src/monitor/prediction.ts";
import { SeriesRegistry } from "../../src/monitor/telemetry/series-registry.ts";
import { FakeMonitorClock } from "./fake-monitor-clock.ts";
import { describe } from "./fake-repository.ts";
import { responseOf, signatureOf, specOf, tensorOf } from "./monitor-tensors.ts";

/** Outputs of a model with two classes and a score for each. */
export const twoScores: readonly TensorSpec[] = [specOf("probabilities", "FP32", [2], ["no", "yes"])];

/** Outputs of a model that predicts so many numbers. */
export const numberOutput = (width: number): readonly TensorSpec[] => [specOf("prediction", "FP32", [width])];

/** The quality part of a model version, with time that passes when the test says so. */
export class QualitySubject {
  readonly clock = new FakeMonitorClock();
  readonly registry = new SeriesRegistry(() => this.clock.nowMs());
  readonly drops: string[] = [];
  readonly logged: string[] = [];
  readonly part: QualityPart<unknown>;
  readonly #outputs: readonly TensorSpec[];

  /** @param yaml of the model's monitor.yaml. @throws InferenceError "refused" as the part does */
  constructor(outputs: readonly TensorSpec[], yaml = "", profile?: ReferenceProfile, maxBatchSize = 64) {
    const description = { ...describe("m"), signature: signatureOf(outputs, undefined, maxBatchSize) };
    const config = readMonitorConfig(yaml);
    const { task, note } = findTask(config, description);
    if (task === undefined) throw new Error(note);
    const series = this.registry.openGroup({ "sluice.model.name": "m", "sluice.model.version": "1" });
    const context: ModelPartContext = {
      description,
      config,
      task,
      taskNote: note,
      profile,
      profileSource: "",
      signals: { signals: [], inputCount: 0, note: "" },
      predictions: new PredictionReader(task, description.signature),
      series,
      clock: this.clock,
      sampler: new RowSampler(config.quality.maxRowsPerSecond),
      alerts: new AlertBoard(),
      drop: (monitor, reason) => this.drops.push(`${monitor} ${reason}`),
      report: (_level, message, { reason }) => void this.logged.push(`${message}: ${reason}`),
    };
    this.#outputs = outputs;
    this.part = createQualityPart(context) as QualityPart<unknown>; // a task is known
  }

  /** The model answers rows now. @param rows numbers of the only output. @param countedRows that the request counts as */
  answer(rows: readonly (readonly number[])[], countedRows = rows.length): void {
    const [{ name, datatype } = { name: "", datatype: "FP32" as const }] = this.#outputs;
    const shape = [rows.length, rows[0]?.length ?? 0];
    const response = responseOf(tensorOf(name, datatype, shape, rows.flat()));
    this.part.onAnswer({ rows: countedRows } as never, response, this.clock.nowMs()); // all that the part looks at
  }

  /** The truth about a prediction of some time ago arrives. */
  tell(prediction: Partial<Prediction>, truth: Truth, { agoMs = 0, weight = 1 } = {}): void {
    this.part.outcomes.record(this.#predicted(prediction, agoMs), truth, weight, this.clock.nowMs());
  }

  /** A truth about it was wrong. @param countedAgoMs when the wrong one was recorded under */
  correct(
    prediction: Partial<Prediction>,
    previous: Truth,
    truth: Truth,
    { agoMs = 0, weight = 1, countedAgoMs = agoMs }: { agoMs?: number; weight?: number; countedAgoMs?: number } = {},
  ): void {
    const before = { truth: previous, weight, atMs: this.clock.nowMs() - countedAgoMs };
    this.part.outcomes.correct(this.#predicted(prediction, agoMs), before, truth, weight, this.clock.nowMs());
  }

  #predicted({ predictedClass = -1, values = new Float32Array() }: Partial<Prediction>, agoMs: number): Prediction {
    return { atMs: this.clock.nowMs() - agoMs, predictedClass, values };
  }

  /** Time passes, block by block. */
  pass(ms: number, blockMs = 60_000): void {
    const untilMs = this.clock.nowMs() + ms;
    for (;;) {
      const nextMs = (Math.floor(this.clock.nowMs() / blockMs) + 1) * blockMs;
      if (nextMs > untilMs) break;
      this.clock.advance(nextMs - this.clock.nowMs());
      this.part.onBlockEnd(nextMs);
    }
    this.clock.advance(untilMs - this.clock.nowMs());
  }

  report(): QualityReport {
    const draft = {
      quality: emptyQuality(""),
      data: emptyData(""),
      anomalies: emptyAnomalies(""),
    } as ModelReportDraft; // the part fills its own field alone
    this.part.report(draft, this.clock.nowMs());
    return draft.quality;
  }

  metric(name: string, label = ""): Metric | undefined {
    return this.report().metrics.find((metric) => metric.name === name && metric.label === label);
  }

  /** Points of one instrument: attributes of ours without their prefix, and the value. */
  async points(instrument: string): Promise<readonly (readonly [Readonly<Record<string, unknown>>, unknown])[]> {
    const families = await this.registry.collect();
    const points = families.find((family) => family.instrument.name === instrument)?.points ?? [];
    return points.map(({ attributes, value }) => {
      const own = Object.entries(attributes).filter(([key]) => !key.startsWith("sluice.model."));
      return [Object.fromEntries(own.map(([key, word]) => [key.replace("sluice.", ""), word])), value] as const;
    });
  }
}
