import { type OutcomeStatus, outcomeStatuses } from "../../outcome.ts";
import { otherValue } from "../telemetry/instrument.ts";
import { instruments } from "../telemetry/instruments.ts";
import type { CounterSeries } from "../telemetry/series.ts";
import type { SeriesGroup, SeriesRegistry } from "../telemetry/series-registry.ts";

/** Counts reported outcomes into `sluice.labels.received`. A model's series are made with its first outcome: most models never get one. */
export class LabelMeter {
  readonly #group: () => SeriesGroup;
  #series: ReadonlyMap<OutcomeStatus, CounterSeries> | undefined;

  /** @param group asked once, when there is something to count */
  constructor(group: () => SeriesGroup) {
    this.#group = group;
  }

  add(status: OutcomeStatus): void {
    this.#series ??= createSeries(this.#group());
    this.#series.get(status)?.add(1);
  }
}

/** Of outcomes whose prediction could not be found. */
export function otherLabelMeter(registry: SeriesRegistry): LabelMeter {
  return new LabelMeter(() =>
    registry.openGroup({ "sluice.model.name": otherValue, "sluice.model.version": otherValue }),
  );
}

function createSeries(group: SeriesGroup): ReadonlyMap<OutcomeStatus, CounterSeries> {
  const counted = outcomeStatuses.filter((status) => status !== "UNSPECIFIED");
  return new Map(
    counted.map((status) => [
      status,
      group.counter(instruments.labelsReceived, { "sluice.result": status.toLowerCase() }),
    ]),
  );
}
