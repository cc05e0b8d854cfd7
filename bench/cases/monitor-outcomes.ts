import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import { OutcomeIntake } from "../../src/monitor/outcomes/outcome-intake.ts";
import { OutcomeModels } from "../../src/monitor/outcomes/outcome-models.ts";
import { PredictionIds } from "../../src/monitor/outcomes/prediction-ids.ts";
import { TokenWriter } from "../../src/monitor/outcomes/prediction-token.ts";
import { TokenKey } from "../../src/monitor/outcomes/token-key.ts";
import type { OutcomeSink, Prediction, PredictionLayout } from "../../src/monitor/prediction.ts";
import type { BenchCase, BenchOptions, Line } from "../bench-case.ts";
import { measurePrimitive } from "../primitive.ts";

/** What ids, tokens and outcomes cost, for a model of two classes. */
export const monitorOutcomesCase: BenchCase = {
  name: "monitor/outcomes",
  summary: "CPU time of keeping a prediction by its id, of a token, and of taking an outcome by either",
  run: async (options) => [...measurePredictions(options), ...measureOutcomes(options)],
};

const layout: PredictionLayout = { task: "binary", width: 2, labels: ["no", "yes"] };
const secret = randomBytes(32);
const key = new TokenKey(secret);

/** Takes everything and does nothing with it. */
const sink: OutcomeSink = {
  modelName: "breast_cancer",
  modelVersion: "1",
  layout,
  labelHorizonMs: Number.POSITIVE_INFINITY,
  record() {},
  correct() {},
};

const listener = { onDrop() {}, onReduced() {} };
const kept = 100_000;

function writePrediction(row: number, into: Prediction): void {
  into.predictedClass = row & 1;
  into.values[0] = 0.25;
  into.values[1] = 0.75;
}

function measurePredictions(options: BenchOptions): Line[] {
  const ids = new PredictionIds();
  const model = new OutcomeModels(2 ** 30).open(sink, { sampleRate: 1, maxPredictions: kept }, listener);
  const writer = new TokenWriter(key, { name: sink.modelName, version: sink.modelVersion }, layout, randomBytes(6));
  const token = Buffer.alloc(writer.byteLength);
  const prediction = { atMs: Date.now(), predictedClass: 1, values: Float32Array.of(0.25, 0.75) };
  const keyObject = createSecretKey(secret);
  const message = token.subarray(0, token.length - 16);
  return [
    measurePrimitive({ what: "id made by the server", turn: () => void ids.next() }, options),
    measurePrimitive(
      { what: "prediction of one row kept", turn: (index) => model.keep(`order-${index}`, index, 1, writePrediction) },
      options,
    ),
    measurePrimitive(
      {
        what: `token of ${token.length} bytes`,
        turn: (index) => void writer.write(prediction, index, token, 0),
        limit: { name: "createHmac alone", turn: () => void createHmac("sha256", keyObject).update(message).digest() },
      },
      options,
    ),
  ];
}

function measureOutcomes(options: BenchOptions): Line[] {
  const models = new OutcomeModels(2 ** 30);
  const model = models.open(sink, { sampleRate: 1, maxPredictions: kept }, listener);
  for (let index = 0; index < kept; index++) model.keep(`order-${index}`, 0, 1, writePrediction);
  const intake = new OutcomeIntake({
    models,
    ids: new PredictionIds(),
    keys: { find: (id) => (id.equals(key.id) ? key : undefined) },
    now: () => 0,
    onOutcome() {},
  });
  const writer = new TokenWriter(key, { name: sink.modelName, version: sink.modelVersion }, layout, randomBytes(6));
  const tokens = Array.from({ length: 10_000 }, (_, index) => {
    const token = Buffer.alloc(writer.byteLength);
    writer.write({ atMs: 0, predictedClass: 1, values: Float32Array.of(0.25, 0.75) }, index, token, 0);
    return token;
  });
  const take = (what: string, outcomeOf: (index: number) => Parameters<OutcomeIntake["take"]>[0]) =>
    measurePrimitive({ what, turn: (index) => void intake.take(outcomeOf(index)) }, options);
  return [
    take("outcome by id, a correction", (index) => ({
      predictionId: `order-${index % kept}`,
      classIndex: 1,
      isCorrection: true,
    })),
    take("outcome by token, a correction", (index) => ({
      predictionToken: tokens[index % tokens.length],
      classIndex: 1,
      isCorrection: true,
    })),
    take("outcome by an id that nobody made", (index) => ({ predictionId: `invented-${index}`, classIndex: 1 })),
  ];
}
