import { InferenceError } from "../errors.ts";
import { formatShape } from "../tensor.ts";
import { configDatatype } from "./config-datatype.ts";
import type { ModelConfig, ModelConfigInput, ModelConfigOutput } from "./model-config.ts";
import type { ModelSummary, TensorSummary } from "./onnx-summary.ts";

/** A tensor of a configuration together with the file's own idea of it. */
interface Context {
  readonly modelName: string;
  readonly kind: "input" | "output";
  readonly isBatched: boolean;
  /** Inputs of a ragged batch. */
  readonly flattened: ReadonlySet<string>;
  /** Outputs that are scattered by the shapes of an input: their own shape in the file need not be that of their dims. */
  readonly scattered: ReadonlySet<string>;
}

/**
 * The inputs and outputs of a configuration, filled in from the file and checked against it. Every input that has no default must be there once
 * inputs are listed; outputs may be a selection; an input with a default is served only when it is listed, as an optional one.
 *
 * @throws InferenceError "refused", naming the tensor and what configuration and file say.
 */
export function completeTensors(
  written: ModelConfig,
  summary: ModelSummary,
  modelName: string,
  isBatched: boolean,
): { input: ModelConfigInput[]; output: ModelConfigOutput[] } {
  const scattered = new Set((written.batch_output ?? []).flatMap(({ target_name = [] }) => target_name));
  const ragged = (written.input ?? []).filter(({ allow_ragged_batch }) => allow_ragged_batch === true);
  const flattened = new Set(ragged.map(({ name = "" }) => name));
  const inputContext: Context = { modelName, kind: "input", isBatched, flattened, scattered: new Set() };
  const outputContext: Context = { modelName, kind: "output", isBatched, flattened: new Set(), scattered };
  const listedInputs = written.input ?? [];
  if (listedInputs.length > 0) checkInputCount(listedInputs, summary, modelName);
  return {
    input:
      listedInputs.length > 0
        ? listedInputs.map((input) => completeInput(input, summary, inputContext))
        : summary.inputs.map((tensor) => completeTensor({}, tensor, inputContext)),
    output:
      (written.output ?? []).length > 0
        ? (written.output ?? []).map((output) =>
            completeTensor(output, find(output.name, summary.outputs, outputContext), outputContext),
          )
        : summary.outputs.map((tensor) => completeTensor({}, tensor, outputContext)),
  };
}

function refuseLoad(modelName: string, what: string): never {
  throw new InferenceError("refused", `unable to load model '${modelName}', ${what}`);
}

function checkInputCount(listed: readonly ModelConfigInput[], summary: ModelSummary, modelName: string): void {
  const overridable = new Set(summary.overridableInputs.map(({ name }) => name));
  const count = listed.filter(({ name }) => !overridable.has(name ?? "")).length;
  if (count === summary.inputs.length) return;
  const missing = summary.inputs
    .filter((input) => !listed.some(({ name }) => name === input.name))
    .map(({ name }) => `'${name}'`);
  const hint = missing.length > 0 ? ` (not listed: ${missing.join(", ")})` : "";
  refuseLoad(modelName, `configuration expects ${count} inputs, model provides ${summary.inputs.length}${hint}`);
}

function completeInput(input: ModelConfigInput, summary: ModelSummary, context: Context): ModelConfigInput {
  const overridable = summary.overridableInputs.find(({ name }) => name === input.name);
  const isOptional = overridable !== undefined || input.optional === true;
  if (isOptional && context.isBatched) {
    refuseLoad(context.modelName, `optional input '${input.name}' is not supported for models that support batching`);
  }
  if (isOptional && overridable === undefined) {
    refuseLoad(context.modelName, `input '${input.name}' is marked optional, but the model has no default for it`);
  }
  const completed = completeTensor(input, overridable ?? find(input.name, summary.inputs, context), context);
  return isOptional ? { ...completed, optional: true } : completed;
}

function find(name: string | undefined, tensors: readonly TensorSummary[], { kind }: Context): TensorSummary {
  const tensor = tensors.find((candidate) => candidate.name === name);
  if (tensor !== undefined) return tensor;
  const allowed = tensors.map((candidate) => candidate.name).sort();
  throw new InferenceError(
    "refused",
    `unexpected inference ${kind} '${name ?? ""}', allowed ${kind}s are: ${allowed.join(", ")}`,
  );
}

function completeTensor<T extends ModelConfigInput | ModelConfigOutput>(
  written: T,
  tensor: TensorSummary,
  context: Context,
): T {
  const datatype = tensor.datatype === undefined ? "TYPE_INVALID" : configDatatype(tensor.datatype);
  if (written.data_type !== undefined && written.data_type !== datatype) {
    refuseLoad(
      context.modelName,
      `configuration expects datatype ${written.data_type} for ${context.kind} '${tensor.name}', model provides ${datatype}`,
    );
  }
  const named = { ...written, name: tensor.name, data_type: datatype };
  if (written.dims === undefined) return { ...named, ...dimsOf(tensor, context) };
  const isScalar = tensor.shape?.length === 0;
  if (isScalar) return { ...named, reshape: scalarReshape(tensor, written.dims, context) };
  if (context.kind === "input" && (written as ModelConfigInput).allow_ragged_batch === true) checkFlat(tensor, context);
  else if (!context.scattered.has(tensor.name))
    checkDims(tensor, written.reshape?.shape ?? (written.reshape === undefined ? written.dims : []), context);
  return named;
}

/** The dims that the file tells. One value a row, or a scalar, appears as dims [1]: Triton's dims are never empty. */
function dimsOf(
  { name, shape }: TensorSummary,
  { modelName, kind, isBatched }: Context,
): { dims: number[]; reshape?: { shape: number[] } } {
  if (shape === undefined) {
    return refuseLoad(modelName, `${kind} '${name}' has no shape in the model file: write its dims in config.pbtxt`);
  }
  const dims = lengths(isBatched ? shape.slice(1) : shape);
  return dims.length > 0 ? { dims } : { dims: [1], reshape: { shape: [] } };
}

function lengths(shape: readonly (number | string | null)[]): number[] {
  return shape.map((dimension) => (typeof dimension === "number" ? dimension : -1));
}

function scalarReshape({ name }: TensorSummary, dims: readonly number[], { modelName }: Context): { shape: number[] } {
  if (dims.some((dim) => dim !== 1)) {
    refuseLoad(
      modelName,
      `scalar tensor '${name}', should only provide 1 in the model configuration when the model doesn't support batching. Model configuration provided: ${formatShape(dims)}.`,
    );
  }
  return { shape: [] };
}

/** A ragged batch is one row of elements, however they were shaped (Triton's rule and text). */
function checkFlat({ name, shape }: TensorSummary, { modelName }: Context): void {
  const model = lengths(shape ?? [-1]);
  if (model.length === 1 && model[0] === -1) return;
  refuseLoad(
    modelName,
    `configuration expects model provides input with shape [-1] for ragged input '${name}', model provides ${formatShape(model)}`,
  );
}

/** Dimensions agree when they are equal or one of them is of any length. A shape that the file does not tell agrees with all. */
function checkDims({ name, shape }: TensorSummary, dims: readonly number[], { modelName, isBatched }: Context): void {
  if (shape === undefined) return;
  const model = lengths(shape);
  const full = isBatched ? [-1, ...dims] : dims;
  const isEqual =
    model.length === full.length && model.every((length, i) => length === -1 || full[i] === -1 || length === full[i]);
  if (isEqual) return;
  const configured = isBatched
    ? `${full.length} dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete shape ${formatShape(full)})`
    : `${full.length} dimensions (shape ${formatShape(full)})`;
  throw new InferenceError(
    "refused",
    `model '${modelName}', tensor '${name}': the model expects ${model.length} dimensions (shape ${formatShape(model)}) but the model configuration specifies ${configured}`,
  );
}
