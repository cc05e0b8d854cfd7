import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { askConstant, constantOf } from "../support/constant-calls.ts";
import { constantModel, writeVersion } from "../support/constant-model.ts";
import { runtimeMemory, sum } from "../support/process-memory.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const count = 3_000;
const rounds = 10;

/** Beside what the first round needed. */
const maxGrowthBytes = 200e6;

test(`${count} models answer, round after round, and memory stays`, { timeout: 900_000 }, async (context) => {
  const root = temporaryFolder(context);
  for (let i = 0; i < count; i++) writeVersion(root, `model-${i}`, "1", constantModel(i));
  const server = await startTestServer(root, { sharedRuntimeProcesses: 2 });
  const client = InferenceClient.connect(server.grpcAddress);
  context.after(async () => {
    client.close();
    await server.stop();
  });
  assert.equal(server.models().length, count);
  let firstBytes = 0;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < count; i += 100) {
      const group = Array.from({ length: 100 }, (_, k) => i + k);
      await Promise.all(
        group.map(async (k) => assert.equal(constantOf(await client.infer(askConstant(`model-${k}`, String(k)))), k)),
      );
    }
    const bytes = sum(runtimeMemory().values());
    firstBytes ||= bytes;
    context.diagnostic(`round ${round}: ${(bytes / 1e6).toFixed(0)} MB`);
    assert.ok(bytes < firstBytes + maxGrowthBytes, `${firstBytes} bytes in the first round, ${bytes} now`);
  }
});
