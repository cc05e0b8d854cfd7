import { InferenceError } from "../errors.ts";
import type { Signature, TensorSpec } from "../inference.ts";
import type { Datatype } from "../tensor.ts";
import type { ModelConfig } from "./model-config.ts";
import { type NamedNumbers, resolveModelParameters } from "./model-parameters.ts";

/** What an input is filled with, for each row: ones as far as the row's own length reaches, or that length. */
export type LengthFilling = "mask" | "length";

/**
 * How requests of different lengths share a batch: along one axis of some inputs each row is padded to the smallest bucket that holds the
 * longest of the batch, and along one axis of some outputs cut back to its own length. Axes do not count the batch dimension.
 */
export interface LengthPlan {
  /** Ascending. */
  readonly buckets: readonly number[];
  /** By index in the signature; undefined: it has no length. */
  readonly inputAxes: readonly (number | undefined)[];
  readonly outputAxes: readonly (number | undefined)[];
  /** What an input is padded with, by its index. */
  readonly padValues: readonly number[];
  /** What the signature's `filled` inputs hold, in their order. */
  readonly fillings: readonly LengthFilling[];
}

/**
 * The plan that a complete configuration comes to; undefined: lengths have no buckets.
 * @throws InferenceError "refused" when the settings do not fit the model, naming setting and tensor
 */
export function lengthPlan(config: ModelConfig, signature: Signature): LengthPlan | undefined {
  const parameters = resolveModelParameters(config);
  const { lengthBuckets: buckets, lengthAxes, cutAxes, padValue, maskInput, lengthInput } = parameters;
  if (buckets === undefined) return undefined;
  const inputAxes = axesOf("sluice_length_axes", lengthAxes, signature.inputs);
  const outputAxes = axesOf("sluice_cut_axes", cutAxes, signature.outputs);
  if (cutAxes === undefined) for (const [index, spec] of signature.outputs.entries()) checkCut(spec, outputAxes[index]);
  if (inputAxes.every((axis) => axis === undefined)) {
    throw new InferenceError(
      "refused",
      "parameter 'sluice_length_buckets' needs an input with one dimension of any length, or 'sluice_length_axes'",
    );
  }
  const fillings: LengthFilling[] = [];
  if (maskInput !== undefined) fillings.push("mask");
  if (lengthInput !== undefined) fillings.push("length");
  const longest = buckets[buckets.length - 1] ?? 0;
  for (const [index, filling] of fillings.entries()) checkFilled(signature.filled?.[index], filling, longest);
  return { buckets, inputAxes, outputAxes, padValues: padValuesOf(padValue, signature, inputAxes), fillings };
}

/** Settings that have no meaning without buckets, or together with other parts of a configuration; before the file is known. */
export function checkLengthSettings(config: ModelConfig): void {
  const parameters = resolveModelParameters(config);
  if (parameters.lengthBuckets === undefined) {
    const lone = ["lengthAxes", "cutAxes", "padValue", "maskInput", "lengthInput"] as const;
    if (lone.every((field) => parameters[field] === undefined)) return;
    throw new InferenceError(
      "refused",
      "parameters 'sluice_length_axes', 'sluice_cut_axes', 'sluice_pad_value', 'sluice_mask_input' and 'sluice_length_input' need 'sluice_length_buckets'",
    );
  }
  const refuse = (what: string): never => {
    throw new InferenceError("refused", `parameter 'sluice_length_buckets' ${what}`);
  };
  if ((config.max_batch_size ?? 0) < 1) refuse("needs a written max_batch_size of 1 or more");
  if (config.sequence_batching !== undefined) refuse("stands beside sequence_batching, expected one of them");
  if (
    (config.batch_input ?? []).length > 0 ||
    (config.input ?? []).some((input) => input.allow_ragged_batch === true)
  ) {
    refuse("stands beside a ragged batch, expected one of them: padding and flattening exclude each other");
  }
}

function axesOf(
  key: string,
  written: NamedNumbers | undefined,
  specs: readonly TensorSpec[],
): readonly (number | undefined)[] {
  if (written === undefined) return specs.map(onlyFreeAxis);
  const kind = key === "sluice_length_axes" ? "input" : "output";
  for (const name of written.keys()) {
    if (specs.some((spec) => spec.name === name)) continue;
    throw new InferenceError(
      "refused",
      `parameter '${key}' names ${kind} '${name}', expected of: ${specs.map((spec) => spec.name).join(", ")}`,
    );
  }
  return specs.map((spec) => {
    const axis = written.get(spec.name);
    if (axis !== undefined) checkAxis(key, kind, spec, axis);
    return axis;
  });
}

/** The only dimension of any length; undefined: there is none, or several. */
function onlyFreeAxis({ datatype, dims, modelDims }: TensorSpec): number | undefined {
  const free = dims.flatMap((dimension, axis) => (dimension < 0 ? [axis] : []));
  return free.length === 1 && datatype !== "BYTES" && modelDims === undefined ? free[0] : undefined;
}

/** An output that may vary with the length must not be given back as long as its neighbours in the batch make it. */
function checkCut({ name, dims }: TensorSpec, axis: number | undefined): void {
  if (axis !== undefined || dims.every((dimension) => dimension >= 0)) return;
  throw new InferenceError(
    "refused",
    `output '${name}' has dims [${dims.join(", ")}], so 'sluice_length_buckets' needs 'sluice_cut_axes': along which dimension each output is cut back, without those that no length changes`,
  );
}

function checkAxis(key: string, kind: string, { name, datatype, dims, modelDims }: TensorSpec, axis: number): void {
  const fault =
    dims[axis] === undefined || dims[axis] >= 0
      ? `whose dims are [${dims.join(", ")}], expected an axis of any length`
      : datatype === "BYTES"
        ? "which holds strings, expected numbers"
        : modelDims !== undefined
          ? "which is reshaped, expected one that is not"
          : undefined;
  if (fault === undefined) return;
  throw new InferenceError("refused", `parameter '${key}' names axis ${axis} of ${kind} '${name}', ${fault}`);
}

function padValuesOf(
  written: NamedNumbers | undefined,
  { inputs }: Signature,
  axes: readonly (number | undefined)[],
): readonly number[] {
  for (const name of written?.keys() ?? []) {
    const index = inputs.findIndex((input) => input.name === name);
    if (name === "" || axes[index] !== undefined) continue;
    throw new InferenceError(
      "refused",
      `parameter 'sluice_pad_value' names '${name}', which is no input that is padded`,
    );
  }
  return inputs.map(({ name, datatype }, index) => {
    const value = written?.get(name) ?? written?.get("") ?? 0;
    if (axes[index] === undefined || holdsNumber(datatype, value)) return value;
    throw new InferenceError(
      "refused",
      `parameter 'sluice_pad_value' pads '${name}' with ${value}, which is no ${datatype}: name the value of each input, as in '${name}:0'`,
    );
  });
}

/** Least and most of each whole datatype, as far as numbers are exact. */
const ranges: Partial<Record<Datatype, readonly [number, number]>> = {
  BOOL: [0, 1],
  UINT8: [0, 2 ** 8 - 1],
  UINT16: [0, 2 ** 16 - 1],
  UINT32: [0, 2 ** 32 - 1],
  UINT64: [0, Number.MAX_SAFE_INTEGER],
  INT8: [-(2 ** 7), 2 ** 7 - 1],
  INT16: [-(2 ** 15), 2 ** 15 - 1],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  INT64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

/** Whether a datatype has this number; floating point ones are taken to have all. */
function holdsNumber(datatype: Datatype, value: number): boolean {
  const [least, most] = ranges[datatype] ?? [];
  if (least === undefined || most === undefined) return true;
  return Number.isInteger(value) && value >= least && value <= most;
}

/** @param longest what a length input has to be able to hold */
function checkFilled(spec: TensorSpec | undefined, filling: LengthFilling, longest: number): void {
  if (spec === undefined) return; // not there yet
  const { name, datatype, dims } = spec;
  const isFitting =
    filling === "mask"
      ? dims.length === 1 && (dims[0] ?? 0) < 0
      : dims.every((dimension) => dimension === 1 || dimension < 0);
  if (filling === "length" && !holdsNumber(datatype, longest)) {
    throw new InferenceError(
      "refused",
      `parameter 'sluice_length_input' is '${name}', whose ${datatype} cannot hold the length ${longest} (sluice_length_buckets)`,
    );
  }
  if (datatype !== "BYTES" && isFitting && dims.length <= 1) return;
  const expected = filling === "mask" ? "numbers of shape [rows, length]" : "numbers of shape [rows] or [rows, 1]";
  throw new InferenceError(
    "refused",
    `parameter 'sluice_${filling}_input' is '${name}', which takes ${datatype} of shape [${["rows", ...dims].join(", ")}], expected ${expected}`,
  );
}
