import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import type protobuf from "protobufjs";
import { messageType } from "../../src/model/definitions.ts";
import { decodeModel, encodeModel } from "../../src/model/onnx-file.ts";
import { buildModel, modelBytes, node } from "./build-model.ts";
import { brokenFiles, demoModels, fixtureModels, packageModels } from "./fixtures.ts";

const wholeFiles = [
  ...fixtureModels().map(({ file }) => file),
  ...demoModels.map(({ file }) => file),
  ...packageModels(),
];

test("every model comes out of a rewrite with the same content", () => {
  assert.ok(wholeFiles.length > 100);
  for (const file of wholeFiles) {
    const model = decodeModel(readFileSync(file));
    const rewritten = decodeModel(encodeModel(model));
    const json = (from: object): unknown =>
      messageType("onnx.ModelProto").toObject(from as protobuf.Message, { longs: String, bytes: String });
    assert.deepEqual(json(rewritten), json(model), file);
  }
});

test("a file in canonical field order is rewritten byte for byte, unknown fields included", () => {
  const unknown = Buffer.from([0xc0, 0x3e, 0x07]);
  const bytes = Buffer.concat([modelBytes(), unknown]);
  assert.deepEqual(Buffer.from(encodeModel(decodeModel(bytes))), bytes);
});

test("the largest int64 and a set zero survive", () => {
  const ints = { name: "ends", type: 7, ints: ["9223372036854775807", "-9223372036854775808"] };
  const zero = { name: "axis", type: 2, i: 0 };
  const model = buildModel({ node: [node("Slice", ["X"], ["Y"], { attribute: [ints, zero] })] });
  const attributes = decodeModel(encodeModel(model)).graph?.node[0]?.attribute;
  assert.deepEqual(attributes?.[0]?.ints.map(String), ints.ints);
  assert.ok(attributes?.[1] && Object.hasOwn(attributes[1], "i"));
});

const sentences: Record<string, RegExp> = {
  "empty.onnx": /the file is empty/,
  "pickle.onnx": /Python pickle/,
  "zip.onnx": /zip archive/,
  "html.onnx": /HTML/,
  "json.onnx": /JSON/,
  "gzip.onnx": /gzip/,
  "hdf5.onnx": /HDF5/,
  "git_lfs_pointer.onnx": /git lfs pull/,
  "zeros.onnx": /zero bytes/,
  "truncated.onnx": /truncated/,
  "truncated_last_byte.onnx": /truncated/,
  "deep_message.onnx": /nested more than 100 deep/,
  "deep_branches.onnx": /nested more than 100 deep/,
};

test("a file of another format is refused with what it seems to be", () => {
  const seen = new Set<string>();
  for (const { file } of brokenFiles()) {
    const sentence = sentences[basename(file)];
    if (sentence === undefined) continue;
    seen.add(basename(file));
    assert.throws(() => decodeModel(readFileSync(file)), { reason: "refused", message: sentence }, file);
  }
  assert.equal(seen.size, Object.keys(sentences).length);
});

test("no cut of a real model decodes without being noticed", async () => {
  const { checkModel } = await import("../../src/model/onnx-check.ts");
  const bytes = modelBytes();
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(
      () => checkModel(decodeModel(bytes.subarray(0, length)), { maxNodes: 10, maxBytes: 1000 }),
      { reason: "refused" },
      `cut to ${length} bytes`,
    );
  }
});
