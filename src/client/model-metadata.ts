/**
 * What a server tells about itself and its models, read from the plain objects of the protobuf library (64-bit integers as decimal strings,
 * absent fields filled with defaults).
 */

/** One input or output as the server tells it. Its datatype may be one that sluice does not serve (BF16). */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  /** The batch dimension included when the model has one; -1: any length. */
  readonly shape: readonly number[];
}

export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

export interface ServerMetadata {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

/** A model version in a repository; `state` is READY, LOADING, UNLOADING, UNAVAILABLE or empty. */
export interface ModelIndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  /** Why it is not ready. */
  readonly reason: string;
}

/** How often and how long, nanoseconds. */
export interface StatisticDuration {
  readonly count: number;
  readonly ns: number;
}

/** Counters of one model version since it was loaded. */
export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  /** Wall clock milliseconds of the latest execution; 0: none yet. */
  readonly lastInferenceMs: number;
  /** Rows answered. */
  readonly inferenceCount: number;
  /** Executions; less than `inferenceCount` when requests shared batches. */
  readonly executionCount: number;
  readonly success: StatisticDuration;
  readonly fail: StatisticDuration;
  readonly queue: StatisticDuration;
  readonly computeInput: StatisticDuration;
  readonly computeInfer: StatisticDuration;
  readonly computeOutput: StatisticDuration;
}

/**
 * A model's configuration with the field names of config.pbtxt, enums as names, 64-bit integers as decimal strings, maps other than
 * `parameters` as lists of `{key, value}`.
 */
export interface ModelConfiguration {
  readonly max_batch_size: number;
  readonly parameters: Readonly<Record<string, { readonly string_value: string }>>;
  readonly [field: string]: unknown;
}

/** The answers as the definitions in proto/ shape them. */
interface MetadataAnswer extends Omit<ModelMetadata, "inputs" | "outputs"> {
  readonly inputs: readonly TensorAnswer[];
  readonly outputs: readonly TensorAnswer[];
}
interface TensorAnswer {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly string[];
}
type DurationAnswer = { readonly count: string; readonly ns: string } | null;
interface StatisticsAnswer {
  readonly name: string;
  readonly version: string;
  readonly last_inference: string;
  readonly inference_count: string;
  readonly execution_count: string;
  readonly inference_stats: Readonly<Record<string, DurationAnswer>> | null;
}

/** A ModelMetadataResponse. */
export function readModelMetadata(answer: object): ModelMetadata {
  const { name, versions, platform, inputs, outputs } = answer as MetadataAnswer; // the definition fills every field
  return { name, versions, platform, inputs: inputs.map(readTensorMetadata), outputs: outputs.map(readTensorMetadata) };
}

function readTensorMetadata({ name, datatype, shape }: TensorAnswer): TensorMetadata {
  return { name, datatype, shape: shape.map(Number) };
}

/** A ServerMetadataResponse. */
export function readServerMetadata(answer: object): ServerMetadata {
  const { name, version, extensions } = answer as ServerMetadata; // the definition fills every field
  return { name, version, extensions };
}

/** A RepositoryIndexResponse. */
export function readRepositoryIndex(answer: object): readonly ModelIndexEntry[] {
  const { models } = answer as { models: readonly ModelIndexEntry[] }; // the definition fills every field
  return models.map(({ name, version, state, reason }) => ({ name, version, state, reason }));
}

/** A ModelConfigResponse. */
export function readModelConfiguration(answer: object): ModelConfiguration {
  const { config } = answer as { config: ModelConfiguration | null }; // an absent message is null
  return { max_batch_size: 0, ...config, parameters: readParameters(config?.parameters) };
}

type ParameterMap = ModelConfiguration["parameters"];
type ParameterEntries = readonly { readonly key: string; readonly value: ParameterMap[string] }[];

/** A map; definitions made from a descriptor set give its entries instead, since that is what it is on the wire. */
function readParameters(parameters: ParameterMap | ParameterEntries = {}): ParameterMap {
  if (!isEntries(parameters)) return parameters;
  return Object.fromEntries(parameters.map(({ key, value }) => [key, value]));
}

function isEntries(parameters: ParameterMap | ParameterEntries): parameters is ParameterEntries {
  return Array.isArray(parameters);
}

/** A ModelStatisticsResponse. */
export function readModelStatistics(answer: object): readonly ModelStatistics[] {
  const { model_stats } = answer as { model_stats: readonly StatisticsAnswer[] }; // the definition fills every field
  return model_stats.map((entry) => {
    const durations = entry.inference_stats ?? {};
    const duration = (name: string): StatisticDuration => ({
      count: Number(durations[name]?.count ?? 0),
      ns: Number(durations[name]?.ns ?? 0),
    });
    return {
      name: entry.name,
      version: entry.version,
      lastInferenceMs: Number(entry.last_inference),
      inferenceCount: Number(entry.inference_count),
      executionCount: Number(entry.execution_count),
      success: duration("success"),
      fail: duration("fail"),
      queue: duration("queue"),
      computeInput: duration("compute_input"),
      computeInfer: duration("compute_infer"),
      computeOutput: duration("compute_output"),
    };
  });
}
