import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { createServeCommand } from "../../src/cli/serve.ts";
import type { ServeConfig } from "../../src/config.ts";
import type { RunningServer } from "../../src/serve.ts";
import { CommandFake } from "../support/command-fake.ts";

type Description = ReturnType<RunningServer["models"]>[number];

const digits: Description = {
  name: "digits",
  version: "2",
  config: {},
  signature: { inputs: [{ name: "x", datatype: "FP32", dims: [2] }], outputs: [], maxBatchSize: 64 },
  provider: { requested: "auto", actual: "webgpu", isPartial: true, detail: "" },
  batching: "on: the configuration says max_batch_size 64",
  classNames: [],
  loadMs: 5,
};

/** A server that only says what it was told to. */
class ServerFake implements RunningServer {
  readonly grpcAddress = "0.0.0.0:8001";
  readonly httpAddress = "0.0.0.0:8000";
  readonly pageUrl = "http://0.0.0.0:8000/monitor/";
  readonly started: RunningServer["started"];
  config: ServeConfig | undefined;
  path: string | undefined;
  stops = 0;
  reloads = 0;
  readonly #isDrained: boolean;

  constructor(isDrained: boolean, started: RunningServer["started"] = Promise.resolve([])) {
    this.#isDrained = isDrained;
    this.started = started;
  }

  readonly start = async (path: string, config: ServeConfig): Promise<RunningServer> => {
    this.path = path;
    this.config = config;
    return this;
  };

  models(): readonly Description[] {
    return [digits];
  }

  load(): ReturnType<RunningServer["load"]> {
    return {
      openCalls: 0,
      bufferedBytes: 0,
      pausedStreams: 0,
      healthWatchers: 0,
      connections: 0,
      grownWindowBytes: 0,
      arrivingBytes: 0,
    };
  }

  reload(): void {
    this.reloads++;
  }

  async stop(): Promise<boolean> {
    this.stops++;
    return this.#isDrained;
  }
}

async function serveUntilReady(server: ServerFake, argv: readonly string[], environment = {}) {
  const context = new CommandFake("", environment);
  const ended = createServeCommand(server.start).run(argv, context);
  await once(context.stdout, "text");
  return { context, ended };
}

test("a ready server prints addresses, models, failures and a line to paste", async () => {
  const failed = [{ name: "bad", version: "1", reason: "no ONNX file" }];
  const { context, ended } = await serveUntilReady(new ServerFake(true, Promise.resolve(failed)), ["models"]);
  assert.equal(
    context.stdout.text,
    [
      "gRPC  0.0.0.0:8001",
      "HTTP  http://0.0.0.0:8000/metrics",
      "Page  http://0.0.0.0:8000/monitor/",
      "",
      "model   version  device            batching",
      "digits        2  webgpu (partial)  on: the configuration says max_batch_size 64",
      "",
      "Failed:",
      "  bad version 1: no ONNX file",
      "",
      "Try:",
      `  grpcurl -plaintext -d '{"model_name":"digits","parameters":{"sluice_output_contents":{"string_param":"typed"}},"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"contents":{"fp32_contents":[1,1]}}]}' 127.0.0.1:8001 inference.GRPCInferenceService/ModelInfer`,
      "",
    ].join("\n"),
  );
  context.signals.emit("SIGTERM");
  assert.equal(await ended, 0);
});

test("flags win over the environment, and both reach the server", async () => {
  const server = new ServerFake(true);
  const { context, ended } = await serveUntilReady(server, ["models", "--grpc-port", "1", "--json"], {
    SLUICE_GRPC_PORT: "2",
    SLUICE_HTTP_PORT: "3",
  });
  assert.deepEqual([server.path, server.config?.grpcPort, server.config?.httpPort], ["models", 1, 3]);
  assert.ok(!Object.hasOwn(server.config ?? {}, "json"));
  assert.deepEqual(JSON.parse(context.stdout.text).models, [
    { name: "digits", version: "2", device: "webgpu", isPartial: true, maxBatchSize: 64, batching: digits.batching },
  ]);
  context.signals.emit("SIGINT");
  await ended;
});

test("a server whose calls had to be ended exits with 1", async () => {
  const { context, ended } = await serveUntilReady(new ServerFake(false), ["models"]);
  context.signals.emit("SIGTERM");
  assert.equal(await ended, 1);
});

test("the first signal stops a server that is still starting, the second ends the process", async () => {
  const server = new ServerFake(true, new Promise(() => {}));
  const context = new CommandFake();
  const ended = createServeCommand(server.start).run(["models"], context);
  context.signals.emit("SIGTERM");
  assert.equal(context.exited, undefined);
  context.signals.emit("SIGINT");
  assert.equal(context.exited, 1);
  assert.equal(await ended, 0);
  assert.deepEqual([server.stops, context.stdout.text], [1, ""]);
});

test("SIGHUP reads the files of tenants and token keys again; without any it keeps its own meaning", async () => {
  for (const file of [
    ["--tenants", "tenants.yaml"],
    ["--token-key-file", "keys"],
  ]) {
    const server = new ServerFake(true);
    const { context, ended } = await serveUntilReady(server, ["models", ...file]);
    context.signals.emit("SIGHUP");
    assert.equal(server.reloads, 1);
    context.signals.emit("SIGTERM");
    await ended;
  }
  const plain = await serveUntilReady(new ServerFake(true), ["models"]);
  assert.equal(plain.context.signals.listenerCount("SIGHUP"), 0);
  plain.context.signals.emit("SIGTERM");
  await plain.ended;
});
