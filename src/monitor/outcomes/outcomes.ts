import type { OutcomeStatus } from "../../outcome.ts";
import type { MonitorClock } from "../monitor-clock.ts";
import type { SeriesRegistry } from "../telemetry/series-registry.ts";
import { type LabelMeter, otherLabelMeter } from "./label-meter.ts";
import type { ModelOutcomes } from "./model-outcomes.ts";
import { OutcomeIntake } from "./outcome-intake.ts";
import { OutcomeModels } from "./outcome-models.ts";
import { PredictionIds } from "./prediction-ids.ts";
import { TokenSource } from "./prediction-tokens.ts";
import type { TokenKeys } from "./token-keys.ts";

/** What the outcomes of a server are made from. */
export interface OutcomesOptions {
  readonly registry: SeriesRegistry;
  readonly keys: TokenKeys;
  /** Most memory for predictions that wait for their truth, of all model versions. */
  readonly maxPredictionBytes: number;
  /** Largest answer: the tokens of one that could not be sent are not made. */
  readonly maxMessageBytes: number;
  readonly clock: Pick<MonitorClock, "nowMs">;
}

/** Everything about outcomes that the model versions of a server share: ids, tokens, memory, and the one intake. */
export class Outcomes {
  readonly ids = new PredictionIds();
  readonly tokens: TokenSource;
  readonly models: OutcomeModels;
  readonly intake: OutcomeIntake;
  readonly #keys: TokenKeys;
  readonly #others: LabelMeter;
  readonly #meters = new WeakMap<ModelOutcomes, LabelMeter>();

  constructor({ registry, keys, maxPredictionBytes, maxMessageBytes, clock }: OutcomesOptions) {
    this.#keys = keys;
    this.#others = otherLabelMeter(registry);
    this.tokens = new TokenSource(keys, maxMessageBytes);
    this.models = new OutcomeModels(maxPredictionBytes);
    this.intake = new OutcomeIntake({
      models: this.models,
      ids: this.ids,
      keys,
      now: () => clock.nowMs(),
      onOutcome: (status, model) => this.#count(status, model),
    });
  }

  /** Where the outcomes of a version are counted. */
  setMeter(model: ModelOutcomes, meter: LabelMeter): void {
    this.#meters.set(model, meter);
  }

  /** Reads the token key file again. */
  reload(): void {
    this.#keys.reload();
  }

  #count(status: OutcomeStatus, model: ModelOutcomes | undefined): void {
    const meter = model === undefined ? undefined : this.#meters.get(model);
    (meter ?? this.#others).add(status);
  }
}
