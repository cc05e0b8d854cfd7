import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { maxLabelFileBytes, readLabels } from "../../src/model/label-file.ts";
import type { ModelConfig } from "../../src/model/model-config.ts";
import { signatureOf } from "../../src/model/signature.ts";

const root = mkdtempSync(join(tmpdir(), "signature-"));
after(() => rmSync(root, { recursive: true }));
const folder = join(root, "m");
mkdirSync(join(folder, "sub"), { recursive: true });
writeFileSync(join(folder, "labels.txt"), "cat\r\ndog\n\nbird");
writeFileSync(join(folder, "ends.txt"), "a\nb\n");
writeFileSync(join(root, "outside.txt"), "secret");
writeFileSync(join(folder, "large.txt"), "x".repeat(maxLabelFileBytes + 1));
symlinkSync("../outside.txt", join(folder, "link.txt"));
symlinkSync("labels.txt", join(folder, "inner.txt"));
symlinkSync(folder, join(root, "linked"));
execFileSync("mkfifo", [join(folder, "pipe.txt")]);

const config: ModelConfig = {
  max_batch_size: 8,
  input: [
    { name: "x", data_type: "TYPE_FP32", dims: [2, -1] },
    { name: "s", data_type: "TYPE_STRING", dims: [1], reshape: { shape: [] }, optional: true },
  ],
  output: [
    { name: "y", data_type: "TYPE_FP16", dims: [4], label_filename: "labels.txt" },
    { name: "z", data_type: "TYPE_INT64", dims: [6], reshape: { shape: [2, 3] } },
  ],
};

test("a signature holds what requests are checked against", () => {
  assert.deepEqual(signatureOf(config, folder), {
    inputs: [
      { name: "x", datatype: "FP32", dims: [2, -1] },
      { name: "s", datatype: "BYTES", dims: [1], modelDims: [], isOptional: true },
    ],
    outputs: [
      { name: "y", datatype: "FP16", dims: [4], labels: ["cat", "dog", "", "bird"] },
      { name: "z", datatype: "INT64", dims: [6], modelDims: [2, 3] },
    ],
    maxBatchSize: 8,
  });
});

test("class names of the model file are labels where no label file is named", () => {
  const { outputs } = signatureOf(config, folder, [
    ["y", ["unused"]],
    ["z", ["one", "two"]],
  ]);
  assert.deepEqual(
    outputs.map(({ labels }) => labels?.[0]),
    ["cat", "one"],
  );
});

test("an incomplete configuration is our own bug", () => {
  assert.throws(() => signatureOf({ input: [{ name: "x" }] }, folder), { reason: "internal" });
});

test("label files: the last line may end or not, links may stay inside, the folder may be a link", () => {
  assert.deepEqual(readLabels(folder, "ends.txt"), ["a", "b"]);
  assert.equal(readLabels(folder, "inner.txt").length, 4);
  assert.equal(readLabels(folder, "sub/../labels.txt").length, 4);
  assert.equal(readLabels(join(root, "linked"), "labels.txt").length, 4);
});

const refused: [string, RegExp][] = [
  ["../outside.txt", /outside the model's folder/],
  ["link.txt", /outside the model's folder/],
  ["../../../../../etc/passwd", /outside the model's folder/],
  ["gone.txt", /does not exist/],
  ["pipe.txt", /not a regular file/],
  ["sub", /not a regular file/],
  ["large.txt", /limit is 16777216/],
  ["a\0b", /NUL/],
];

for (const [name, message] of refused) {
  test(`label file refused: ${JSON.stringify(name)}`, () => {
    assert.throws(() => readLabels(folder, name), { reason: "refused", message });
  });
}
