import { InferenceError } from "../errors.ts";
import { onnxDatatype } from "./onnx-datatype.ts";
import { domainOf, graphsOf, tensorsOf } from "./onnx-graph.ts";
import { graphInputs } from "./onnx-interface.ts";
import { checkNames } from "./onnx-names.ts";
import { checkOperators } from "./onnx-operators.ts";
import type { OnnxGraph, OnnxModel, OnnxType, OnnxValueInfo } from "./onnx-proto.ts";
import { checkTensor, denseBytes, tensorBytes } from "./onnx-tensor.ts";

/** What a model may cost before ONNX Runtime sees it. */
export interface OnnxLimits {
  /** Most nodes, subgraphs included and functions spread out. */
  readonly maxNodes: number;
  /** Most bytes of the file, of its weights with external data, and of its sparse weights spread out. */
  readonly maxBytes: number;
}

/** The newest IR version and ai.onnx opset that ONNX Runtime 1.30 reads (measured). */
const maxIrVersion = 13;
const maxOpsetVersion = 26;

/** From this IR version on a model must say which opsets it uses. */
const firstIrVersionWithOpsets = 3;

/**
 * Everything that is checked before ONNX Runtime sees a model, so that a hostile or broken file ends in a sentence and not in native
 * code. External data must have been read in before, and ZipMap operators taken off.
 *
 * @throws InferenceError "refused", naming what is wrong, its value and what is allowed.
 */
export function checkModel(model: OnnxModel, limits: OnnxLimits): void {
  const graph = checkGraphPresent(model);
  checkVersions(model);
  checkOperators(model, limits.maxNodes);
  checkTensors(model, limits.maxBytes);
  checkNames(model);
  for (const input of graphInputs(graph)) checkServable("input", input);
  for (const output of graph.output) checkServable("output", output);
}

function checkGraphPresent(model: OnnxModel): OnnxGraph {
  if (!model.graph) {
    throw new InferenceError(
      "refused",
      "not an ONNX model: the file holds no graph, so it is truncated or of another format",
    );
  }
  if (model.graph.output.length === 0) throw new InferenceError("refused", "the model has no outputs");
  return model.graph;
}

function checkVersions(model: OnnxModel): void {
  const irVersion = model.ir_version?.toNumber() ?? 0;
  if (irVersion < 1 || irVersion > maxIrVersion) {
    throw new InferenceError(
      "refused",
      `the model has IR version ${irVersion}, ONNX Runtime reads 1 to ${maxIrVersion}`,
    );
  }
  if (model.opset_import.length === 0 && irVersion >= firstIrVersionWithOpsets) {
    throw new InferenceError("refused", "the model imports no operator set, so it is truncated or was written wrongly");
  }
  // Converters import a domain twice now and then; ONNX Runtime takes that, so only each version has to be one that it knows.
  for (const item of model.opset_import) {
    const domain = domainOf(item);
    const version = item.version?.toNumber() ?? 0;
    if (version < 1 || (domain === "ai.onnx" && version > maxOpsetVersion)) {
      const allowed = domain === "ai.onnx" ? `1 to ${maxOpsetVersion}` : "1 and above";
      throw new InferenceError(
        "refused",
        `the model uses opset ${version} of domain '${domain}', ONNX Runtime knows ${allowed}`,
      );
    }
  }
}

function checkTensors(model: OnnxModel, maxBytes: number): void {
  let bytes = 0;
  for (const tensor of tensorsOf(model)) {
    checkTensor(tensor);
    bytes += tensorBytes(tensor);
  }
  for (const graph of graphsOf(model)) {
    for (const sparse of graph.sparse_initializer) bytes += denseBytes(sparse);
  }
  if (bytes > maxBytes) {
    throw new InferenceError(
      "refused",
      `the model's tensors take ${bytes} bytes, the limit is ${maxBytes} (--max-model-bytes)`,
    );
  }
}

/** A request or an answer carries dense tensors of KServe's datatypes and nothing else. */
function checkServable(kind: "input" | "output", { name, type }: OnnxValueInfo): void {
  const elementType = type?.tensor_type?.elem_type;
  if (onnxDatatype(elementType)?.served !== undefined) return;
  throw new InferenceError("refused", `${kind} '${name ?? ""}' ${describeUnservable(type)}`);
}

function describeUnservable(type: OnnxType | null | undefined): string {
  const carries = "but requests and answers carry dense tensors only";
  if (type?.sequence_type) return `is a sequence, ${carries}`;
  if (type?.map_type) return `is a map, ${carries}`;
  if (type?.optional_type) return `is of an optional type, ${carries}`;
  if (type?.sparse_tensor_type) return `is a sparse tensor, ${carries}`;
  if (type?.opaque_type) return `is of an opaque type, ${carries}`;
  const number = type?.tensor_type?.elem_type ?? 0;
  if (number === 0) return "has no type in the file";
  const datatype = onnxDatatype(number);
  if (datatype === undefined) return `has element type ${number}, which ONNX does not define`;
  const reason =
    datatype.name === "BFLOAT16"
      ? "ONNX Runtime's Node.js binding cannot carry it"
      : "KServe's protocol has no such datatype";
  return `is a tensor of ${datatype.name}, which cannot be served: ${reason}`;
}
