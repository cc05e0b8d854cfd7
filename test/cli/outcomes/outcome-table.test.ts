import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { planOutcomes, readOutcomes } from "../../../src/cli/outcomes/outcome-table.ts";
import { truthReader } from "../../../src/cli/outcomes/truth-reading.ts";
import type { Outcome } from "../../../src/outcome.ts";
import { openTable } from "../../../src/training/table-file.ts";

const classes = { isRegression: false, labels: ["no", "yes"] };

async function outcomesOf(text: string, truth = "truth"): Promise<readonly Outcome[]> {
  const table = await openTable("-", Readable.from([Buffer.from(text)]));
  const reading = {
    modelName: "m",
    modelVersion: "",
    isCorrection: false,
    readTruth: truthReader(classes, "auto"),
    rowsPerBatch: 2,
  };
  const batches = await Array.fromAsync(readOutcomes(table, planOutcomes(table, truth), reading));
  assert.deepEqual(
    batches.map(({ firstRow }) => firstRow),
    batches.map((_, i) => 2 * i),
  );
  return batches.flatMap(({ outcomes }) => outcomes);
}

const given = (outcome: Outcome | undefined) =>
  Object.fromEntries(
    Object.entries(outcome ?? {}).filter(([, value]) => value !== undefined && value !== false && value !== ""),
  );

test("ids and rows are read from CSV, text as it is written", async () => {
  const outcomes = await outcomesOf("prediction_id,row,other,truth\n007,0,x,yes\n007,1,x,1\nab c,0,x,maybe\n");
  assert.deepEqual(outcomes.map(given), [
    { predictionId: "007", row: 0, label: "yes", modelName: "m" },
    { predictionId: "007", row: 1, classIndex: 1, modelName: "m" },
    { predictionId: "ab c", row: 0, label: "maybe", modelName: "m" },
  ]);
});

test("JSON Lines say themselves what their values are", async () => {
  const outcomes = await outcomesOf(
    '{"prediction_id":"a","row":3,"truth":1}\n{"prediction_id":"b","row":0,"truth":0}\n',
  );
  assert.deepEqual(outcomes.map(given), [
    { predictionId: "a", row: 3, classIndex: 1, modelName: "m" },
    { predictionId: "b", row: 0, classIndex: 0, modelName: "m" },
  ]);
});

test("a token is read from base64 and wins over an id; weight and time are read where they are", async () => {
  const [one, other] = await outcomesOf(
    "prediction_id,prediction_token,truth,weight,observed_at\na,AAEC,yes,2.5,2026-01-02T03:04:05Z\nb,/w==,no,,1700000000.5\n",
  );
  assert.deepEqual(given(one), {
    predictionToken: Buffer.from([0, 1, 2]),
    label: "yes",
    weight: 2.5,
    observedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
    modelName: "m",
  });
  assert.deepEqual(given(other), {
    predictionToken: Buffer.from([255]),
    label: "no",
    observedAtMs: 1_700_000_000_500,
    modelName: "m",
  });
});

test("several true numbers stand in columns with numbers", async () => {
  const [outcome] = await outcomesOf("prediction_id,y_0,y_1\na,1,2.5\n", "y");
  assert.deepEqual(given(outcome), { predictionId: "a", values: [1, 2.5], modelName: "m" });
});

test("a true number that is missing is none, and not 0", async () => {
  const [outcome] = await outcomesOf("prediction_id,y_0,y_1\na,1,\n", "y");
  assert.deepEqual(outcome?.values, [1, Number.NaN]);
});

test("a table without what names a prediction, or without truth, is refused with what it has", async () => {
  await assert.rejects(
    outcomesOf("id,truth\na,1\n"),
    /neither a column 'prediction_id' nor 'prediction_token', only: id, truth/,
  );
  await assert.rejects(
    outcomesOf("prediction_id,label\na,1\n"),
    /no column 'truth' .*: prediction_id, label; name it with --truth/,
  );
});

test("a row number or a time that is none names its row", async () => {
  await assert.rejects(
    outcomesOf("prediction_id,row,truth\na,0,1\nb,-1,1\n"),
    /column 'row' of row 1 of .* is no row number/,
  );
  await assert.rejects(
    outcomesOf("prediction_id,truth,observed_at\na,1,soon\n"),
    /column 'observed_at' of row 0 .* no time/,
  );
});
