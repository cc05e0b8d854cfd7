import { InferenceError } from "../../errors.ts";
import type { Signature } from "../../inference.ts";
import type { LengthPlan } from "../../model/length-plan.ts";
import { type Datatype, elementCount, itemBytes, type Tensor } from "../../tensor.ts";
import { byteBucketOf } from "./run-time-model.ts";

/** What a request costs a batch beside its rows. */
export interface RequestMeasure {
  /** Index of the shape bucket whose run times it shares. */
  readonly shapeBucket: number;
  /** Elements of all its inputs, but for those that are padded; 0 where nothing limits them. */
  readonly elements: number;
  /** What its own cost input says, over all rows; 0 where the model has none. */
  readonly cost: number;
  /** Its length, and that of the bucket which holds it; 0: the model pads nothing. */
  readonly length: number;
  readonly paddedLength: number;
  /** What each step of a batch's length costs it in elements and bytes, and its bytes beside that; 0 where nothing is padded. */
  readonly elementsPerLength: number;
  readonly bytesPerLength: number;
  readonly fixedBytes: number;
}

/** The measure of a request to a model of one shape that limits nothing beside rows: shared, because most are such. */
export const noMeasure: RequestMeasure = {
  shapeBucket: 0,
  elements: 0,
  cost: 0,
  length: 0,
  paddedLength: 0,
  elementsPerLength: 0,
  bytesPerLength: 0,
  fixedBytes: 0,
};

/** Input bytes that a request takes in a batch whose rows are padded to `length`; without padding, its own. */
export function bytesAtLength({ byteLength, measure }: SizedRequest, length: number): number {
  return measure.length === 0 ? byteLength : measure.fixedBytes + measure.bytesPerLength * length;
}

interface SizedRequest {
  readonly byteLength: number;
  readonly measure: RequestMeasure;
}

/** What of a model's settings tells how its requests are measured. */
export interface MeasureSettings {
  readonly maxBatchElements?: number;
  /** The input whose values are the costs of the rows. */
  readonly costInput?: string;
}

type Inputs = readonly (Tensor | undefined)[];

/** Measures the requests of one model. */
export interface Measurer {
  /** @throws InferenceError "invalid" when the cost input holds something that is no cost, or no length bucket holds the request */
  measure(inputs: Inputs, rows: number): RequestMeasure;
  /** A shape bucket in words. */
  bucketName(shapeBucket: number): string;
}

/** The name of the only shape bucket of a model of one shape. */
export const onlyBucketName = "all";

/**
 * Undefined: every request of this model measures {@link noMeasure}.
 * @param plan how its rows are padded; absent: not at all
 * @throws InferenceError "refused" when the cost input is none of the model's, or holds no numbers
 */
export function createMeasurer(
  signature: Signature,
  settings: MeasureSettings,
  plan?: LengthPlan,
): Measurer | undefined {
  const { maxBatchElements, costInput } = settings;
  const { inputs: specs } = signature;
  const costIndex = costInput === undefined ? -1 : indexOfCosts(signature, costInput);
  const isVaried = specs.some(({ dims, isOptional }) => isOptional === true || dims.some((dimension) => dimension < 0));
  const hasElementLimit = maxBatchElements !== undefined;
  if (!hasElementLimit && !isVaried && costIndex < 0) return undefined;
  const costOf = (inputs: Inputs): number => {
    const costs = inputs[costIndex];
    return costs === undefined ? 0 : sumOfCosts(costs);
  };
  if (plan !== undefined) {
    return {
      bucketName: (shapeBucket) => `length ${plan.buckets[shapeBucket]}`,
      measure: (inputs, rows) => measurePadded(inputs, rows, costOf(inputs), signature, plan),
    };
  }
  return {
    bucketName: (shapeBucket) => (isVaried ? `${2 ** shapeBucket} bytes` : onlyBucketName),
    measure: (inputs, rows) => ({
      ...noMeasure,
      shapeBucket: isVaried ? byteBucketOf(inputBytes(inputs), rows) : 0,
      elements: hasElementLimit ? elementsOf(inputs) : 0,
      cost: costOf(inputs),
    }),
  };
}

function measurePadded(
  inputs: Inputs,
  rows: number,
  cost: number,
  { filled = [] }: Signature,
  plan: LengthPlan,
): RequestMeasure {
  const length = lengthOf(inputs, plan);
  const shapeBucket = plan.buckets.findIndex((bucket) => bucket >= length);
  const paddedLength = plan.buckets[shapeBucket] as number; // lengthOf refuses what no bucket holds
  let elements = 0;
  let elementsPerLength = 0;
  let bytesPerLength = 0;
  let fixedBytes = 0;
  for (let index = 0; index < inputs.length; index++) {
    const input = inputs[index];
    if (input === undefined) continue;
    if (plan.inputAxes[index] === undefined) {
      elements += elementCount(input.shape);
      fixedBytes += input.data.length;
    } else {
      elementsPerLength += elementCount(input.shape) / length;
      bytesPerLength += input.data.length / length;
    }
  }
  for (let index = 0; index < filled.length; index++) {
    const bytes = rows * itemBytes(filled[index]?.datatype ?? "BOOL");
    if (plan.fillings[index] === "mask") bytesPerLength += bytes;
    else fixedBytes += bytes;
  }
  return { shapeBucket, elements, cost, length, paddedLength, elementsPerLength, bytesPerLength, fixedBytes };
}

/** The length that all padded inputs of a request share. @throws InferenceError "invalid" */
function lengthOf(inputs: Inputs, { inputAxes, buckets }: LengthPlan): number {
  let length: number | undefined;
  for (let index = 0; index < inputs.length; index++) {
    const axis = inputAxes[index];
    const input = inputs[index];
    if (axis === undefined || input === undefined) continue;
    const own = input.shape[axis + 1] as number; // the validator saw the dimension
    if (length !== undefined && own !== length) {
      throw new InferenceError(
        "invalid",
        `input '${input.name}' has length ${own} along axis ${axis}, but other inputs of the request have ${length}`,
      );
    }
    length = own;
    const largest = buckets[buckets.length - 1] as number; // at least one
    if (own < 1 || own > largest) {
      throw new InferenceError(
        "invalid",
        `input '${input.name}' has length ${own} along axis ${axis}, expected 1 to ${largest} (sluice_length_buckets)`,
      );
    }
  }
  return length ?? 1;
}

function indexOfCosts({ inputs }: Signature, costInput: string): number {
  const index = inputs.findIndex(({ name }) => name === costInput);
  const datatype = inputs[index]?.datatype;
  if (datatype !== undefined && readers[datatype] !== undefined) return index;
  const numeric = inputs.filter((input) => readers[input.datatype] !== undefined).map(({ name }) => `'${name}'`);
  throw new InferenceError(
    "refused",
    `parameter 'sluice_cost_input' is ${JSON.stringify(costInput)}, expected an input of whole or floating point numbers: ${numeric.join(", ") || "this model has none"}`,
  );
}

/** Bytes of all inputs together. */
export function inputBytes(inputs: readonly (Tensor | undefined)[]): number {
  let bytes = 0;
  for (const input of inputs) if (input !== undefined) bytes += input.data.length;
  return bytes;
}

function elementsOf(inputs: readonly (Tensor | undefined)[]): number {
  let elements = 0;
  for (const input of inputs) if (input !== undefined) elements += elementCount(input.shape);
  return elements;
}

type ReadNumber = (view: DataView, index: number) => number;

/** How the elements of a cost input are read, by datatype; what is absent cannot be a cost. */
const readers: Partial<Record<Datatype, ReadNumber>> = {
  UINT8: (view, i) => view.getUint8(i),
  UINT16: (view, i) => view.getUint16(2 * i, true),
  UINT32: (view, i) => view.getUint32(4 * i, true),
  UINT64: (view, i) => Number(view.getBigUint64(8 * i, true)),
  INT8: (view, i) => view.getInt8(i),
  INT16: (view, i) => view.getInt16(2 * i, true),
  INT32: (view, i) => view.getInt32(4 * i, true),
  INT64: (view, i) => Number(view.getBigInt64(8 * i, true)),
  FP32: (view, i) => view.getFloat32(4 * i, true),
  FP64: (view, i) => view.getFloat64(8 * i, true),
};

function sumOfCosts({ name, datatype, shape, data }: Tensor): number {
  const read = readers[datatype];
  if (read === undefined) return 0; // refused at load
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let sum = 0;
  for (let i = 0, count = elementCount(shape); i < count; i++) {
    const cost = read(view, i);
    if (!(cost >= 0 && cost < Number.POSITIVE_INFINITY)) {
      throw new InferenceError(
        "invalid",
        `input '${name}' is the cost of each row: ${cost} at ${i}, expected 0 or more`,
      );
    }
    sum += cost;
  }
  return sum;
}
