import { configFromEnvironment, type ServeConfig, serveOptions } from "../config.ts";
import { type RunningServer, startServer } from "../serve.ts";
import type { CommandOption } from "./arguments.ts";
import { type Command, type CommandContext, defineCommand, type ExitCode, write } from "./command.ts";
import { jsonOption } from "./connection.ts";
import { grpcurlLine } from "./grpcurl-line.ts";
import { tuneHeapGrowth } from "./heap-growth.ts";
import { formatJson } from "./json-text.ts";
import { renderTextTable } from "./text-table.ts";

const options = {
  ...serveOptions,
  json: { ...jsonOption, description: "Print addresses and models as one line of JSON when ready." },
} as const satisfies Record<string, CommandOption>;

type Description = ReturnType<RunningServer["models"]>[number];
type FailedModel = Awaited<RunningServer["started"]>[number];

/** The command over a way to start a server. */
export function createServeCommand(start: typeof startServer): Command {
  return defineCommand(
    {
      name: "serve",
      summary: "Serve the ONNX models of a folder, or one model file",
      description: [
        "Serves models over gRPC in the KServe v2 / Triton protocol, batching the requests of all callers. Prints its addresses and models on standard output when it is ready; logs go to standard error.",
        "SIGTERM or SIGINT stops it: new work is refused, running calls finish within --exit-timeout-ms, and the exit code is 0 when all did. A second signal ends it at once. SIGHUP reads the files of --tenants and --token-key-file again.",
      ],
      positionals: [
        {
          name: "path",
          description:
            "A Triton model repository (<model>/[config.pbtxt]/<version>/model.onnx), a folder of .onnx files, or one .onnx file.",
        },
      ],
      options,
      examples: [
        { command: "sluice serve examples/repository", explanation: "The models of a repository on 127.0.0.1:8001." },
        { command: "sluice serve model.onnx --grpc-port 0", explanation: "One model file on a free port." },
        {
          command: "SLUICE_HOST=0.0.0.0 sluice serve /models --insecure --model-control poll",
          explanation: "In a container: every interface, and changes in the folder are picked up.",
        },
      ],
    },
    async ({ positionals, options: { json, ...config } }, context) => {
      const [path = ""] = positionals;
      const stopped = stopSignal(context);
      tuneHeapGrowth();
      const server = await start(path, config);
      if (config.tenants !== "" || config.tokenKeyFile !== "") context.signals.on("SIGHUP", () => server.reload());
      return await serve(server, json, context, stopped);
    },
    { keys: Object.keys(serveOptions) as (keyof ServeConfig)[], read: configFromEnvironment }, // the table's own keys
  );
}

/** `sluice serve`: runs a server until SIGTERM or SIGINT. */
export const serveCommand = createServeCommand(startServer);

/** Resolves at the first SIGTERM or SIGINT; the second one ends the process. */
function stopSignal(context: CommandContext): Promise<"stop"> {
  return new Promise((resolve) => {
    let isStopping = false;
    const onSignal = (signal: string) => {
      if (isStopping) {
        context.exit(1);
        return;
      }
      isStopping = true;
      context.stderr.write(`${signal}: stopping, send it again to end at once\n`);
      resolve("stop");
    };
    context.signals.on("SIGTERM", () => onSignal("SIGTERM"));
    context.signals.on("SIGINT", () => onSignal("SIGINT"));
  });
}

async function serve(
  server: RunningServer,
  json: boolean,
  context: CommandContext,
  stopped: Promise<"stop">,
): Promise<ExitCode> {
  const outcome = await Promise.race([server.started, stopped]);
  if (outcome !== "stop") {
    const text = json ? jsonSummary(server, outcome) : summary(server, outcome);
    await write(context.stdout, text);
    await stopped;
  }
  return (await server.stop()) ? 0 : 1;
}

function jsonSummary(server: RunningServer, failed: readonly FailedModel[]): string {
  const models = server.models().map(({ name, version, provider, batching, signature }) => ({
    name,
    version,
    device: provider.actual,
    isPartial: provider.isPartial,
    maxBatchSize: signature.maxBatchSize,
    batching,
  }));
  const { grpcAddress, httpAddress } = server;
  return `${formatJson({ grpcAddress, httpAddress, models, failed })}\n`;
}

function summary(server: RunningServer, failed: readonly FailedModel[]): string {
  const models = server.models();
  const lines = [`gRPC  ${server.grpcAddress}`, `HTTP  http://${server.httpAddress}/metrics`];
  if (server.pageUrl !== undefined) lines.push(`Page  ${server.pageUrl}`);
  lines.push("");
  lines.push(models.length === 0 ? "No model is ready.\n" : modelTable(models));
  if (failed.length > 0) {
    lines.push("Failed:");
    for (const { name, version, reason } of failed) {
      lines.push(`  ${version === "" ? name : `${name} version ${version}`}: ${reason}`);
    }
    lines.push("");
  }
  const [first] = models;
  if (first !== undefined) lines.push("Try:", `  ${grpcurlLine(server.grpcAddress, first)}`, "");
  return lines.join("\n");
}

function modelTable(models: readonly Description[]): string {
  return renderTextTable(
    [{ title: "model" }, { title: "version", align: "right" }, { title: "device" }, { title: "batching" }],
    models.map(({ name, version, provider, batching, signature }) => [
      name,
      version,
      provider.isPartial ? `${provider.actual} (partial)` : provider.actual,
      batching === "" ? `up to ${signature.maxBatchSize} rows` : batching,
    ]),
  );
}
