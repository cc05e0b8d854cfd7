import type { Signature, TensorSpec } from "../inference.ts";
import type { Datatype } from "../tensor.ts";

/** Which output is what. */
export interface OutputRoles {
  /** Predicted class, as its label or index. */
  readonly label?: TensorSpec;
  /** Score of each class, or of the positive one. */
  readonly scores?: TensorSpec;
  /** Predicted numbers. */
  readonly value?: TensorSpec;
}

/** What outputs look like by their names and datatypes, and why. */
export interface TaskGuess {
  readonly task: "classification" | "regression" | "unknown";
  readonly roles: OutputRoles;
  /** For people: what it was guessed from, or why it was not. */
  readonly note: string;
}

/** Most numbers that a regression predicts at once, and be watched. */
export const maxRegressionOutputs = 64;

const floatTypes: ReadonlySet<Datatype> = new Set(["FP16", "FP32", "FP64"]);
const labelTypes: ReadonlySet<Datatype> = new Set(["BYTES", "INT64", "INT32", "INT16", "INT8", "UINT8", "BOOL"]);

/** What scikit-learn's converter, ours and others call the predicted class: `label`, `output_label`, `predicted_class`. */
const labelName = /^(output_)?(label|labels|class|classes|class_label|predicted_(class|label))$/i;
/** Probabilities: `probabilities`, `output_probability`, `probas`, `softmax`, `class_scores`. */
const scoresName = /prob|softmax|sigmoid|(^|_)scores?$/i;
/** Numbers of a regression: ours and those of the converters of scikit-learn, LightGBM and XGBoost. */
const valueName = /^(prediction|predictions|predicted|variable|regression|y_pred)$/i;

/** Whether an output can be what it is taken for. */
export const fits: Readonly<Record<keyof OutputRoles, (spec: TensorSpec, signature: Signature) => boolean>> = {
  label: (spec, signature) => labelTypes.has(spec.datatype) && columnCount(spec, signature) === 1,
  scores: (spec, signature) => floatTypes.has(spec.datatype) && columnCount(spec, signature) !== undefined,
  value: (spec, signature) => spec.datatype !== "BYTES" && (columnCount(spec, signature) ?? 0) > 0,
};

/** Values of each row of an output; undefined: that differs from answer to answer. */
export function columnCount({ dims }: TensorSpec, { maxBatchSize }: Signature): number | undefined {
  const [first] = dims;
  const columns = maxBatchSize === 0 && first === -1 ? dims.slice(1) : dims; // without a batch dimension rows may still lie in the first one
  let count = 1;
  for (const dimension of columns) count *= dimension;
  return columns.some((dimension) => dimension < 0) ? undefined : count;
}

/**
 * What a model predicts, as far as the names and datatypes of its outputs tell. Careful: a wrong guess would be a wrong number, so what is
 * not clear is unknown.
 */
export function guessTask(signature: Signature): TaskGuess {
  const { outputs } = signature;
  const named = (role: keyof OutputRoles, pattern: RegExp) => {
    const found = outputs.filter((spec) => pattern.test(spec.name) && fits[role](spec, signature));
    return found.length === 1 ? found[0] : undefined;
  };
  const label = named("label", labelName);
  const scores = named("scores", scoresName) ?? labelled(signature);
  const value = named("value", valueName);
  if (label !== undefined || scores !== undefined) return classification(signature, label, scores);
  if (value !== undefined && outputs.length === 1) return regression(signature, value);
  const names = outputs.map(({ name }) => `'${name}'`).join(", ");
  return unknown(`the outputs ${names} do not tell what is predicted; monitor.yaml can`);
}

/** The output that has a label for each of its columns. */
function labelled(signature: Signature): TensorSpec | undefined {
  const found = signature.outputs.filter(
    (spec) =>
      spec.labels !== undefined && fits.scores(spec, signature) && columnCount(spec, signature) === spec.labels.length,
  );
  return found.length === 1 ? found[0] : undefined;
}

function classification(signature: Signature, label?: TensorSpec, scores?: TensorSpec): TaskGuess {
  const roles = { ...(label && { label }), ...(scores && { scores }) };
  const parts = [label && `label '${label.name}'`, scores && `scores '${scores.name}'`].filter(
    (part) => part !== undefined,
  );
  const columns = scores === undefined ? 0 : (columnCount(scores, signature) ?? 0);
  const labels = scores?.labels ?? label?.labels;
  if (columns === 0 && labels === undefined) {
    return unknown(
      `output '${label?.name ?? ""}' looks like class labels, but nothing says which there are; 'labels' in monitor.yaml can`,
    );
  }
  return { task: "classification", roles, note: `guessed from the outputs: ${parts.join(", ")}` };
}

function regression(signature: Signature, value: TensorSpec): TaskGuess {
  const columns = columnCount(value, signature) ?? 0;
  if (columns > maxRegressionOutputs) {
    return unknown(
      `output '${value.name}' has ${columns} numbers a row, more than the ${maxRegressionOutputs} of a regression`,
    );
  }
  return { task: "regression", roles: { value }, note: `guessed from the outputs: numbers '${value.name}'` };
}

function unknown(note: string): TaskGuess {
  return { task: "unknown", roles: {}, note };
}
