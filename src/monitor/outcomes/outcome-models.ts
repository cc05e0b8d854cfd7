import { InferenceError } from "../../errors.ts";
import { numberRules } from "../config/monitor-config.ts";
import type { OutcomeSink, PredictionLayout } from "../prediction.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { largestShare, ModelOutcomes, type OutcomeListener, type OutcomeSettings } from "./model-outcomes.ts";
import { predictionStoreBytes } from "./prediction-store.ts";

/** The model versions whose outcomes are taken, and the memory that they share. */
export class OutcomeModels {
  readonly #budget: MemoryBudget;
  /** By name, then version: both come from callers too. */
  readonly #models = new Map<string, Map<string, ModelOutcomes>>();

  /** @param maxBytes most memory for the predictions of all versions */
  constructor(maxBytes: number) {
    this.#budget = new MemoryBudget(maxBytes);
  }

  /** Bytes reserved now. */
  get usedBytes(): number {
    return this.#budget.usedBytes;
  }

  /**
   * Whether a configuration fits, before its version is loaded. The default always does: it stands for as many as there is room for.
   * @throws InferenceError "refused", with the value and the limit
   */
  check(layout: PredictionLayout, { maxPredictions }: OutcomeSettings): void {
    const { limitBytes } = this.#budget;
    const bytes = predictionStoreBytes(layout, maxPredictions);
    const mostBytes = limitBytes * largestShare;
    if (bytes <= mostBytes || maxPredictions === numberRules["quality.maxPredictions"].default) return;
    const most = Math.floor(mostBytes / predictionStoreBytes(layout, 1));
    throw new InferenceError(
      "refused",
      `quality.maxPredictions is ${maxPredictions}, which takes ${bytes} bytes: one model version may take half of the ${limitBytes} of --max-prediction-bytes, which is enough for ${most}`,
    );
  }

  /** A version is loaded; one of the same name and version from before is forgotten with its predictions. */
  open(sink: OutcomeSink, settings: OutcomeSettings, listener: OutcomeListener): ModelOutcomes {
    const opened = new ModelOutcomes(sink, settings, this.#budget, listener);
    const versions = this.#models.get(sink.modelName) ?? new Map<string, ModelOutcomes>();
    versions.get(sink.modelVersion)?.close();
    versions.set(sink.modelVersion, opened);
    this.#models.set(sink.modelName, versions);
    return opened;
  }

  /** A version is unloaded. One that was opened in its place stays. */
  close(model: ModelOutcomes): void {
    model.close();
    const { modelName, modelVersion } = model.sink;
    const versions = this.#models.get(modelName);
    if (versions?.get(modelVersion) !== model) return;
    versions.delete(modelVersion);
    if (versions.size === 0) this.#models.delete(modelName);
  }

  find(name: string, version: string): ModelOutcomes | undefined {
    return this.#models.get(name)?.get(version);
  }

  /** Those of a name and a version; an empty one stands for all. */
  *matching(name: string, version: string): Iterable<ModelOutcomes> {
    const named = name === "" ? this.#models.values() : [this.#models.get(name) ?? new Map<string, ModelOutcomes>()];
    for (const versions of named) {
      for (const model of versions.values()) if (version === "" || model.sink.modelVersion === version) yield model;
    }
  }
}
