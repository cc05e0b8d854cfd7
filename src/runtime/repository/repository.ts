import type { Model } from "../model.ts";
import type { ModelState } from "../observer.ts";
import type { ModelStatistics } from "../statistics.ts";

/** One line of RepositoryIndex. */
export interface IndexEntry {
  readonly name: string;
  /** Empty when no version is known. */
  readonly version: string;
  readonly state: ModelState;
  /** Why it is not READY; empty when it is. */
  readonly reason: string;
}

/** A change that RepositoryModelLoad brings beside the files on disk. */
export interface LoadOverride {
  /** Replaces config.pbtxt; JSON in the protobuf mapping. */
  readonly config?: string;
  /** Replaces the version folders: `1/model.onnx` -> bytes. Needs `config`. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
}

/** What the gRPC and HTTP skins see of the models: lookup, states, control. */
export interface Repository {
  /**
   * The version that answers: the highest ready one when `version` is empty.
   * @throws InferenceError not_found, loading or invalid, with Triton's texts.
   */
  find(name: string, version: string): Model;
  /** Whether that model (any version when empty) is ready. @throws InferenceError not_found or invalid, with Triton's texts. */
  isReady(name: string, version: string): boolean;
  /** Versions of a model that are ready, ascending. @throws InferenceError not_found. */
  versions(name: string): readonly string[];
  /** Whether every start-up model has been ready once (or, strict, every model is ready now). */
  readonly isServerReady: boolean;
  index(onlyReady: boolean): readonly IndexEntry[];
  /** Counters of one version, all ready versions of a model (version empty), or everything (both empty). @throws InferenceError invalid. */
  statistics(name: string, version: string): readonly ModelStatistics[];
  /** Loads or reloads a model; resolves when it serves. @throws InferenceError: control off (unavailable), refused, failed. */
  load(name: string, override: LoadOverride): Promise<void>;
  /** Unloads all versions of a model; resolves when they have drained. */
  unload(name: string): Promise<void>;
  /** Calls back on every change of a model's readiness, for health watchers; returns how to stop. */
  watch(listener: (name: string) => void): () => void;
}
