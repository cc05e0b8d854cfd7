import type { ModelOutcomes, OutcomeDrop, OutcomeSettings } from "../../src/monitor/outcomes/model-outcomes.ts";
import { OutcomeIntake } from "../../src/monitor/outcomes/outcome-intake.ts";
import { OutcomeModels } from "../../src/monitor/outcomes/outcome-models.ts";
import { PredictionIds } from "../../src/monitor/outcomes/prediction-ids.ts";
import { createPrediction } from "../../src/monitor/outcomes/prediction-store.ts";
import { TokenWriter } from "../../src/monitor/outcomes/prediction-token.ts";
import { TokenKey } from "../../src/monitor/outcomes/token-key.ts";
import type { OutcomeSink } from "../../src/monitor/prediction.ts";
import type { Outcome, OutcomeStatus } from "../../src/outcome.ts";
import type { RecordingSink } from "./recording-sink.ts";

/** The key of a subject's tokens. */
export const subjectKey = new TokenKey(Buffer.alloc(32, 3));

/** An intake with a clock that the test moves, and predictions that the test makes. */
export class OutcomeSubject {
  nowMs = 1_000_000_000;
  readonly ids: PredictionIds;
  readonly models: OutcomeModels;
  readonly intake: OutcomeIntake;
  readonly heard: { readonly status: OutcomeStatus; readonly model: string | undefined }[] = [];
  readonly drops: { readonly reason: OutcomeDrop; readonly rows: number }[] = [];
  readonly reduced: number[] = [];
  #tokens = 0;

  constructor({ maxBytes = 2 ** 26, life = "0123456789ab" } = {}) {
    this.ids = new PredictionIds(life);
    this.models = new OutcomeModels(maxBytes);
    this.intake = new OutcomeIntake({
      models: this.models,
      ids: this.ids,
      keys: { find: (id) => (id.equals(subjectKey.id) ? subjectKey : undefined) },
      now: () => this.nowMs,
      onOutcome: (status, model) => void this.heard.push({ status, model: model?.sink.modelName }),
    });
  }

  open(sink: OutcomeSink, settings: Partial<OutcomeSettings> = {}): ModelOutcomes {
    const listener = {
      onDrop: (reason: OutcomeDrop, rows: number) => void this.drops.push({ reason, rows }),
      onReduced: (rows: number) => void this.reduced.push(rows),
    };
    return this.models.open(sink, { sampleRate: 1, maxPredictions: 1_000, ...settings }, listener);
  }

  /** Keeps a prediction whose class is the row's parity and whose values are row, row + 1, ... */
  predict(model: ModelOutcomes, id: string, rows = 1): void {
    model.keep(id, this.nowMs, rows, (row, into) => {
      into.predictedClass = row % 2;
      for (let i = 0; i < into.values.length; i++) into.values[i] = row + i;
    });
  }

  /** A token of a prediction of class 1 with the values 0.5, 1.5, ..., made now. */
  token(sink: RecordingSink, key = subjectKey, layout = sink.layout): Buffer {
    const { modelName: name, modelVersion: version } = sink;
    const writer = new TokenWriter(key, { name, version }, layout, Buffer.alloc(6, 9));
    const prediction = createPrediction(layout);
    prediction.atMs = this.nowMs;
    prediction.predictedClass = 1;
    for (let i = 0; i < layout.width; i++) prediction.values[i] = i + 0.5;
    const token = Buffer.alloc(writer.byteLength);
    writer.write(prediction, this.#tokens++, token, 0);
    return token;
  }

  status(outcome: Outcome): OutcomeStatus {
    return this.intake.take(outcome).status;
  }

  message(outcome: Outcome): string {
    return this.intake.take(outcome).message;
  }
}
