import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { decodeModel } from "../../src/model/onnx-file.ts";
import { tensorsOf } from "../../src/model/onnx-graph.ts";
import { prepareModel } from "../../src/model/prepared-model.ts";
import { modelBytes } from "./build-model.ts";
import { demoModels, fixtureModel, fixtureModels, wideLimits } from "./fixtures.ts";

const root = mkdtempSync(join(tmpdir(), "prepared-model-"));
after(() => rmSync(root, { recursive: true }));

/** Only ONNX Runtime knows which operators the domains hold. */
const refusedByOnnxRuntime = new Set(["unknown_operator"]);

test("every fixture is prepared or refused as its index says", () => {
  for (const { name, expect, file } of fixtureModels()) {
    if (expect === "serve" || refusedByOnnxRuntime.has(name)) prepareModel(file, wideLimits);
    else assert.throws(() => prepareModel(file, wideLimits), { reason: "refused" }, name);
  }
});

test("what ONNX Runtime gets holds no external data", () => {
  for (const { name, file } of fixtureModels().filter(({ expect }) => expect === "serve")) {
    for (const tensor of tensorsOf(decodeModel(prepareModel(file, wideLimits).bytes))) {
      assert.equal(tensor.external_data.length, 0, name);
      assert.notEqual(tensor.data_location, 1, name);
    }
  }
});

test("an unchanged model is handed out byte for byte, with the SHA-256 of the file", () => {
  for (const name of ["dense_torchscript", "ir_13"]) {
    const { file } = fixtureModel(name);
    const bytes = readFileSync(file);
    const prepared = prepareModel(file, wideLimits);
    assert.deepEqual(Buffer.from(prepared.bytes), bytes);
    assert.equal(prepared.sha256, createHash("sha256").update(bytes).digest("hex"));
  }
});

test("the summary still names the external files that were read in", () => {
  assert.deepEqual(prepareModel(fixtureModel("external_data").file, wideLimits).summary.externalFiles, [
    "model.onnx.data",
  ]);
});

test("a demo classifier keeps its class names", () => {
  const classes = demoModels.map(({ file }) =>
    prepareModel(file, wideLimits).classNames.map(([, names]) => names.length),
  );
  assert.deepEqual(classes, [[2], [], []]);
});

const pipe = join(root, "pipe.onnx");
execFileSync("mkfifo", [pipe]);
mkdirSync(join(root, "folder.onnx"));
const valid = join(root, "valid.onnx");
writeFileSync(valid, modelBytes());
symlinkSync("valid.onnx", join(root, "link.onnx"));

const unreadable: [string, string, string, RegExp][] = [
  ["a named pipe", pipe, "refused", /'pipe\.onnx' is not a regular file/],
  ["a device", "/dev/zero", "refused", /'zero' is not a regular file/],
  ["a folder", join(root, "folder.onnx"), "refused", /'folder\.onnx' is not a regular file/],
  ["nothing", join(root, "gone.onnx"), "not_found", /^model file 'gone\.onnx' does not exist$/],
];

for (const [what, file, reason, message] of unreadable) {
  test(`no model: ${what}`, () => assert.throws(() => prepareModel(file, wideLimits), { reason, message }));
}

test("a link to a model is one", () => {
  assert.equal(prepareModel(join(root, "link.onnx"), wideLimits).summary.nodeCount, 1);
});

test("the size of the file is limited exactly", () => {
  const size = modelBytes().length;
  prepareModel(valid, { maxNodes: 10, maxBytes: size });
  assert.throws(() => prepareModel(valid, { maxNodes: 10, maxBytes: size - 1 }), {
    reason: "refused",
    message: /limit is/,
  });
});
