import { nearest } from "../../config.ts";
import { InferenceError } from "../../errors.ts";
import type { Signature, TensorSpec } from "../../inference.ts";
import {
  columnCount,
  fits,
  guessTask,
  maxRegressionOutputs,
  type OutputRoles,
  type TaskGuess,
} from "../../model/guess-task.ts";
import type { ModelDescription } from "../../runtime/model.ts";
import type { PredictionTask } from "../prediction.ts";
import { type MonitorConfig, maxLabels } from "./monitor-config.ts";
import { refused } from "./section.ts";

/** What a model predicts and where its answers say so: monitor.yaml and the model brought together. */
export interface ModelTask {
  readonly task: PredictionTask;
  /** Output with the predicted class; undefined: it follows from the scores. */
  readonly labelOutput: string | undefined;
  /** Output with the score of each class, or of the positive one; undefined: there are none, or a regression. */
  readonly scoresOutput: string | undefined;
  /** Output with the predicted numbers of a regression. */
  readonly valueOutput: string | undefined;
  /** Class labels in the order of their index; empty: a regression. */
  readonly labels: readonly string[];
  /** Nobody has listed the labels: they are called by their index, which another label of the model's output proves wrong. */
  readonly areLabelsGuessed: boolean;
  /** Index of the positive class of a binary model; -1: it has none. */
  readonly positiveClass: number;
  readonly threshold: number;
  /** Numbers kept of each row, see PredictionLayout. */
  readonly width: number;
}

/** What a model predicts, or why that is not known. */
export interface TaskFinding {
  /** Undefined: quality is not watched. */
  readonly task: ModelTask | undefined;
  /** What was guessed, or why nothing could be; empty when monitor.yaml says all. */
  readonly note: string;
}

/**
 * Finds the task of a model: what monitor.yaml says, else what the outputs look like.
 * @param profileLabels class labels of the reference profile; empty: it has none
 * @throws InferenceError "refused" when monitor.yaml names an output that is not there, or a task that the model cannot have
 */
export function findTask(
  config: MonitorConfig,
  { signature }: Pick<ModelDescription, "signature">,
  profileLabels: readonly string[] = [],
): TaskFinding {
  if (config.task === "off") return { task: undefined, note: "monitor.yaml switches it off" };
  const guess = guessTask(signature, config.labels.length > 0 ? config.labels : profileLabels);
  const named = namedRoles(config, signature);
  const kind = kindOf(config, named, guess);
  if (kind === "unknown") return { task: undefined, note: guess.note };
  // A guess that takes the model for something else has nothing to add.
  const roles = guess.task === kind ? { ...guess.roles, ...named } : named;
  try {
    const surroundings = { config, signature, roles, profileLabels };
    const task = kind === "regression" ? regressionTask(surroundings) : classificationTask(surroundings);
    const isTold = config.task !== "auto" && Object.values(roles).every((spec) => Object.values(named).includes(spec));
    return { task, note: isTold ? "" : guess.note };
  } catch (error) {
    const isToldOfClasses = config.labels.length > 0 || config.positiveClass !== undefined;
    const isGuess = config.task === "auto" && Object.keys(named).length === 0 && !isToldOfClasses;
    if (!isGuess || !(error instanceof InferenceError)) throw error;
    return { task: undefined, note: error.message.replace(/^monitor.yaml: /, "") };
  }
}

/** Everything that a task is made of. */
interface Surroundings {
  readonly config: MonitorConfig;
  readonly signature: Signature;
  readonly roles: OutputRoles;
  readonly profileLabels: readonly string[];
}

function kindOf(config: MonitorConfig, named: OutputRoles, guess: TaskGuess): TaskGuess["task"] {
  if (config.task !== "auto") return config.task === "regression" ? "regression" : "classification";
  if (named.value !== undefined) return "regression";
  if (named.label !== undefined || named.scores !== undefined) return "classification";
  return guess.task;
}

/** The outputs that monitor.yaml names. */
function namedRoles({ outputs }: MonitorConfig, signature: Signature): OutputRoles {
  const roles: Record<string, TensorSpec> = {};
  for (const [role, name] of Object.entries(outputs) as [keyof OutputRoles, string][]) {
    // its keys are those of the interface
    const spec = signature.outputs.find((output) => output.name === name);
    if (spec === undefined) {
      const names = signature.outputs.map((output) => output.name);
      const near = nearest(name, names);
      const hint = near === undefined ? `its outputs are ${names.join(", ")}` : `did you mean '${near}'?`;
      throw refused(`outputs.${role} is '${name}', which the model does not have; ${hint}`);
    }
    if (!fits[role](spec, signature)) {
      throw refused(`outputs.${role} is '${name}', but ${spec.datatype} [${spec.dims.join(",")}] cannot be that`);
    }
    roles[role] = spec;
  }
  return roles;
}

function regressionTask({ config, signature, roles: { value } }: Surroundings): ModelTask {
  if (value === undefined)
    throw refused("the task is regression: outputs.value has to name the output with the numbers");
  const width = columnCount(value, signature) ?? 0;
  if (width > maxRegressionOutputs) {
    throw refused(`output '${value.name}' has ${width} numbers a row, at most ${maxRegressionOutputs} can be watched`);
  }
  const none = {
    labelOutput: undefined,
    scoresOutput: undefined,
    labels: [],
    areLabelsGuessed: false,
    positiveClass: -1,
  };
  return { ...none, task: "regression", valueOutput: value.name, threshold: config.threshold, width };
}

function classificationTask({ config, signature, roles, profileLabels }: Surroundings): ModelTask {
  const { label, scores } = roles;
  if (label === undefined && scores === undefined) {
    throw refused("the task is a classification: outputs.label or outputs.scores has to name an output");
  }
  const columns = scores === undefined ? 0 : (columnCount(scores, signature) ?? 0);
  const { labels, areLabelsGuessed } = labelsOf(config, roles, columns, profileLabels);
  if (labels.length < 2) {
    throw refused("nothing says which classes there are: 'labels' has to list them in the order of their index");
  }
  if (labels.length > maxLabels)
    throw refused(`there are ${labels.length} classes, at most ${maxLabels} can be watched`);
  const isBinary = labels.length === 2;
  if (config.task !== "auto" && isBinary !== (config.task === "binary")) {
    throw refused(`task is '${config.task}', but there are ${labels.length} classes: ${labels.slice(0, 5).join(", ")}`);
  }
  if (scores !== undefined && columns !== labels.length && !(columns === 1 && isBinary)) {
    throw refused(`output '${scores.name}' has ${columns} scores a row for ${labels.length} classes`);
  }
  return {
    task: isBinary ? "binary" : "multiclass",
    labelOutput: label?.name,
    scoresOutput: scores?.name,
    valueOutput: undefined,
    labels,
    areLabelsGuessed,
    positiveClass: positiveClass(config, labels),
    threshold: config.threshold,
    width: columns,
  };
}

/** What lists the classes: monitor.yaml, the reference profile, a label file or the model file, or the number of scores. */
function labelsOf(
  { labels }: MonitorConfig,
  { label, scores }: OutputRoles,
  columns: number,
  profileLabels: readonly string[],
): Pick<ModelTask, "labels" | "areLabelsGuessed"> {
  // A profile calls classes by their index where nobody told it more.
  const isProfileGuessed = profileLabels.every((name, index) => name === String(index));
  const fromProfile = isProfileGuessed ? [] : profileLabels;
  const listed = [labels, fromProfile, scores?.labels ?? label?.labels ?? []].find(({ length }) => length > 0);
  if (listed !== undefined) return { labels: listed, areLabelsGuessed: false };
  if (profileLabels.length > 0) return { labels: profileLabels, areLabelsGuessed: true };
  if (label?.datatype === "BYTES") return { labels: [], areLabelsGuessed: true }; // texts, and nobody knows which
  const indices = Array.from({ length: columns === 1 ? 2 : columns }, (_, index) => String(index));
  return { labels: indices, areLabelsGuessed: true };
}

function positiveClass({ positiveClass: name }: MonitorConfig, labels: readonly string[]): number {
  if (labels.length !== 2) {
    if (name !== undefined) throw refused(`positiveClass is '${name}', but there are ${labels.length} classes`);
    return -1;
  }
  const index = name === undefined ? 1 : labels.indexOf(name);
  if (index < 0) throw refused(`positiveClass is '${name}', expected ${labels.join(" or ")}`);
  return index;
}
