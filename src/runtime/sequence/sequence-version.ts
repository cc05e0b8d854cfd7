import type { InferenceError } from "../../errors.ts";
import type { RuntimeProcess } from "../process/runtime-process.ts";
import type { LoadedSession, LoadedVersion } from "../repository/serving-version.ts";
import { SequenceInstance, type SequenceInstanceOptions } from "./sequence-instance.ts";
import type { SequenceModel } from "./sequence-model.ts";
import { transferStates } from "./state-transfer.ts";

/** The instances of a version of a model with sequences, each in a process of its own, as one thing that serves or does not. */
export class SequenceVersion implements LoadedVersion {
  readonly model: SequenceModel;
  readonly #instances: readonly SequenceInstance[];
  readonly #loaded: readonly LoadedSession[];
  readonly #hasStates: boolean;
  readonly #report: (message: string, detail: string) => void;
  onAvailability: () => void = () => {};

  constructor(
    model: SequenceModel,
    loaded: readonly LoadedSession[],
    options: Omit<SequenceInstanceOptions, "onAvailability" | "index">,
  ) {
    this.model = model;
    this.#loaded = loaded;
    this.#hasStates = options.plan.states.length > 0;
    this.#report = options.report;
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
    return this.model.scheduler.unavailable;
  }

  async drain(error: InferenceError): Promise<void> {
    await this.model.drain(error);
    for (const instance of this.#instances) await instance.slot.remove(instance);
    for (const { place } of this.#loaded) place.release();
  }

  /**
   * Goes on with the sequences of a version: those that are quiet move here with their state where it fits; the others stay until they end.
   * @param isReplaced the other version will not be asked any more; otherwise it keeps its sequences and serves beside this one
   */
  async takeOver(other: LoadedVersion, isReplaced: boolean): Promise<void> {
    const previous = other.wrapped ?? other; // whether its answers were cut makes no difference to its sequences
    if (!(previous instanceof SequenceVersion)) return;
    this.model.follow(previous.model, isReplaced);
    if (!isReplaced || !this.model.canAdopt(previous.model)) return;
    for (const [index, instance] of previous.#instances.entries()) {
      // One that cannot move lives on where it is.
      await instance.slot.borrow((process) => this.#adoptFrom(previous, index, process)).catch(() => {});
    }
  }

  async #adoptFrom(previous: SequenceVersion, index: number, process: RuntimeProcess): Promise<void> {
    const { sessionId, name } = (previous.#instances[index] as SequenceInstance).loadRequest; // an index of its instances
    const pairs = previous.model.scheduler.quiet(index).flatMap((original) => {
      const own = this.model.scheduler.reserve(original);
      return own === undefined ? [] : [{ original, own }];
    });
    for (const [i, instance] of this.#instances.entries()) {
      const ours = pairs.filter(({ own }) => own.slot.instance === i);
      const slots = ours.map(({ original, own }) => ({ from: original.slot.number, to: own.slot.number }));
      let shapes: readonly (number | undefined)[] = slots.map(() => (this.#hasStates ? undefined : 0));
      if (this.#hasStates && ours.length > 0) {
        shapes = await instance.slot
          .borrow((target) =>
            transferStates(
              { process, sessionId },
              { process: target, sessionId: instance.loadRequest.sessionId },
              slots,
              instance.loadTimeoutMs,
            ),
          )
          .catch((error: unknown) => {
            this.#report(`the sequences of model '${name}' stay with the version before`, String(error));
            return shapes;
          });
      }
      for (const [j, { original, own }] of ours.entries())
        this.model.scheduler.adopt(previous.model.scheduler, original, own, shapes[j]);
    }
  }

  #setAvailability(index: number, error: InferenceError | undefined): void {
    const before = this.unavailable;
    this.model.scheduler.setFailure(index, error);
    if (this.unavailable !== before) this.onAvailability();
  }
}
