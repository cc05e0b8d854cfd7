import type { ReferenceProfile } from "../../model/package-messages.ts";
import type { SampledRows } from "../collect/sampled-rows.ts";
import type { ModelPart, ModelPartContext } from "../model-part.ts";
import type { ModelReportDraft } from "../monitor-report.ts";
import { ReferenceCapture } from "./reference-capture.ts";

/** A context with the profile that was learned. */
export type LearnedContext = ModelPartContext & { readonly profile: ReferenceProfile };

/**
 * Compares with the first rows that came, where a model has no reference profile: they are taken for what rows should be like. What was learned
 * is forgotten with the version.
 */
export class LearningDriftPart implements ModelPart {
  readonly name = "drift";
  readonly maxBytes: number;
  readonly #context: ModelPartContext;
  readonly #create: (context: LearnedContext) => ModelPart;
  /** Undefined: all rows are there. */
  #capture: ReferenceCapture | undefined;
  /** Undefined: still learning. */
  #drift: ModelPart | undefined;
  #isClosed = false;

  /** @throws InferenceError "unsupported" for a model with too many signals */
  constructor(context: ModelPartContext, create: (context: LearnedContext) => ModelPart) {
    const { description, config, signals, task } = context;
    this.#context = context;
    this.#create = create;
    this.#capture = new ReferenceCapture({
      modelName: description.name,
      signals: signals.signals,
      labels: task?.labels ?? [],
      scoresOutput: task?.scoresOutput,
      rowCount: config.drift.learnRows,
      areClassesNumbers: true,
    });
    // The values of each signal, and what they become afterwards.
    this.maxBytes = signals.signals.length * (config.drift.learnRows * 8 + 32 * 1024);
  }

  onRows(rows: SampledRows): void {
    if (this.#capture === undefined) {
      this.#drift?.onRows?.(rows);
      return;
    }
    this.#capture.add(rows);
    if (!this.#capture.isComplete) return;
    const capture = this.#capture;
    this.#capture = undefined;
    void this.#finish(capture);
  }

  onBlockEnd(nowMs: number): void {
    this.#drift?.onBlockEnd?.(nowMs);
  }

  report(into: ModelReportDraft, nowMs: number, isBrief?: boolean): void {
    if (this.#drift !== undefined) this.#drift.report(into, nowMs, isBrief);
    else {
      const note = `the first ${this.#context.config.drift.learnRows} rows are to be the reference`;
      into.data = { ...into.data, note: [into.data.note, note].filter((text) => text !== "").join("; ") };
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#drift?.close?.();
  }

  async #finish(capture: ReferenceCapture): Promise<void> {
    const { clock, description } = this.#context;
    try {
      const profile = await capture.finish(clock.nowMs(), () => new Promise((resolve) => clock.soon(resolve)));
      if (this.#isClosed) return;
      this.#drift = this.#create({ ...this.#context, profile, profileSource: "first rows" });
      this.#context.report("info", "drift is compared with the first rows", {
        model: description.name,
        version: description.version,
      });
    } catch (error) {
      this.#context.drop(this.name, "exception");
      this.#context.report("error", "the first rows made no reference", {
        model: description.name,
        version: description.version,
        error,
      });
    }
  }
}
