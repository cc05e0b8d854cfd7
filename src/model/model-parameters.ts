import { describeRange, nearest, type Option, parseOption, serveOptions } from "../config.ts";
import { InferenceError } from "../errors.ts";
import type { ModelConfig } from "./model-config.ts";

/** Settings of ours for one model. What a model does not set follows the server's option of the same meaning. */
export interface ModelParameters {
  readonly runTimeoutMs?: number;
  readonly prefetch?: number;
  readonly splitOversized?: boolean;
  readonly maxQueueRequests?: number;
  readonly maxQueueBytes?: number;
  readonly maxBacklogSequences?: number;
  readonly maxStateBytes?: number;
  readonly admission?: (typeof serveOptions.admission.choices)[number];
  readonly admissionLimit?: number;
  readonly admissionTargetMs?: number;
  readonly intraOpThreads?: number;
  readonly device?: (typeof serveOptions.device.choices)[number];
  /** Ascending numbers of rows to which batches are filled up, so that a device sees few shapes. */
  readonly batchBuckets?: readonly number[];
  /** The dimension along which an answer is cut into several, as chunking.ts has it. */
  readonly chunkAxis?: number;
  readonly chunkSize?: number;
  /** Time from arrival to answer within which batches may wait for more rows. */
  readonly latencyTargetMs?: number;
  readonly batchStretch?: number;
  readonly maxBatchElements?: number;
  /** The input that tells what each row costs, and how much of that a batch may have. */
  readonly costInput?: string;
  readonly maxBatchCost?: number;
  /** Ascending lengths to which the rows of a batch are padded, and how (length-plan.ts). */
  readonly lengthBuckets?: readonly number[];
  readonly lengthAxes?: NamedNumbers;
  readonly cutAxes?: NamedNumbers;
  readonly padValue?: NamedNumbers;
  readonly maskInput?: string;
  readonly lengthInput?: string;
}

/** Numbers by the names of tensors; the empty name: those that are not named. */
export type NamedNumbers = ReadonlyMap<string, number>;

/** One of our settings under `parameters` of config.pbtxt. */
export interface ModelParameter {
  readonly field: keyof ModelParameters;
  /** Kind, range and unit of the value; its `default` says what holds where no model and no server option says otherwise. */
  readonly option: Option;
  /** What happens when it is absent. */
  readonly absent: string;
  /** One sentence for the documentation: what it does. */
  readonly description: string;
}

const prefix = "sluice_";

/**
 * What ModelConfig tells about a loaded model beside its configuration. Ignored when a configuration that was read from a server is loaded
 * again.
 */
export const reportedParameters = {
  /** Whether requests share batches, and why. */
  batching: "sluice_batching",
  /** The execution provider in use, whether some nodes run elsewhere, and which was asked for. */
  provider: "sluice_provider",
} as const;

const reportedKeys: readonly string[] = Object.values(reportedParameters);

/** The most batch buckets of a model: each is a shape that a device compiles for and that is warmed up. */
export const maxBatchBuckets = 64;
/** The most length buckets, for the same reason; as many as shapes are told apart. */
export const maxLengthBuckets = 64;

/** Dimensions that a tensor has at most: those of NumPy, in which most clients hold them. */
const maxRank = 64;

/** Every setting of ours, by its key in `parameters`. No other key may begin with `sluice_`. */
export const modelParameters: Readonly<Record<string, ModelParameter>> = {
  sluice_run_timeout_ms: {
    field: "runTimeoutMs",
    option: serveOptions.runTimeoutMs,
    absent: "--run-timeout-ms",
    description: "Longest run of one batch; then its runtime process is killed and only its requests fail.",
  },
  sluice_prefetch: {
    field: "prefetch",
    option: serveOptions.prefetch,
    absent: "--prefetch",
    description: "Batches sent ahead to a runtime process that is still running one.",
  },
  sluice_split_oversized: {
    field: "splitOversized",
    option: { kind: "boolean", default: true, group: "Models", description: "" },
    absent: "on for streams, and for every request where the configuration names no max_batch_size",
    description: "Split a request of more rows than max_batch_size and join the answers, instead of refusing it.",
  },
  sluice_max_queue_requests: {
    field: "maxQueueRequests",
    option: serveOptions.maxQueueRequests,
    absent: "--max-queue-requests",
    description: "Most requests waiting for one version of this model.",
  },
  sluice_max_queue_bytes: {
    field: "maxQueueBytes",
    option: serveOptions.maxQueueBytes,
    absent: "--max-queue-bytes",
    description: "Most request bytes waiting for one version of this model.",
  },
  sluice_max_backlog_sequences: {
    field: "maxBacklogSequences",
    option: serveOptions.maxBacklogSequences,
    absent: "--max-backlog-sequences",
    description: "Most sequences of one version of this model that wait for a free slot.",
  },
  sluice_max_state_bytes: {
    field: "maxStateBytes",
    option: serveOptions.maxStateBytes,
    absent: "--max-state-bytes",
    description: "Most bytes that one instance of this model keeps as state of its sequences.",
  },
  sluice_batch_stretch: {
    field: "batchStretch",
    option: serveOptions.batchStretch,
    absent: "--batch-stretch",
    description: "How much longer a batch may take for the rows of tenants with a backlog, beside those of others.",
  },
  sluice_admission: {
    field: "admission",
    option: serveOptions.admission,
    absent: "--admission",
    description: "What one version of this model lets in at a time.",
  },
  sluice_admission_limit: {
    field: "admissionLimit",
    option: serveOptions.admissionLimit,
    absent: "--admission-limit",
    description: "Rows of one version of this model in the server at a time under `fixed`.",
  },
  sluice_admission_target_ms: {
    field: "admissionTargetMs",
    option: serveOptions.admissionTargetMs,
    absent: "--admission-target-ms",
    description: "Wait in the queue, beyond the batch delay, that `adaptive` takes for harmless.",
  },
  sluice_intra_op_threads: {
    field: "intraOpThreads",
    option: serveOptions.intraOpThreads,
    absent: "--intra-op-threads, shared among all runtime processes",
    description: "ONNX Runtime threads of one instance of this model.",
  },
  sluice_device: {
    field: "device",
    option: serveOptions.device,
    absent: "--device",
    description: "Execution provider of this model; a named one that cannot start fails the load.",
  },
  sluice_batch_buckets: {
    field: "batchBuckets",
    option: { kind: "list", default: [], group: "Models", description: "" },
    absent: "batches keep the number of rows that they have",
    description: "Numbers of rows, ascending and separated by commas, to which batches are filled up with zero rows.",
  },
  sluice_chunk_axis: {
    field: "chunkAxis",
    option: { kind: "integer", default: 0, min: -maxRank, max: maxRank - 1, group: "Models", description: "" },
    absent: "a request has one answer",
    description:
      "Makes the model decoupled: a request gets several answers, the outputs cut along this dimension (0 is the first, the batch where there is one; -1 the last).",
  },
  sluice_chunk_size: {
    field: "chunkSize",
    option: { kind: "integer", default: 1, min: 1, max: 2 ** 31 - 1, group: "Models", description: "" },
    absent: "1",
    description: "Length of sluice_chunk_axis in each answer; the last one has what is left.",
  },
  sluice_latency_target_ms: {
    field: "latencyTargetMs",
    option: {
      kind: "number",
      default: 0,
      min: 0.1,
      max: 3_600_000,
      unit: "milliseconds",
      group: "Models",
      description: "",
    },
    absent: "batches never wait while an instance is idle, or as max_queue_delay_microseconds says",
    description:
      "Time from arrival to answer within which a batch may wait for more rows, where more are expected and make it cheaper by the row.",
  },
  sluice_max_batch_elements: {
    field: "maxBatchElements",
    option: {
      kind: "integer",
      default: 0,
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
      unit: "elements",
      group: "Models",
      description: "",
    },
    absent: "batches are limited in rows and bytes only",
    description: "Most input elements of a batch, padding included; a request above it runs alone.",
  },
  sluice_cost_input: {
    field: "costInput",
    option: { kind: "string", default: "", group: "Models", description: "" },
    absent: "rows have no cost of their own",
    description: "The input whose values tell what the rows cost; needs sluice_max_batch_cost.",
  },
  sluice_max_batch_cost: {
    field: "maxBatchCost",
    option: { kind: "number", default: 0, min: 0, max: Number.MAX_SAFE_INTEGER, group: "Models", description: "" },
    absent: "batches are limited in rows and bytes only",
    description: "Most of what sluice_cost_input says in a batch, summed up; a request above it runs alone.",
  },
  sluice_length_buckets: {
    field: "lengthBuckets",
    option: { kind: "list", default: [], group: "Models", description: "" },
    absent: "only requests of one length share a batch",
    description:
      "Lengths, ascending and separated by commas, to which rows are padded, so that requests of different lengths share a batch; longer requests are refused.",
  },
  sluice_length_axes: {
    field: "lengthAxes",
    option: { kind: "string", default: "", group: "Models", description: "" },
    absent: "the dimension of any length, of each input that has one such dimension",
    description:
      "Inputs that are padded and along which dimension of their dims, counted from 0, as in `ids:0,types:0`.",
  },
  sluice_cut_axes: {
    field: "cutAxes",
    option: { kind: "string", default: "", group: "Models", description: "" },
    absent: "the dimension of any length, of each output that has one such dimension; needed where one has several",
    description: "Outputs that are cut back to the request's own length, written as sluice_length_axes; empty: none.",
  },
  sluice_pad_value: {
    field: "padValue",
    option: { kind: "string", default: "", group: "Models", description: "" },
    absent: "0",
    description: "What rows are padded with: a number for all inputs, or `ids:1,types:0`.",
  },
  sluice_mask_input: {
    field: "maskInput",
    option: { kind: "string", default: "", group: "Models", description: "" },
    absent: "requests bring the mask, where the model has one",
    description:
      "An input of shape [rows, length] that sluice fills with 1 where a row is its own and 0 where it is padding.",
  },
  sluice_length_input: {
    field: "lengthInput",
    option: { kind: "string", default: "", group: "Models", description: "" },
    absent: "requests bring the lengths, where the model wants them",
    description: "An input of shape [rows] or [rows, 1] that sluice fills with the length of each row.",
  },
};

/**
 * Reads our settings from a configuration.
 * @throws InferenceError "refused" for an unknown `sluice_` key (suggesting the nearest) or a value out of range.
 */
export function resolveModelParameters(config: ModelConfig): ModelParameters {
  const resolved: Record<string, unknown> = {};
  for (const [key, { string_value: text = "" }] of Object.entries(config.parameters ?? {})) {
    if (!key.startsWith(prefix) || reportedKeys.includes(key)) continue;
    const parameter = Object.hasOwn(modelParameters, key) ? modelParameters[key] : undefined;
    if (parameter === undefined) {
      const near = nearest(key, Object.keys(modelParameters));
      throw new InferenceError(
        "refused",
        `unknown parameter '${key}'${near === undefined ? "" : `, did you mean '${near}'?`}`,
      );
    }
    resolved[parameter.field] = parseParameter(key, parameter, text, config.max_batch_size);
  }
  return resolved as ModelParameters; // each value was parsed by the option of its field
}

function parseParameter(
  key: string,
  { field, option }: ModelParameter,
  text: string,
  maxBatchSize: number | undefined,
): unknown {
  if (field === "batchBuckets") return parseBuckets(key, text, maxBatchSize);
  if (field === "lengthBuckets") return parseLengths(key, text);
  if (field === "lengthAxes" || field === "cutAxes")
    return parseNamedNumbers(key, text, isAxis, "numbers of dimensions");
  if (field === "padValue") return parsePadValue(key, text);
  try {
    return parseOption(option, text, `parameter '${key}'`);
  } catch (cause) {
    const expected = describeRange(option);
    throw new InferenceError("refused", `parameter '${key}' is ${JSON.stringify(text)}, expected ${expected}`, {
      cause,
    });
  }
}

function parseBuckets(key: string, text: string, maxBatchSize: number | undefined): number[] {
  const sizes = text.split(",").map((part) => (/^\s*[0-9]+\s*$/.test(part) ? Number(part) : Number.NaN));
  const isAscending = sizes.every((size, i) => size > (sizes[i - 1] ?? 0));
  const isWithin = maxBatchSize === undefined || sizes.every((size) => size <= maxBatchSize);
  if (isAscending && isWithin && sizes.length <= maxBatchBuckets) return sizes;
  throw new InferenceError(
    "refused",
    `parameter '${key}' is ${JSON.stringify(text)}, expected at most ${maxBatchBuckets} ascending numbers of rows up to max_batch_size${maxBatchSize === undefined ? "" : ` (${maxBatchSize})`}, separated by commas`,
  );
}

function parseLengths(key: string, text: string): number[] {
  const lengths = text.split(",").map((part) => (/^\s*[0-9]+\s*$/.test(part) ? Number(part) : Number.NaN));
  const isAscending = lengths.every((length, i) => length > (lengths[i - 1] ?? 0) && length < 2 ** 31);
  if (isAscending && lengths.length <= maxLengthBuckets) return lengths;
  throw new InferenceError(
    "refused",
    `parameter '${key}' is ${JSON.stringify(text)}, expected at most ${maxLengthBuckets} ascending lengths, separated by commas`,
  );
}

const isAxis = (value: number): boolean => Number.isInteger(value) && value >= 0 && value < 64;

/** `name:number,name:number`; a name may have colons itself. */
function parseNamedNumbers(
  key: string,
  text: string,
  isAllowed: (value: number) => boolean,
  what: string,
): NamedNumbers {
  const parts = text.split(",").filter((part) => part.trim() !== "");
  const entries = parts.map((part): [string, number] => {
    const colon = part.lastIndexOf(":");
    const number = part.slice(colon + 1).trim();
    return [part.slice(0, Math.max(0, colon)).trim(), number === "" ? Number.NaN : Number(number)];
  });
  const numbers = new Map(entries);
  const isRight = entries.every(([name, value]) => name !== "" && isAllowed(value)) && numbers.size === entries.length;
  if (isRight) return numbers;
  throw new InferenceError(
    "refused",
    `parameter '${key}' is ${JSON.stringify(text)}, expected names and ${what} as in name:0,other:1`,
  );
}

function parsePadValue(key: string, text: string): NamedNumbers {
  const single = text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(single)
    ? new Map([["", single]])
    : parseNamedNumbers(key, text, (value) => Number.isFinite(value), "numbers");
}
