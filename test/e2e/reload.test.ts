import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { InferenceClient } from "../../src/client/inference-client.ts";
import type { ServeConfig } from "../../src/config.ts";
import { askConstant, ConstantCalls, constantOf } from "../support/constant-calls.ts";
import { constantModel, writeVersion } from "../support/constant-model.ts";
import { eventuallyTrue } from "../support/eventually.ts";
import { median, neededBytes, runtimeMemory, sum } from "../support/process-memory.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const reloads = 50;
/** The reload that brings a broken file. */
const brokenReload = 25;
/** Enough that a session or a file kept for every reload would show in the processes' memory. */
const modelBytes = 4e6;
/** Memory is compared between this reload, when everything has been used, and the last. */
const warmReload = 10;
const maxGrowthBytes = 80e6;

async function start(context: TestContext, root: string, options: Partial<ServeConfig>) {
  const server = await startTestServer(root, options);
  // No attempt is repeated: a call that fails while a model is exchanged must show.
  const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  context.after(async () => {
    client.close();
    await server.stop();
  });
  return client;
}

test(`${reloads} reloads under load: no call fails, answers name their version, neighbours keep pace, memory returns`, async (context) => {
  const root = temporaryFolder(context);
  writeVersion(root, "changing", "1", constantModel(1, modelBytes));
  writeVersion(root, "steady", "1", constantModel(1000));
  const client = await start(context, root, { modelControl: "explicit", loadModel: ["*"] });

  const alone = new ConstantCalls(() => {}).unary(client, "steady", 1);
  await setTimeout(300);
  await alone.stop();

  let served = 1;
  const changing = new ConstantCalls((answer) => {
    const version = Number(answer.modelVersion);
    assert.equal(constantOf(answer), version, "the value is that of the named version");
    // One before: asked before the reload, heard after it.
    assert.ok(Math.abs(version - served) <= 1, `version ${version} answers while ${served} is in service`);
  });
  changing.unary(client, "changing", 4).stream(client, "changing", 8);
  const steady = new ConstantCalls((answer) => assert.equal(constantOf(answer), 1000)).unary(client, "steady", 1);

  let warmBytes = 0;
  for (let reload = 1; reload <= reloads; reload++) {
    const version = String(served + 1);
    if (reload === brokenReload) {
      writeVersion(root, "changing", version, constantModel(served + 1).subarray(0, 50));
      await assert.rejects(client.load("changing"), { status: "FAILED_PRECONDITION" });
      rmSync(join(root, "changing", version), { recursive: true });
    } else {
      writeVersion(root, "changing", version, constantModel(served + 1, modelBytes));
      await client.load("changing");
      rmSync(join(root, "changing", String(served)), { recursive: true });
      served++;
      const { modelVersion } = await client.infer(askConstant("changing", "after the reload"));
      assert.equal(modelVersion, version);
    }
    if (reload === warmReload) warmBytes = allBytes();
  }
  await Promise.all([changing.stop(), steady.stop()]);
  const grownBytes = allBytes() - warmBytes;

  const [before, meanwhile] = [median(alone.latenciesMs), median(steady.latenciesMs)];
  context.diagnostic(`${changing.answered} answers; memory grew by ${(grownBytes / 1e6).toFixed(0)} MB`);
  context.diagnostic(`neighbour's median ${before.toFixed(1)} ms alone, ${meanwhile.toFixed(1)} ms during reloads`);
  assert.ok(changing.answered > 10 * reloads, `only ${changing.answered} answers`);
  assert.ok(meanwhile < 10 * before + 20, `the neighbour's median went from ${before} to ${meanwhile} ms`);
  assert.ok(grownBytes < maxGrowthBytes, `memory grew by ${grownBytes} bytes`);
  assert.deepEqual(
    (await client.repositoryIndex()).filter(({ name }) => name === "changing"),
    [{ name: "changing", version: String(served), state: "READY", reason: "" }],
  );
});

test("a file that is replaced under the same version is served after the reload, and by no call before", async (context) => {
  const root = temporaryFolder(context);
  writeVersion(root, "changing", "1", constantModel(1));
  const client = await start(context, root, { modelControl: "explicit", loadModel: ["*"] });
  let newest = 1;
  const calls = new ConstantCalls((answer) => assert.ok(newest - constantOf(answer) <= 1)).unary(client, "changing", 2);
  for (const constant of [2, 3, 4, 5, 6]) {
    writeVersion(root, "changing", "1", constantModel(constant));
    newest = constant;
    await client.load("changing");
    assert.equal(constantOf(await client.infer(askConstant("changing", "x"))), constant);
  }
  await calls.stop();
});

test("polling takes up a changed file, and a new model only once its file is whole", async (context) => {
  const root = temporaryFolder(context);
  writeVersion(root, "changing", "1", constantModel(1));
  const client = await start(context, root, { modelControl: "poll", pollInterval: 0.1 });
  const calls = new ConstantCalls((answer) => assert.ok([1, 2].includes(constantOf(answer))));
  calls.unary(client, "changing", 1);

  writeVersion(root, "changing", "1", constantModel(2));
  await eventuallyTrue("the new file answers", async () => {
    return constantOf(await client.infer(askConstant("changing", "x"))) === 2;
  });

  const bytes = constantModel(7, 100_000);
  mkdirSync(join(root, "copied", "1"), { recursive: true });
  const pieces = 30;
  for (let i = 0; i < pieces; i++) {
    const [from, to] = [i, i + 1].map((end) => Math.floor((end * bytes.length) / pieces));
    appendFileSync(join(root, "copied", "1", "model.onnx"), bytes.subarray(from, to));
    await setTimeout(30); // a slow copy, which goes on over several looks
    const states = (await client.repositoryIndex()).filter(({ name }) => name === "copied");
    if (i < pieces - 1) assert.deepEqual(states, [], "nobody tried the half of a file");
  }
  await eventuallyTrue("the copied model serves", () => client.ready("copied").catch(() => false));
  assert.equal(constantOf(await client.infer(askConstant("copied", "x"))), 7);
  await calls.stop();

  rmSync(join(root, "copied"), { recursive: true });
  await eventuallyTrue("the removed model is gone", async () => {
    const entry = (await client.repositoryIndex()).find(({ name }) => name === "copied");
    return entry?.state !== "READY";
  });
});

/** What server and client need here, and the resident bytes of the runtime processes. */
function allBytes(): number {
  return neededBytes() + sum(runtimeMemory().values());
}
