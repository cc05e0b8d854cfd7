import type { ModelPart, ModelPartContext } from "../model-part.ts";
import type { ModelReportDraft } from "../monitor-report.ts";
import { DriftPart } from "./drift-part.ts";
import { LearningDriftPart } from "./learning-drift-part.ts";

/**
 * Watches how far the data of a model version is from its reference, or says why that is not watched.
 * @throws InferenceError "refused" when the configuration names signals that are not there, or would make too many series
 */
export function createDriftPart(context: ModelPartContext): ModelPart {
  const { profile, config } = context;
  if (config.drift.against === "off") return new NoDriftPart("drift is switched off in monitor.yaml");
  if (profile !== undefined) return new DriftPart(context, profile);
  if (config.drift.learnRows === 0) {
    return new NoDriftPart("there is no reference profile beside the model: `sluice profile` makes one");
  }
  return new LearningDriftPart(context, (made) => new DriftPart(made, made.profile));
}

/** Says why nothing is compared. */
class NoDriftPart implements ModelPart {
  readonly name = "drift";
  readonly #note: string;

  constructor(note: string) {
    this.#note = note;
  }

  report(into: ModelReportDraft): void {
    into.data = { ...into.data, note: [into.data.note, this.#note].filter((note) => note !== "").join("; ") };
  }
}
