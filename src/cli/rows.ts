import { joinBytes, readTensor } from "../client/tensor-values.ts";
import { elementCount, itemBytes, type Tensor } from "../tensor.ts";

/** Input tensors for a whole file, and how they may be cut into requests. */
export interface ModelInputs {
  readonly tensors: readonly Tensor[];
  /**
   * `batch`: the first dimension of every tensor is the model's batch dimension and may be cut anywhere. `each`: the model has no batch
   * dimension, the first one is ours, and every row is a request without it. `whole`: one request.
   */
  readonly cut: "batch" | "each" | "whole";
}

/** Tensors for one request. */
export type RequestInputs = readonly Tensor[];

/** Cuts inputs into requests of at most `rows` rows, in order; inputs that cannot be cut are one request. */
export function* cutRows({ tensors, cut }: ModelInputs, rows: number): Generator<RequestInputs> {
  const count = tensors[0]?.shape[0] ?? 0;
  if (cut === "whole" || (cut === "batch" && count <= rows)) {
    yield tensors;
    return;
  }
  const size = cut === "each" ? 1 : rows;
  const cutters = tensors.map(rowCutter);
  for (let start = 0; start < count; start += size) {
    const parts = cutters.map((slice) => slice(start, Math.min(count, start + size)));
    yield cut === "each" ? parts.map((part) => ({ ...part, shape: part.shape.slice(1) })) : parts;
  }
}

/** A function that takes rows `start` to `end` (exclusive) out of a tensor; numbers are views. */
function rowCutter(tensor: Tensor): (start: number, end: number) => Tensor {
  const { datatype, data, shape } = tensor;
  const rowShape = shape.slice(1);
  const itemsOfRow = elementCount(rowShape);
  const elements = datatype === "BYTES" ? (readTensor(tensor) as readonly Uint8Array[]) : undefined; // BYTES reads as one array each
  const rowBytes = itemsOfRow * itemBytes(datatype);
  return (start, end) => ({
    ...tensor,
    shape: [end - start, ...rowShape],
    data:
      elements === undefined
        ? data.subarray(start * rowBytes, end * rowBytes)
        : joinBytes(elements.slice(start * itemsOfRow, end * itemsOfRow)),
  });
}

/**
 * Joins what the requests of {@link cutRows} were answered, in order: along the first dimension, or under a new one after `each`. Undefined
 * when the answers do not fit together: another set of outputs, another datatype or another shape of a row.
 */
export function joinRows(
  answers: readonly (readonly Tensor[])[],
  cut: ModelInputs["cut"],
): readonly Tensor[] | undefined {
  const stacked = cut === "each" ? answers.map((outputs) => outputs.map(underNewDimension)) : answers;
  const [first] = stacked;
  if (first === undefined) return undefined;
  if (stacked.length === 1) return first;
  const joined = first.map((output, i) =>
    joinOutput(
      output,
      stacked.map((outputs) => outputs[i]),
    ),
  );
  return joined.every((output) => output !== undefined) ? joined : undefined;
}

function underNewDimension(tensor: Tensor): Tensor {
  return { ...tensor, shape: [1, ...tensor.shape] };
}

function joinOutput(first: Tensor, parts: readonly (Tensor | undefined)[]): Tensor | undefined {
  const rowShape = first.shape.slice(1).join();
  const fitting: Tensor[] = [];
  for (const part of parts) {
    const isFit =
      part !== undefined &&
      part.shape.length > 0 &&
      part.name === first.name &&
      part.datatype === first.datatype &&
      part.shape.slice(1).join() === rowShape;
    if (!isFit) return undefined;
    fitting.push(part);
  }
  const rows = fitting.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  return { ...first, shape: [rows, ...first.shape.slice(1)], data: Buffer.concat(fitting.map(({ data }) => data)) };
}
