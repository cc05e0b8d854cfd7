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
/** What has such a name and is something else: logarithms, weights of attention, boxes that were found, how unusual a row is. */
const otherScoresName = /log_?(prob|soft|sig)|att(entio)?n|detect|box|anomaly|outlier/i;
/** A sigmoid gives each of its columns a yes or no of its own: one column is a probability, several are no classes that exclude each other. */
const sigmoidName = /sigmoid/i;
/** A single number of this name is a probability. One that is called a score may be anything. */
const probabilityName = /prob|sigmoid/i;
/** Numbers of a regression: ours and those of the converters of scikit-learn, LightGBM and XGBoost. */
const valueName = /^(prediction|predictions|predicted|variable|regression|y_pred)$/i;

/** Whether an output can be what it is taken for. */
export const fits: Readonly<Record<keyof OutputRoles, (spec: TensorSpec, signature: Signature) => boolean>> = {
  label: (spec, signature) => labelTypes.has(spec.datatype) && columnCount(spec, signature) === 1,
  // A row of several dimensions has scores of many things: pixels, words, boxes.
  scores: (spec, signature) =>
    floatTypes.has(spec.datatype) &&
    columnCount(spec, signature) !== undefined &&
    spec.dims.filter((dimension) => dimension > 1).length <= 1,
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
 * @param known class labels that somebody has listed; empty: nobody has, beside the outputs themselves
 */
export function guessTask(signature: Signature, known: readonly string[] = []): TaskGuess {
  const { outputs } = signature;
  const named = (role: keyof OutputRoles, pattern: RegExp) => {
    const found = outputs.filter((spec) => pattern.test(spec.name) && fits[role](spec, signature));
    return found.length === 1 ? found[0] : undefined;
  };
  const names = outputs.map(({ name }) => `'${name}'`).join(", ");
  const unclear = unknown(`the outputs ${names} do not tell what is predicted; monitor.yaml can`);
  if (outputs.some(({ name }) => otherScoresName.test(name))) return unclear;
  const label = named("label", labelName);
  const scores = named("scores", scoresName) ?? labelled(signature);
  const value = named("value", valueName);
  if (label !== undefined || scores !== undefined) return classification(signature, known, label, scores);
  const isValue = value !== undefined && floatTypes.has(value.datatype) && value.labels === undefined;
  return isValue && outputs.length === 1 ? regression(signature, value) : unclear;
}

/** The output that has a label for each of its columns. */
function labelled(signature: Signature): TensorSpec | undefined {
  const found = signature.outputs.filter(
    (spec) =>
      spec.labels !== undefined && fits.scores(spec, signature) && columnCount(spec, signature) === spec.labels.length,
  );
  return found.length === 1 ? found[0] : undefined;
}

function classification(
  signature: Signature,
  known: readonly string[],
  label?: TensorSpec,
  scores?: TensorSpec,
): TaskGuess {
  const roles = { ...(label && { label }), ...(scores && { scores }) };
  const parts = [label && `label '${label.name}'`, scores && `scores '${scores.name}'`].filter(
    (part) => part !== undefined,
  );
  const columns = scores === undefined ? 0 : (columnCount(scores, signature) ?? 0);
  const labels = known.length > 0 ? known : (scores?.labels ?? label?.labels);
  if (scores !== undefined && columns > 1 && sigmoidName.test(scores.name)) {
    return unknown(
      `output '${scores.name}' seems to hold ${columns} answers of yes or no, not one class of several; monitor.yaml can say that it does`,
    );
  }
  if (scores !== undefined && columns === 1 && !probabilityName.test(scores.name) && labels === undefined) {
    return unknown(`output '${scores.name}' is a number, and nothing says of what; monitor.yaml can`);
  }
  if (label !== undefined && columns <= 1 && labels === undefined) {
    return unknown(
      `output '${label.name}' looks like class labels, but nothing says which there are; 'labels' in monitor.yaml can`,
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
