import type { InferenceError } from "../../errors.ts";
import type { Model } from "../model.ts";
import type { LoadedVersion } from "./serving-version.ts";

/** A version in service whose answers another model changes on their way. Its drain ends with the last run of the version that it wraps. */
export class WrappedVersion implements LoadedVersion {
  readonly model: Model;
  readonly wrapped: LoadedVersion;

  /** @param model answers in the place of the version's own, which it asks */
  constructor(version: LoadedVersion, model: Model) {
    this.model = model;
    this.wrapped = version;
  }

  get unavailable(): InferenceError | undefined {
    return this.wrapped.unavailable;
  }

  get onAvailability(): () => void {
    return this.wrapped.onAvailability;
  }

  set onAvailability(listener: () => void) {
    this.wrapped.onAvailability = listener;
  }

  drain(error: InferenceError): Promise<void> {
    return this.wrapped.drain(error);
  }

  async takeOver(previous: LoadedVersion, isReplaced: boolean): Promise<void> {
    await this.wrapped.takeOver?.(previous, isReplaced);
  }
}
