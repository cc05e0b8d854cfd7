import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { RunningServer } from "../../src/serve.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { run, runWell } from "./foreign-tools.ts";
import { root, startInteropServer } from "./interop-server.ts";
import { readDocuments } from "./recipes.ts";

/** `buf curl`, which comes with the development dependencies: a second reflection client, so this runs wherever `npm test` does. */

const buf = join(root, "node_modules", ".bin", "buf");
const service = "inference.GRPCInferenceService";
const protocolFlags = ["curl", "--protocol", "grpc", "--http2-prior-knowledge"];
const folder = temporaryFolder({ after });
let server: RunningServer;

before(async () => {
  server = await startInteropServer(folder);
});
after(() => server.stop());

function curl(path: string, ...flags: readonly string[]) {
  return run(buf, [...protocolFlags, ...flags, `http://${server.grpcAddress}${path}`]);
}

async function call(method: string, message: object): Promise<object> {
  const url = `http://${server.grpcAddress}/${method}`;
  return JSON.parse(await runWell(buf, [...protocolFlags, "-d", JSON.stringify(message), url])) as object;
}

for (const protocol of ["grpc-v1", "grpc-v1alpha"]) {
  test(`lists services and methods over reflection ${protocol}`, async () => {
    const services = await curl("", "--list-services", "--reflect-protocol", protocol);
    assert.deepEqual(services.stdout.trim().split("\n"), [
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      service,
      "sluice.monitor.v1.MonitorService",
    ]);
    const methods = await curl("", "--list-methods", "--reflect-protocol", protocol);
    const ours = methods.stdout.split("\n").filter((line) => line.startsWith(`${service}/`));
    assert.equal(ours.length, 20);
  });
}

const row = (id: string, model = "identity_fp32") => ({
  model_name: model,
  id,
  parameters: { sluice_output_contents: { string_param: "typed" } },
  inputs: [{ name: "X", datatype: "FP32", shape: [1, 4], contents: { fp32_contents: [1, 2.5, "NaN", -4] } }],
});

/** Every unary method with a request, and a part of its answer. */
const unary: Readonly<Record<string, { request: object; answer: object }>> = {
  [`${service}/ServerLive`]: { request: {}, answer: { live: true } },
  [`${service}/ServerReady`]: { request: {}, answer: { ready: true } },
  [`${service}/ServerMetadata`]: { request: {}, answer: { name: "sluice" } },
  [`${service}/ModelReady`]: { request: { name: "digits" }, answer: { ready: true } },
  [`${service}/ModelMetadata`]: { request: { name: "digits" }, answer: { name: "digits", versions: ["1"] } },
  [`${service}/ModelConfig`]: { request: { name: "digits" }, answer: { config: { maxBatchSize: 64 } } },
  [`${service}/ModelInfer`]: {
    request: row("one"),
    answer: { id: "one", outputs: [{ name: "Y", contents: { fp32Contents: [1, 2.5, "NaN", -4] } }] },
  },
  [`${service}/ModelStatistics`]: { request: { name: "digits" }, answer: { modelStats: [{ name: "digits" }] } },
  [`${service}/RepositoryModelLoad`]: { request: { model_name: "diabetes" }, answer: {} },
  [`${service}/RepositoryIndex`]: { request: {}, answer: { models: [{ name: "breast_cancer", state: "READY" }] } },
  [`${service}/RepositoryModelUnload`]: { request: { model_name: "diabetes" }, answer: {} },
  "grpc.health.v1.Health/Check": { request: { service: "digits" }, answer: { status: "SERVING" } },
  "grpc.health.v1.Health/List": { request: {}, answer: { statuses: { digits: { status: "SERVING" } } } },
};

for (const [method, { request, answer }] of Object.entries(unary)) {
  test(`calls ${method}`, async () => {
    assert.partialDeepStrictEqual(await call(method, request), answer);
  });
}

test("several documents are the messages of one stream", async () => {
  const requests = [row("a"), row("b", "none"), row("c")].map((message) => JSON.stringify(message)).join("\n");
  const { code, stdout } = await curl(`/${service}/ModelStreamInfer`, "-d", requests);
  assert.equal(code, 0);
  const answers = readDocuments(stdout) as { errorMessage?: string; inferResponse: { id: string } }[];
  assert.deepEqual(
    answers.map(({ inferResponse, errorMessage }) => [inferResponse.id, errorMessage !== undefined]),
    [
      ["a", false],
      ["b", true],
      ["c", false],
    ],
  );
});

test("exit codes are gRPC statuses, shifted by three bits", async () => {
  const cases = [
    ["ModelInfer", { model_name: "none" }, 5],
    ["ModelInfer", { model_name: "digits" }, 3],
    ["TraceSetting", {}, 12],
  ] as const;
  for (const [method, message, status] of cases) {
    const { code, stderr } = await curl(`/${service}/${method}`, "-d", JSON.stringify(message));
    assert.equal(code, status << 3, stderr);
    assert.match(stderr, /"message": ".+"/);
  }
});
