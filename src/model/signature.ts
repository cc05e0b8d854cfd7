import { assert } from "../errors.ts";
import type { Signature, TensorSpec } from "../inference.ts";
import { servedDatatype } from "./config-datatype.ts";
import { readLabels } from "./label-file.ts";
import type { ModelConfig, ModelConfigInput, ModelConfigOutput } from "./model-config.ts";
import type { ClassNames } from "./zip-map.ts";

/**
 * What a model takes and gives, from its completed configuration.
 *
 * @param modelFolder The model's folder, in which label files lie.
 * @param classNames Class names that the model file held; an output's own label file wins over them.
 * @throws InferenceError "refused" when a label file cannot be used.
 */
export function signatureOf(config: ModelConfig, modelFolder: string, classNames: ClassNames = []): Signature {
  const names = new Map(classNames);
  return {
    inputs: (config.input ?? []).map((input) =>
      input.optional === true ? { ...specOf(input), isOptional: true } : specOf(input),
    ),
    outputs: (config.output ?? []).map((output) => {
      const labels = output.label_filename
        ? readLabels(modelFolder, output.label_filename)
        : names.get(output.name ?? "");
      return labels === undefined ? specOf(output) : { ...specOf(output), labels };
    }),
    maxBatchSize: config.max_batch_size ?? 0,
  };
}

function specOf({ name, data_type: type, dims, reshape }: ModelConfigInput | ModelConfigOutput): TensorSpec {
  const datatype = servedDatatype(type ?? "");
  assert(name !== undefined && datatype !== undefined, `the configuration of tensor '${name}' is not complete`);
  const spec = { name, datatype, dims: dims ?? [] };
  return reshape === undefined ? spec : { ...spec, modelDims: reshape.shape ?? [] };
}
