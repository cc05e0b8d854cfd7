import type { Signature } from "../../inference.ts";
import { type LengthPlan, lengthPlan } from "../../model/length-plan.ts";
import type { ModelConfig } from "../../model/model-config.ts";
import { raggedPlan } from "../../model/ragged-plan.ts";
import { elementCount, itemBytes, type Tensor } from "../../tensor.ts";
import type { BatchLayout, InputContent } from "../batching/batch-layout.ts";
import { fillLengths, PaddedLayout } from "../batching/padded-layout.ts";
import { fillBatchInputs, RaggedLayout } from "../batching/ragged-layout.ts";
import type { FreeAxes } from "../validator.ts";

/** How requests of a model that differ in shape share a batch. */
export interface VariableShapes {
  /** Undefined: their inputs are flattened. */
  readonly lengths: LengthPlan | undefined;
  readonly layout: BatchLayout;
  readonly freeAxes: FreeAxes;
}

/** Undefined: only requests of one shape share a batch. @throws InferenceError "refused" when settings and model do not fit together */
export function variableShapes(config: ModelConfig, signature: Signature): VariableShapes | undefined {
  const lengths = lengthPlan(config, signature);
  if (lengths !== undefined)
    return { lengths, layout: new PaddedLayout(signature, lengths), freeAxes: lengths.inputAxes };
  const ragged = raggedPlan(config, signature);
  if (ragged === undefined) return undefined;
  const freeAxes = ragged.isRagged.map((is) => (is ? "all" : undefined));
  return { lengths, layout: new RaggedLayout(signature, ragged), freeAxes };
}

/**
 * Inputs of a warm-up run as a batch has them: those of a ragged batch flattened as if each row were a request, and what is filled in added.
 * @param inputs of callers, by their place in the signature; padded ones of one length in all rows
 */
export function warmUpInputs(
  config: ModelConfig,
  signature: Signature,
  inputs: readonly Tensor[],
  rows: number,
): readonly Tensor[] {
  const { filled = [] } = signature;
  const lengths = lengthPlan(config, signature);
  const ragged = raggedPlan(config, signature);
  if (lengths !== undefined) {
    const own = longest(inputs, signature, lengths);
    return [
      ...inputs,
      ...named(filled, fillLengths(signature, lengths.fillings, new Array<number>(rows).fill(own), own, rows)),
    ];
  }
  if (ragged === undefined) return inputs;
  const shapeOf = new Map(inputs.map(({ name, shape }) => [name, [1, ...shape.slice(1)]]));
  const shapes = signature.inputs.map(({ name }) => shapeOf.get(name) ?? []);
  const isFlat = new Set(signature.inputs.filter((_, index) => ragged.isRagged[index]).map(({ name }) => name));
  return [
    ...inputs.map((input) =>
      isFlat.has(input.name)
        ? { ...input, shape: [input.shape.reduce((product, length) => product * length, 1)] }
        : input,
    ),
    ...named(filled, fillBatchInputs(signature, ragged.batchInputs, new Array<typeof shapes>(rows).fill(shapes))),
  ];
}

function longest(inputs: readonly Tensor[], signature: Signature, { inputAxes }: LengthPlan): number {
  let length = 1;
  for (const [index, { name }] of signature.inputs.entries()) {
    const axis = inputAxes[index];
    const input = inputs.find((candidate) => candidate.name === name);
    if (axis !== undefined && input !== undefined) length = Math.max(length, input.shape[axis + 1] ?? 1);
  }
  return length;
}

/** Contents as whole tensors. */
function named(specs: NonNullable<Signature["filled"]>, contents: readonly InputContent[]): Tensor[] {
  return specs.map(({ name, datatype }, index) => {
    const { shape = [], buffers = [] } = contents[index] ?? {};
    const data = Buffer.alloc(elementCount(shape) * itemBytes(datatype));
    data.set(Buffer.concat(buffers));
    return { name, datatype, shape, data };
  });
}
