import type { Signature } from "../../inference.ts";
import type { ModelConfig } from "../../model/model-config.ts";
import type { ClassNames } from "../../model/zip-map.ts";
import type { ProviderInfo } from "../model.ts";
import type { Device } from "./session.ts";

/** What the front process asks a runtime process beside running batches; one JSON object in a control frame. */
export type ControlRequest =
  | LoadRequest
  | TryRequest
  | WarmUpRequest
  | UnloadRequest
  | DevicesRequest
  | SaveStatesRequest
  | LoadStatesRequest;

/** Read, check and load a model file into a session. Answered by {@link LoadResult}. */
export interface LoadRequest {
  readonly operation: "load";
  readonly sessionId: number;
  readonly name: string;
  readonly version: string;
  /** The model file, and the folder of the model in which label files and external data may lie. */
  readonly file: string;
  readonly folder: string;
  /** As written, or complete already. */
  readonly config: ModelConfig;
  /**
   * `tried`: a {@link TryRequest} follows and completes the configuration; `untried`: complete it without running the model, because it
   * cannot be tried; `final`: the configuration is complete.
   */
  readonly batching: "tried" | "untried" | "final";
  readonly defaultMaxBatchSize: number;
  readonly device: Device | "auto";
  readonly deviceId?: number;
  readonly isFallbackAllowed: boolean;
  readonly intraOpThreads: number;
  readonly maxModelNodes: number;
  readonly maxModelBytes: number;
  /** Bytes that the states of all sequences of the session may take. */
  readonly maxStateBytes: number;
  /** SHA-256 that the file must have, in hexadecimal; absent: any. A complete configuration belongs to one file. */
  readonly sha256?: string;
}

export interface LoadResult {
  readonly config: ModelConfig;
  readonly signature: Signature;
  readonly provider: ProviderInfo;
  readonly batching: string;
  /** SHA-256 of the model file. */
  readonly sha256: string;
  /** Class names found in ZipMaps that were taken off, by output. */
  readonly classNames: ClassNames;
}

/**
 * Complete the configuration by running the model on seeded rows, and decide whether it batches. Answered by {@link LoadResult}.
 */
export interface TryRequest {
  readonly operation: "try";
  readonly sessionId: number;
}

/** Run once: a sample of the configuration's `model_warmup` by its index, or zeros in so many rows. Answered by {@link WarmUpResult}. */
export interface WarmUpRequest {
  readonly operation: "warm-up";
  readonly sessionId: number;
  readonly rows: number;
  readonly sample?: number;
  /** Of the inputs that are padded to a length. */
  readonly length?: number;
}

export interface WarmUpResult {
  readonly runMs: number;
}

export interface UnloadRequest {
  readonly operation: "unload";
  readonly sessionId: number;
}

/**
 * Write the states of these sequence slots into the arena, one after another, as many as there is room for. They stay in the session.
 * Answered by {@link SavedStates}.
 */
export interface SaveStatesRequest {
  readonly operation: "save-states";
  readonly sessionId: number;
  readonly slots: readonly number[];
}

export interface SavedStates {
  /** Bytes of each slot in the order asked for; 0: it holds no state. Shorter than asked for: there was no room for the next one. */
  readonly lengths: readonly number[];
}

/** Take over states that a session of the same model saved, into these slots. Answered by {@link LoadedStates}. */
export interface LoadStatesRequest {
  readonly operation: "load-states";
  readonly sessionId: number;
  readonly slots: readonly number[];
  readonly lengths: readonly number[];
}

export interface LoadedStates {
  /** For each slot the number of the shapes of its state, see `RanFrame.stateShapes`. */
  readonly stateShapes: readonly number[];
}

/** Which execution providers start here. Answered by {@link DevicesResult}. */
export interface DevicesRequest {
  readonly operation: "devices";
}

export interface DevicesResult {
  readonly devices: readonly Device[];
}

/** A body longer than a frame: it lies in the arena. */
export interface BodyReference {
  readonly arenaOffset: number;
  readonly arenaLength: number;
}

/** Where an answer that is longer than a frame may be written; every control request carries it. */
export interface AnswerRange {
  readonly answerOffset: number;
  readonly answerLimit: number;
}

/** Where bytes beside a control request lie in the arena: what came with it, or where its answer's go. */
export interface BytesRange {
  readonly bytesOffset: number;
  readonly bytesLimit: number;
}
