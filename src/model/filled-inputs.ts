import { InferenceError } from "../errors.ts";
import type { Signature, TensorSpec } from "../inference.ts";
import { configDatatype } from "./config-datatype.ts";
import type { ModelConfig } from "./model-config.ts";
import { resolveModelParameters } from "./model-parameters.ts";
import type { ModelSummary } from "./onnx-summary.ts";

/**
 * Names of the model's inputs that no request has, because sluice fills them in for each batch: the mask and length inputs of our settings, and
 * the targets of Triton's `batch_input`. In the order in which they follow the signature's inputs.
 */
export function filledInputNames(config: ModelConfig): readonly string[] {
  const { maskInput, lengthInput } = resolveModelParameters(config);
  return [
    ...(maskInput === undefined ? [] : [maskInput]),
    ...(lengthInput === undefined ? [] : [lengthInput]),
    ...(config.batch_input ?? []).flatMap(({ target_name = [] }) => target_name),
  ];
}

/**
 * The file's inputs and outputs as callers see them.
 * @throws InferenceError "refused" when the file has no such input, or the configuration lists it for callers too
 */
export function withoutFilledInputs(config: ModelConfig, summary: ModelSummary): ModelSummary {
  const names = filledInputNames(config);
  if (names.length === 0) return summary;
  for (const [index, name] of names.entries()) {
    if (!summary.inputs.some((input) => input.name === name)) {
      throw new InferenceError(
        "refused",
        `input '${name}' is to be filled in, but the model's inputs are: ${summary.inputs.map((input) => input.name).join(", ")}`,
      );
    }
    if (names.indexOf(name) !== index || (config.input ?? []).some((input) => input.name === name)) {
      throw new InferenceError("refused", `input '${name}' is filled in, so it may not be listed a second time`);
    }
  }
  for (const { data_type = "", target_name = [] } of config.batch_input ?? []) {
    for (const name of target_name) checkDatatype(name, data_type, summary);
  }
  return { ...summary, inputs: summary.inputs.filter(({ name }) => !names.includes(name)) };
}

function checkDatatype(name: string, expected: string, { inputs }: ModelSummary): void {
  const datatype = inputs.find((input) => input.name === name)?.datatype;
  const provided = datatype === undefined ? "another type" : configDatatype(datatype);
  if (provided === expected) return;
  throw new InferenceError(
    "refused",
    `configuration expects datatype ${expected} for batch input '${name}', model provides ${provided}`,
  );
}

/** A signature with what the file tells about the inputs that are filled in. */
export function withFilledInputs(signature: Signature, config: ModelConfig, summary: ModelSummary): Signature {
  const names = filledInputNames(config);
  if (names.length === 0) return signature;
  const filled = names.map((name): TensorSpec => {
    const input = summary.inputs.find((candidate) => candidate.name === name);
    if (input?.datatype === undefined || input.shape === undefined) {
      throw new InferenceError(
        "refused",
        `input '${name}' is to be filled in, but the file does not tell its type and shape`,
      );
    }
    const dims = input.shape.slice(1).map((dimension) => (typeof dimension === "number" ? dimension : -1));
    return { name, datatype: input.datatype, dims };
  });
  return { ...signature, filled };
}
