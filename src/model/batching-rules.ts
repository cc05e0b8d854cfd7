import { InferenceError } from "../errors.ts";
import type { ModelConfig, ModelConfigDynamicBatching, ModelConfigQueuePolicy } from "./model-config.ts";
import type { ModelParameters } from "./model-parameters.ts";

/** Most priority levels: each is a queue of its own. */
export const maxPriorityLevels = 1024;

/**
 * Triton's rules for dynamic_batching. Preferred batch sizes are compared with max_batch_size only once that is known, which is why the check
 * is made again when the configuration has been completed.
 *
 * @throws InferenceError "refused", naming the field, its value and what is allowed.
 */
export function checkBatching(config: ModelConfig): void {
  const batching = config.dynamic_batching;
  if (batching === undefined) return;
  const limit = config.max_batch_size;
  for (const size of batching.preferred_batch_size ?? []) {
    if (size < 1) refuse("preferred_batch_size", size, "1 or more");
    if (limit !== undefined && size > limit) refuse("preferred_batch_size", size, `at most max_batch_size (${limit})`);
  }
  checkPriorities(batching);
  if (batching.preserve_ordering === true) checkOrdering(batching);
}

/**
 * Our own settings for batches against each other and against Triton's.
 *
 * @throws InferenceError "refused", naming both settings.
 */
export function checkBatchLimits(
  config: ModelConfig,
  { latencyTargetMs, costInput, maxBatchCost }: ModelParameters,
): void {
  const delay = config.dynamic_batching?.max_queue_delay_microseconds ?? 0;
  if (latencyTargetMs !== undefined && delay > 0) {
    throw new InferenceError(
      "refused",
      `parameter 'sluice_latency_target_ms' stands beside dynamic_batching.max_queue_delay_microseconds (${delay}), expected one of them: each decides how long a batch waits`,
    );
  }
  if ((costInput === undefined) === (maxBatchCost === undefined)) return;
  const [written, missing] =
    costInput === undefined
      ? ["sluice_max_batch_cost", "sluice_cost_input"]
      : ["sluice_cost_input", "sluice_max_batch_cost"];
  throw new InferenceError("refused", `parameter '${written}' needs '${missing}' beside it`);
}

function refuse(field: string, value: unknown, expected: string): never {
  throw new InferenceError("refused", `dynamic_batching.${field} is ${JSON.stringify(value)}, expected ${expected}`);
}

function checkPriorities(batching: ModelConfigDynamicBatching): void {
  const levels = batching.priority_levels ?? 0;
  if (levels > maxPriorityLevels) refuse("priority_levels", levels, `at most ${maxPriorityLevels}`);
  const byDefault = batching.default_priority_level ?? 0;
  if (levels > 0 && (byDefault < 1 || byDefault > levels)) {
    refuse("default_priority_level", byDefault, `one of the priority_levels, 1 to ${levels}`);
  }
  for (const level of Object.keys(batching.priority_queue_policy ?? {})) {
    if (levels > 0 && Number(level) >= 1 && Number(level) <= levels) continue;
    refuse(
      "priority_queue_policy",
      Number(level),
      levels > 0 ? `keys from 1 to priority_levels (${levels})` : "no keys without priority_levels",
    );
  }
}

/** An answer cannot keep its place in line when its request may be overtaken. */
function checkOrdering(batching: ModelConfigDynamicBatching): void {
  if ((batching.priority_levels ?? 0) > 1)
    refuse("priority_levels", batching.priority_levels, "at most 1 with preserve_ordering");
  const policies = [batching.default_queue_policy, ...Object.values(batching.priority_queue_policy ?? {})];
  if (policies.some(mayDelay)) refuse("…timeout_action", "DELAY", "REJECT, or no time-out, with preserve_ordering");
}

function mayDelay(policy: ModelConfigQueuePolicy | undefined): boolean {
  return policy?.timeout_action === "DELAY" && (policy.default_timeout_microseconds ?? 0) > 0;
}
