import { maxPredictionIdLength, type Outcome, type OutcomeResult, type OutcomeStatus } from "../../outcome.ts";
import type { Prediction, PreviousTruth } from "../prediction.ts";
import { hashId, hashWords } from "./id-hash.ts";
import type { ModelOutcomes } from "./model-outcomes.ts";
import type { OutcomeModels } from "./outcome-models.ts";
import type { PredictionIds } from "./prediction-ids.ts";
import { createPrediction } from "./prediction-store.ts";
import { type PredictionToken, readToken, type TokenFault } from "./prediction-token.ts";
import type { TokenKeys } from "./token-keys.ts";
import { truthOf } from "./truth.ts";

/** How much the clocks of two machines may differ before a time is called wrong, milliseconds. */
export const maxClockSkewMs = 60_000;

/** Most that one outcome counts. */
export const maxOutcomeWeight = 1_000_000;

/** What the intake works with. */
export interface OutcomeIntakeParts {
  readonly models: OutcomeModels;
  readonly ids: PredictionIds;
  readonly keys: Pick<TokenKeys, "find">;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Hears of every outcome; the model where it is known. */
  readonly onOutcome: (status: OutcomeStatus, model: ModelOutcomes | undefined) => void;
}

/** A row of a prediction that is known, and how its truth is kept. */
interface KnownRow {
  readonly model: ModelOutcomes;
  readonly prediction: Prediction;
  readonly previous: PreviousTruth | undefined;
  remember(truth: PreviousTruth): void;
}

/** A result, and the model that it counts for. */
interface Refusal {
  readonly model: ModelOutcomes | undefined;
  readonly status: OutcomeStatus;
  readonly message: string;
}

/** Joins outcomes with their predictions, one by one, and says what became of each. Wrong ones change nothing. */
export class OutcomeIntake {
  readonly #parts: OutcomeIntakeParts;
  readonly #key = new Uint32Array(hashWords);

  constructor(parts: OutcomeIntakeParts) {
    this.#parts = parts;
  }

  /** Takes one outcome; some microseconds of work. */
  take(outcome: Outcome): OutcomeResult {
    const nowMs = this.#parts.now();
    const row = this.#findRow(outcome);
    const { model, status, message } = isRefusal(row) ? row : settle(row, outcome, nowMs);
    model?.count(status);
    this.#parts.onOutcome(status, model);
    return message === "" ? (plainResults[status] ?? { status, message }) : { status, message };
  }

  /** Counts something that cannot even be read as an outcome. */
  refuse(message: string): OutcomeResult {
    this.#parts.onOutcome("INVALID", undefined);
    return { status: "INVALID", message };
  }

  #findRow(outcome: Outcome): KnownRow | Refusal {
    const { predictionId, predictionToken } = outcome;
    if ((predictionId === undefined) === (predictionToken === undefined)) {
      return refusal("INVALID", "set either prediction_id or prediction_token");
    }
    if (predictionToken !== undefined) return this.#findByToken(predictionToken, outcome);
    return this.#findById(predictionId ?? "", outcome);
  }

  #findById(id: string, { row = 0, modelName = "", modelVersion = "" }: Outcome): KnownRow | Refusal {
    if (id === "") return refusal("INVALID", "prediction_id is empty");
    if (id.length > maxPredictionIdLength) {
      return refusal(
        "INVALID",
        `prediction_id has ${id.length} characters, at most ${maxPredictionIdLength} are allowed`,
      );
    }
    hashId(id, this.#key);
    let found: ModelOutcomes | undefined;
    for (const model of this.#parts.models.matching(modelName, modelVersion)) {
      if ((model.store?.find(this.#key) ?? -1) < 0) continue;
      if (found !== undefined) return ambiguous(found, model);
      found = model;
    }
    return found === undefined ? this.#missing(id, modelName, modelVersion) : readKept(found, this.#key, row);
  }

  /** Why no prediction has an id, which is hashed already. */
  #missing(id: string, modelName: string, modelVersion: string): Refusal {
    if (this.#parts.ids.originOf(id) === "foreign") return refusal("FOREIGN", idFaults.foreign);
    const models = [...this.#parts.models.matching(modelName, modelVersion)];
    if (models.length === 0) return unwatched(modelName, modelVersion);
    const isSampled = models.some((model) => model.samples(this.#key));
    return isSampled ? refusal("UNKNOWN", idFaults.unknown) : refusal("NOT_SAMPLED", idFaults.notSampled);
  }

  #findByToken(bytes: Uint8Array, { row = 0, modelName = "", modelVersion = "" }: Outcome): KnownRow | Refusal {
    const token = readToken(bytes, (id) => this.#parts.keys.find(id));
    if (typeof token === "string") return refusal("FORGED", tokenFaults[token]);
    const model = this.#parts.models.find(token.modelName, token.modelVersion);
    if (model === undefined) return unwatched(token.modelName, token.modelVersion);
    const named = [modelName || token.modelName, modelVersion || token.modelVersion];
    if (named[0] !== token.modelName || named[1] !== token.modelVersion) {
      const made = `model '${token.modelName}' version ${token.modelVersion}`;
      return refusal(
        "INVALID",
        `the token is of ${made}, not of model '${named[0]}' version ${named[1]}: leave them out`,
        model,
      );
    }
    if (row !== 0) return refusal("INVALID", `row is ${row}, but a token names its row by itself: leave it out`, model);
    if (token.layoutMark !== model.layoutMark) {
      return refusal("INVALID", "the token was made when this model version had other classes or outputs", model);
    }
    return {
      model,
      prediction: predictionOf(token, model),
      previous: model.reportedBy(token.key),
      remember: (truth) => model.setReported(token.key, truth),
    };
  }
}

/** Results without a message are shared: most outcomes are accepted. */
const plainResults: Partial<Record<OutcomeStatus, OutcomeResult>> = {
  ACCEPTED: { status: "ACCEPTED", message: "" },
  CORRECTED: { status: "CORRECTED", message: "" },
};

const idFaults = {
  foreign: "the id was made by another server, or by this one before it was started again: report there, or by token",
  unknown:
    "no prediction of this id is known: there never was one, it had to give way to newer ones (quality.maxPredictions), or its model was loaded again",
  notSampled: "only a share of predictions is kept (quality.sampleRate), and this id is none of it",
} as const;

const tokenFaults: Readonly<Record<TokenFault, string>> = {
  malformed: "the token is none of ours, or incomplete: send the bytes as they came",
  unknown_key:
    "the token was signed with a key that this server does not have: give all servers one --token-key-file, and keep the keys of before in it",
  altered: "the token was changed since it was made: send the bytes as they came",
};

function isRefusal(row: KnownRow | Refusal): row is Refusal {
  return "status" in row;
}

function refusal(status: OutcomeStatus, message: string, model?: ModelOutcomes): Refusal {
  return { model, status, message };
}

function unwatched(name: string, version: string): Refusal {
  const which =
    name === "" ? "no model's" : `model '${name}'${version === "" ? "" : ` version ${version}`} is not loaded, or its`;
  return refusal("UNWATCHED", `${which} quality is ${name === "" ? "" : "not "}watched here`);
}

function ambiguous(one: ModelOutcomes, other: ModelOutcomes): Refusal {
  const names = [one, other].map(({ sink }) => `model '${sink.modelName}' version ${sink.modelVersion}`);
  return refusal("INVALID", `${names.join(" and ")} both predicted with this id: set model_name and model_version`);
}

function readKept(model: ModelOutcomes, key: Uint32Array, row: number): KnownRow | Refusal {
  const { store } = model;
  const place = store?.find(key) ?? -1;
  if (store === undefined || place < 0) return refusal("UNKNOWN", "the prediction is forgotten", model);
  const rows = store.rowsOf(place);
  if (!(Number.isInteger(row) && row >= 0 && row < rows)) {
    return refusal("INVALID", `row is ${row}, but the prediction has ${rows} rows, counted from 0`, model);
  }
  const prediction = createPrediction(store.layout);
  store.read(place, row, prediction);
  return {
    model,
    prediction,
    previous: store.truthOf(place, row),
    remember: (truth) => store.setTruth(place, row, truth),
  };
}

/** The prediction that a token carries; a wide one carries the class alone. */
function predictionOf(token: PredictionToken, { sink }: ModelOutcomes): Prediction {
  const prediction = createPrediction(sink.layout);
  prediction.atMs = token.atMs;
  prediction.predictedClass = token.predictedClass;
  if (token.values.length === sink.layout.width) prediction.values.set(token.values);
  else prediction.values.fill(Number.NaN);
  return prediction;
}

/** Gives a truth to its prediction, once. */
function settle(row: KnownRow, outcome: Outcome, nowMs: number): Refusal {
  const { model, prediction, previous } = row;
  const { sink, labelIndex } = model;
  const { weight = 1, isCorrection = false } = outcome;
  const truth = truthOf(outcome, sink.layout, labelIndex);
  if (typeof truth === "string") return refusal("INVALID", truth, model);
  if (!(weight > 0 && weight <= maxOutcomeWeight)) {
    return refusal("INVALID", `weight is ${weight}, expected above 0 and at most ${maxOutcomeWeight}`, model);
  }
  const wrongTime = checkObserved(outcome.observedAtMs, prediction.atMs, nowMs);
  if (wrongTime !== undefined) return refusal("INVALID", wrongTime, model);
  if (nowMs - prediction.atMs > sink.labelHorizonMs) {
    return refusal(
      "EXPIRED",
      `the prediction is older than the label horizon of ${sink.labelHorizonMs / 1000} s (quality.labelHorizonSeconds)`,
      model,
    );
  }
  if (previous !== undefined && !isCorrection) {
    return refusal("DUPLICATE", "there is a truth about this row already: set correction to replace it", model);
  }
  // The clock of the server that made the prediction may be ahead. What was recorded under one time is corrected there, not where it lies by now.
  prediction.atMs = previous?.atMs ?? Math.min(prediction.atMs, nowMs);
  if (previous === undefined) sink.record(prediction, truth, weight, nowMs);
  else sink.correct(prediction, previous, truth, weight, nowMs);
  row.remember({ truth, weight, atMs: prediction.atMs });
  return { model, status: previous === undefined ? "ACCEPTED" : "CORRECTED", message: "" };
}

function checkObserved(observedAtMs: number | undefined, predictedAtMs: number, nowMs: number): string | undefined {
  if (observedAtMs === undefined) return undefined;
  if (!Number.isFinite(observedAtMs)) return "observed_at is no time";
  if (observedAtMs > nowMs + maxClockSkewMs) {
    return `observed_at is ${secondsApart(observedAtMs, nowMs)} s in the future`;
  }
  if (observedAtMs < predictedAtMs - maxClockSkewMs) {
    return `observed_at is ${secondsApart(predictedAtMs, observedAtMs)} s before the prediction`;
  }
  return undefined;
}

function secondsApart(laterMs: number, earlierMs: number): number {
  return Math.round((laterMs - earlierMs) / 1000);
}
