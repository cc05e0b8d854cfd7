import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { profileText } from "../../src/model/reference-profile.ts";
import type { BenchCase, BenchOptions, Line } from "../bench-case.ts";
import { estimate, median } from "../estimate.ts";
import { seed } from "../models.ts";
import { alternate, combine } from "../pairs.ts";
import { profileOf } from "../profile-of-noise.ts";
import { type LoadOptions, Stage } from "../stage.ts";

/** Everything that monitor.yaml can watch about the model, a tenth of the predictions with an id kept for their outcomes. */
const monitorYaml = "outputs: {scores: y}\nquality: {sampleRate: 0.1}\nanomaly: {detector: half_space_trees}\n";

/** Features of the reference profile. */
const signals = 100;

/** Load before anything is measured: what is worked out once, with the first rows, is no cost of a call. */
const preparationSeconds = 20;

/** Two servers side by side: one with telemetry, all monitors and traces of one request in a hundred, one that measures nothing. */
export const monitorOverheadCase: BenchCase = {
  name: "monitor/overhead",
  summary: "CPU time that telemetry and all monitors add to a unary call and to a stream message, beside --no-metrics",
  async run(options) {
    await using collector = await startCollector();
    await using stage = Stage.create(seed);
    // The few samples are asked again and again: the reference is wide enough that none of their values is out of range.
    stage.models.addMonitor(
      seed.name,
      monitorYaml,
      profileText(profileOf("x", signals, [], (random) => 2 * random() - 0.5)),
    );
    const unary = { kind: "unary", seconds: options.seconds } as const;
    const stream = { kind: "stream", seconds: options.seconds, connections: 1 } as const;
    const ids = { hasPredictionIds: true };
    return [
      await measure(stage, collector.url, options, { what: "unary call", load: unary, budget: 3 }),
      await measure(stage, collector.url, options, { what: "stream message", load: stream, budget: 1 }),
      await measure(stage, collector.url, options, { what: "unary call with an id", load: { ...unary, ...ids } }),
      await measure(stage, collector.url, options, { what: "stream message with an id", load: { ...stream, ...ids } }),
    ];
  },
};

/** Takes what is pushed and looks at none of it. */
async function startCollector(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => request.resume().on("end", () => response.end()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port, not on a path
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function measure(
  stage: Stage,
  collector: string,
  { pairs }: BenchOptions,
  { what, load, budget }: { readonly what: string; readonly load: LoadOptions; readonly budget?: number },
): Promise<Line> {
  const pushing = ["--otlp-endpoint", collector, "--otlp-protocol", "http", "--trace-sample-ratio", "0.01"];
  const on = await stage.serve({ args: pushing });
  const off = await stage.serve({ args: ["--no-metrics"] });
  await on.load({ ...load, seconds: preparationSeconds });
  const found = await alternate(
    pairs,
    async () => (await on.load(load)).cpuPerCall.own,
    async () => (await off.load({ ...load, hasPredictionIds: false })).cpuPerCall.own,
  );
  return {
    what: `CPU of the front per ${what}`,
    measured: median(found.tested),
    unit: "us",
    limit: { name: "--no-metrics", value: median(found.limit) },
    estimate: estimate(combine(found, (tested, limit) => tested - limit)),
    estimateUnit: "us more",
    ...(budget === undefined ? {} : { budget: { bound: "at most", value: budget } }),
  };
}
