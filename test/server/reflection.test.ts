import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { GrpcHarness } from "../support/grpc-harness.ts";

const buf = join(import.meta.dirname, "../../node_modules/.bin/buf");
const run = promisify(execFile);

async function curl(harness: GrpcHarness, path: string, ...options: string[]): Promise<string> {
  const fixed = ["curl", "--protocol", "grpc", "--http2-prior-knowledge"];
  const { stdout } = await run(buf, [...fixed, ...options, `http://${harness.address}${path}`]);
  return stdout;
}

for (const version of ["grpc-v1", "grpc-v1alpha"]) {
  test(`a foreign client lists and calls everything through reflection ${version}`, async (t) => {
    const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
    const reflect = ["--reflect-protocol", version];
    const services = (await curl(harness, "", ...reflect, "--list-services")).trim().split("\n");
    assert.deepEqual(services.sort(), [
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "inference.GRPCInferenceService",
    ]);
    const methods = (await curl(harness, "", ...reflect, "--list-methods")).trim().split("\n");
    assert.equal(methods.filter((method) => method.startsWith("inference.")).length, 20);

    const live = await curl(harness, "/inference.GRPCInferenceService/ServerLive", ...reflect, "-d", "{}");
    assert.deepEqual(JSON.parse(live), { live: true });
    const question = JSON.stringify({
      model_name: "seed",
      id: "q",
      parameters: { sluice_output_contents: { string_param: "typed" } },
      inputs: [{ name: "x", datatype: "FP32", shape: [1, 1], contents: { fp32_contents: [1] } }],
    });
    const answer = JSON.parse(
      await curl(harness, "/inference.GRPCInferenceService/ModelInfer", ...reflect, "-d", question),
    );
    assert.equal(answer.id, "q");
    assert.deepEqual(answer.outputs[0].contents.fp32Contents, [0], "numbers, not base64");
    const streamed = await curl(
      harness,
      "/inference.GRPCInferenceService/ModelStreamInfer",
      ...reflect,
      "-d",
      question + question,
    );
    assert.equal(streamed.match(/"inferResponse"/g)?.length, 2);
    await harness.assertIdle();
  });
}

test("reflection can be switched off", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(), { reflection: false });
  await assert.rejects(curl(harness, "", "--list-services"));
});
