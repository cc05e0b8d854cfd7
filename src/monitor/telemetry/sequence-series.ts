import type { SequenceEnd } from "../../runtime/observer.ts";
import { sequenceEnds } from "./attribute-values.ts";
import { instruments } from "./instruments.ts";
import type { CounterSeries } from "./series.ts";
import type { SeriesGroup } from "./series-registry.ts";

/** The series of one model version's sequences: only models with sequences have them. */
export class SequenceSeries {
  readonly #active: CounterSeries;
  readonly #waiting: CounterSeries;
  readonly #ended: ReadonlyMap<SequenceEnd, CounterSeries>;

  constructor(group: SeriesGroup) {
    this.#active = group.level(instruments.sequences, { "sluice.state": "active" });
    this.#waiting = group.level(instruments.sequences, { "sluice.state": "waiting" });
    this.#ended = new Map(
      sequenceEnds.map((reason) => [reason, group.counter(instruments.sequencesEnded, { "sluice.reason": reason })]),
    );
  }

  /** So many have a slot, and so many wait for one. */
  set(active: number, waiting: number): void {
    this.#active.set(active);
    this.#waiting.set(waiting);
  }

  end(reason: SequenceEnd): void {
    this.#ended.get(reason)?.add(1);
  }
}
