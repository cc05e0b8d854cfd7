import type { TensorSpec } from "../inference.ts";
import type { Tensor } from "../tensor.ts";
import type { RunTensors } from "./batch-proof.ts";
import type { ModelSummary, TensorSummary } from "./onnx-summary.ts";
import { createRandom, randomRow } from "./random-rows.ts";
import { concatRows } from "./tensor-rows.ts";

/** Two numbers of rows: a dimension that follows both is the number of rows. */
const rowCounts = [2, 3] as const;

const dynamicLengths = [4, 32, 1] as const;

/**
 * Corrects what a file says about the shapes of its outputs by running the model, where what it says cannot be relied on: exporters leave shapes
 * away, or write [1] for one label a row. Two runs with different numbers of rows show the number of dimensions and whether the first one is
 * the number of rows; ONNX Runtime, which does not believe the file either, only warns.
 *
 * Nothing is run when every output already states a first dimension of any length, or when an input cannot take several rows.
 *
 * @returns The summary, unchanged when nothing was to be learnt or the model cannot be run on random rows.
 */
export async function observeOutputShapes(summary: ModelSummary, run: RunTensors): Promise<ModelSummary> {
  const doubtful = new Set(summary.outputs.filter(isDoubtful).map(({ name }) => name));
  const specs = summary.inputs.map(rowSpec).filter((spec) => spec !== undefined);
  if (doubtful.size === 0 || specs.length === 0 || specs.length !== summary.inputs.length) return summary;
  const hasFixedRows = specs.every(({ dims }) => !dims.includes(-1));
  for (const length of dynamicLengths) {
    try {
      const [two, three] = [
        await runRows(specs, rowCounts[0], length, run),
        await runRows(specs, rowCounts[1], length, run),
      ];
      const outputs = summary.outputs.map((output) =>
        doubtful.has(output.name)
          ? observe(output, shapeOf(output, two), shapeOf(output, three), hasFixedRows)
          : output,
      );
      return { ...summary, outputs };
    } catch {
      // Another length may fit; a model that runs at none keeps what its file says.
    }
  }
  return summary;
}

function isDoubtful({ shape }: TensorSummary): boolean {
  return shape === undefined || shape.length === 0 || typeof shape[0] === "number";
}

/** An input as one that takes rows; undefined when it does not. */
function rowSpec({ name, datatype, shape }: TensorSummary): TensorSpec | undefined {
  if (datatype === undefined || shape === undefined || shape.length === 0 || typeof shape[0] === "number")
    return undefined;
  return { name, datatype, dims: shape.slice(1).map((length) => (typeof length === "number" ? length : -1)) };
}

async function runRows(
  specs: readonly TensorSpec[],
  count: number,
  length: number,
  run: RunTensors,
): Promise<Tensor[]> {
  const random = createRandom(count);
  return run(specs.map((spec) => concatRows(Array.from({ length: count }, () => randomRow(spec, length, random)))));
}

function shapeOf({ name }: TensorSummary, outputs: readonly Tensor[]): readonly number[] | undefined {
  return outputs.find((output) => output.name === name)?.shape;
}

/** What both runs agree on. Where rows themselves have open lengths, others stay open too unless the file fixed them: chance looks like a rule. */
function observe(
  output: TensorSummary,
  two: readonly number[] | undefined,
  three: readonly number[] | undefined,
  hasFixedRows: boolean,
): TensorSummary {
  if (two === undefined || three === undefined || two.length !== three.length) return output;
  const declared = output.shape;
  const isAsDeclared =
    declared !== undefined &&
    declared.length === two.length &&
    declared.every((length, i) => typeof length !== "number" || (length === two[i] && length === three[i]));
  if (isAsDeclared) return output;
  const shape = two.map((length, i) => {
    const isFixed = i === 0 || hasFixedRows || declared?.[i] === length;
    return length === three[i] && isFixed ? length : null;
  });
  return { ...output, shape };
}
