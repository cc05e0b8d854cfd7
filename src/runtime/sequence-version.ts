import type { InferenceError } from "../errors.ts";
import { SequenceInstance, type SequenceInstanceOptions } from "./sequence-instance.ts";
import type { SequenceModel } from "./sequence-model.ts";
import type { LoadedSession, LoadedVersion } from "./serving-version.ts";

/** The instances of a version of a model with sequences, each in a process of its own, as one thing that serves or does not. */
export class SequenceVersion implements LoadedVersion {
  readonly model: SequenceModel;
  readonly #instances: readonly SequenceInstance[];
  readonly #loaded: readonly LoadedSession[];
  onAvailability: () => void = () => {};

  constructor(
    model: SequenceModel,
    loaded: readonly LoadedSession[],
    options: Omit<SequenceInstanceOptions, "onAvailability" | "index">,
  ) {
    this.model = model;
    this.#loaded = loaded;
    this.#instances = loaded.map(
      ({ place, request }, index) =>
        new SequenceInstance(model, place.slot, request, {
          ...options,
          index,
          onAvailability: (error) => this.#setAvailability(index, error),
        }),
    );
    for (const [index, instance] of this.#instances.entries()) {
      const { place, generation } = loaded[index] as LoadedSession; // one for each instance
      place.slot.add(instance, generation);
    }
  }

  get unavailable(): InferenceError | undefined {
    return this.model.unavailable;
  }

  async drain(error: InferenceError): Promise<void> {
    await this.model.drain(error);
    for (const instance of this.#instances) await instance.slot.remove(instance);
    for (const { place } of this.#loaded) place.release();
  }

  #setAvailability(index: number, error: InferenceError | undefined): void {
    const before = this.unavailable;
    this.model.setFailure(index, error);
    if (this.unavailable !== before) this.onAvailability();
  }
}
