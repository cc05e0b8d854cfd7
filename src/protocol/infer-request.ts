import { InferenceError } from "../errors.ts";
import type { InferenceRequest, RequestedOutput } from "../inference.ts";
import { type Datatype, datatypes, elementCount, formatShape, isDatatype, itemBytes, type Tensor } from "../tensor.ts";
import { validateElements } from "./bytes-elements.ts";
import { type ParsedInput, type ParsedOutput, type ParsedRequest, parseInferRequest } from "./parsed-request.ts";
import { classificationCount, refuseSharedMemory, resolveParameters } from "./request-parameters.ts";
import { maxRank, type WireShape } from "./shape.ts";
import { countElements, findMismatch, toRaw, type WireContents } from "./tensor-contents.ts";

export { type Allocate, encodeInferRequest } from "./encode-request.ts";
export { type ParsedRequest, parseInferRequest } from "./parsed-request.ts";

/**
 * The second step of decoding: every rule that a request can break without knowing its model. Raw data stays a view into the message,
 * typed contents become raw bytes.
 *
 * Texts are Triton's where it has one. Those that its core writes begin `[request id: <id>] `, those of its gRPC layer (parameters,
 * presence of data, typed contents) do not; clients match parts of both.
 *
 * @throws InferenceError "invalid", or "unsupported" for tensors in shared memory.
 */
export function resolveRequest(parsed: ParsedRequest): InferenceRequest {
  const { modelName, modelVersion, id } = parsed;
  const parameters = resolveParameters(parsed.parameters);
  refuseDuplicates(parsed.inputs, "input", parsed);
  refuseDuplicates(parsed.outputs, "output", parsed);
  const inputs = resolveInputs(parsed);
  const requestedOutputs = parsed.outputs.length === 0 ? noOutputs : parsed.outputs.map(resolveOutput);
  return { modelName, modelVersion, id, parameters, inputs, requestedOutputs, byteLength: keptBytes(parsed, inputs) };
}

/**
 * A request from the wire, checked in itself, not yet against a model: {@link parseInferRequest} and {@link resolveRequest} in one.
 * @throws InferenceError "invalid" or "unsupported".
 */
export function decodeInferRequest(bytes: Buffer): InferenceRequest {
  return resolveRequest(parseInferRequest(bytes));
}

const noOutputs: readonly RequestedOutput[] = [];

/** What Triton's core puts before its texts. */
export function requestPrefix(id: string): string {
  return `[request id: ${id === "" ? "<id_unknown>" : id}] `;
}

/** Raw inputs keep the whole message; typed ones only what they were converted to. */
function keptBytes(parsed: ParsedRequest, inputs: readonly Tensor[]): number {
  if (parsed.rawContents.length > 0 || inputs.length === 0) return parsed.byteLength;
  let bytes = 0;
  for (const { data } of inputs) bytes += data.length;
  return bytes;
}

function invalid(request: ParsedRequest, text: string): never {
  throw new InferenceError("invalid", requestPrefix(request.id) + text);
}

function refuseDuplicates(tensors: readonly { readonly name: string }[], kind: string, request: ParsedRequest): void {
  if (tensors.length < 2) return;
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (names.has(name)) invalid(request, `${kind} '${name}' already exists in request`);
    names.add(name);
  }
}

function resolveOutput(output: ParsedOutput): RequestedOutput {
  const { name, parameters } = output;
  refuseSharedMemory(parameters, name, false, "");
  return { name, classificationCount: classificationCount(parameters) };
}

function resolveInputs(request: ParsedRequest): readonly Tensor[] {
  const { inputs, rawContents } = request;
  const tensors = inputs.map((input, i) => {
    refuseSharedMemory(input.parameters, input.name, input.contents !== undefined, request.modelName);
    return resolveInput(input, takeData(request, input, i), request);
  });
  if (rawContents.length > inputs.length) {
    throw new InferenceError(
      "invalid",
      `raw_input_contents has ${rawContents.length} entries for ${inputs.length} inputs for model '${request.modelName}'`,
    );
  }
  return tensors;
}

/**
 * The raw entry of an input, or its typed contents. Either all inputs have one or all have the other, so the entry of an input is the
 * one at its own place.
 */
function takeData(request: ParsedRequest, input: ParsedInput, index: number): Uint8Array | WireContents {
  const raw = request.rawContents[index];
  if (input.contents === undefined && raw !== undefined) return raw;
  const where = `'${input.name}' for model '${request.modelName}'`;
  if (input.contents === undefined) {
    throw new InferenceError("invalid", `unable to find data for input tensor ${where} in request.`);
  }
  if (request.rawContents.length > 0) {
    throw new InferenceError(
      "invalid",
      `contents field must not be specified when using raw_input_contents for ${where}`,
    );
  }
  return input.contents;
}

function resolveInput(input: ParsedInput, source: Uint8Array | WireContents, request: ParsedRequest): Tensor {
  const { name } = input;
  const counts = source instanceof Uint8Array ? undefined : typedCounts(input, source, request);
  const datatype = resolveDatatype(input, request);
  const shape = resolveShape(input, request);
  const count = elementCount(shape);
  if (Number.isNaN(count)) {
    const limit = `at most ${Number.MAX_SAFE_INTEGER} elements`;
    invalid(request, `unexpected shape for ${tensorIn(input, request)}. Expected ${limit}, got ${formatShape(shape)}`);
  }
  if (source instanceof Uint8Array) {
    checkSize(input, datatype, count, source.length, request);
    if (datatype === "BYTES") validateBytes(source, count, input, request);
    return { name, datatype, shape, data: source };
  }
  checkSize(input, datatype, count, (counts?.reduce(sumFrom1, 0) ?? 0) * itemBytes(datatype), request);
  const data = toRaw(source, counts ?? [], datatype);
  if (datatype === "BYTES") validateBytes(data, count, input, request);
  return { name, datatype, shape, data };
}

/** Sums element counts, whose first entry is a byte count. */
const sumFrom1 = (sum: number, count: number, i: number): number => (i === 0 ? sum : sum + count);

function tensorIn(input: ParsedInput, request: ParsedRequest): string {
  return `input '${input.name}' for model '${request.modelName}'`;
}

function validateBytes(data: Uint8Array, count: number, input: ParsedInput, request: ParsedRequest): void {
  validateElements(data, count, tensorIn(input, request), requestPrefix(request.id));
}

function typedCounts(input: ParsedInput, contents: WireContents, request: ParsedRequest): readonly number[] {
  const counts = countElements(contents);
  const mismatch = findMismatch(counts, input.datatype);
  if (mismatch === undefined) return counts;
  const text = `unexpected explicit tensor data for input tensor '${input.name}' for model '${request.modelName}'`;
  if (mismatch.kind === "second") throw new InferenceError("invalid", `${text}, binary data was already supplied.`);
  throw new InferenceError("invalid", `${text} of type '${mismatch.given}', expected datatype '${input.datatype}'`);
}

function resolveDatatype({ name, datatype }: ParsedInput, request: ParsedRequest): Datatype {
  if (isDatatype(datatype)) return datatype;
  const expected = `one of ${datatypes.join(", ")}`;
  const reason = datatype === "BF16" ? " (ONNX Runtime's Node binding cannot carry BF16: send FP32 or FP16)" : "";
  invalid(
    request,
    `inference input '${name}' data-type is '${datatype}', but model '${request.modelName}' expects ${expected}${reason}`,
  );
}

function resolveShape(input: ParsedInput, request: ParsedRequest): readonly number[] {
  const { shape } = input;
  const where = tensorIn(input, request);
  if (shape.length > maxRank)
    invalid(request, `unexpected shape for ${where}. Expected at most ${maxRank} dimensions, got more`);
  if (isPlainShape(shape)) return shape;
  const got = formatShape(shape);
  if (shape.includes(-1)) invalid(request, `All input dimensions should be specified for ${where}, got ${got}`);
  const limit = Number.MAX_SAFE_INTEGER;
  invalid(request, `unexpected shape for ${where}. Expected dimensions between 0 and ${limit}, got ${got}`);
}

function isPlainShape(shape: WireShape): shape is readonly number[] {
  for (let i = 0; i < shape.length; i++) {
    const dimension = shape[i];
    if (typeof dimension !== "number" || dimension < 0) return false;
  }
  return true;
}

/** Nothing to say for BYTES, whose elements are checked one by one. */
function checkSize(input: ParsedInput, datatype: Datatype, count: number, bytes: number, request: ParsedRequest): void {
  if (datatype === "BYTES") return;
  const size = itemBytes(datatype);
  if (count * size === bytes) return;
  const expected = BigInt(count) * BigInt(size); // a plausible count times a size may leave the safe integers
  invalid(request, `input byte size mismatch for ${tensorIn(input, request)}. Expected ${expected}, got ${bytes}`);
}
