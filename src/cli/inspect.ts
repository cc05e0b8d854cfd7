import { existsSync } from "node:fs";
import type { ModelConfiguration, ModelMetadata } from "../client/model-metadata.ts";
import { serveOptions } from "../config.ts";
import { formatConfigText } from "../model/config-text.ts";
import type { TensorSummary } from "../model/onnx-summary.ts";
import { type CommandOption, UsageError } from "./arguments.ts";
import { type CommandContext, defineCommand, type ExitCode, write } from "./command.ts";
import { connectionOptions, ifOffered, jsonOption, withClient } from "./connection.ts";
import { binarySize } from "./help.ts";
import { type Inspection, inspectModel } from "./inspection.ts";
import { formatJson } from "./json-text.ts";
import { findModelFile } from "./model-file.ts";
import { tensorText } from "./models.ts";
import { renderTextTable } from "./text-table.ts";

const options = {
  json: jsonOption,
  defaultMaxBatchSize: serveOptions.defaultMaxBatchSize,
  maxModelBytes: serveOptions.maxModelBytes,
  maxModelNodes: serveOptions.maxModelNodes,
  ...connectionOptions,
} as const satisfies Record<string, CommandOption>;

/** `sluice inspect`: what a model is, and whether and how it would be served. */
export const inspectCommand = defineCommand(
  {
    name: "inspect",
    summary: "Show what a model takes, gives and needs, and whether it can be served",
    description: [
      "For an .onnx file or a model's folder: inputs, outputs, operators, opsets, size, the configuration that would be completed, whether the model batches, what the monitor takes it to predict, which execution providers can run it, and why it would be refused. The model is read and checked, not run; its exit code is 1 when it would be refused.",
      "For address/model: what a running server says about a model.",
    ],
    positionals: [
      {
        name: "model",
        description: "An .onnx file, a model's folder in a repository, or 127.0.0.1:8001/model[/version].",
      },
    ],
    options,
    examples: [
      {
        command: "sluice inspect examples/repository/digits",
        explanation: "A model's folder, its config.pbtxt included.",
      },
      { command: "sluice inspect model.onnx --json", explanation: "One file, for a program." },
      { command: "sluice inspect 127.0.0.1:8001/digits", explanation: "A model on a server." },
    ],
  },
  async ({ positionals, options: given }, context) => {
    const [path = ""] = positionals;
    if (existsSync(path)) {
      const inspection = await inspectModel(findModelFile(path), given);
      await write(context.stdout, given.json ? `${formatJson(inspection)}\n` : renderInspection(inspection));
      return inspection.refusal === undefined ? 0 : 1;
    }
    const remote = /^(.+:\d+)\/([^/]+)(?:\/(\d+))?$/.exec(path);
    if (remote === null) {
      throw new UsageError(`${path} is no file, no folder and no address/model such as 127.0.0.1:8001/digits`);
    }
    const [, address = "", model = "", version = ""] = remote;
    return await inspectRemote(address, model, version, given, context);
  },
);

async function inspectRemote(
  address: string,
  model: string,
  version: string,
  given: { readonly timeout: number; readonly json: boolean },
  context: CommandContext,
): Promise<ExitCode> {
  const { metadata, configuration } = await withClient(address, given.timeout, async (client) => ({
    metadata: await client.metadata(model, version),
    configuration: await ifOffered(client.configuration(model, version)),
  }));
  const text = given.json ? `${formatJson({ metadata, configuration })}\n` : renderRemote(metadata, configuration);
  await write(context.stdout, text);
  return 0;
}

function renderRemote(metadata: ModelMetadata, configuration: ModelConfiguration | undefined): string {
  const facts = [
    ["model", metadata.name],
    ["versions", metadata.versions.join(", ")],
    ["platform", metadata.platform],
    ...metadata.inputs.map((input) => ["input", tensorText(input)]),
    ...metadata.outputs.map((output) => ["output", tensorText(output)]),
    ...(configuration === undefined ? [] : [["max_batch_size", String(configuration.max_batch_size)]]),
    ...Object.entries(configuration?.parameters ?? {}).map(([key, { string_value }]) => [key, string_value]),
  ];
  return renderFacts(facts);
}

function renderInspection(inspection: Inspection): string {
  const { summary, refusal } = inspection;
  const facts = [
    ["model", inspection.version === "" ? inspection.name : `${inspection.name} version ${inspection.version}`],
    ["file", `${inspection.file}, ${binarySize(inspection.fileBytes)}`],
    ...(inspection.sha256 === undefined ? [] : [["sha256", inspection.sha256]]),
    ["served", refusal === undefined ? "yes, as far as the file tells" : `no: ${refusal}`],
  ];
  if (summary === undefined) return renderFacts(facts);
  facts.push(
    ["producer", summary.producer === "" ? "unknown" : summary.producer],
    [
      "format",
      `IR ${summary.irVersion}, ${summary.opsets.map(({ domain, version }) => `${domain} ${version}`).join(", ")}`,
    ],
    ["parameters", `${summary.parameterCount} in ${binarySize(summary.parameterBytes)}`],
    ...summary.externalFiles.map((file) => ["weights in", file]),
    ...summary.inputs.map((input) => ["input", tensorSummaryText(input)]),
    ...summary.overridableInputs.map((input) => ["input", `${tensorSummaryText(input)}, may be left out`]),
    ...summary.outputs.map((output) => ["output", tensorSummaryText(output)]),
    ...(inspection.batching === "" ? [] : [["batching", inspection.batching]]),
    ...(inspection.predicts === "" ? [] : [["predicts", inspection.predicts]]),
    ...inspection.providers.map(({ provider, support }) => [provider, support]),
  );
  const operators = renderTextTable(
    [{ title: "operator" }, { title: "domain" }, { title: "nodes", align: "right" }],
    summary.operators.map(({ operator, domain, count }) => [operator, domain, String(count)]),
  );
  const config =
    inspection.config === undefined ? "" : `\nconfig.pbtxt, completed:\n${formatConfigText(inspection.config)}`;
  return `${renderFacts(facts)}\n${operators}${config}`.trimEnd().concat("\n");
}

function tensorSummaryText({ name, datatype, type, shape }: TensorSummary): string {
  const dims = shape === undefined ? "any rank" : `[${shape.map((dimension) => dimension ?? "?").join(",")}]`;
  return `${name} ${datatype ?? `${type} (not served)`} ${dims}`;
}

function renderFacts(facts: readonly (readonly string[])[]): string {
  const width = Math.max(...facts.map(([key = ""]) => key.length));
  return facts.map(([key = "", value = ""]) => `${key.padEnd(width)}  ${value}\n`).join("");
}
