import assert from "node:assert/strict";
import { test } from "node:test";
import { inferenceService } from "../../src/protocol/definitions.ts";
import { statusCodes } from "../../src/protocol/status.ts";
import { packageVersion } from "../../src/version.ts";
import { FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { eventually, GrpcHarness } from "../support/grpc-harness.ts";

test("the server tells its state, name, version and what it implements", async (t) => {
  const repository = new FakeRepository();
  const harness = await GrpcHarness.start(t, repository);
  const control = harness.control();
  assert.deepEqual((await control.call("ServerLive")).responses, [{ live: true }]);
  assert.deepEqual((await control.call("ServerReady")).responses, [{ ready: true }]);
  repository.isServerReady = false;
  assert.deepEqual((await control.call("ServerReady")).responses, [{ ready: false }]);
  const [metadata] = (await control.call("ServerMetadata")).responses;
  assert.equal(metadata.name, "sluice");
  assert.equal(metadata.version, packageVersion());
  assert.match(metadata.version, /^\d+\.\d+\.\d+/);
  assert.ok(metadata.extensions.includes("statistics"));
  assert.ok(!metadata.extensions.includes("system_shared_memory"));
  await harness.assertIdle();
});

test("a model tells readiness, metadata, configuration and statistics", async (t) => {
  const repository = new FakeRepository(new ImmediateModel("seed"));
  const harness = await GrpcHarness.start(t, repository);
  const control = harness.control();
  assert.deepEqual((await control.call("ModelReady", { name: "seed" })).responses, [{ ready: true }]);
  repository.setReady("seed", false);
  assert.deepEqual((await control.call("ModelReady", { name: "seed" })).responses, [{ ready: false }]);
  repository.setReady("seed", true);
  const unknown = await control.call("ModelReady", { name: "nobody" });
  assert.equal(unknown.code, statusCodes.NOT_FOUND);
  assert.equal(unknown.details, "Request for unknown model: 'nobody' is not found");

  const [metadata] = (await control.call("ModelMetadata", { name: "seed" })).responses;
  assert.deepEqual(metadata.versions, ["1"]);
  assert.equal(metadata.platform, "onnxruntime_onnx");
  assert.deepEqual(metadata.inputs, [{ name: "x", datatype: "FP32", shape: ["-1", "-1"] }]);
  const [config] = (await control.call("ModelConfig", { name: "seed" })).responses;
  assert.equal(config.config.max_batch_size, 64);
  const [statistics] = (await control.call("ModelStatistics", {})).responses;
  assert.equal(statistics.model_stats[0].name, "seed");
  const unavailable = await control.call("ModelStatistics", { name: "nobody" });
  assert.equal(unavailable.code, statusCodes.INVALID_ARGUMENT);
});

test("the repository lists, loads and unloads, and checks what it is asked", async (t) => {
  const repository = new FakeRepository(new ImmediateModel("seed"));
  const harness = await GrpcHarness.start(t, repository);
  const control = harness.control();
  const [index] = (await control.call("RepositoryIndex", {})).responses;
  assert.deepEqual(index.models, [{ name: "seed", version: "1", state: "READY", reason: "" }]);
  assert.equal((await control.call("RepositoryIndex", { repository_name: "r" })).code, statusCodes.UNIMPLEMENTED);

  const load = (request: object) => control.call("RepositoryModelLoad", request);
  assert.equal((await load({ model_name: "m", parameters: { config: { string_param: "{}" } } })).code, statusCodes.OK);
  assert.deepEqual(repository.loads, [{ name: "m", override: { config: "{}" } }]);
  assert.equal((await load({ repository_name: "kserve-dialect" })).code, statusCodes.OK);
  assert.equal(repository.loads[1]?.name, "kserve-dialect");

  const refusals: [object, number, RegExp][] = [
    [{ model_name: " " }, statusCodes.INVALID_ARGUMENT, /^Model name cannot be empty/],
    [{ model_name: "../etc" }, statusCodes.INVALID_ARGUMENT, /must not contain path traversal characters$/],
    [{ model_name: ".." }, statusCodes.INVALID_ARGUMENT, /must not contain path traversal characters$/],
    [{ model_name: "m", repository_name: "r" }, statusCodes.UNIMPLEMENTED, /^'repository_name' specification is not/],
    [{ model_name: "m", parameters: { x: {} } }, statusCodes.INVALID_ARGUMENT, /^unrecognized load parameter 'x'\.$/],
    [
      { model_name: "m", parameters: { config: { bool_param: true } } },
      statusCodes.INVALID_ARGUMENT,
      /^invalid value type for load parameter 'config', expected string_param\.$/,
    ],
    [
      { model_name: "m", parameters: { "file:1/model.onnx": { bytes_param: Buffer.from("x") } } },
      statusCodes.UNIMPLEMENTED,
      /--allow-file-overrides/,
    ],
  ];
  for (const [request, code, text] of refusals) {
    const outcome = await load(request);
    assert.equal(outcome.code, code, JSON.stringify(request));
    assert.match(outcome.details, text);
  }
  assert.equal(repository.loads.length, 2);

  const unload = (parameters: object) => control.call("RepositoryModelUnload", { model_name: "m", parameters });
  assert.equal((await unload({ unload_dependents: { bool_param: true }, other: {} })).code, statusCodes.OK);
  assert.equal((await unload({ unload_dependents: { int64_param: 1 } })).code, statusCodes.INVALID_ARGUMENT);
  assert.deepEqual(repository.unloads, ["m"]);
  await harness.assertIdle();
});

test("file overrides pass where they are allowed, with a configuration", async (t) => {
  const repository = new FakeRepository();
  const harness = await GrpcHarness.start(t, repository, { allowFileOverrides: true });
  const file = { "file:1/model.onnx": { bytes_param: Buffer.from("onnx") } };
  const load = (parameters: object) => harness.control().call("RepositoryModelLoad", { model_name: "m", parameters });
  assert.equal((await load(file)).code, statusCodes.INVALID_ARGUMENT);
  assert.equal((await load({ ...file, config: { string_param: "{}" } })).code, statusCodes.OK);
  assert.deepEqual([...(repository.loads[0]?.override.files?.keys() ?? [])], ["1/model.onnx"]);
});

test("every method of the protocol is answered; what is not offered says why", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  const control = harness.control();
  const methods = Object.keys(inferenceService());
  assert.equal(methods.length, 20);
  for (const method of methods.filter((name) => /SharedMemory|TraceSetting|LogSettings/.test(name))) {
    const { code, details } = await control.call(method);
    assert.equal(code, statusCodes.UNIMPLEMENTED, method);
    assert.match(details, /[.]$/, `a sentence for ${method}`);
  }
  await harness.assertIdle();
});

test("while the server stops, ServerLive and ServerReady say so and the rest is refused", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  const control = harness.control();
  await control.call("ServerLive"); // a connection of its own: new ones are refused
  await harness.server.drain();
  await eventually(() => harness.server.isStopping, "the server stops");
  for (const method of ["ServerLive", "ServerReady"]) {
    const { code, details } = await control.call(method);
    assert.equal(code, statusCodes.UNAVAILABLE);
    assert.equal(details, "Server exiting");
  }
  assert.equal((await control.call("RepositoryIndex")).code, statusCodes.UNAVAILABLE);
});
