import assert from "node:assert/strict";
import { test } from "node:test";
import { classifierLabels } from "../../src/model/classifier-labels.ts";
import { prepareModel } from "../../src/model/prepared-model.ts";
import { buildModel, INT64, node, value } from "./build-model.ts";
import { fixtureModel, wideLimits } from "./fixtures.ts";

const domain = "ai.onnx.ml";
const ints = (name: string) => ({ attribute: [{ name, type: 7, ints: ["1", "2", "3"] }], domain });
const strings = {
  attribute: [{ name: "classlabels_strings", type: 8, strings: ["ja", "nein"].map((text) => Buffer.from(text)) }],
  domain,
};
const outputs = [value("label", INT64, ["N"]), value("probabilities", 1, ["N", "C"])];

const classifiers: readonly (readonly [string, object, readonly string[]])[] = [
  ["LinearClassifier", ints("classlabels_ints"), ["1", "2", "3"]],
  ["TreeEnsembleClassifier", ints("classlabels_int64s"), ["1", "2", "3"]],
  ["SVMClassifier", strings, ["ja", "nein"]],
];

for (const [operator, attributes, names] of classifiers) {
  test(`the scores of a ${operator} have its class labels, those of its label output none`, () => {
    const direct = [node(operator, ["X"], ["label", "probabilities"], attributes)];
    assert.deepEqual(classifierLabels(buildModel({ node: direct, output: outputs })), [["probabilities", names]]);
    const far = [
      node(operator, ["X"], ["label", "raw"], attributes),
      node("Normalizer", ["raw"], ["normal"], { domain }),
      node("Cast", ["normal"], ["probabilities"]),
    ];
    assert.deepEqual(classifierLabels(buildModel({ node: far, output: outputs })), [["probabilities", names]]);
  });
}

test("what is computed from scores, has other columns or goes in circles has no labels", () => {
  const classifier = node("LinearClassifier", ["X"], ["label", "raw"], ints("classlabels_ints"));
  const cases = [
    buildModel({ node: [classifier, node("Slice", ["raw"], ["probabilities"])], output: outputs }),
    buildModel({
      node: [classifier, node("Identity", ["raw"], ["probabilities"])],
      output: [value("probabilities", 1, ["N", 2])],
    }),
    buildModel({ node: [node("Cast", ["probabilities"], ["probabilities"])], output: outputs }),
    buildModel(),
  ];
  for (const model of cases) assert.deepEqual(classifierLabels(model), []);
});

test("a model of scikit-learn's converter without a ZipMap keeps its bytes and gets its class names", () => {
  const { file } = fixtureModel("sklearn_zipmap_off");
  assert.deepEqual(prepareModel(file, wideLimits).classNames, [
    ["probabilities", ["setosa", "versicolor", "virginica"]],
  ]);
});
