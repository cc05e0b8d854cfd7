import { nearest } from "../../config.ts";
import type { ReferenceProfile, SignalProfile } from "../../model/package-messages.ts";
import { leastWindowRows } from "../config/drift.ts";
import { refused } from "../config/section.ts";
import type { ModelPartContext } from "../model-part.ts";
import { createSignalReference, type SignalReference } from "./drift-reference.ts";

/** The signals of a profile that are compared. */
export interface ChosenSignals {
  readonly references: readonly SignalReference[];
  /** Of each among the values of a sampled row. */
  readonly places: Int32Array;
  /** What was left out; else empty. */
  readonly note: string;
}

/**
 * The signals of a profile that rows have, the configuration wants, and there is enough known of.
 * @throws InferenceError "refused" when the configuration names one that the profile does not have
 */
export function chooseSignals({ signals: layout, config }: ModelPartContext, profile: ReferenceProfile): ChosenSignals {
  const { signals: wanted, ignore } = config.drift;
  checkNames([...wanted, ...ignore], profile);
  const placeOf = new Map(layout.signals.map(({ name }, place) => [name, place]));
  const asked = profile.signals.filter(
    ({ name }) => (wanted.length === 0 || wanted.includes(name)) && !ignore.includes(name),
  );
  const usable = asked.flatMap((signal) => {
    const place = placeOf.get(signal.name);
    const reference = place === undefined ? undefined : createSignalReference(signal, leastWindowRows);
    return place === undefined || reference === undefined ? [] : [{ place, reference }];
  });
  const left = asked.length - usable.length;
  return {
    references: usable.map(({ reference }) => reference),
    places: Int32Array.from(usable, ({ place }) => place),
    note:
      left === 0
        ? ""
        : `${left} of ${asked.length} signals of the profile are not compared: rows do not have them, or it knows too little of them`,
  };
}

function checkNames(names: readonly string[], { signals }: ReferenceProfile): void {
  const known = signals.map(({ name }: SignalProfile) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const near = nearest(unknown, known);
  throw refused(
    `drift names '${unknown}', which is no signal of the profile${near === undefined ? "" : `, did you mean '${near}'?`}`,
  );
}
