import type { Signal, SignalLayout } from "../../collect/sampled-rows.ts";
import type { DetectorModel } from "../../config/anomaly.ts";
import { refused } from "../../config/section.ts";
import type { ModelPartContext } from "../../model-part.ts";
import { HalfSpaceDetector, MahalanobisDetector, type RowDetector } from "./row-detector.ts";

/** What gives rows their score, or why nothing does. */
export type DetectorChoice =
  | { readonly kind: "model"; readonly model: DetectorModel }
  | { readonly kind: "rows"; readonly detector: RowDetector; readonly threshold: number | undefined }
  | { readonly kind: "none"; readonly note: string };

/** The detector of a version by its configuration and its profile. @throws InferenceError "refused" */
export function chooseDetector({ config, profile, signals }: ModelPartContext): DetectorChoice {
  const { detector, model, threshold, seed } = config.anomaly;
  if (model !== undefined) return { kind: "model", model };
  if (detector === "half_space_trees") {
    const numeric = inputsOf(signals).filter(({ kind }) => kind === "numeric");
    if (numeric.length === 0) throw refused("anomaly.detector is half_space_trees, but the model has no numeric input");
    return { kind: "rows", detector: new HalfSpaceDetector(numeric, seed), threshold };
  }
  const reference = profile?.anomaly;
  if (detector === "mahalanobis" && reference === undefined) {
    const what =
      profile === undefined ? "there is no reference profile" : "the reference profile has no mean and spread of rows";
    throw refused(
      `anomaly.detector is mahalanobis, but ${what}: \`sluice profile\` makes one, half_space_trees needs none`,
    );
  }
  if (detector === "off" || reference === undefined) {
    const note =
      detector === "off"
        ? "monitor.yaml switches it off"
        : "there is no reference profile with mean and spread of rows; `anomaly: {detector: half_space_trees}` needs none";
    return { kind: "none", note };
  }
  const { mean, inverse_covariance: inverse, threshold: ofReference } = reference;
  const rows = reference.signals.map((name) => signalNamed(name, signals));
  return { kind: "rows", detector: new MahalanobisDetector(rows, mean, inverse), threshold: threshold ?? ofReference };
}

function inputsOf({ signals, inputCount }: SignalLayout): readonly Signal[] {
  return signals.slice(0, inputCount);
}

function signalNamed(name: string, layout: SignalLayout): Signal {
  const found = inputsOf(layout).find((signal) => signal.name === name);
  if (found === undefined) throw refused(`the reference profile scores rows by '${name}', which is not watched`);
  return found;
}
