import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { ConstantCalls, constantOf } from "../support/constant-calls.ts";
import { constantModel, writeVersion } from "../support/constant-model.ts";
import { neededBytes, runtimeMemory, sum } from "../support/process-memory.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const reloads = 1_000;
const warmReload = 50;
const modelBytes = 4e6;
const maxGrowthBytes = 80e6;

test(`${reloads} reloads under load: no call fails and memory stays`, { timeout: 1_800_000 }, async (context) => {
  const root = temporaryFolder(context);
  writeVersion(root, "changing", "1", constantModel(1, modelBytes));
  const server = await startTestServer(root, { modelControl: "explicit", loadModel: ["*"] });
  const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  context.after(async () => {
    client.close();
    await server.stop();
  });
  const calls = new ConstantCalls((answer) => assert.equal(constantOf(answer), Number(answer.modelVersion)));
  calls.unary(client, "changing", 4).stream(client, "changing", 16);
  let warmBytes = 0;
  for (let version = 2; version <= reloads + 1; version++) {
    writeVersion(root, "changing", String(version), constantModel(version, modelBytes));
    await client.load("changing");
    rmSync(join(root, "changing", String(version - 1)), { recursive: true });
    const bytes = neededBytes() + sum(runtimeMemory().values());
    if (version === warmReload) warmBytes = bytes;
    if (version > warmReload) assert.ok(bytes < warmBytes + maxGrowthBytes, `${warmBytes} bytes, then ${bytes}`);
  }
  await calls.stop();
  context.diagnostic(`${calls.answered} answers`);
});
