import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import protobuf from "protobufjs";
import "protobufjs/ext/descriptor.js";
import {
  descriptorSet,
  healthService,
  inferenceService,
  reflectionService,
  serviceDefinition,
} from "../../src/protocol/definitions.ts";

test("the inference service has its 20 methods, the two inference methods pass bytes through", () => {
  const service = inferenceService();
  assert.equal(Object.keys(service).length, 20);
  const bytes = Buffer.from([0xff, 0xff]); // no message at all
  for (const name of ["ModelInfer", "ModelStreamInfer"]) {
    const method = service[name]!;
    assert.equal(method.path, `/inference.GRPCInferenceService/${name}`);
    assert.equal(method.requestStream, name === "ModelStreamInfer");
    assert.equal(method.responseStream, name === "ModelStreamInfer");
    for (const pass of [
      method.requestSerialize,
      method.requestDeserialize,
      method.responseSerialize,
      method.responseDeserialize,
    ]) {
      assert.equal(pass(bytes), bytes);
    }
    assert.throws(() => method.responseSerialize({ model_name: "m" }), { reason: "internal" });
  }
});

test("other messages are plain objects under the names of the .proto files", () => {
  const { ModelMetadata, ModelStatistics } = inferenceService();
  const metadata = ModelMetadata!.responseSerialize({
    name: "m",
    inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
  });
  assert.deepEqual(ModelMetadata!.responseDeserialize(metadata), {
    name: "m",
    versions: [],
    platform: "",
    inputs: [{ name: "x", datatype: "FP32", shape: ["-1", "4"] }],
    outputs: [],
  });
  const statistics = ModelStatistics!.responseSerialize({ model_stats: [{ inference_count: "9007199254740993" }] });
  const [model] = (ModelStatistics!.responseDeserialize(statistics) as any).model_stats;
  assert.equal(model.inference_count, "9007199254740993");
});

test("health and both versions of reflection are there", () => {
  assert.deepEqual(Object.keys(healthService()).sort(), ["Check", "List", "Watch"]);
  for (const version of ["v1", "v1alpha"] as const) {
    assert.equal(
      reflectionService(version).ServerReflectionInfo?.path,
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    );
  }
});

test("an unknown service is a bug of ours", () => {
  for (const name of ["inference.Nothing", "inference.ModelInferRequest"]) {
    assert.throws(() => serviceDefinition(name), { reason: "internal" });
  }
});

test("the descriptor set is a FileDescriptorSet and is read once", () => {
  const root = (protobuf.Root as any).fromDescriptor(descriptorSet());
  assert(root.lookupType("inference.ModelInferRequest"));
  assert.equal(descriptorSet(), descriptorSet());
});

test("the compiled package finds the descriptor set one folder higher", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-definitions-"));
  try {
    const repository = join(import.meta.dirname, "..", "..");
    cpSync(join(repository, "src", "protocol"), join(folder, "dist", "src", "protocol"), { recursive: true });
    cpSync(join(repository, "src", "errors.ts"), join(folder, "dist", "src", "errors.ts"));
    cpSync(join(repository, "gen"), join(folder, "gen"), { recursive: true });
    cpSync(join(repository, "package.json"), join(folder, "package.json"));
    symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"));
    const copy = await import(join(folder, "dist", "src", "protocol", "definitions.ts"));
    assert.deepEqual(copy.descriptorSet(), descriptorSet());
  } finally {
    rmSync(folder, { recursive: true });
  }
});
