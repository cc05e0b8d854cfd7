import type { InferOptions } from "../../client/infer-options.ts";
import type { ModelMetadata } from "../../client/model-metadata.ts";
import { createTensor, readStrings } from "../../client/tensor-values.ts";
import { InferenceError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";

/** Datatypes that have no ranking in Triton's classification extension. */
const unranked = new Set(["BOOL", "BYTES", "FP16", "BF16"]);

/**
 * Outputs to ask for; those that can be ranked as their highest classes where so many are wanted. Empty: all.
 * @param isNamed all of them are to be named, because another output is asked for beside them
 */
export function requestedOutputs(
  names: readonly string[],
  classCount: number,
  metadata: ModelMetadata,
  isNamed = false,
): NonNullable<InferOptions["outputs"]> {
  if (classCount === 0 && (names.length > 0 || !isNamed)) return names;
  const outputs = metadata.outputs.filter(({ name }) => names.length === 0 || names.includes(name));
  if (classCount === 0) return outputs.map(({ name }) => name);
  return outputs.map(({ name, datatype }) =>
    unranked.has(datatype) ? name : { name, classificationCount: classCount },
  );
}

/** The names of outputs that are asked for as classes. */
export function classOutputs(outputs: NonNullable<InferOptions["outputs"]>): ReadonlySet<string> {
  return new Set(outputs.flatMap((output) => (typeof output === "string" ? [] : [output.name])));
}

/**
 * An output of classes, texts `value:index` or `value:index:label`, as the values that they are made of: `NAME_value` FP64, `NAME_index` INT32
 * and, where the model has labels, `NAME_label`, all of the output's shape.
 * @throws InferenceError "invalid" for another text
 */
export function splitClasses(output: Tensor): readonly Tensor[] {
  const { name, shape } = output;
  const classes = readStrings(output).map((text) => {
    const [, value = "", index = "", label] = /^([^:]*):(\d+)(?::(.*))?$/s.exec(text) ?? [];
    if (index === "")
      throw new InferenceError("invalid", `output '${name}' has the class '${text}', expected value:index[:label]`);
    return { value: Number(value), index: Number(index), label };
  });
  const column = (suffix: string) => `${name}_${suffix}`;
  const values = classes.map(({ value }) => value);
  const indices = classes.map(({ index }) => index);
  const labels = classes.map(({ label }) => label ?? "");
  return [
    createTensor(column("value"), "FP64", shape, values),
    createTensor(column("index"), "INT32", shape, indices),
    ...(classes.some(({ label }) => label !== undefined)
      ? [createTensor(column("label"), "BYTES", shape, labels)]
      : []),
  ];
}
