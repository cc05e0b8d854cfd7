import { InferenceError } from "../../errors.ts";
import type { Signature } from "../../inference.ts";
import type { LengthPlan } from "../../model/length-plan.ts";
import { elementCount, itemBytes } from "../../tensor.ts";
import { byteBucketOf } from "../batching/run-time-model.ts";
import type { LoadResult, WarmUpRequest, WarmUpResult } from "../process/load-protocol.ts";
import { RuntimeProcessDied } from "../process/runtime-process.ts";

/** Zeros of one shape. */
export interface WarmUpShape {
  readonly rows: number;
  /** Of the inputs that are padded; undefined: the model pads nothing. */
  readonly length: number | undefined;
  /** The shape bucket whose run times it is one of. */
  readonly shapeBucket: number;
  /** Of all its inputs; NaN: impossibly many. */
  readonly bytes: number;
}

/** A run of zeros, and how long it took. */
export type WarmUpRun = WarmUpShape & WarmUpResult;

/** Most shapes that a model with length buckets may have: each is run before the model is ready, and kept in a device's memory. */
export const maxWarmUpShapes = 256;

/** Warming up stops after this long where shapes are not bounded by buckets: the rest is met by requests. */
const warmUpBudgetMs = 2_000;

/**
 * The shapes that requests will meet: without length buckets the sizes ascending, with them every size of every length, the largest first, so
 * that memory reaches its plateau at once.
 * @param isVaried requests differ in shape, so run times are learned by their size
 * @throws InferenceError "refused" when there are more than {@link maxWarmUpShapes}
 */
export function warmUpShapes(
  signature: Signature,
  sizes: readonly number[],
  plan: LengthPlan | undefined,
  isVaried: boolean,
): readonly WarmUpShape[] {
  if (plan === undefined) {
    const shapeBucket = isVaried ? byteBucketOf(zeroRowBytes(signature, undefined, 1), 1) : 0;
    return sizes.map((rows) => {
      return { rows, length: undefined, shapeBucket, bytes: rows * zeroRowBytes(signature, undefined, 1) };
    });
  }
  if (plan.buckets.length * sizes.length > maxWarmUpShapes) {
    throw new InferenceError(
      "refused",
      `parameter 'sluice_length_buckets' has ${plan.buckets.length} lengths for ${sizes.length} numbers of rows, expected at most ${maxWarmUpShapes} shapes in all: fewer lengths, or fewer 'sluice_batch_buckets'`,
    );
  }
  const shapes = plan.buckets.flatMap((length, shapeBucket) =>
    sizes.map((rows) => ({ rows, length, shapeBucket, bytes: rows * zeroRowBytes(signature, plan, length) })),
  );
  return shapes.reverse();
}

/** Bytes of one row of zeros as `loaded-model.ts` makes them; NaN: impossibly many. */
function zeroRowBytes({ inputs, filled = [] }: Signature, plan: LengthPlan | undefined, length: number): number {
  let bytes = 0;
  for (const [index, { datatype, dims, modelDims, isOptional }] of inputs.entries()) {
    if (isOptional === true) continue;
    const shape = (modelDims ?? dims).map((dimension, axis) =>
      axis === plan?.inputAxes[index] ? length : dimension < 0 ? 1 : dimension,
    );
    bytes += elementCount(shape) * (datatype === "BYTES" ? 4 : itemBytes(datatype));
  }
  for (const [index, { datatype }] of filled.entries()) {
    bytes += itemBytes(datatype) * (plan?.fillings[index] === "mask" ? length : 1);
  }
  return bytes;
}

export interface WarmUpOptions {
  readonly sessionId: number;
  readonly result: Pick<LoadResult, "config">;
  readonly shapes: readonly WarmUpShape[];
  /** Bytes that the inputs of one run may have. */
  readonly slotBytes: number;
  now(): number;
  /** Runs once in the runtime process; within the limit of a run, since neighbours wait for it. */
  run(request: WarmUpRequest): Promise<WarmUpResult>;
}

/**
 * Runs the samples of the configuration, which must succeed, then zeros of each shape, where there are no samples or lengths have buckets.
 * Without length buckets zeros need not succeed, and end where no request could be as large.
 * @returns how long zeros took in each shape
 * @throws InferenceError "refused", RuntimeProcessDied
 */
export async function warmUp(options: WarmUpOptions): Promise<readonly WarmUpRun[]> {
  const { sessionId, result, shapes, slotBytes, now, run } = options;
  const startMs = now();
  const samples = result.config.model_warmup ?? [];
  for (let sample = 0; sample < samples.length; sample++) {
    const request: WarmUpRequest = { operation: "warm-up", sessionId, rows: 0, sample };
    await attempt(run(request), `sample '${samples[sample]?.name ?? sample}'`);
  }
  const runs: WarmUpRun[] = [];
  for (const shape of shapes) {
    const { rows, length, bytes } = shape;
    if (length === undefined) {
      if (samples.length > 0 || !(bytes <= slotBytes)) break; // also when the bytes are NaN
      const taken = await run({ operation: "warm-up", sessionId, rows }).catch(unlessDead);
      if (taken === undefined) break; // zeros are no valid input of this model
      runs.push({ ...shape, ...taken });
      if (now() - startMs > warmUpBudgetMs) break;
    } else if (bytes <= slotBytes) {
      const request: WarmUpRequest = { operation: "warm-up", sessionId, rows, length };
      runs.push({ ...shape, ...(await attempt(run(request), `with zeros of length ${length} in ${rows} rows`)) });
    }
  }
  return runs;
}

function unlessDead(error: unknown): undefined {
  if (error instanceof RuntimeProcessDied) throw error;
  return undefined;
}

async function attempt(run: Promise<WarmUpResult>, what: string): Promise<WarmUpResult> {
  return await run.catch((cause: unknown) => {
    if (cause instanceof RuntimeProcessDied) throw cause;
    throw new InferenceError("refused", `warm-up ${what} failed`, { cause });
  });
}
