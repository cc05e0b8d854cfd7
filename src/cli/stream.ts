import type { InferenceClient } from "../client/inference-client.ts";
import type { ModelMetadata } from "../client/model-metadata.ts";
import { type Table, type TableFormat, tableFormats } from "../training/table.ts";
import { formatOfName, openTable } from "../training/table-file.ts";
import { type CommandOption, type OptionValues, UsageError } from "./arguments.ts";
import { type BulkJob, chooseRowsPerMessage, targetMessageBytes } from "./bulk/bulk-messages.ts";
import { BulkSession } from "./bulk/bulk-session.ts";
import { requestedOutputs } from "./bulk/class-outputs.ts";
import { planColumns, resolveNames } from "./bulk/column-choice.ts";
import { describeJob, mappingText } from "./bulk/job-text.ts";
import { type CommandContext, defineCommand, type ExitCode } from "./command.ts";
import { connectionOptions, ifOffered, jsonOption, withClient } from "./connection.ts";
import { tuneHeapGrowth } from "./heap-growth.ts";
import { predictionOptions } from "./prediction-columns.ts";
import { tableInputOptions } from "./table-input.ts";

const options = {
  ...tableInputOptions,
  output: {
    kind: "string",
    default: "-",
    valueName: "FILE",
    group: "Input and output",
    description: "Where the answers go; - is standard output, which cannot be continued after an interruption.",
  },
  format: {
    kind: "choice",
    choices: ["auto", ...tableFormats],
    default: "auto",
    group: "Input and output",
    description: "Form of the output; auto goes by the name of the file, else it is the form of the input.",
  },
  ignore: {
    kind: "list",
    default: [],
    valueName: "COLUMN,...",
    group: "Input and output",
    description: "Columns that are no input of the model, such as the target; repeatable.",
  },
  keep: {
    kind: "list",
    default: [],
    valueName: "COLUMN,...",
    group: "Input and output",
    description:
      "Columns of the input to repeat in the output, so that rows can be joined again; repeatable. They are inputs of the model too where they fit.",
  },
  restart: {
    kind: "boolean",
    default: false,
    group: "Input and output",
    description: "Start anew, whatever an earlier run has left.",
  },
  json: { ...jsonOption, description: "Print what was done as one line of JSON." },
  outputName: {
    kind: "list",
    default: [],
    valueName: "NAME",
    group: "Request",
    description: "Output to ask for; repeatable. Without it: all outputs of the model.",
  },
  classes: {
    kind: "integer",
    default: 0,
    min: 0,
    max: 1_000_000,
    group: "Request",
    description:
      "Highest classes of each row to write instead of an output's values, as NAME_value, NAME_index and NAME_label; 0: the values.",
  },
  modelVersion: {
    kind: "string",
    default: "",
    valueName: "VERSION",
    group: "Request",
    description:
      "Version of the model. Without it: the highest that is ready when the run begins; it stays with that one.",
  },
  rowsPerMessage: {
    kind: "integer",
    default: 0,
    min: 0,
    max: 1_000_000,
    unit: "rows",
    group: "Request",
    description: `Rows of one message; 0: about ${targetMessageBytes} bytes, and no more than the server takes.`,
  },
  window: {
    kind: "integer",
    default: 16,
    min: 1,
    max: 1024,
    unit: "messages",
    group: "Request",
    description: "Messages without their answer at a time, for each server.",
  },
  onError: {
    kind: "choice",
    choices: ["stop", "skip"],
    default: "stop",
    group: "Request",
    description: "What becomes of rows that the model refuses: they end the run, or are left out and counted.",
  },
  ...predictionOptions,
  ...connectionOptions,
} as const satisfies Record<string, CommandOption>;

type StreamCommandOptions = OptionValues<typeof options>;

/** `sluice stream`: predictions for a whole file. */
export const streamCommand = defineCommand(
  {
    name: "stream",
    summary: "Ask a model about every row of a file of any size",
    description: [
      "Sends the rows of a table to a model, many in a message, and writes the answers in the order of the rows. Memory is bounded however long the file is.",
      "Tables are CSV with a header, JSON Lines, NPY or Parquet, in and out. A model with one input takes all columns in order; with several inputs, each takes the column of its name. An output with several values a row becomes the columns NAME_0, NAME_1, ..., in JSON Lines a list.",
      "The output is written to FILE.partial, with a journal in FILE.journal, and gets its name when it is complete. After an interruption, the same command goes on where the output ends. A changed input, model version or option is refused then; --restart starts anew.",
      "Several addresses share the work: a stream to each, answers in order all the same.",
    ],
    positionals: [
      {
        name: "address,...",
        description:
          "Where the servers listen for gRPC: host:port, several with commas between, for example 127.0.0.1:8001,127.0.0.1:8002.",
      },
      { name: "model", description: "Name of the model." },
    ],
    options,
    examples: [
      {
        command:
          "sluice stream 127.0.0.1:8001 diabetes --input examples/data/diabetes.csv --ignore target --output predictions.csv",
        explanation: "Predicts every row of a table.",
      },
      {
        command: "sluice stream 10.0.0.1:8001,10.0.0.2:8001 digits --input x.parquet --keep id --output y.parquet",
        explanation: "Two servers; the column `id` stands beside each answer.",
      },
    ],
  },
  async ({ positionals, options: given }, context) => {
    const [address = "", model = ""] = positionals;
    tuneHeapGrowth();
    const table = await openTable(
      given.input,
      context.stdin,
      given.inputFormat === "auto" ? undefined : given.inputFormat,
    );
    return await withClient(address, given.timeout, (client) =>
      stream(client, address.split(",").length, model, table, given, context),
    );
  },
);

async function stream(
  client: InferenceClient,
  servers: number,
  model: string,
  table: Table,
  given: StreamCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const metadata = await client.metadata(model, given.modelVersion);
  const format = outputFormat(given, table);
  const job = await createJob(client, metadata, table, format, given);
  const description = await describeJob(job, format, given);
  const session = new BulkSession(client, job, context, { ...given, format, streams: servers });
  return await session.run(description, mappingText(job, metadata));
}

async function createJob(
  client: InferenceClient,
  metadata: ModelMetadata,
  table: Table,
  format: TableFormat,
  given: StreamCommandOptions,
): Promise<BulkJob> {
  const { plan, keptColumns } = planColumns(table, metadata, {
    ignore: resolveNames(given.ignore, table),
    keep: resolveNames(given.keep, table),
    keepsText: table.format === "csv" && format === "csv",
  });
  const maxRows = await maxRowsOfMessage(client, metadata.name, given.modelVersion);
  if (given.rowsPerMessage > maxRows) {
    throw new UsageError(
      `--rows-per-message is ${given.rowsPerMessage}, but this server takes at most ${maxRows} rows in a message`,
    );
  }
  const rowsPerMessage =
    given.rowsPerMessage > 0 && plan.cut === "batch"
      ? given.rowsPerMessage
      : chooseRowsPerMessage(plan, table, maxRows);
  return {
    table,
    plan,
    model: metadata.name,
    outputs: requestedOutputs(given.outputName, given.classes, metadata, given.predictionTokens),
    predictions: { predictionIds: given.predictionIds, predictionTokens: given.predictionTokens },
    keptColumns,
    rowsPerMessage,
  };
}

/** Servers other than sluice refuse a message of more rows than a batch; sluice splits it. */
async function maxRowsOfMessage(client: InferenceClient, model: string, version: string): Promise<number> {
  const server = await ifOffered(client.serverMetadata());
  const configuration = await ifOffered(client.configuration(model, version));
  const isSplit =
    server?.name === "sluice" && configuration?.parameters.sluice_split_oversized?.string_value !== "false";
  const maxBatchSize = configuration?.max_batch_size ?? 0;
  return isSplit || maxBatchSize === 0 ? Number.MAX_SAFE_INTEGER : maxBatchSize;
}

function outputFormat({ format, output }: StreamCommandOptions, table: Table): TableFormat {
  const byName = formatOfName(output);
  const actual = format !== "auto" ? format : output === "-" ? table.format : byName;
  if (actual === undefined) {
    throw new UsageError(`the name of --output '${output}' tells no format: add --format ${tableFormats.join(", ")}`);
  }
  if (actual === "npy" && output === "-") {
    throw new UsageError(
      "--format npy needs --output FILE: an NPY file begins with the number of its rows, which only the end tells",
    );
  }
  return actual;
}
