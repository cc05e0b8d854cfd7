import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { assertAnswers, identityQuestion } from "../../support/reliability-subject.ts";
import { startTestServer } from "../../support/test-server.ts";

const sound = join(import.meta.dirname, "../../fixtures/zoo/identity_fp32/model.onnx");

test("N2: links out, pipes and devices in a repository are refused, and nobody waits for them", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "sluice-strange-"));
  const outside = mkdtempSync(join(tmpdir(), "sluice-outside-"));
  t.after(() => {
    rmSync(root, { recursive: true });
    rmSync(outside, { recursive: true });
  });
  const place = (model: string, file = join("1", "model.onnx")) => {
    mkdirSync(join(root, model, "1"), { recursive: true });
    return join(root, model, file);
  };
  copyFileSync(sound, join(outside, "model.onnx"));
  copyFileSync(sound, place("identity"));
  symlinkSync(join(outside, "model.onnx"), place("link_out"));
  symlinkSync("/dev/zero", place("device"));
  execFileSync("mkfifo", [place("pipe")]);
  copyFileSync(sound, place("config_pipe"));
  execFileSync("mkfifo", [place("config_pipe", "config.pbtxt")]);
  copyFileSync(sound, place("config_folder"));
  mkdirSync(place("config_folder", "config.pbtxt"));
  copyFileSync(sound, place("label_pipe"));
  writeFileSync(place("label_pipe", "config.pbtxt"), 'output { name: "Y" label_filename: "labels.txt" }');
  execFileSync("mkfifo", [place("label_pipe", "labels.txt")]);

  const server = await startTestServer(root);
  t.after(() => server.stop());
  const failed = new Map((await server.started).map(({ name, reason }) => [name, reason]));
  const leadsOut = "model file 'model.onnx' is a link that leads out of the model repository";
  assert.deepEqual(
    failed,
    new Map([
      ["config_folder", "config.pbtxt is not a regular file"],
      ["config_pipe", "config.pbtxt is not a regular file"],
      ["device", leadsOut],
      ["label_pipe", "label file 'labels.txt' is not a regular file"],
      ["link_out", leadsOut],
      ["pipe", "model file 'model.onnx' is not a regular file"],
    ]),
  );
  const client = InferenceClient.connect(server.grpcAddress);
  t.after(() => client.close());
  const question = identityQuestion(2);
  assertAnswers(question, await client.infer(question.request));
});
