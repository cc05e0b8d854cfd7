import { assert, type InferenceError } from "../../errors.ts";
import type { BatchedModel } from "../batched-model.ts";
import type { Model } from "../model.ts";
import { Instance, type InstanceOptions } from "../process/instance.ts";
import type { LoadRequest } from "../process/load-protocol.ts";
import type { Place } from "../process/placement.ts";

/** A model version that serves, and how to end it. */
export interface LoadedVersion {
  readonly model: Model;
  /** Undefined: it can answer. Otherwise why it cannot for the time being. */
  readonly unavailable: InferenceError | undefined;
  /** Calls back when {@link unavailable} changes. */
  onAvailability: () => void;
  /** Refuses new requests with `error`, answers the accepted ones, then frees its sessions. */
  drain(error: InferenceError): Promise<void>;
  /** What this one wraps, for a version that only changes the answers of another; absent: nothing. */
  readonly wrapped?: LoadedVersion;
  /**
   * Goes on with what another version of the model, which may be wrapped, has begun. Absent: there is nothing that lasts longer than a request.
   * @param isReplaced the other version is drained next; otherwise it serves beside this one
   */
  takeOver?(previous: LoadedVersion, isReplaced: boolean): Promise<void>;
}

/** A session that was loaded for an instance: where, how, and under which generation of its process. */
export interface LoadedSession {
  readonly place: Place;
  readonly request: LoadRequest;
  readonly generation: number;
}

/** The instances of a model version, as one thing that serves or does not. */
export class ServingVersion implements LoadedVersion {
  readonly model: BatchedModel;
  readonly #instances: readonly Instance[];
  readonly #places: readonly Place[];
  readonly #failures = new Map<number, InferenceError>();
  onAvailability: () => void = () => {};

  constructor(
    model: BatchedModel,
    loaded: readonly LoadedSession[],
    places: readonly Place[],
    options: Omit<InstanceOptions, "onAvailability">,
  ) {
    this.model = model;
    this.#places = places;
    this.#instances = loaded.map(
      ({ place, request }, index) =>
        new Instance(model, place.slot, request, {
          ...options,
          onAvailability: (error) => this.#setAvailability(index, error),
        }),
    );
    for (const [index, { place, generation }] of loaded.entries()) {
      const instance = this.#instances[index];
      assert(instance !== undefined, "an instance for each place");
      place.slot.add(instance, generation);
    }
  }

  get unavailable(): InferenceError | undefined {
    if (this.#failures.size < this.#instances.length) return undefined;
    const [first] = this.#failures.values();
    return first;
  }

  async drain(error: InferenceError): Promise<void> {
    await this.model.drain(error);
    for (const instance of this.#instances) {
      this.model.removeRunner(instance);
      await instance.slot.remove(instance);
    }
    for (const place of this.#places) place.release();
  }

  /** While no instance can run, new requests are refused and those that wait are failed: nobody knows for how long. */
  #setAvailability(index: number, error: InferenceError | undefined): void {
    const before = this.unavailable;
    if (error === undefined) this.#failures.delete(index);
    else this.#failures.set(index, error);
    const now = this.unavailable;
    if (now === before) return;
    this.model.refuse(now);
    if (now !== undefined) this.model.failWaiting(now);
    this.onAvailability();
  }
}
