import { InferenceError } from "../../errors.ts";
import type { Signature } from "../../inference.ts";
import type { BatchInputPlan, RaggedPlan } from "../../model/ragged-plan.ts";
import { type Datatype, elementCount, itemBytes, type Tensor } from "../../tensor.ts";
import type { RanOutput } from "../process/frames.ts";
import { encodeNumbers } from "../process/number-bytes.ts";
import type { BatchLayout, InputContent, LaidOutEntry, ReadOutput } from "./batch-layout.ts";

/**
 * Triton's ragged batch: the elements of all requests one after another in one dimension, with inputs that tell where each begins
 * (backend, `BackendInputCollector::ProcessBatchInput`; onnxruntime_backend, `SetInputTensors`). Counts are by request, not by row.
 */
export class RaggedLayout implements BatchLayout {
  readonly #signature: Signature;
  readonly #plan: RaggedPlan;

  constructor(signature: Signature, plan: RaggedPlan) {
    this.#signature = signature;
    this.#plan = plan;
  }

  gather(index: number, entries: readonly LaidOutEntry[]): InputContent | undefined {
    if (this.#plan.isRagged[index] !== true) return undefined;
    const inputs = entries.map((entry) => entry.inputs[index] as Tensor); // ragged inputs are not optional
    const count = inputs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    return { shape: [count], buffers: inputs.map(({ data }) => data) };
  }

  fill(entries: readonly LaidOutEntry[]): readonly InputContent[] {
    const shapes = entries.map(({ inputs }) => inputs.map((input) => input?.shape ?? []));
    return fillBatchInputs(this.#signature, this.#plan.batchInputs, shapes);
  }

  scatter(
    index: number,
    output: RanOutput,
    read: ReadOutput,
    entries: readonly LaidOutEntry[],
  ): readonly Tensor[] | undefined {
    const source = this.#plan.scatterSources[index];
    const spec = this.#signature.outputs[index];
    if (source === undefined || spec === undefined) return undefined;
    const { datatype } = output;
    let offset = 0;
    const answers = entries.map((entry) => {
      const given = entry.inputs[source]?.shape ?? [];
      const shape = [-1, ...(spec.modelDims ?? spec.dims)].map((length, axis) =>
        length < 0 ? (given[axis] ?? 0) : length,
      );
      const length = elementCount(shape) * itemBytes(datatype);
      offset += length;
      return { shape, start: offset - length, length };
    });
    if (!(offset <= output.length)) {
      throw new InferenceError(
        "runtime",
        `output '${spec.name}' has ${output.length} bytes, but its shapes after input '${this.#signature.inputs[source]?.name}' take ${offset}`,
      );
    }
    return answers.map(({ shape, start, length }) => ({
      name: spec.name,
      datatype,
      shape,
      data: read(output.offset + start, length),
    }));
  }

  padding(): undefined {
    return undefined;
  }
}

/** @param shapes of the inputs of each request, the batch dimension included */
export function fillBatchInputs(
  { filled = [] }: Signature,
  plans: readonly BatchInputPlan[],
  shapes: readonly (readonly (readonly number[])[])[],
): readonly InputContent[] {
  return filled.map(({ datatype }, index) => {
    const plan = plans[index];
    const sources = shapes.map((inputs) => inputs[plan?.source ?? -1] ?? []);
    return fillBatchInput(plan?.kind ?? "BATCH_ELEMENT_COUNT", datatype, sources);
  });
}

function fillBatchInput(
  kind: BatchInputPlan["kind"],
  datatype: Datatype,
  sources: readonly (readonly number[])[],
): InputContent {
  const counts = sources.map(elementCount);
  const numbers = (values: readonly number[], shape: readonly number[] = [values.length]): InputContent => ({
    shape,
    buffers: [encodeNumbers(datatype, values)],
  });
  switch (kind) {
    case "BATCH_ELEMENT_COUNT":
      return numbers(counts);
    case "BATCH_ACCUMULATED_ELEMENT_COUNT":
      return numbers(accumulated(counts));
    case "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO":
      return numbers([0, ...accumulated(counts)]);
    case "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE":
      return { shape: [counts.reduce((most, count) => Math.max(most, count), 0)], buffers: [] };
    case "BATCH_ITEM_SHAPE":
    case "BATCH_ITEM_SHAPE_FLATTEN": {
      const values = sources.flatMap(([rows = 0, ...item]) => Array.from({ length: rows }, () => item).flat());
      if (kind === "BATCH_ITEM_SHAPE_FLATTEN") return numbers(values);
      const rows = sources.reduce((sum, [count = 0]) => sum + count, 0);
      return numbers(values, [rows, Math.max(0, (sources[0]?.length ?? 1) - 1)]);
    }
  }
}

function accumulated(counts: readonly number[]): number[] {
  let sum = 0;
  return counts.map((count) => {
    sum += count;
    return sum;
  });
}
