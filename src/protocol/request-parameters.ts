import { InferenceError } from "../errors.ts";
import { noParameters, type Parameters, type ParameterValue } from "../inference.ts";
import { maxPredictionIdLength, predictionIdParameter } from "../outcome.ts";
import { type ParameterKind, parameterValues, type WireParameter, type WireParameters } from "./parameters.ts";

/**
 * The parameters of a request that have a meaning, and the type that each must have. Triton's keys and texts; ours begin with
 * `sluice_`, a prefix that is reserved as `triton_` is, so that a misspelt key is an error and not silence.
 */
interface Rule {
  readonly kinds: readonly ParameterKind[];
  /** The values allowed, in words, and the check for them; absent: all. */
  readonly expected?: string;
  readonly accepts?: (value: ParameterValue) => boolean;
}

const isNotNegative = (value: ParameterValue): boolean =>
  typeof value !== "bigint" ? Number(value) >= 0 : value >= 0n;
const isPositive = (value: ParameterValue): boolean => (typeof value === "bigint" ? value > 0n : Number(value) > 0);

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["sequence_id", { kinds: ["int64", "string"] }],
  ["sequence_start", { kinds: ["bool"] }],
  ["sequence_end", { kinds: ["bool"] }],
  ["priority", { kinds: ["int64", "uint64"], expected: "expected value >= 0.", accepts: isNotNegative }],
  ["timeout", { kinds: ["int64"] }],
  ["triton_enable_empty_final_response", { kinds: ["bool"] }],
  [
    "sluice_output_contents",
    {
      kinds: ["string"],
      expected: "expected 'raw' or 'typed'.",
      accepts: (value) => value === "raw" || value === "typed",
    },
  ],
  ["sluice_sequence_number", { kinds: ["int64", "uint64"] }],
  ["sluice_cancel", { kinds: ["string"] }],
  ["sluice_tenant", { kinds: ["string"] }],
  ["sluice_timeout_ms", { kinds: ["int64"], expected: "expected value > 0.", accepts: isPositive }],
  [
    predictionIdParameter,
    {
      kinds: ["string"],
      expected: `expected at most ${maxPredictionIdLength} characters.`,
      accepts: (value) => String(value).length <= maxPredictionIdLength,
    },
  ],
]);

const customKinds: readonly ParameterKind[] = ["int64", "bool", "string", "double"];

const reservedPrefixes = [
  { prefix: "triton_", owner: "Triton" },
  { prefix: "sluice_", owner: "sluice" },
] as const;

/**
 * The checked parameters of a request; the shared {@link noParameters} when there are none.
 * @throws InferenceError "invalid", in the words of Triton, for a reserved key with the wrong type or value, an unknown key under a
 *   reserved prefix, and a custom parameter that has no value or is a uint64.
 */
export function resolveParameters(parameters: WireParameters): Parameters {
  if (parameters.size === 0) return noParameters;
  for (const [key, parameter] of parameters) checkParameter(key, parameter);
  return parameterValues(parameters);
}

function checkParameter(key: string, { kind, value }: WireParameter): void {
  const rule = rules.get(key);
  if (rule === undefined) {
    checkCustom(key, kind);
    return;
  }
  if (!rule.kinds.includes(kind)) {
    const kinds = rule.kinds.map((name) => `${name}_param`).join(" or ");
    throw new InferenceError("invalid", `invalid value type for '${key}' parameter, expected ${kinds}.`);
  }
  if (rule.accepts?.(value) === false) {
    throw new InferenceError("invalid", `invalid value for '${key}', ${rule.expected}`);
  }
}

function checkCustom(key: string, kind: ParameterKind): void {
  for (const { prefix, owner } of reservedPrefixes) {
    if (!key.startsWith(prefix)) continue;
    const allowed = [...rules.keys()].filter((name) => name.startsWith(prefix)).join(" ");
    throw new InferenceError(
      "invalid",
      `parameter keys starting with '${prefix}' are reserved for ${owner} usage. ` +
        `Only the following keys starting with '${prefix}' are allowed: ${allowed}`,
    );
  }
  if (customKinds.includes(kind)) return;
  throw new InferenceError(
    "invalid",
    `invalid value type for '${key}' parameter, expected int64_param, bool_param, or string_param.`,
  );
}

/** The shared memory parameters of a tensor, which are refused: sluice does not map a client's memory. */
const region = "shared_memory_region";

/**
 * @param hasContents the tensor also carries typed contents.
 * @throws InferenceError "unsupported" when the tensor would lie in shared memory, "invalid" when even that is said wrongly.
 */
export function refuseSharedMemory(
  parameters: WireParameters,
  tensorName: string,
  hasContents: boolean,
  modelName: string,
): void {
  if (parameters.size === 0) return;
  const isInRegion = parameters.has(region);
  checkKind(parameters, region, "string", tensorName);
  for (const key of ["shared_memory_offset", "shared_memory_byte_size"]) {
    if (!isInRegion && parameters.has(key)) {
      throw new InferenceError(
        "invalid",
        `'${key}' can not be specified without '${region}' parameter for tensor '${tensorName}'`,
      );
    }
    checkKind(parameters, key, "int64", tensorName);
  }
  if (!isInRegion) return;
  if (!parameters.has("shared_memory_byte_size")) {
    throw new InferenceError(
      "invalid",
      `'shared_memory_byte_size' must be specified along with '${region}' parameter for tensor '${tensorName}'`,
    );
  }
  if (hasContents) {
    throw new InferenceError(
      "invalid",
      `unexpected 'content' provided when using shared memory for input tensor '${tensorName}' for model '${modelName}'`,
    );
  }
  if (parameters.has("classification")) {
    throw new InferenceError("invalid", `output can't set both '${region}' and 'classification'`);
  }
  throw new InferenceError(
    "unsupported",
    "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.",
  );
}

function checkKind(parameters: WireParameters, key: string, kind: ParameterKind, tensorName: string): void {
  const parameter = parameters.get(key);
  if (parameter === undefined || parameter.kind === kind) return;
  throw new InferenceError(
    "invalid",
    `invalid value type for '${key}' parameter for tensor '${tensorName}', expected ${kind}_param.`,
  );
}

/**
 * How many classes a requested output asks for; 0: the tensor itself.
 * @throws InferenceError "invalid" for a wrong type or a count below 1.
 */
export function classificationCount(parameters: WireParameters): number {
  const parameter = parameters.size === 0 ? undefined : parameters.get("classification");
  if (parameter === undefined) return 0;
  if (parameter.kind !== "int64") {
    throw new InferenceError("invalid", "invalid value type for 'classification' parameter, expected int64_param");
  }
  if (!isPositive(parameter.value)) {
    throw new InferenceError("invalid", "invalid value for 'classification' parameter, expected >= 0");
  }
  return Math.min(Number(parameter.value), Number.MAX_SAFE_INTEGER);
}
