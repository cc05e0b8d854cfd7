import { writeFile } from "node:fs/promises";
import type { InferenceClient } from "../client/inference-client.ts";
import type { InferenceResponse } from "../inference.ts";
import { formatAnswer, outputFormats } from "./answer-text.ts";
import type { CommandOption, OptionValues } from "./arguments.ts";
import { requestedOutputs } from "./bulk/class-outputs.ts";
import { defineCommand, write } from "./command.ts";
import { addressPositional, connectionOptions, ifOffered, withClient } from "./connection.ts";
import type { ExplicitRequest } from "./infer-request-json.ts";
import { inputFormats, readInputData } from "./input-data.ts";
import { readInput } from "./input-file.ts";
import { fitInputs, type UnnamedData } from "./model-inputs.ts";
import { askForPredictions, predictionOptions, predictionOutputs } from "./prediction-columns.ts";
import { cutRows, joinRows } from "./rows.ts";

/** Rows of a request when neither the user nor the model's configuration says fewer. */
const maxDefaultRows = 64;

const options = {
  input: {
    kind: "string",
    default: "-",
    valueName: "FILE",
    group: "Input and output",
    description: "Where the inputs come from; - is standard input.",
  },
  inputFormat: {
    kind: "choice",
    choices: inputFormats,
    default: "auto",
    group: "Input and output",
    description: "Form of the input; auto goes by its content.",
  },
  ignore: {
    kind: "list",
    default: [],
    valueName: "COLUMN",
    group: "Input and output",
    description: "Column of the table to leave out, such as the target; repeatable.",
  },
  output: {
    kind: "string",
    default: "-",
    valueName: "FILE",
    group: "Input and output",
    description: "Where the answer goes; - is standard output.",
  },
  format: {
    kind: "choice",
    choices: outputFormats,
    default: "table",
    group: "Input and output",
    description: "Form of the answer. json, csv and npy lose nothing, table is rounded for reading.",
  },
  json: {
    kind: "boolean",
    default: false,
    group: "Input and output",
    description: "Short for --format json.",
  },
  outputName: {
    kind: "list",
    default: [],
    valueName: "NAME",
    group: "Request",
    description: "Output to ask for; repeatable. Without it: all outputs of the model.",
  },
  modelVersion: {
    kind: "string",
    default: "",
    valueName: "VERSION",
    group: "Request",
    description: "Version of the model. Without it: the highest that is ready.",
  },
  batchSize: {
    kind: "integer",
    default: 0,
    min: 0,
    max: 1_000_000,
    unit: "rows",
    group: "Request",
    description: `Rows of one request; 0: the model's max_batch_size, at most ${maxDefaultRows}, or all rows when it has none.`,
  },
  id: {
    kind: "string",
    default: "",
    group: "Request",
    description: "Id of the request, echoed in the answer and shown in the server's log.",
  },
  ...predictionOptions,
  ...connectionOptions,
} as const satisfies Record<string, CommandOption>;

type InferCommandOptions = OptionValues<typeof options>;

/** `sluice infer`: asks a model about the rows of a file. */
export const inferCommand = defineCommand(
  {
    name: "infer",
    summary: "Ask a model on a server about rows from a file",
    description: [
      "Sends the rows of a file to a model of any KServe v2 server and prints the answers.",
      "The input is CSV with a header, NPY, Parquet, JSON or JSON Lines. A model with one input takes all columns of a CSV file in order; with several inputs, each takes the column of its name. JSON is a list of rows, a list of objects (one a row), an object {input: nested list}, or a KServe v2 request {inputs: [{name, datatype, shape, data}]}.",
    ],
    positionals: [addressPositional, { name: "model", description: "Name of the model." }],
    options,
    examples: [
      {
        command: "sluice infer 127.0.0.1:8001 diabetes --input examples/data/diabetes.csv --ignore target",
        explanation: "Predicts every row of a table; its column `target` is no input of the model.",
      },
      {
        command: `echo '[[1, 2, 3, 4]]' | sluice infer 127.0.0.1:8001 iris --json`,
        explanation: "One row from standard input, the answer as JSON.",
      },
      {
        command:
          "sluice infer 127.0.0.1:8001 digits --input x.npy --output-name probabilities --format npy --output y.npy",
        explanation: "A NumPy array in, one out.",
      },
    ],
  },
  async ({ positionals, options: given }, context) => {
    const [address = "", model = ""] = positionals;
    const name = given.input === "-" ? "standard input" : given.input;
    const data = await readInputData(await readInput(given.input, context.stdin), given.inputFormat, name);
    const answers = await withClient(address, given.timeout, (client) =>
      data.kind === "requests"
        ? askExplicitly(client, model, data.requests, given)
        : askByRows(client, model, data, given),
    );
    const format = given.json ? "json" : given.format;
    for (const answer of answers) {
      const text = formatAnswer(answer, format);
      if (given.output === "-") await write(context.stdout, text);
      else await writeFile(given.output, text, { flag: answer === answers[0] ? "w" : "a" });
    }
    return 0;
  },
);

async function askExplicitly(
  client: InferenceClient,
  model: string,
  requests: readonly ExplicitRequest[],
  given: InferCommandOptions,
): Promise<readonly InferenceResponse[]> {
  const answers: InferenceResponse[] = [];
  for (const { id, inputs, outputs, parameters } of requests) {
    answers.push(
      await client.infer({
        model,
        version: given.modelVersion,
        inputs,
        outputs: given.outputName.length > 0 ? given.outputName : outputs,
        id: given.id === "" ? id : given.id,
        parameters,
        ...askForPredictions(given),
      }),
    );
  }
  return answers;
}

/** One answer for all rows, or one a request where the answers do not fit together. */
async function askByRows(
  client: InferenceClient,
  model: string,
  data: UnnamedData,
  given: InferCommandOptions,
): Promise<readonly InferenceResponse[]> {
  const metadata = await client.metadata(model, given.modelVersion);
  const inputs = await fitInputs(data, metadata, given.ignore);
  const rows = given.batchSize > 0 ? given.batchSize : await defaultRows(client, model, given.modelVersion);
  const answers: InferenceResponse[] = [];
  const outputs = requestedOutputs(given.outputName, 0, metadata, given.predictionTokens);
  for (const tensors of cutRows(inputs, rows)) {
    const answer = await client.infer({
      model,
      version: given.modelVersion,
      inputs: tensors,
      outputs,
      id: given.id,
      ...askForPredictions(given),
    });
    const answered = inputs.cut === "batch" ? tensors[0]?.shape[0] : undefined;
    answers.push({ ...answer, outputs: predictionOutputs(answer, answered, given) });
  }
  const [first] = answers;
  const joined = joinRows(
    answers.map((answer) => answer.outputs),
    inputs.cut,
  );
  return first === undefined || joined === undefined ? answers : [{ ...first, outputs: joined }];
}

/** A model that does not batch gets all rows at once: cutting could change its answers. */
async function defaultRows(client: InferenceClient, model: string, version: string): Promise<number> {
  const configuration = await ifOffered(client.configuration(model, version));
  const maxBatchSize = configuration?.max_batch_size ?? 0;
  return maxBatchSize > 0 ? Math.min(maxBatchSize, maxDefaultRows) : Number.POSITIVE_INFINITY;
}
