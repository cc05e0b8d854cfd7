import type { ModelConfig } from "../../model/model-config.ts";

/** Where a model version lies and how it is configured; what changes when a reload is due. */
export interface ModelSource {
  readonly name: string;
  readonly version: string;
  /** The model file. */
  readonly file: string;
  /** The model's folder, in which label files and warm-up data lie. */
  readonly folder: string;
  /** As written; an empty object where nothing was. */
  readonly config: ModelConfig;
  /** Bytes of the version's files. */
  readonly byteLength: number;
  /** Changes when any of the files does: names, sizes and modification times. */
  readonly fingerprint: string;
}
