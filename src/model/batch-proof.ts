import type { Signature } from "../inference.ts";
import { formatShape, type Tensor } from "../tensor.ts";
import { createRandom, randomRow } from "./random-rows.ts";
import { concatRows, differenceOf, splitRows, type Tolerance } from "./tensor-rows.ts";

/** Runs a model: inputs as the model takes them, leading dimension included; every output of its signature comes back. */
export type RunTensors = (inputs: Tensor[]) => Promise<Tensor[]>;

export interface BatchProof {
  /** Whether batches gave the same answers as single rows. */
  readonly isShown: boolean;
  /** What was seen, as a sentence for metadata, log and `sluice inspect`. */
  readonly reason: string;
  /** The error of the run that ended the proof; for the log, since ONNX Runtime's texts name its own files. */
  readonly cause?: unknown;
}

export interface BatchProofOptions {
  readonly seed?: number;
  /** What dimensions of any length become, tried in this order until a row alone can be run. */
  readonly dynamicLengths?: readonly number[];
}

const rowCount = 7;
const batchSizes = [2, 3, rowCount] as const;

/** Room for sums taken in another order, which differs with the batch size; a mixed-up row differs by far more. */
const tolerance: Tolerance = { absolute: 1e-4, relative: 1e-3 };

/**
 * Three first, because it equals no batch size's neighbour in common models; then what convolutions and patch encoders need, and 1, at which a
 * model with a fixed relation among its dimensions most often runs.
 */
const defaultDynamicLengths = [3, 32, 1, 8, 224] as const;

/**
 * Shows by trial that batching does not change a model's answers: seven seeded rows alone, then in batches of 2, 3 and 7, in order and in reverse.
 * Every output must have as many rows as were put in, and each row must be the answer of that row alone.
 *
 * A model that fails, that mixes rows, or that is random is not shown. The caller sets the time limit.
 *
 * @param signature Of the batching model: dims without the batch dimension.
 */
export async function proveBatching(
  signature: Signature,
  run: RunTensors,
  { seed = 1, dynamicLengths = defaultDynamicLengths }: BatchProofOptions = {},
): Promise<BatchProof> {
  const hasDynamic = signature.inputs.some(({ dims, modelDims }) => (modelDims ?? dims).includes(-1));
  const lengths = hasDynamic ? dynamicLengths : dynamicLengths.slice(0, 1);
  let cause: unknown;
  for (const length of lengths) {
    const rows = createRows(signature, length, seed);
    let alone: Tensor[][];
    try {
      alone = await runAlone(rows, run);
    } catch (error) {
      cause = error;
      continue;
    }
    const obstacle = checkSingleRows(alone) ?? (await compareBatches(rows, alone, run));
    return obstacle === undefined
      ? { isShown: true, reason: "batches gave the same answers as single rows" }
      : { isShown: false, ...obstacle };
  }
  return { isShown: false, reason: "random rows alone could not be run", cause };
}

interface Obstacle {
  readonly reason: string;
  readonly cause?: unknown;
}

async function runAlone(rows: readonly Tensor[][], run: RunTensors): Promise<Tensor[][]> {
  const alone: Tensor[][] = [];
  for (const row of rows) alone.push(await run(row));
  return alone;
}

/** A row is one tensor for every input; optional inputs take their default. */
function createRows({ inputs }: Signature, dynamicLength: number, seed: number): Tensor[][] {
  const random = createRandom(seed);
  const given = inputs.filter(({ isOptional }) => isOptional !== true);
  return Array.from({ length: rowCount }, () => given.map((spec) => randomRow(spec, dynamicLength, random)));
}

function checkSingleRows(alone: readonly Tensor[][]): Obstacle | undefined {
  for (const outputs of alone) {
    const wrong = outputs.find(({ shape }) => shape[0] !== 1);
    if (wrong === undefined) continue;
    const shape = formatShape(wrong.shape);
    return { reason: `output '${wrong.name}' has shape ${shape} for a single row, expected 1 as its first dimension` };
  }
  return undefined;
}

/** What differs between batches and single rows; undefined when nothing does. */
async function compareBatches(
  rows: readonly Tensor[][],
  alone: readonly Tensor[][],
  run: RunTensors,
): Promise<Obstacle | undefined> {
  for (const size of batchSizes) {
    for (const members of batchesOf(size)) {
      for (const order of [members, members.toReversed()]) {
        const difference = await compareBatch(order, rows, alone, run);
        if (difference !== undefined) return difference;
      }
    }
  }
  return undefined;
}

/** Row numbers of batches of one size that cover all rows; the last one overlaps the one before where the rows do not divide evenly. */
function batchesOf(size: number): number[][] {
  const starts: number[] = [];
  for (let start = 0; start < rowCount; start += size) starts.push(Math.min(start, rowCount - size));
  return starts.map((start) => Array.from({ length: size }, (_, i) => start + i));
}

async function compareBatch(
  members: readonly number[],
  rows: readonly Tensor[][],
  alone: readonly Tensor[][],
  run: RunTensors,
): Promise<Obstacle | undefined> {
  const where = `in a batch of ${members.length}`;
  const tensorsOf = (from: readonly Tensor[][], index: number): Tensor[] =>
    members.flatMap((member) => from[member]?.[index] ?? []);
  const inputs = (rows[0] ?? []).map((_, index) => concatRows(tensorsOf(rows, index)));
  let outputs: Tensor[];
  try {
    outputs = await run(inputs);
  } catch (error) {
    return { reason: `a run ${where} failed where single rows did not`, cause: error };
  }
  for (const [index, output] of outputs.entries()) {
    const expected = tensorsOf(alone, index);
    let actual: Tensor[];
    try {
      actual = splitRows(output, members.length);
    } catch (error) {
      return { reason: `output '${output.name}' ${messageOf(error)}` };
    }
    for (const [i, row] of actual.entries()) {
      const difference = expected[i] === undefined ? "was not there" : differenceOf(row, expected[i], tolerance);
      if (difference !== undefined)
        return { reason: `output '${output.name}' of a row ${where} ${difference} as for the row alone` };
    }
  }
  return undefined;
}

/** What splitRows found. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
