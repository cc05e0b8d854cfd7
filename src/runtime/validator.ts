import { InferenceError } from "../errors.ts";
import type { InferenceRequest, Signature, TensorSpec } from "../inference.ts";
import { elementCount, formatShape, itemBytes, type Tensor } from "../tensor.ts";
import type { RequestMeasure } from "./batching/request-measure.ts";

/** A request that fits its model. */
export interface ValidRequest {
  /** In the order of the signature; undefined: an optional input that was left out. */
  readonly inputs: readonly (Tensor | undefined)[];
  /** First dimension where the model batches, else 1. */
  readonly rows: number;
  /** Requests with equal keys may share a batch: same lengths of dynamic dimensions, same set of optional inputs. */
  readonly shapeKey: string;
  /** Indexes of the requested outputs in the signature, in the order asked for; empty: all. */
  readonly outputs: readonly number[];
  /** Absent: batches of the model are limited in rows and bytes only, and all its requests have one shape. */
  readonly measure?: RequestMeasure;
}

/** By index of an input: the dimension (batch not counted) in which requests of one batch may differ, or all of them; undefined: none. */
export type FreeAxes = readonly (number | "all" | undefined)[];

const allOutputs: readonly number[] = [];

const batchNote =
  " NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape." +
  " If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero." +
  " See the model configuration docs for more info on max_batch_size.";

/**
 * Checks requests against one model's signature, with the texts of Triton's core (its clients match them by substring). Made once a model,
 * so that a request costs no look-up that does not depend on it.
 */
export class Validator {
  readonly #name: string;
  readonly #signature: Signature;
  readonly #inputIndex: ReadonlyMap<string, number>;
  readonly #outputIndex: ReadonlyMap<string, number>;
  readonly #requiredInputs: number;
  readonly #hasShapeGroups: boolean;
  readonly #freeAxes: FreeAxes;

  constructor(name: string, signature: Signature, freeAxes: FreeAxes = []) {
    this.#name = name;
    this.#freeAxes = freeAxes;
    this.#signature = signature;
    this.#inputIndex = new Map(signature.inputs.map((input, index) => [input.name, index]));
    this.#outputIndex = new Map(signature.outputs.map((output, index) => [output.name, index]));
    this.#requiredInputs = signature.inputs.filter((input) => input.isOptional !== true).length;
    this.#hasShapeGroups =
      this.#requiredInputs < signature.inputs.length ||
      signature.inputs.some((input) => input.dims.some((dimension) => dimension < 0));
  }

  /**
   * @param isSplitAllowed a request of more rows than max_batch_size will be split, so it is not refused
   * @throws InferenceError "invalid", naming the tensor and both values
   */
  validate(request: InferenceRequest, isSplitAllowed: boolean): ValidRequest {
    const outputs = request.requestedOutputs.length === 0 ? allOutputs : this.#findOutputs(request);
    const inputs = this.#orderInputs(request);
    let rows = 1;
    let rowsOf: TensorSpec | undefined;
    let shapeKey = "";
    for (let index = 0; index < inputs.length; index++) {
      const input = inputs[index];
      const spec = this.#signature.inputs[index] as TensorSpec; // inputs stand in the order of the signature
      if (input === undefined) continue;
      this.#checkInput(request, input, spec);
      if (this.#signature.maxBatchSize > 0) {
        const batch = input.shape[0] as number; // checkInput saw a batch dimension
        if (rowsOf !== undefined && batch !== rows) {
          throw this.#error(
            request,
            `input '${input.name}' batch size does not match other inputs for '${this.#name}'`,
          );
        }
        rows = batch;
        rowsOf = spec;
      }
      if (this.#hasShapeGroups) shapeKey += `${index}:${this.#shapeKeyOf(input, index)};`;
    }
    const limit = this.#signature.maxBatchSize;
    if (limit > 0 && rows > limit && !isSplitAllowed) {
      throw this.#error(request, `inference request batch-size must be <= ${limit} for '${this.#name}'`);
    }
    return { inputs, rows, shapeKey, outputs };
  }

  #shapeKeyOf({ shape }: Tensor, index: number): string {
    if (this.#signature.maxBatchSize === 0) return shape.join();
    const free = this.#freeAxes[index];
    if (free === undefined) return shape.slice(1).join();
    return free === "all"
      ? ""
      : shape
          .toSpliced(free + 1, 1)
          .slice(1)
          .join();
  }

  #findOutputs(request: InferenceRequest): readonly number[] {
    return request.requestedOutputs.map((output) => {
      const index = this.#outputIndex.get(output.name);
      if (index === undefined) {
        throw new InferenceError("invalid", `unexpected inference output '${output.name}' for model '${this.#name}'`);
      }
      return index;
    });
  }

  #orderInputs(request: InferenceRequest): readonly (Tensor | undefined)[] {
    const given = request.inputs;
    const specs = this.#signature.inputs;
    if (given.length === 1 && specs.length === 1 && given[0]?.name === specs[0]?.name) return given;
    if (given.length < this.#requiredInputs || given.length > specs.length) throw this.#countError(request);
    const ordered = new Array<Tensor | undefined>(specs.length).fill(undefined);
    for (const input of given) {
      const index = this.#inputIndex.get(input.name);
      if (index === undefined) {
        throw new InferenceError("invalid", `unexpected inference input '${input.name}' for model '${this.#name}'`);
      }
      ordered[index] = input;
    }
    if (specs.some((spec, index) => ordered[index] === undefined && spec.isOptional !== true))
      throw this.#countError(request);
    return ordered;
  }

  #countError(request: InferenceRequest): InferenceError {
    const specs = this.#signature.inputs;
    const names = new Set(request.inputs.map((input) => input.name));
    const list = (items: readonly string[]) => `[${items.map((item) => `'${item}'`).join(",")}]`;
    const missing = specs.filter((spec) => spec.isOptional !== true && !names.has(spec.name)).map((spec) => spec.name);
    const expected =
      this.#requiredInputs === specs.length
        ? `expected ${specs.length} inputs but`
        : `expected number of inputs between ${this.#requiredInputs} and ${specs.length} but`;
    return this.#error(
      request,
      `${expected} got ${request.inputs.length} inputs for model '${this.#name}'. Got input(s) ${list([...names])}, but missing required ` +
        `input(s) ${list(missing)}. Please provide all required input(s).`,
    );
  }

  #checkInput(request: InferenceRequest, input: Tensor, spec: TensorSpec): void {
    const { shape } = input;
    const isBatched = this.#signature.maxBatchSize > 0;
    if (input.datatype !== spec.datatype) {
      throw this.#error(
        request,
        `inference input '${input.name}' data-type is '${input.datatype}', but model '${this.#name}' expects '${spec.datatype}'`,
      );
    }
    if (isBatched && shape.length === 0) {
      throw this.#error(
        request,
        `input '${input.name}' has no shape but model requires batch dimension for '${this.#name}'`,
      );
    }
    const offset = isBatched ? 1 : 0;
    let fits = shape.length === spec.dims.length + offset && (!isBatched || (shape[0] as number) >= 0);
    for (let i = 0; fits && i < spec.dims.length; i++) {
      const expected = spec.dims[i] as number;
      fits = expected < 0 || expected === shape[i + offset];
    }
    if (!fits) {
      const expected = isBatched ? [-1, ...spec.dims] : spec.dims;
      throw this.#error(
        request,
        `unexpected shape for input '${input.name}' for model '${this.#name}'. Expected ${formatShape(expected)}, got ${formatShape(shape)}.` +
          (isBatched ? batchNote : ""),
      );
    }
    const bytes = itemBytes(input.datatype);
    if (bytes > 0 && input.data.length !== elementCount(shape) * bytes) {
      throw this.#error(
        request,
        `input byte size mismatch for input '${input.name}' for model '${this.#name}'. Expected ${elementCount(shape) * bytes}, got ${input.data.length}`,
      );
    }
  }

  #error(request: InferenceRequest, message: string): InferenceError {
    return new InferenceError("invalid", `[request id: ${request.id === "" ? "<id_unknown>" : request.id}] ${message}`);
  }
}
