import assert from "node:assert/strict";
import { test } from "node:test";
import { checkModel } from "../../src/model/onnx-check.ts";
import type { OnnxModel } from "../../src/model/onnx-proto.ts";
import { summarizeModel } from "../../src/model/onnx-summary.ts";
import { takeOffZipMaps } from "../../src/model/zip-map.ts";
import { buildModel, INT64, node, subgraph, value } from "./build-model.ts";
import { wideLimits } from "./fixtures.ts";

const strings = {
  attribute: [
    { name: "classlabels_strings", type: 8, strings: ["ja", "nein", "weiß nicht"].map((text) => Buffer.from(text)) },
  ],
  domain: "ai.onnx.ml",
};
const ints = {
  attribute: [{ name: "classlabels_int64s", type: 7, ints: ["-1", "9007199254740993"] }],
  domain: "ai.onnx.ml",
};
const imports = {
  opset_import: [
    { domain: "", version: 13 },
    { domain: "ai.onnx.ml", version: 3 },
  ],
};
const maps = (name: string, elemType = 1): object => ({
  name,
  type: {
    sequence_type: { elem_type: { map_type: { key_type: 8, value_type: { tensor_type: { elem_type: elemType } } } } },
  },
});

function zipped(attributes: object, more: object = {}): OnnxModel {
  const nodes = [node("Softmax", ["X"], ["scores"]), node("ZipMap", ["scores"], ["probabilities"], attributes)];
  return buildModel({ node: nodes, output: [maps("probabilities")], ...more }, imports);
}

test("a ZipMap of strings gives way to its scores, and its class names come back", () => {
  const model = zipped(strings);
  assert.deepEqual(takeOffZipMaps(model), [["probabilities", ["ja", "nein", "weiß nicht"]]]);
  checkModel(model, wideLimits);
  assert.deepEqual(summarizeModel(model).outputs, [
    { name: "probabilities", datatype: "FP32", type: "FLOAT", shape: [null, 3] },
  ]);
});

test("integer labels stay exact", () => {
  assert.deepEqual(takeOffZipMaps(zipped(ints)), [["probabilities", ["-1", "9007199254740993"]]]);
});

test("scores that are an output themselves keep their name", () => {
  const model = zipped(strings, { output: [value("scores"), maps("probabilities")] });
  takeOffZipMaps(model);
  checkModel(model, wideLimits);
  assert.deepEqual(
    summarizeModel(model).outputs.map(({ name }) => name),
    ["scores", "probabilities"],
  );
});

test("scores of FP64 stay FP64, told by the maps or by the scores", () => {
  const byMaps = zipped(strings, { output: [maps("probabilities", 11)] });
  const byScores = zipped(strings, { value_info: [value("scores", 11)] });
  for (const model of [byMaps, byScores]) {
    takeOffZipMaps(model);
    assert.equal(summarizeModel(model).outputs[0]?.datatype, "FP64");
  }
});

test("two ZipMaps give two lists", () => {
  const nodes = [node("ZipMap", ["X"], ["a"], strings), node("ZipMap", ["X"], ["b"], ints)];
  const names = takeOffZipMaps(buildModel({ node: nodes, output: [maps("a"), maps("b")] }, imports));
  assert.deepEqual(
    names.map(([output]) => output),
    ["a", "b"],
  );
});

test("a model of ai.onnx.ml alone gets the opset of what replaces the ZipMap", () => {
  const model = buildModel(
    { node: [node("ZipMap", ["X"], ["Y"], strings)], output: [maps("Y")] },
    { opset_import: [{ domain: "ai.onnx.ml", version: 3 }] },
  );
  takeOffZipMaps(model);
  checkModel(model, wideLimits);
});

const untouched: [string, OnnxModel][] = [
  ["no ZipMap", buildModel()],
  [
    "a ZipMap whose maps another node reads",
    zipped(strings, {
      node: [node("ZipMap", ["X"], ["Z"], strings), node("SequenceLength", ["Z"], ["n"])],
      output: [maps("Z"), value("n", INT64, [])],
    }),
  ],
  [
    "a ZipMap inside a branch",
    buildModel(
      {
        node: [
          node("If", ["X"], ["Y"], {
            attribute: [subgraph("then_branch", [node("ZipMap", ["X"], ["y"], strings)], ["y"])],
          }),
        ],
        output: [maps("Y")],
      },
      imports,
    ),
  ],
  ["a ZipMap of another domain", zipped({ ...strings, domain: "my.ops" })],
];

for (const [what, model] of untouched) {
  test(`left as it is: ${what}`, () => {
    const before = JSON.stringify(model);
    assert.deepEqual(takeOffZipMaps(model), []);
    assert.equal(JSON.stringify(model), before);
  });
}
