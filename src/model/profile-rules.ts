import { InferenceError } from "../errors.ts";
import type { Signature, TensorSpec } from "../inference.ts";
import { elementCount, isDatatype } from "../tensor.ts";
import { columnCount } from "./guess-task.ts";
import type {
  CalibrationMap,
  CategoricalProfile,
  MahalanobisReference,
  NumericProfile,
  ReferenceProfile,
  SignalProfile,
} from "./package-messages.ts";

/** Most signals of a profile. */
export const maxProfileSignals = 2048;

/** Most bins or categories of a signal. */
export const maxProfileBins = 1000;

/** Most labels, calibration maps and points of a map. */
export const maxProfileLabels = 1000;
const maxCalibrationPoints = 10_000;

/** Most metrics, and most quantiles of a signal. */
const maxProfileMetrics = 10_000;
const maxQuantiles = 1000;

/** Most signals that the anomaly score of a row rests on: its matrix has their square. */
export const maxAnomalySignals = 512;

/** Numbers beyond are no edges: what is compared with them would overflow. The monitor counts such values as infinite. */
const largestEdge = 1e150;

/** Latest time that a date can tell, in seconds. */
const maxEpochSeconds = 8.64e12;

/** Longest name or category, characters. */
const maxTextLength = 1024;

function refuse(problem: string): InferenceError {
  return new InferenceError("refused", `the reference profile cannot be used: ${problem}`);
}

function check(condition: boolean, problem: () => string): void {
  if (!condition) throw refuse(problem());
}

/** Checks a profile in itself. @throws InferenceError "refused" naming the signal, what it has and what it should have */
export function validateProfile(profile: ReferenceProfile): void {
  const { signals, labels, calibrations, expected } = profile;
  check(profile.row_count > 0, () => "it rests on no rows");
  const { seconds = 0 } = profile.created_at ?? {};
  check(Math.abs(seconds) <= maxEpochSeconds, () => `it was made ${seconds} seconds after 1970, which is no date`);
  checkLength(signals, maxProfileSignals, "it has", "signals");
  checkLength(labels, maxProfileLabels, "it has", "labels");
  checkLength(calibrations, maxProfileLabels, "it has", "calibrations");
  checkLength(expected, maxProfileMetrics, "it has", "metrics");
  checkUnique(
    signals.map(({ name }) => name),
    "signal",
  );
  checkUnique(labels, "label");
  for (const signal of signals) checkSignal(signal);
  checkUnique(
    calibrations.map(({ class_index }) => String(class_index)),
    "calibration of class",
  );
  for (const map of calibrations) checkCalibration(map, labels.length);
  for (const { name, value } of expected) check(Number.isFinite(value), () => `metric '${name}' is no finite number`);
  if (profile.anomaly !== undefined) checkAnomaly(profile.anomaly, signals);
}

function checkLength(list: readonly unknown[], most: number, who: string, what: string): void {
  check(list.length <= most, () => `${who} ${list.length} ${what}, at most ${most} are allowed`);
}

function checkUnique(names: readonly string[], what: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    check(
      name.length <= maxTextLength,
      () => `a ${what} has ${name.length} characters, at most ${maxTextLength} are allowed`,
    );
    check(!seen.has(name), () => `${what} '${name}' is there twice`);
    seen.add(name);
  }
}

function checkSignal(signal: SignalProfile): void {
  const { name, tensor, role, datatype, numeric, categorical, score } = signal;
  check(name !== "" && tensor !== "", () => "a signal has no name or no tensor");
  check(role === "SIGNAL_ROLE_INPUT" || role === "SIGNAL_ROLE_OUTPUT", () => `signal '${name}' has no role`);
  check(isDatatype(datatype), () => `signal '${name}' has datatype '${datatype}', which is none`);
  check(isStatistic(signal.statistic), () => `signal '${name}' is of statistic '${signal.statistic}', which is none`);
  const given = [numeric, categorical, score].filter((distribution) => distribution !== undefined).length;
  check(given === 1, () => `signal '${name}' has ${given} distributions, expected one`);
  const numbers = numeric ?? score;
  if (numbers !== undefined) checkNumbers(name, numbers);
  check(
    datatype !== "BYTES" || (categorical !== undefined && signal.statistic === undefined),
    () => `signal '${name}' is BYTES, but its distribution is one of numbers`,
  );
  if (categorical !== undefined) checkCategories(name, categorical, datatype === "BYTES");
}

/** What can be made of all columns of a tensor. */
const statistics: ReadonlySet<string> = new Set(["mean", "deviation", "minimum", "maximum", "zeros"]);

function isStatistic(statistic: string | undefined): boolean {
  return statistic === undefined || statistic === "" || statistics.has(statistic);
}

function checkNumbers(name: string, profile: NumericProfile): void {
  const { edges, counts, underflow_count, overflow_count, null_count, infinite_count, count } = profile;
  const bins = edges.length - 1;
  check(
    bins >= 1 && bins <= maxProfileBins,
    () => `signal '${name}' has ${edges.length} edges, expected 2 to ${maxProfileBins + 1}`,
  );
  const isAscending = edges.every(
    (edge, i) => Math.abs(edge) <= largestEdge && (i === 0 || edge > (edges[i - 1] as number)),
  );
  check(isAscending, () => `the edges of signal '${name}' do not ascend strictly, or are beyond ${largestEdge}`);
  check(counts.length === bins, () => `signal '${name}' has ${counts.length} counts for ${bins} bins`);
  const all = [...counts, underflow_count, overflow_count, null_count, infinite_count, count];
  check(all.every(isCount), () => `signal '${name}' has a count that is none`);
  const sum = counts.reduce((total, value) => total + value, underflow_count + overflow_count);
  check(sum === count, () => `the bins of signal '${name}' hold ${sum} values, its count is ${count}`);
  checkLength(profile.quantiles, maxQuantiles, `signal '${name}' has`, "quantiles");
  const moments = [
    profile.mean,
    profile.m2,
    profile.minimum,
    profile.maximum,
    ...profile.quantiles.map(({ value }) => value),
  ];
  check(
    moments.every(Number.isFinite) && profile.m2 >= 0,
    () => `signal '${name}' has a moment that is no finite number`,
  );
  check(
    count === 0 || profile.minimum <= profile.maximum,
    () => `the smallest value of signal '${name}' is ${profile.minimum}, the largest ${profile.maximum}`,
  );
}

function checkCategories(
  name: string,
  { categories, other_count, null_count }: CategoricalProfile,
  areTexts: boolean,
): void {
  checkLength(categories, maxProfileBins, `signal '${name}' has`, "categories");
  check(
    [...categories.map(({ count }) => count), other_count, null_count].every(isCount),
    () => `signal '${name}' has a count that is none`,
  );
  check(
    categories.every(({ text, code }) =>
      areTexts ? text !== undefined && code === undefined : text === undefined && Number.isSafeInteger(code),
    ),
    () =>
      `signal '${name}' has a category that is no ${areTexts ? "text" : "integer within 2^53"}, as its datatype asks for`,
  );
  checkUnique(
    categories.map(({ text, code }) => text ?? String(code)),
    `category of signal '${name}'`,
  );
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function checkCalibration({ class_index: index, scores, probabilities }: CalibrationMap, labels: number): void {
  const what = `the calibration of class ${index}`;
  check(labels === 0 || index < labels, () => `${what} has no label, there are ${labels}`);
  check(
    scores.length === probabilities.length && scores.length > 0,
    () => `${what} has ${scores.length} scores and ${probabilities.length} probabilities`,
  );
  checkLength(scores, maxCalibrationPoints, `${what} has`, "points");
  const isRising = (values: readonly number[]) =>
    values.every((value, i) => Number.isFinite(value) && (i === 0 || value >= (values[i - 1] as number)));
  check(isRising(scores) && isRising(probabilities), () => `${what} does not rise`);
  check(
    probabilities.every((p) => p >= 0 && p <= 1),
    () => `${what} has a probability outside of 0 to 1`,
  );
}

function checkAnomaly(
  { signals, mean, inverse_covariance: matrix, threshold }: MahalanobisReference,
  known: readonly SignalProfile[],
): void {
  const d = signals.length;
  check(
    d >= 1 && d <= maxAnomalySignals,
    () => `its anomaly score rests on ${d} signals, expected 1 to ${maxAnomalySignals}`,
  );
  check(
    mean.length === d && matrix.length === d * d,
    () => `its anomaly score has ${mean.length} means and a matrix of ${matrix.length} numbers for ${d} signals`,
  );
  check(
    [...mean, ...matrix, threshold].every(Number.isFinite),
    () => "its anomaly score has a number that is not finite",
  );
  const names = new Map(known.map((signal) => [signal.name, signal]));
  const wrong = signals.find(
    (name) => names.get(name)?.role !== "SIGNAL_ROLE_INPUT" || names.get(name)?.categorical !== undefined,
  );
  check(wrong === undefined, () => `its anomaly score rests on '${wrong}', which is no numeric input of the profile`);
}

/** What a profile is compared with. */
export interface ProfiledModel {
  readonly name: string;
  readonly version: string;
  readonly signature: Signature;
}

/**
 * Checks that a profile belongs to a model: its name and version, and the tensors, datatypes, columns and number of labels of its signals.
 * @throws InferenceError "refused" naming what the profile has and what the model has
 */
export function checkProfileFits(profile: ReferenceProfile, model: ProfiledModel): void {
  const { model_name: name, model_version: version } = profile;
  check(name === "" || name === model.name, () => `it is one of model '${name}', not of '${model.name}'`);
  check(
    version === 0 || String(version) === model.version,
    () => `it is one of version ${version}, not of ${model.version}`,
  );
  const { outputs } = model.signature;
  for (const signal of profile.signals) checkSignalFits(signal, model.signature);
  if (profile.labels.length > 0) checkLabelCount(profile, outputs);
}

/** As many labels as the model has, by its own labels or by the scores that the profile has of each class. */
function checkLabelCount({ labels, signals }: ReferenceProfile, outputs: readonly TensorSpec[]): void {
  for (const output of outputs) {
    const isScored = signals.some(({ tensor, score }) => tensor === output.name && score !== undefined);
    const scores = isScored && !output.dims.includes(-1) ? elementCount(output.dims) : 1; // one score may be that of two classes
    const known = output.labels?.length ?? (scores > 1 ? scores : labels.length);
    check(known === labels.length, () => `it has ${labels.length} labels, output '${output.name}' has ${known}`);
  }
}

function checkSignalFits({ name, tensor, column, datatype, role }: SignalProfile, signature: Signature): void {
  const specs = role === "SIGNAL_ROLE_INPUT" ? signature.inputs : signature.outputs;
  const kind = role === "SIGNAL_ROLE_INPUT" ? "input" : "output";
  const spec = specs.find((candidate) => candidate.name === tensor);
  if (spec === undefined) {
    throw refuse(
      `signal '${name}' is of ${kind} '${tensor}', the model has ${specs.map((known) => `'${known.name}'`).join(", ")}`,
    );
  }
  check(spec.datatype === datatype, () => `signal '${name}' is ${datatype}, ${kind} '${tensor}' is ${spec.datatype}`);
  const columns = columnCount(spec, signature);
  check(
    columns === undefined || column < columns,
    () => `signal '${name}' is column ${column} of ${kind} '${tensor}', which has ${columns}`,
  );
}
