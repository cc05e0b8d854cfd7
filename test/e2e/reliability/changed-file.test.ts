import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createTensor, InferenceClient, readTensor } from "../../../src/index.ts";
import { constantModel } from "../../support/constant-model.ts";
import { childProcesses, startTestServer } from "../../support/test-server.ts";

test("a process that crashes after its model's file was replaced does not serve the other file under the old version", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-changed-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "constant", "1", "model.onnx");
  mkdirSync(join(folder, "constant", "1"), { recursive: true });
  writeFileSync(file, constantModel(1));
  const server = await startTestServer(folder, { sharedRuntimeProcesses: 1 });
  t.after(() => server.stop());
  const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  t.after(() => client.close());
  const input = createTensor("X", "FP32", [1, 4], new Float32Array(4));
  const ask = async () =>
    (readTensor((await client.infer({ model: "constant", inputs: [input] })).outputs[0]!) as Float32Array)[0];
  assert.equal(await ask(), 1);

  writeFileSync(file, constantModel(2));
  for (const pid of childProcesses()) process.kill(pid, "SIGKILL");
  while (await client.ready("constant")) {
    const answer = await ask().catch((error: Error) => error.message);
    assert.notEqual(answer, 2);
    await delay(20);
  }
  await assert.rejects(ask(), /could not be loaded again/);
});
