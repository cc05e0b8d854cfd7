import type { Signature, TensorSpec } from "../inference.ts";

/**
 * Plain messages of the control RPCs, as the definitions of `serviceDefinition` serialize them, made from what the server knows about
 * a model. 64-bit counters are decimal strings, because a number loses digits beyond 2^53 nanoseconds (104 days of summed time).
 */

/** ModelMetadataResponse. */
export interface ModelMetadataMessage {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadataMessage[];
  readonly outputs: readonly TensorMetadataMessage[];
}

/** ModelMetadataResponse.TensorMetadata. */
export interface TensorMetadataMessage {
  readonly name: string;
  readonly datatype: string;
  /** With the batch dimension of a batching model in front, as -1. */
  readonly shape: readonly number[];
}

/** Triton's name for what runs an ONNX model; clients show it. */
export const onnxPlatform = "onnxruntime_onnx";

/** The answer to ModelMetadata. `versions`: those that are ready, ascending. */
export function modelMetadata(
  name: string,
  versions: readonly string[],
  signature: Signature,
  platform: string = onnxPlatform,
): ModelMetadataMessage {
  const describe = ({ name, datatype, dims }: TensorSpec): TensorMetadataMessage => ({
    name,
    datatype,
    shape: signature.maxBatchSize > 0 ? [-1, ...dims] : [...dims],
  });
  return {
    name,
    versions,
    platform,
    inputs: signature.inputs.map(describe),
    outputs: signature.outputs.map(describe),
  };
}

/** How often and how long, nanoseconds. */
export interface DurationCount {
  readonly count: number;
  readonly ns: number;
}

/** The counters of one model version; the runtime's statistics have this shape. */
export interface ModelCounters {
  readonly name: string;
  readonly version: string;
  /** Wall clock milliseconds; 0: never. */
  readonly lastInferenceMs: number;
  readonly inferenceCount: number;
  readonly executionCount: number;
  readonly success: DurationCount;
  readonly fail: DurationCount;
  readonly queue: DurationCount;
  readonly computeInput: DurationCount;
  readonly computeInfer: DurationCount;
  readonly computeOutput: DurationCount;
  readonly batches: ReadonlyMap<number, BatchCounters>;
  /** By the place of the answer among those to its request, from 0. */
  readonly answers: ReadonlyMap<number, AnswerCounters>;
}

export interface AnswerCounters {
  readonly computeInfer: DurationCount;
  readonly computeOutput: DurationCount;
  readonly success: DurationCount;
  readonly fail: DurationCount;
  readonly emptyResponse: DurationCount;
  readonly cancel: DurationCount;
}

export interface BatchCounters {
  readonly batchSize: number;
  readonly computeInput: DurationCount;
  readonly computeInfer: DurationCount;
  readonly computeOutput: DurationCount;
}

/** StatisticDuration. */
export interface DurationMessage {
  readonly count: string;
  readonly ns: string;
}

/** ModelStatistics, without the parts that sluice does not count: memory and, until there is one, the cache. */
export interface ModelStatisticsMessage {
  readonly name: string;
  readonly version: string;
  readonly last_inference: string;
  readonly inference_count: string;
  readonly execution_count: string;
  readonly inference_stats: Readonly<Record<string, DurationMessage>>;
  readonly batch_stats: readonly Readonly<Record<string, DurationMessage | string>>[];
  readonly response_stats: Readonly<Record<string, Readonly<Record<string, DurationMessage>>>>;
}

/** One entry of ModelStatisticsResponse; batch sizes ascend. */
export function modelStatistics(counters: ModelCounters): ModelStatisticsMessage {
  const batches = [...counters.batches.values()].sort((a, b) => a.batchSize - b.batchSize);
  return {
    name: counters.name,
    version: counters.version,
    last_inference: integer(counters.lastInferenceMs),
    inference_count: integer(counters.inferenceCount),
    execution_count: integer(counters.executionCount),
    inference_stats: {
      success: duration(counters.success),
      fail: duration(counters.fail),
      queue: duration(counters.queue),
      compute_input: duration(counters.computeInput),
      compute_infer: duration(counters.computeInfer),
      compute_output: duration(counters.computeOutput),
      cache_hit: duration({ count: 0, ns: 0 }),
      cache_miss: duration({ count: 0, ns: 0 }),
    },
    batch_stats: batches.map((batch) => ({
      batch_size: integer(batch.batchSize),
      compute_input: duration(batch.computeInput),
      compute_infer: duration(batch.computeInfer),
      compute_output: duration(batch.computeOutput),
    })),
    response_stats: Object.fromEntries([...counters.answers].map(([place, answers]) => [place, answerStats(answers)])),
  };
}

function answerStats(answers: AnswerCounters): Record<string, DurationMessage> {
  return {
    compute_infer: duration(answers.computeInfer),
    compute_output: duration(answers.computeOutput),
    success: duration(answers.success),
    fail: duration(answers.fail),
    empty_response: duration(answers.emptyResponse),
    cancel: duration(answers.cancel),
  };
}

function duration({ count, ns }: DurationCount): DurationMessage {
  return { count: integer(count), ns: integer(ns) };
}

/** A counter in decimal, never with an exponent. */
function integer(value: number): string {
  return BigInt(Math.round(value)).toString();
}
