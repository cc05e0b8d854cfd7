import type { Outcome } from "../../outcome.ts";
import type { PredictionLayout, Truth } from "../prediction.ts";

/**
 * Labels that a message names before it says how many more there are, and how much of each: the results of ten thousand such outcomes must fit
 * into 4 MB, the most that gRPC clients take by default.
 */
const shownLabels = 5;
const shownCharacters = 32;

/** What an outcome says to be true, in the terms of a layout; or, as a string, why it says nothing that fits it. */
export function truthOf(
  outcome: Outcome,
  layout: PredictionLayout,
  labelIndex: ReadonlyMap<string, number>,
): Truth | string {
  const { classIndex, label, value, values } = outcome;
  const given = [classIndex, label, value, values].filter((truth) => truth !== undefined).length;
  if (given === 0) return "no truth is given: set class_index, label, value or values";
  if (given > 1) return "several truths are given: set one of class_index, label, value and values";
  if (layout.task === "regression") {
    if (value !== undefined) return numbersOf([value], layout.width);
    if (values !== undefined) return numbersOf(values, layout.width);
    return `the model predicts ${layout.width === 1 ? "a number: set value" : `${layout.width} numbers: set values`}`;
  }
  if (classIndex !== undefined) return indexOf(classIndex, layout.labels);
  if (label !== undefined) return labelIndex.get(label) ?? unknownLabel(label, layout.labels);
  return "the model predicts classes: set class_index or label";
}

function numbersOf(values: ArrayLike<number>, width: number): Truth | string {
  if (values.length !== width) return `${values.length} true numbers are given, the model predicts ${width}`;
  const truth = Float64Array.from(values);
  const wrong = truth.findIndex((number) => !Number.isFinite(number));
  return wrong < 0 ? truth : `true number ${wrong} is ${truth[wrong]}, expected a finite number`;
}

function indexOf(index: number, labels: readonly string[]): Truth | string {
  if (Number.isInteger(index) && index >= 0 && index < labels.length) return index;
  return `class_index is ${index}, expected 0 to ${labels.length - 1}: the model has ${labels.length} classes`;
}

function unknownLabel(label: string, labels: readonly string[]): string {
  if (labels.includes(label)) return `label '${label.slice(0, 100)}' is that of several classes: set class_index`;
  const shown = labels.slice(0, shownLabels).map(inQuotes);
  const rest = labels.length > shown.length ? ` and ${labels.length - shown.length} more` : "";
  return `label ${inQuotes(label)} is none of the model's classes: ${shown.join(", ")}${rest}`;
}

function inQuotes(label: string): string {
  return label.length <= shownCharacters ? `'${label}'` : `'${label.slice(0, shownCharacters)}...'`;
}
