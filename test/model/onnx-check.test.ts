import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { checkModel } from "../../src/model/onnx-check.ts";
import { decodeModel } from "../../src/model/onnx-file.ts";
import { maxNestingDepth } from "../../src/model/onnx-operators.ts";
import { buildModel, FLOAT, INT64, node, subgraph, tensor, value } from "./build-model.ts";
import { brokenFiles, packageModels, wideLimits } from "./fixtures.ts";

/** Valid to the letter of the format; only ONNX Runtime, which knows each operator, can refuse them. */
const operatorMistakes = new Set(["mismatched_shapes.onnx", "mismatched_types.onnx", "too_few_arguments.onnx"]);

test("every broken file is refused with a sentence that names no path", () => {
  for (const { file, why } of brokenFiles()) {
    if (operatorMistakes.has(basename(file))) continue;
    assert.throws(
      () => checkModel(decodeModel(readFileSync(file)), wideLimits),
      (error: Error & { reason?: string }) =>
        error.reason === "refused" && !error.message.includes(import.meta.dirname),
      `${basename(file)}: ${why}`,
    );
  }
});

test("published models pass", () => {
  for (const file of packageModels()) checkModel(decodeModel(readFileSync(file)), wideLimits);
});

const bomb = (levels: number): object[] =>
  Array.from({ length: levels }, (_, i) => {
    const callee = i === levels - 1 ? { op_type: "Relu", domain: "" } : { op_type: `f${i + 1}`, domain: "local" };
    const call = (input: string, output: string): object => ({ ...callee, input: [input], output: [output] });
    return {
      name: `f${i}`,
      domain: "local",
      input: ["a"],
      output: ["c"],
      opset_import: [{ domain: "", version: 21 }],
      node: [call("a", "b"), call("b", "c")],
    };
  });
const localImports = [
  { domain: "", version: 21 },
  { domain: "local", version: 1 },
];
const callsFunction = { node: [node("f0", ["X"], ["Y"], { domain: "local" })] };
const deepBranch = (levels: number): object =>
  node("If", ["c"], ["Y"], {
    attribute: [
      subgraph("then_branch", levels === 0 ? [node("Relu", ["X"], ["y"])] : [deepBranch(levels - 1)], [
        levels === 0 ? "y" : "Y",
      ]),
    ],
  });

const refused: [string, object, object, RegExp][] = [
  [
    "a custom operator",
    { node: [node("Frob", ["X"], ["Y"], { domain: "my.ops" })] },
    {},
    /custom operator 'Frob' of domain 'my.ops'/,
  ],
  [
    "a domain without an import",
    { node: [node("Gelu", ["X"], ["Y"], { domain: "com.microsoft" })] },
    {},
    /'com.microsoft', of which the model imports no opset/,
  ],
  ["no operator name", { node: [node("", ["X"], ["Y"])] }, {}, /names no operator/],
  [
    "functions that double at every level",
    callsFunction,
    { functions: bomb(30), opset_import: localImports },
    /more than 100000 nodes/,
  ],
  [
    "a function that calls itself",
    callsFunction,
    {
      functions: [{ ...bomb(1)[0], node: [node("f0", ["a"], ["c"], { domain: "local" })] }],
      opset_import: localImports,
    },
    /function 'f0' \(local\) calls itself/,
  ],
  [
    "a function that uses a name of the graph",
    callsFunction,
    { functions: [{ ...bomb(1)[0], node: [node("Relu", ["X"], ["c"])] }], opset_import: localImports },
    /'X', which nothing in function 'f0' makes/,
  ],
  [
    "a missing name in a subgraph",
    {
      node: [
        node("If", ["X"], ["Y"], { attribute: [subgraph("then_branch", [node("Relu", ["gone"], ["y"])], ["y"])] }),
      ],
    },
    {},
    /'gone'/,
  ],
  [
    "a subgraph that needs its own node's result",
    { node: [node("If", ["X"], ["Y"], { attribute: [subgraph("then_branch", [node("Relu", ["Y"], ["y"])], ["y"])] })] },
    {},
    /cycle/,
  ],
  ["two outputs of one name", { output: [value("Y"), value("Y")] }, {}, /two outputs named 'Y'/],
  ["an output without a name", { output: [value("")] }, {}, /an output without a name/],
  [
    "a node that overwrites an input",
    { node: [node("Relu", ["X"], ["X"]), node("Relu", ["X"], ["Y"])] },
    {},
    /makes 'X'/,
  ],
  [
    "a constant of the wrong size",
    {
      node: [
        node("Relu", ["X"], ["Y"], { attribute: [{ name: "value", type: 4, t: tensor("c", [2], { dims: [3] }) }] }),
      ],
    },
    {},
    /'c' .* needs 12 bytes, but holds 8/,
  ],
  [
    "typed data of the wrong size",
    { initializer: [{ name: "w", dims: [2, 2], data_type: INT64, int64_data: [1] }] },
    {},
    /needs 4 values, but holds 1/,
  ],
  [
    "strings of the wrong number",
    { initializer: [{ name: "w", dims: [2], data_type: 8, string_data: [Buffer.from("a")] }] },
    {},
    /needs 2 values/,
  ],
  [
    "a sparse tensor that spreads out too far",
    {
      sparse_initializer: [
        {
          values: tensor("s", [1]),
          indices: { name: "i", dims: [1], data_type: INT64, int64_data: [0] },
          dims: [1_000_000, 1_000_000],
        },
      ],
    },
    {},
    /limit is 1000000000/,
  ],
  ["a bfloat16 output", { output: [value("Y", 16)] }, {}, /BFLOAT16.*Node\.js binding/],
  ["a complex input", { input: [value("X", 14)] }, {}, /COMPLEX64/],
  ["a 4-bit input", { input: [value("X", 22)] }, {}, /INT4/],
  [
    "a sequence",
    { output: [{ name: "Y", type: { sequence_type: { elem_type: { tensor_type: { elem_type: FLOAT } } } } }] },
    {},
    /sequence/,
  ],
  ["a map", { input: [{ name: "X", type: { map_type: { key_type: 7 } } }] }, {}, /map/],
  ["an optional", { input: [{ name: "X", type: { optional_type: {} } }] }, {}, /optional/],
  ["opset 27", {}, { opset_import: [{ domain: "ai.onnx", version: 27 }] }, /opset 27 of domain 'ai.onnx'.*1 to 26/],
  ["IR version 14", {}, { ir_version: 14 }, /IR version 14.*1 to 13/],
];

for (const [what, graph, model, message] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(() => checkModel(buildModel(graph, model), wideLimits), { reason: "refused", message });
  });
}

const accepted: [string, object, object][] = [
  ["nodes in any order", { node: [node("Relu", ["h"], ["Y"]), node("Relu", ["X"], ["h"])] }, {}],
  [
    "an omitted optional input",
    { node: [node("Clip", ["X", "", "max"], ["Y"])], initializer: [tensor("max", [])] },
    {},
  ],
  ["a function of the model's own", callsFunction, { functions: bomb(3), opset_import: localImports }],
  [
    "a subgraph that reads outer values made later in the list",
    {
      node: [
        node("If", ["X"], ["Y"], { attribute: [subgraph("then_branch", [node("Relu", ["h"], ["y"])], ["y"])] }),
        node("Relu", ["X"], ["h"]),
      ],
    },
    {},
  ],
  [
    "the default domain imported twice",
    {},
    {
      opset_import: [
        { domain: "", version: 13 },
        { domain: "ai.onnx", version: 12 },
      ],
    },
  ],
  [
    "an imported domain that nobody uses",
    {},
    { opset_import: [{ version: 21 }, { domain: "pkg.unused", version: 1 }] },
  ],
  [
    "4-bit weights, two elements a byte",
    { initializer: [{ name: "w", dims: [3], data_type: 22, raw_data: Buffer.alloc(2) }] },
    {},
  ],
  ["an empty initializer", { initializer: [{ name: "w", dims: [0], data_type: FLOAT }] }, {}],
  [
    "an unservable type inside",
    { node: [node("SequenceConstruct", ["X"], ["s"]), node("ConcatFromSequence", ["s"], ["Y"])] },
    {},
  ],
];

for (const [what, graph, model] of accepted) {
  test(`accepted: ${what}`, () => checkModel(buildModel(graph, model), wideLimits));
}

test("the number of nodes is limited exactly, subgraphs included", () => {
  const graph = {
    node: [
      node("If", ["X"], ["h"], { attribute: [subgraph("then_branch", [node("Relu", ["X"], ["y"])], ["y"])] }),
      node("Relu", ["h"], ["Y"]),
    ],
  };
  checkModel(buildModel(graph), { maxNodes: 3, maxBytes: 1000 });
  assert.throws(() => checkModel(buildModel(graph), { maxNodes: 2, maxBytes: 1000 }), /more than 2 nodes/);
});

test("the bytes of all tensors are limited exactly", () => {
  const graph = { initializer: [tensor("a", [10]), tensor("b", [10])] };
  checkModel(buildModel(graph), { maxNodes: 10, maxBytes: 80 });
  assert.throws(() => checkModel(buildModel(graph), { maxNodes: 10, maxBytes: 79 }), /take 80 bytes, the limit is 79/);
});

test("subgraphs are counted to any depth that a file can have", () => {
  const graph = { node: [deepBranch(25)], input: [value("X"), value("c")] };
  checkModel(buildModel(graph), { maxNodes: 27, maxBytes: 1000 });
  assert.ok(maxNestingDepth > 25);
});
