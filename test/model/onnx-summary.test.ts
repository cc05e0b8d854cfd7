import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { decodeModel } from "../../src/model/onnx-file.ts";
import { summarizeModel } from "../../src/model/onnx-summary.ts";
import { buildModel, INT64, node, subgraph, tensor, value } from "./build-model.ts";
import { packageModels } from "./fixtures.ts";

test("a summary tells what the file tells", () => {
  const graph = {
    node: [
      node("If", ["X"], ["h"], {
        attribute: [
          subgraph("then_branch", [node("Relu", ["X"], ["y"])], ["y"], { initializer: [tensor("inner", [3])] }),
        ],
      }),
      node("Gelu", ["h"], ["Y"], { domain: "com.microsoft" }),
      node("Relu", ["w"], ["unused"]),
    ],
    input: [
      value("X", 1, ["batch", 4]),
      value("open", 8, [-1, ""]),
      value("rankless", INT64, null),
      value("w", 1, [2, 2]),
    ],
    initializer: [tensor("w", [2, 2])],
  };
  const model = { producer_name: "maker", producer_version: "1.2", metadata_props: [{ key: "author", value: "me" }] };
  assert.deepEqual(summarizeModel(buildModel(graph, model)), {
    irVersion: 10,
    opsets: [{ domain: "ai.onnx", version: 21 }],
    producer: "maker 1.2",
    graphName: "test",
    inputs: [
      { name: "X", datatype: "FP32", type: "FLOAT", shape: ["batch", 4] },
      { name: "open", datatype: "BYTES", type: "STRING", shape: [null, null] },
      { name: "rankless", datatype: "INT64", type: "INT64", shape: undefined },
    ],
    overridableInputs: [{ name: "w", datatype: "FP32", type: "FLOAT", shape: [2, 2] }],
    outputs: [{ name: "Y", datatype: "FP32", type: "FLOAT", shape: ["N", 2] }],
    operators: [
      { domain: "ai.onnx", operator: "If", count: 1 },
      { domain: "ai.onnx", operator: "Relu", count: 2 },
      { domain: "com.microsoft", operator: "Gelu", count: 1 },
    ],
    nodeCount: 4,
    functions: [],
    parameterCount: 7,
    parameterBytes: 28,
    externalFiles: [],
    metadata: [["author", "me"]],
  });
});

test("before IR version 4 an initializer among the inputs is none that a caller may set", () => {
  const graph = { input: [value("X"), value("w")], initializer: [tensor("w", [2])] };
  const summary = summarizeModel(buildModel(graph, { ir_version: 3 }));
  assert.deepEqual([summary.inputs.length, summary.overridableInputs.length], [1, 0]);
});

test("files that would be refused can still be summarized", () => {
  const sequence = { name: "Y", type: { sequence_type: { elem_type: { tensor_type: { elem_type: 1 } } } } };
  assert.equal(summarizeModel(buildModel({ output: [sequence] })).outputs[0]?.type, "sequence");
  assert.equal(summarizeModel(decodeModel(Buffer.from([0x08, 0x0a]))).nodeCount, 0);
  assert.equal(summarizeModel(buildModel({ initializer: [tensor("w", [1], { dims: [-3] })] })).parameterCount, 0);
});

test("the speech detector has a scalar input and a state", () => {
  const summary = summarizeModel(decodeModel(readFileSync(packageModels()[0]!)));
  assert.deepEqual(
    summary.inputs.map(({ name, datatype, shape }) => [name, datatype, shape?.length]),
    [
      ["input", "FP32", 2],
      ["state", "FP32", 3],
      ["sr", "INT64", 0],
    ],
  );
});
