import { InferenceError } from "../errors.ts";
import type { ModelConfig } from "./model-config.ts";

/** A part of Triton's configuration that sluice does not act on: where it stands, when it counts as used, and why it is refused. */
interface Unsupported {
  readonly field: string;
  readonly isUsed: (config: ModelConfig) => boolean;
  readonly reason: string;
}

/** Execution accelerators that mean what sluice does anyway. */
const knownAccelerators: readonly unknown[] = ["cuda"];

/**
 * Refused and not ignored: a model that asks for one of these and is served without it gives other answers, or other promises, than its owner
 * expects. Hints for speed alone (pinned memory, graph level, priority, eager batching, CUDA graphs, rate limiter) are accepted.
 */
const unsupported: readonly Unsupported[] = [
  {
    field: "sequence_batching.iterative_sequence",
    isUsed: ({ sequence_batching }) => sequence_batching?.iterative_sequence === true,
    reason: "an ONNX model cannot ask to be run again for the same request",
  },
  {
    field: "ensemble_scheduling",
    isUsed: ({ ensemble_scheduling }) => ensemble_scheduling !== undefined,
    reason: "ensembles are not served yet",
  },
  {
    field: "is_shape_tensor",
    isUsed: ({ input, output }) =>
      [...(input ?? []), ...(output ?? [])].some(({ is_shape_tensor }) => is_shape_tensor === true),
    reason: "shape tensors belong to TensorRT",
  },
  {
    field: "is_non_linear_format_io",
    isUsed: ({ input, output }) =>
      [...(input ?? []), ...(output ?? [])].some((tensor) => property(tensor, "is_non_linear_format_io") === true),
    reason: "such formats belong to TensorRT",
  },
  {
    field: "response_cache",
    isUsed: (config) => property(config.response_cache, "enable") === true,
    reason: "there is no response cache yet",
  },
  {
    field: "model_operations",
    isUsed: (config) => hasItems(property(config.model_operations, "op_library_filename")),
    reason: "libraries of custom operators are native code and are not loaded",
  },
  {
    field: "model_repository_agents",
    isUsed: (config) => hasItems(property(config.model_repository_agents, "agents")),
    reason: "there are no repository agents",
  },
  {
    field: "cc_model_filenames",
    isUsed: (config) => Object.keys(config.cc_model_filenames ?? {}).length > 0,
    reason: "a version has one model file, default_model_filename",
  },
  {
    field: "runtime",
    isUsed: (config) => (config.runtime ?? "") !== "",
    reason: "the runtime is always ONNX Runtime",
  },
  {
    field: "model_metrics",
    isUsed: (config) => hasItems(property(config.model_metrics, "metric_control")),
    reason: "histogram buckets cannot be chosen per model yet",
  },
  ...["profile", "secondary_devices", "passive", "host_policy"].map((field) => ({
    field: `instance_group.${field}`,
    isUsed: ({ instance_group }: ModelConfig) =>
      (instance_group ?? []).some((group) => {
        const value = property(group, field);
        return hasItems(value) || value === true || (typeof value === "string" && value !== "");
      }),
    reason: "instances have a kind, a count and gpus only",
  })),
  {
    field: "optimization.execution_accelerators",
    isUsed: ({ optimization }) => acceleratorNames(optimization).some((name) => !knownAccelerators.includes(name)),
    reason: "choose the execution provider by the parameter sluice_device or by --device",
  },
];

/**
 * Refuses what a configuration asks for and sluice does not do.
 * @throws InferenceError "refused", naming the field and the reason.
 */
export function checkUnsupported(config: ModelConfig): void {
  const used = unsupported.find(({ isUsed }) => isUsed(config));
  if (used !== undefined) throw new InferenceError("refused", `${used.field} is not supported: ${used.reason}`);
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined; // an own property of an object
}

function hasItems(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0;
}

function acceleratorNames(optimization: unknown): unknown[] {
  const accelerators = property(optimization, "execution_accelerators");
  return ["gpu_execution_accelerator", "cpu_execution_accelerator"].flatMap((field) => {
    const list = property(accelerators, field);
    return hasItems(list) ? list.map((item) => property(item, "name")) : [];
  });
}
