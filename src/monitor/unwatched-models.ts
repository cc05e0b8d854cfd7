import type { ModelState } from "../runtime/observer.ts";
import { emptyAnomalies, emptyData, emptyQuality, type ModelReport } from "./monitor-report.ts";

/** How a model version of the repository stands, as its index tells. */
export interface ModelStanding {
  readonly name: string;
  /** Empty where the whole model could not be read. */
  readonly version: string;
  readonly state: ModelState;
  /** Why it is not READY; empty when it is. */
  readonly reason: string;
}

/** What of an index is to be reported. */
export interface UnwatchedChoice {
  /** Only this model; empty: all. */
  readonly modelName: string;
  /** Only this version; empty: all. */
  readonly modelVersion: string;
  /** Whether a version has a monitor, which reports it. */
  readonly isWatched: (name: string, version: string) => boolean;
}

/** Reports of the versions without a monitor, since they are being loaded or failed to; not of those that nobody wants loaded. */
export function unwatchedModels(index: readonly ModelStanding[], choice: UnwatchedChoice): readonly ModelReport[] {
  const { modelName, modelVersion, isWatched } = choice;
  return index
    .filter(({ name, version }) => {
      return (modelName === "" || name === modelName) && (modelVersion === "" || version === modelVersion);
    })
    .filter(({ name, version, state, reason }) => {
      return state !== "READY" && reason !== "unloaded" && !isWatched(name, version);
    })
    .map(unwatchedModel);
}

function unwatchedModel({ name, version, state, reason }: ModelStanding): ModelReport {
  return {
    model_name: name,
    model_version: version,
    state,
    execution_provider: "",
    history: [],
    quality: emptyQuality("the model does not serve"),
    data: emptyData("the model does not serve"),
    anomalies: emptyAnomalies("the model does not serve"),
    alerts: [],
    dropped: [],
    state_reason: reason,
  };
}
