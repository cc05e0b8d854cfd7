import { InferenceError } from "../errors.ts";
import type { Signature } from "../inference.ts";
import { type Datatype, elementCount, type Tensor } from "../tensor.ts";
import { byteBucketOf } from "./run-time-model.ts";

/** What a request costs a batch beside its rows. */
export interface RequestMeasure {
  /** Index of the shape bucket whose run times it shares. */
  readonly shapeBucket: number;
  /** Elements of all its inputs; 0 where nothing limits them. */
  readonly elements: number;
  /** What its own cost input says, over all rows; 0 where the model has none. */
  readonly cost: number;
}

/** The measure of a request to a model of one shape that limits nothing beside rows: shared, because most are such. */
export const noMeasure: RequestMeasure = { shapeBucket: 0, elements: 0, cost: 0 };

/** What of a model's settings tells how its requests are measured. */
export interface MeasureSettings {
  readonly maxBatchElements?: number;
  /** The input whose values are the costs of the rows. */
  readonly costInput?: string;
}

/** Measures the requests of one model. */
export interface Measurer {
  /** @throws InferenceError "invalid" when the cost input holds something that is no cost */
  measure(inputs: readonly (Tensor | undefined)[], rows: number): RequestMeasure;
  /** A shape bucket in words. */
  bucketName(shapeBucket: number): string;
}

/** The name of the only shape bucket of a model of one shape. */
export const onlyBucketName = "all";

/**
 * Undefined: every request of this model measures {@link noMeasure}.
 * @throws InferenceError "refused" when the cost input is none of the model's, or holds no numbers
 */
export function createMeasurer(signature: Signature, settings: MeasureSettings): Measurer | undefined {
  const { maxBatchElements, costInput } = settings;
  const { inputs: specs } = signature;
  const costIndex = costInput === undefined ? -1 : indexOfCosts(signature, costInput);
  const isVaried = specs.some(({ dims, isOptional }) => isOptional === true || dims.some((dimension) => dimension < 0));
  const hasElementLimit = maxBatchElements !== undefined;
  if (!hasElementLimit && !isVaried && costIndex < 0) return undefined;
  return {
    bucketName: (shapeBucket) => (isVaried ? `${2 ** shapeBucket} bytes` : onlyBucketName),
    measure(inputs, rows) {
      const costs = inputs[costIndex];
      return {
        shapeBucket: isVaried ? byteBucketOf(inputBytes(inputs), rows) : 0,
        elements: hasElementLimit ? elementsOf(inputs) : 0,
        cost: costs === undefined ? 0 : sumOfCosts(costs),
      };
    },
  };
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
