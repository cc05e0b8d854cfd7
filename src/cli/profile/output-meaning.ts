import type { ModelMetadata } from "../../client/model-metadata.ts";
import type { TensorSpec } from "../../inference.ts";
import { guessTask } from "../../model/guess-task.ts";
import { isDatatype } from "../../tensor.ts";
import { UsageError } from "../arguments.ts";

/** What the outputs of a model mean, as far as their names and datatypes tell. */
export interface OutputMeaning {
  readonly task: "classification" | "regression" | "unknown";
  /** Output with the predicted class. */
  readonly label: string | undefined;
  /** Output with the scores of the classes. */
  readonly scores: string | undefined;
  /** Output with the predicted numbers. */
  readonly value: string | undefined;
  /** Labels of the classes by index; empty: not known, or no classification. */
  readonly labels: readonly string[];
}

/**
 * Guesses what a model answers, by the same rules as the monitor.
 * @param given labels of the command line; empty: none
 * @param known labels that the model itself gives, by output
 * @throws UsageError when there are not as many labels as scores
 */
export function outputMeaning(
  metadata: ModelMetadata,
  given: readonly string[],
  known: ReadonlyMap<string, readonly string[]>,
): OutputMeaning {
  const outputs = metadata.outputs.flatMap((output) => {
    const { name, datatype, shape } = output;
    const labels = known.get(name);
    return isDatatype(datatype) ? [{ name, datatype, dims: shape.slice(1), ...(labels && { labels }) }] : [];
  });
  const { task, roles } = guessTask({ inputs: [], outputs, maxBatchSize: 1 }, given);
  const { label, scores, value } = roles;
  return {
    task,
    label: label?.name,
    scores: scores?.name,
    value: value?.name,
    labels: task === "classification" ? labelsOf(given, label, scores) : [],
  };
}

function labelsOf(
  given: readonly string[],
  label: TensorSpec | undefined,
  scores: TensorSpec | undefined,
): readonly string[] {
  const columns = scores === undefined ? 0 : scores.dims.reduce((product, dimension) => product * dimension, 1);
  const labels = given.length > 0 ? given : (scores?.labels ?? label?.labels ?? numbers(label, columns));
  const isFit =
    columns === 0 || labels.length === 0 || labels.length === columns || (columns === 1 && labels.length === 2);
  if (isFit) return labels;
  throw new UsageError(
    `there are ${labels.length} labels (${labels.slice(0, 5).join(", ")}), but output '${scores?.name}' has ${columns} scores`,
  );
}

/** Classes that have no labels are called by their index. Texts have labels, which nobody knows here. */
function numbers(label: TensorSpec | undefined, columns: number): readonly string[] {
  if (label?.datatype === "BYTES" || columns === 0) return [];
  return Array.from({ length: columns === 1 ? 2 : columns }, (_, index) => String(index));
}
