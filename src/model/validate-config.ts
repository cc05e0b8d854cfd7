import { nearest } from "../config.ts";
import { InferenceError } from "../errors.ts";
import { checkBatching, checkBatchLimits } from "./batching-rules.ts";
import { resolveChunking } from "./chunking.ts";
import { servedDatatype } from "./config-datatype.ts";
import { checkLengthSettings } from "./length-plan.ts";
import type {
  ModelConfig,
  ModelConfigInput,
  ModelConfigInstanceGroup,
  ModelConfigOutput,
  ModelConfigWarmup,
} from "./model-config.ts";
import { resolveModelParameters } from "./model-parameters.ts";
import { checkRagged } from "./ragged-plan.ts";
import { checkSequences } from "./sequence-rules.ts";
import { checkUnsupported } from "./unsupported-config.ts";

/** The backend and the platform of ONNX models, the only ones there are here. */
export const onnxBackend = "onnxruntime";
export const onnxPlatform = "onnxruntime_onnx";

/** Most instances that all groups of a model may ask for together; each is a session, often in a process of its own. */
export const maxInstances = 256;

/**
 * Checks a written configuration in itself, before any file of the model is looked at: Triton's rules, what sluice does not do, and our own
 * parameters.
 *
 * @param name The model's folder, which a written name has to equal.
 * @throws InferenceError "refused", naming the field, its value and what is allowed.
 */
export function validateConfig(config: ModelConfig, name: string): void {
  checkIdentity(config, name);
  checkUnsupported(config);
  if ((config.max_batch_size ?? 0) < 0) refuse("max_batch_size", config.max_batch_size, "0 or more");
  checkTensors("input", config.input ?? []);
  checkTensors("output", config.output ?? []);
  checkVersionPolicy(config);
  checkInstanceGroups(config.instance_group ?? []);
  checkBatching(config);
  checkSequences(config, name);
  for (const [i, warmup] of (config.model_warmup ?? []).entries()) checkWarmup(config, warmup, i);
  resolveChunking(config);
  checkRagged(config);
  checkLengthSettings(config);
  checkBatchLimits(config, resolveModelParameters(config));
}

function refuse(field: string, value: unknown, expected: string): never {
  throw new InferenceError("refused", `${field} is ${JSON.stringify(value)}, expected ${expected}`);
}

function checkIdentity(config: ModelConfig, name: string): void {
  if (config.name !== undefined && config.name !== "" && config.name !== name)
    refuse("name", config.name, `the name of the model's folder, '${name}'`);
  if (config.backend !== undefined && config.backend !== "" && config.backend !== onnxBackend)
    refuse("backend", config.backend, `'${onnxBackend}' or nothing`);
  if (config.platform !== undefined && config.platform !== "" && config.platform !== onnxPlatform)
    refuse("platform", config.platform, `'${onnxPlatform}' or nothing`);
  const file = config.default_model_filename;
  if (file !== undefined && file !== "" && (/[/\\\0]/.test(file) || file === "." || file === "..")) {
    refuse("default_model_filename", file, "the name of a file in the version's folder");
  }
}

function checkTensors(kind: "input" | "output", tensors: readonly (ModelConfigInput & ModelConfigOutput)[]): void {
  const names = new Set<string>();
  tensors.forEach((tensor, i) => {
    if (tensor.name === undefined || tensor.name === "")
      throw new InferenceError("refused", `${kind}[${i}] has no name`);
    if (names.has(tensor.name)) throw new InferenceError("refused", `${kind} '${tensor.name}' is listed twice`);
    names.add(tensor.name);
    checkTensor(`${kind} '${tensor.name}'`, tensor);
  });
}

function checkTensor(label: string, tensor: ModelConfigInput & ModelConfigOutput): void {
  const type = tensor.data_type;
  if (type === "TYPE_BF16") {
    throw new InferenceError(
      "refused",
      `${label}: TYPE_BF16 cannot be served, because ONNX Runtime's Node.js binding cannot carry it`,
    );
  }
  if (type !== undefined && servedDatatype(type) === undefined)
    refuse(`${label}: data_type`, type, "a datatype such as TYPE_FP32");
  for (const [field, dims] of [
    ["dims", tensor.dims],
    ["reshape", tensor.reshape?.shape],
  ] as const) {
    const wrong = dims?.find((dim) => dim < -1);
    if (wrong !== undefined) refuse(`${label}: ${field}`, dims, "lengths, or -1 for any length");
  }
  const isImage = tensor.format === "FORMAT_NHWC" || tensor.format === "FORMAT_NCHW";
  if (isImage && tensor.dims !== undefined && tensor.dims.length !== 3)
    refuse(`${label}: dims`, tensor.dims, `three of them for ${tensor.format}`);
  if (tensor.reshape !== undefined) checkReshape(label, tensor.dims ?? [], tensor.reshape.shape ?? []);
}

/** Both shapes hold as many elements: taken apart at the dimensions of any length, each part as many as its counterpart. */
function checkReshape(label: string, dims: readonly number[], shape: readonly number[]): void {
  const partsOf = (lengths: readonly number[]): number[] => {
    const parts = [1];
    for (const length of lengths) {
      if (length === -1) parts.push(1);
      else parts[parts.length - 1] = (parts.at(-1) ?? 1) * length;
    }
    return parts;
  };
  if (dims.length > 0 && partsOf(dims).join() === partsOf(shape).join()) return;
  throw new InferenceError("refused", `${label}: reshape [${shape}] does not hold as many elements as dims [${dims}]`);
}

function checkVersionPolicy({ version_policy: policy }: ModelConfig): void {
  if (policy?.latest !== undefined && (policy.latest.num_versions ?? 1) < 1)
    refuse("version_policy.latest.num_versions", policy.latest.num_versions, "1 or more");
  if (policy?.specific !== undefined && (policy.specific.versions ?? []).length === 0) {
    throw new InferenceError("refused", "version_policy.specific names no versions");
  }
  const negative = policy?.specific?.versions?.find((version) => version < 0);
  if (negative !== undefined) refuse("version_policy.specific.versions", negative, "version numbers of 0 or more");
}

function checkInstanceGroups(groups: readonly ModelConfigInstanceGroup[]): void {
  groups.forEach(checkInstanceGroup);
  let instances = 0;
  for (const { count = 1, gpus = [] } of groups) instances += Math.max(1, count) * Math.max(1, gpus.length);
  if (instances <= maxInstances) return;
  throw new InferenceError(
    "refused",
    `instance_group asks for ${instances} instances, expected at most ${maxInstances}`,
  );
}

function checkInstanceGroup({ kind = "KIND_AUTO", count, gpus }: ModelConfigInstanceGroup, i: number): void {
  const label = `instance_group[${i}]`;
  if (kind === "KIND_MODEL") {
    throw new InferenceError(
      "refused",
      `${label}: KIND_MODEL does not apply to ONNX models, expected KIND_AUTO, KIND_CPU or KIND_GPU`,
    );
  }
  if (count !== undefined && (count < 0 || count > maxInstances))
    refuse(`${label}.count`, count, `a number up to ${maxInstances}`);
  if (gpus === undefined) return;
  if (kind === "KIND_CPU")
    throw new InferenceError("refused", `${label}: KIND_CPU with gpus [${gpus}], expected one or the other`);
  if (gpus.some((gpu) => gpu < 0) || new Set(gpus).size !== gpus.length)
    refuse(`${label}.gpus`, gpus, "different device numbers of 0 or more");
}

function checkWarmup(config: ModelConfig, warmup: ModelConfigWarmup, i: number): void {
  const label = `model_warmup[${i}]`;
  const { batch_size: rows, inputs = {} } = warmup;
  const limit = config.max_batch_size;
  if (rows !== undefined && limit !== undefined && rows > Math.max(1, limit)) {
    refuse(`${label}.batch_size`, rows, `at most max_batch_size (${limit})`);
  }
  if (Object.keys(inputs).length === 0) throw new InferenceError("refused", `${label} has no inputs`);
  const known = config.input?.map(({ name }) => name ?? "");
  for (const [name, input] of Object.entries(inputs)) {
    if (known !== undefined && !known.includes(name)) {
      const near = nearest(name, known);
      throw new InferenceError(
        "refused",
        `${label} has an input '${name}' that the model does not have${near === undefined ? "" : `, did you mean '${near}'?`}`,
      );
    }
    const type = input.data_type;
    if (type === undefined || servedDatatype(type) === undefined)
      refuse(`${label}, input '${name}': data_type`, type ?? "", "a datatype such as TYPE_FP32");
    if (input.dims?.some((dim) => dim < 0))
      refuse(`${label}, input '${name}': dims`, input.dims, "lengths of 0 or more");
    if (input.zero_data === undefined && input.random_data === undefined && input.input_data_file === undefined) {
      throw new InferenceError(
        "refused",
        `${label}, input '${name}' states no data, expected zero_data, random_data or input_data_file`,
      );
    }
  }
}
