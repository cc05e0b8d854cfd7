/** Asks the model `digits` for the rows of a CSV file: predict.ts ADDRESS FILE. The last column is the truth. */

import { readFileSync } from "node:fs";
// From the published package: import { createTensor, InferenceClient, readTensor, type Tensor } from "sluice";
import { createTensor, InferenceClient, readTensor, type Tensor } from "../../../src/index.ts";

const batchRows = 32;

/** A row of pixels and the digit that it shows. */
interface Row {
  readonly pixels: readonly number[];
  readonly digit: number;
}

function readRows(path: string): readonly Row[] {
  const [, ...lines] = readFileSync(path, "utf8").trim().split("\n");
  return lines.map((line) => {
    const values = line.split(",").map(Number);
    return { pixels: values.slice(0, -1), digit: values.at(-1) ?? -1 };
  });
}

function request(rows: readonly Row[]) {
  const columns = rows[0]?.pixels.length ?? 0;
  const features = rows.flatMap(({ pixels }) => pixels);
  return { model: "digits", inputs: [createTensor("features", "FP32", [rows.length, columns], features)] };
}

/** The most probable class of each row. */
function bestClasses(outputs: readonly Tensor[]): readonly number[] {
  const [probabilities] = outputs;
  if (probabilities === undefined) throw new Error("no output");
  const [rows = 0, classes = 0] = probabilities.shape;
  const values = Array.from(readTensor(probabilities) as Float32Array);
  return Array.from({ length: rows }, (_, i) => {
    const row = values.slice(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row));
  });
}

/** One call for every 32 rows. */
async function predictUnary(client: InferenceClient, rows: readonly Row[]): Promise<readonly number[]> {
  const predictions: number[] = [];
  for (let start = 0; start < rows.length; start += batchRows) {
    const { outputs } = await client.infer(request(rows.slice(start, start + batchRows)));
    predictions.push(...bestClasses(outputs));
  }
  return predictions;
}

/** One stream for all rows: the client draws requests as answers come. */
async function predictStream(client: InferenceClient, rows: readonly Row[]): Promise<readonly number[]> {
  const predictions: number[] = [];
  for await (const { response, error } of client.inferStream(rows.map((row) => request([row])))) {
    if (error !== undefined) throw error;
    predictions.push(...bestClasses(response.outputs));
  }
  return predictions;
}

const [address = "localhost:8001", path = "examples/data/digits.csv"] = process.argv.slice(2);
const rows = readRows(path);
const client = InferenceClient.connect(address);
for (const [name, predict] of [
  ["unary", predictUnary],
  ["stream", predictStream],
] as const) {
  const predictions = await predict(client, rows);
  const right = rows.filter(({ digit }, i) => predictions[i] === digit).length;
  console.log(`${name}: ${right} of ${rows.length} right`);
}
client.close();
