import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Long from "long";
import { encodeModel } from "../src/model/onnx-file.ts";
import type { OnnxGraph, OnnxNode, OnnxTensor, OnnxValueInfo } from "../src/model/onnx-proto.ts";
import { createRandom } from "./random.ts";
import { type Sample, writeSamples } from "./samples.ts";

/**
 * The models of the speed budget, made here from seeds, so that a benchmark needs neither Python nor a download. All take `x` FP32 [N, 1000]
 * and give `y` FP32 [N, outputs].
 */
export interface BenchModel {
  readonly name: string;
  /** Units of the input and of each layer: relu between them, sigmoid at the end. */
  readonly layers: readonly number[];
  readonly maxBatchSize: number;
  readonly isBatching: boolean;
}

export const seed: BenchModel = { name: "seed", layers: [1000, 100, 1], maxBatchSize: 64, isBatching: false };

/** The same with batches as large as the messages of a bulk stream. */
export const bulk: BenchModel = { ...seed, maxBatchSize: 256 };

/** 54 MB of weights: compute, not transport, decides. */
export const heavy: BenchModel = {
  name: "heavy",
  layers: [1000, 3000, 3000, 512],
  maxBatchSize: 32,
  isBatching: true,
};

export const inputWidth = 1000;

/** A temporary Triton repository; gone when the benchmark ends. */
export class ModelFolder {
  readonly path = mkdtempSync(join(tmpdir(), "sluice-bench-"));

  /** Writes a model, its configuration and its {@link Sample}s. */
  add(model: BenchModel): void {
    const random = createRandom(model.layers.length * 1000 + 7);
    const weights = createWeights(model, random);
    this.#write(model.name, model.maxBatchSize, encodeModel(onnxModel(mlpGraph(model, weights))));
    writeSamples(this.samplesPath(model.name), createSamples(model, weights));
  }

  /** Writes a model that was made elsewhere, with the rest of its configuration. */
  addFile(name: string, bytes: Uint8Array, config: string): void {
    mkdirSync(join(this.repository, name, "1"), { recursive: true });
    writeFileSync(this.modelPath(name), bytes);
    writeFileSync(join(this.repository, name, "config.pbtxt"), `name: "${name}"\nbackend: "onnxruntime"\n${config}`);
  }

  /** Writes a model whose batch of 32 rows keeps a core busy for about 300 ms: the same 36 MB of weights again and again. */
  addSlow(): void {
    const repeats = 48;
    const width = 3000;
    const random = createRandom(11);
    const nodes = [node("MatMul", ["x", "first"], "h0")];
    for (let i = 0; i < repeats; i++) {
      nodes.push(node("MatMul", [`h${i}`, "again"], `m${i}`), node("Tanh", [`m${i}`], `h${i + 1}`));
    }
    nodes.push(node("MatMul", [`h${repeats}`, "last"], "y"));
    const initializers = [
      floats("first", [inputWidth, width], uniform(inputWidth * width, 0.05, random)),
      floats("again", [width, width], uniform(width * width, 0.03, random)),
      floats("last", [width, 1], uniform(width, 0.03, random)),
    ];
    this.#write("slow", 32, encodeModel(onnxModel(graph(nodes, initializers, 1))));
  }

  /** Writes a model of 1 GB. */
  addHuge(): void {
    const columns = 262_144;
    const weights = new Float32Array(inputWidth * columns).fill(1e-6);
    const nodes = [
      node("MatMul", ["x", "w"], "h"),
      { ...node("ReduceMax", ["h"], "y"), attribute: [{ ...emptyAttribute, name: "axes", type: 7, ints: [Long.ONE] }] },
    ];
    this.#write("huge", 32, encodeModel(onnxModel(graph(nodes, [floats("w", [inputWidth, columns], weights)], 1), 13)));
  }

  /** Writes what the monitor reads beside a model. */
  addMonitor(name: string, yaml: string, profile?: string): void {
    writeFileSync(join(this.repository, name, "monitor.yaml"), yaml);
    if (profile !== undefined) writeFileSync(join(this.repository, name, "reference_profile.json"), profile);
  }

  modelPath(name: string): string {
    return join(this.path, "repository", name, "1", "model.onnx");
  }

  samplesPath(name: string): string {
    return join(this.path, `${name}.samples`);
  }

  get repository(): string {
    return join(this.path, "repository");
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #write(name: string, maxBatchSize: number, bytes: Uint8Array): void {
    mkdirSync(join(this.repository, name, "1"), { recursive: true });
    writeFileSync(this.modelPath(name), bytes);
    const config = `name: "${name}"\nbackend: "onnxruntime"\nmax_batch_size: ${maxBatchSize}\ndynamic_batching { }\n`;
    writeFileSync(join(this.repository, name, "config.pbtxt"), config);
  }
}

interface Layer {
  readonly weights: Float32Array;
  readonly biases: Float32Array;
}

function createWeights({ layers }: BenchModel, random: () => number): readonly Layer[] {
  return layers.slice(1).map((units, index) => {
    const inputs = layers[index] ?? 0;
    return {
      weights: uniform(inputs * units, Math.sqrt(6 / inputs), random), // keeps the size of activations through relu
      biases: uniform(units, 0.1, random),
    };
  });
}

function uniform(count: number, limit: number, random: () => number): Float32Array {
  return Float32Array.from({ length: count }, () => (2 * random() - 1) * limit);
}

const sampleCount = 16;

/** Rows and what the model answers to them, computed here: a server that mixes up rows is found out whatever runs its models. */
function createSamples({ name, layers }: BenchModel, weights: readonly Layer[]): readonly Sample[] {
  const random = createRandom(5);
  return Array.from({ length: sampleCount }, (_, index) => {
    const input = Float32Array.from({ length: layers[0] ?? 0 }, random);
    let values: Float32Array = input;
    weights.forEach((layer, depth) => {
      values = runLayer(values, layer, depth === weights.length - 1 ? sigmoid : relu);
    });
    return { id: `${name}-${index}`, input, output: values };
  });
}

function runLayer(input: Float32Array, { weights, biases }: Layer, activate: (sum: number) => number): Float32Array {
  const units = biases.length;
  const sums = Float64Array.from(biases);
  for (let i = 0; i < input.length; i++) {
    const value = input[i]!;
    if (value === 0) continue;
    for (let unit = 0; unit < units; unit++) sums[unit]! += value * weights[i * units + unit]!;
  }
  return Float32Array.from(sums, activate);
}

const relu = (sum: number): number => Math.max(0, sum);
const sigmoid = (sum: number): number => 1 / (1 + Math.exp(-sum));

function mlpGraph({ layers }: BenchModel, weights: readonly Layer[]): OnnxGraph {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  weights.forEach((layer, index) => {
    const isLast = index === weights.length - 1;
    const [inputs, units] = [layers[index] ?? 0, layers[index + 1] ?? 0];
    initializers.push(floats(`w${index}`, [inputs, units], layer.weights), floats(`b${index}`, [units], layer.biases));
    nodes.push(node("Gemm", [index === 0 ? "x" : `h${index}`, `w${index}`, `b${index}`], `g${index}`));
    nodes.push(node(isLast ? "Sigmoid" : "Relu", [`g${index}`], isLast ? "y" : `h${index + 1}`));
  });
  return graph(nodes, initializers, layers.at(-1) ?? 0);
}

const emptyAttribute = { floats: [], strings: [], tensors: [], graphs: [], sparse_tensors: [] };

/** TensorProto.DataType of FP32. */
const float = 1;

function floats(name: string, dims: readonly number[], values: Float32Array): OnnxTensor {
  return {
    name,
    dims: dims.map((dim) => Long.fromNumber(dim)),
    data_type: float,
    raw_data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    float_data: [],
    int32_data: [],
    string_data: [],
    int64_data: [],
    double_data: [],
    uint64_data: [],
    external_data: [],
  };
}

function node(operator: string, input: string[], output: string): OnnxNode {
  return { op_type: operator, name: output, input, output: [output], attribute: [] };
}

function port(name: string, width: number): OnnxValueInfo {
  const dim = [{ dim_param: "N" }, { dim_value: Long.fromNumber(width) }];
  return { name, type: { tensor_type: { elem_type: float, shape: { dim } } } };
}

function graph(nodes: OnnxNode[], initializers: OnnxTensor[], outputs: number): OnnxGraph {
  return {
    name: "bench",
    node: nodes,
    initializer: initializers,
    sparse_initializer: [],
    input: [port("x", inputWidth)],
    output: [port("y", outputs)],
    value_info: [],
  };
}

function onnxModel(content: OnnxGraph, opset = 21) {
  return {
    ir_version: Long.fromNumber(10),
    opset_import: [{ domain: "", version: Long.fromNumber(opset) }],
    graph: content,
    metadata_props: [],
    training_info: [],
    functions: [],
  };
}
