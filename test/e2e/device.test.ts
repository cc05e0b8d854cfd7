import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor } from "../../src/client/tensor-values.ts";
import type { ServeConfig } from "../../src/config.ts";
import type { Tensor } from "../../src/tensor.ts";
import { assertAnswers, assertClose, expectedModel, fixtureFolder, tensorOf } from "../support/expected-cases.ts";
import { softwareVulkan, withVulkan } from "../support/software-vulkan.ts";
import { featureRows } from "../support/table-rows.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const examples = join(import.meta.dirname, "..", "..", "examples");
const models = ["breast_cancer", "diabetes", "digits"] as const;

const repository = join(examples, "repository");

async function start(context: TestContext, icd: string | undefined, options: Partial<ServeConfig>, path = repository) {
  const server = await withVulkan(icd, () => startTestServer(path, options));
  const client = InferenceClient.connect(server.grpcAddress);
  context.after(async () => {
    client.close();
    await server.stop();
  });
  return client;
}

suite("a machine without a device", { skip: process.platform !== "linux" && "other systems have one always" }, () => {
  const causes = {
    cuda: /'cuda' cannot start.*: .*shared library/,
    webgpu: /'webgpu' cannot start.*: .*No supported adapters/,
  };

  for (const device of ["cuda", "webgpu"] as const) {
    test(`--device ${device} refuses every model and says why`, async (context) => {
      const client = await start(context, undefined, { device });
      const index = await client.repositoryIndex();
      assert.equal(index.length, models.length);
      for (const { name, state, reason } of index) {
        assert.equal(state, "UNAVAILABLE");
        assert.match(reason, causes[device]);
        assert.match(reason, new RegExp(`model '${name}'`));
      }
      await assert.rejects(client.infer(ask("digits", 1)), /no available versions/);
    });
  }

  test("--device auto serves on the CPU and says so", async (context) => {
    const client = await start(context, undefined, { device: "auto" });
    for (const model of models) {
      const { outputs } = await client.infer(ask(model, 3));
      assert.equal(outputs[0]?.shape[0], 3);
      assert.match(await providerOf(client, model), /^cpu.*\(asked for: auto\)/);
    }
  });
});

const icd = softwareVulkan();
const noDevice = icd === undefined && "no software Vulkan device: install Debian's chromium, or set TEST_VULKAN_ICD";

suite("WebGPU on a software Vulkan device", { skip: noDevice }, () => {
  test("the demo models answer as on the CPU, and nodes that fall back are shown", async (context) => {
    const onGpu = await start(context, icd, { device: "webgpu" });
    const onCpu = await start(context, undefined, { device: "cpu" });
    for (const model of models) {
      assert.match(await providerOf(onGpu, model), /^webgpu.*partial.*\(asked for: webgpu\)/);
      for (const rows of [1, 3, 32]) {
        const [gpu, cpu] = await Promise.all([onGpu, onCpu].map((client) => client.infer(ask(model, rows))));
        for (const [i, want] of (cpu?.outputs ?? []).entries()) {
          assertClose(gpu?.outputs[i] as Tensor, want, { absolute: 1e-4, relative: 1e-4 });
        }
      }
    }
  });

  test("auto takes the device", async (context) => {
    const client = await start(context, icd, { device: "auto" });
    assert.match(await providerOf(client, "digits"), /^webgpu.*\(asked for: auto\)/);
  });

  test("--device-fallback none refuses a model of which some nodes would run on the CPU", async (context) => {
    const client = await start(context, icd, { device: "webgpu", deviceFallback: "none" });
    for (const { state, reason } of await client.repositoryIndex()) {
      assert.equal(state, "UNAVAILABLE");
      assert.match(reason, /'webgpu' cannot run every node of model .*fallback to the CPU is switched off/);
    }
  });

  test("--device-fallback none serves a model that runs on the device as a whole", async (context) => {
    const name = "dense_torchscript";
    const folder = temporaryFolder(context);
    copyFileSync(join(fixtureFolder("torch"), name, "model.onnx"), join(folder, `${name}.onnx`));
    const client = await start(context, icd, { device: "webgpu", deviceFallback: "none" }, folder);
    assert.match(await providerOf(client, name), /^webgpu \(asked for: webgpu\)/);
    const { cases } = expectedModel("torch", name);
    for (const { inputs, outputs = [] } of cases) {
      const answer = await client.infer({ model: name, inputs: inputs.map(tensorOf) });
      assertAnswers(answer.outputs, outputs.map(tensorOf), { absolute: 1e-4, relative: 1e-4 });
    }
  });
});

async function providerOf(client: InferenceClient, model: string): Promise<string> {
  return (await client.configuration(model)).parameters.sluice_provider?.string_value ?? "";
}

/** The first held-out rows of a demo model. */
function ask(model: string, rows: number) {
  const chosen = featureRows(join(examples, "data", `${model}.csv`)).slice(0, rows);
  const values = Float32Array.from(chosen.flatMap((row) => [...row]));
  return { model, inputs: [createTensor("features", "FP32", [rows, values.length / rows], values)] };
}
