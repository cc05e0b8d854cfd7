import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { askConstant, ConstantCalls, constantOf } from "../support/constant-calls.ts";
import { constantModel, writeVersion } from "../support/constant-model.ts";
import { eventuallyTrue } from "../support/eventually.ts";
import { PlainStub } from "../support/plain-stub.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { childProcesses, startTestServer } from "../support/test-server.ts";

async function start(context: TestContext, root: string) {
  const server = await startTestServer(root, {
    modelControl: "explicit",
    loadModel: ["*"],
    sharedRuntimeProcesses: 1,
  });
  const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  const stub = new PlainStub(server.grpcAddress);
  context.after(async () => {
    stub.close();
    client.close();
    await server.stop();
  });
  /** Loads the model under another configuration, as a client of Triton would. */
  const configure = (config: object) =>
    stub.call("RepositoryModelLoad", {
      model_name: "model",
      parameters: { config: { string_param: JSON.stringify(config) } },
    });
  return { client, configure };
}

test("instances, batch size and queue limit change under load, and no call notices", async (context) => {
  const root = temporaryFolder(context);
  writeVersion(root, "model", "1", constantModel(1));
  const { client, configure } = await start(context, root);
  const calls = new ConstantCalls((answer) => assert.equal(constantOf(answer), 1)).unary(client, "model", 4);

  await configure({ instance_group: [{ count: 2, kind: "KIND_CPU" }], max_batch_size: 16 });
  const { max_batch_size, instance_group } = await client.configuration("model");
  assert.equal(max_batch_size, 16);
  assert.deepEqual(
    (instance_group as readonly { readonly count: number }[]).map(({ count }) => count),
    [2],
  );
  await configure({ max_batch_size: 4 });
  assert.equal((await client.configuration("model")).max_batch_size, 4);
  await calls.stop();
  assert.ok(calls.answered > 10);

  await configure({ max_batch_size: 1, parameters: { sluice_max_queue_requests: { string_value: "2" } } });
  const burst = await Promise.allSettled(
    Array.from({ length: 200 }, () => client.infer(askConstant("model", "burst"))),
  );
  const refused = burst.filter(({ status }) => status === "rejected");
  assert.ok(refused.length > 0 && refused.length < burst.length, `${refused.length} of ${burst.length} refused`);
  for (const result of refused) {
    const { reason } = result as PromiseRejectedResult;
    assert.match(`${reason.status}: ${reason.message}`, /^UNAVAILABLE: .*Exceeds maximum queue size/);
  }
});

test("a configuration that cannot be used is refused, names what is wrong, and leaves the model in service", async (context) => {
  const root = temporaryFolder(context);
  writeVersion(root, "model", "1", constantModel(1));
  const { client, configure } = await start(context, root);
  const faults: readonly (readonly [object, RegExp])[] = [
    [{ max_batch_sise: 4 }, /unknown field 'max_batch_sise', did you mean 'max_batch_size'/],
    [{ max_batch_size: "many" }, /max_batch_size is "many"/],
    [{ input: [{ name: "wrong", data_type: "TYPE_FP32", dims: [4] }] }, /input 'wrong'/],
    [{ max_batch_size: 4, input: [{ name: "X", data_type: "TYPE_INT32", dims: [4] }] }, /'X'/],
    [{ parameters: { sluice_prefetsh: { string_value: "1" } } }, /did you mean 'sluice_prefetch'/],
    [{ default_model_filename: "other.onnx" }, /other\.onnx/],
  ];
  for (const [config, message] of faults) {
    await assert.rejects(configure(config), { code: 9, message });
    assert.equal(constantOf(await client.infer(askConstant("model", "still there"))), 1);
  }
});

test("versions are served as the policy says, and asked for by number", async (context) => {
  const root = temporaryFolder(context);
  for (const version of [1, 2, 3, 10]) writeVersion(root, "model", String(version), constantModel(version));
  mkdirSync(join(root, "model", "unfinished"));
  writeFileSync(join(root, "model", "config.pbtxt"), 'name: "model" version_policy { specific { versions: [1, 3] } }');
  const { client, configure } = await start(context, root);
  const answers = async () => {
    const versions = (await client.metadata("model")).versions;
    const constants = versions.map(async (version) =>
      constantOf(await client.infer({ ...askConstant("model", "x"), version })),
    );
    return [versions, await Promise.all(constants), constantOf(await client.infer(askConstant("model", "x")))];
  };
  assert.deepEqual(await answers(), [["1", "3"], [1, 3], 3]);
  await configure({ version_policy: { all: {} } });
  assert.deepEqual(await answers(), [["1", "2", "3", "10"], [1, 2, 3, 10], 10]);
  await configure({ version_policy: { latest: { num_versions: 2 } } });
  assert.deepEqual(await answers(), [["3", "10"], [3, 10], 10]);
  const missing = { ...askConstant("model", "x"), version: "2" };
  await assert.rejects(client.infer(missing), { status: "NOT_FOUND" });
});

test("a stopped server leaves no process behind", async (context) => {
  const root = temporaryFolder(context);
  writeVersion(root, "model", "1", constantModel(1));
  await eventuallyTrue("earlier servers' processes have ended", () => childProcesses().length === 0);
  const server = await startTestServer(root, { sharedRuntimeProcesses: 2 });
  context.after(() => server.stop());
  assert.ok(childProcesses().length > 0);
  assert.equal(await server.stop(), true);
  await eventuallyTrue("its processes have ended", () => childProcesses().length === 0);
});
