import { writeFile } from "node:fs/promises";
import type { ModelMetadata } from "../client/model-metadata.ts";
import { encodeProfile, profileText } from "../model/reference-profile.ts";
import { datatypes, isDatatype } from "../tensor.ts";
import { type Table, tableFormats } from "../training/table.ts";
import { openTable } from "../training/table-file.ts";
import { type CommandOption, type OptionValues, UsageError } from "./arguments.ts";
import { chooseRowsPerMessage } from "./bulk/bulk-messages.ts";
import { planColumns, resolveNames } from "./bulk/column-choice.ts";
import { type CommandContext, defineCommand, type ExitCode, write } from "./command.ts";
import { connectionOptions, jsonOption } from "./connection.ts";
import { tuneHeapGrowth } from "./heap-growth.ts";
import type { InputPlan } from "./input-plan.ts";
import { formatJson } from "./json-text.ts";
import { type OutputMeaning, outputMeaning } from "./profile/output-meaning.ts";
import { openProfiledModel, type ProfiledModelAccess } from "./profile/profiled-model.ts";
import { answeredRows } from "./profile/row-answers.ts";
import { type FinishedProfile, TableProfiler } from "./profile/table-profiler.ts";

const options = {
  target: {
    kind: "string",
    default: "",
    valueName: "COLUMN",
    group: "Input and output",
    description: "Column with the truth; it is no input of the model.",
  },
  ignore: {
    kind: "list",
    default: [],
    valueName: "COLUMN,...",
    group: "Input and output",
    description: "Columns that are no input of the model either; repeatable.",
  },
  inputFormat: {
    kind: "choice",
    choices: ["auto", ...tableFormats],
    default: "auto",
    group: "Input and output",
    description: "Form of the table; auto goes by its content.",
  },
  out: {
    kind: "string",
    default: "-",
    valueName: "FILE",
    group: "Input and output",
    description:
      "Where the profile goes: in JSON where the name ends in .json, else in binary form; - is standard output, in JSON.",
  },
  json: { ...jsonOption, description: "Print what was done as one line of JSON." },
  model: {
    kind: "string",
    default: "",
    valueName: "FILE_OR_ADDRESS",
    group: "Models",
    description:
      "Model that is asked about every row, so that outputs, scores and, with --target, calibration and expected metrics get into the profile: an .onnx file, a model's folder, or host:port/name.",
  },
  modelName: {
    kind: "string",
    default: "",
    valueName: "NAME",
    group: "Models",
    description:
      "Name of the model that the profile is for; a model of another name refuses it. Without it: that of --model, where that is a folder or on a server.",
  },
  labels: {
    kind: "list",
    default: [],
    valueName: "LABEL,...",
    group: "Models",
    description: "Class labels in the order of their index, where the model does not give them; repeatable.",
  },
  tensor: {
    kind: "string",
    default: "features",
    valueName: "NAME",
    group: "Models",
    description:
      "Without --model: the input that takes all columns, where all of them are numbers. Otherwise each column is an input of its name.",
  },
  datatype: {
    kind: "choice",
    choices: datatypes.filter((datatype) => datatype !== "BYTES"),
    default: "FP32",
    group: "Models",
    description: "Without --model: what the inputs take numbers as.",
  },
  bins: {
    kind: "integer",
    default: 10,
    min: 2,
    max: 50,
    unit: "bins",
    group: "Input and output",
    description: "Bins of a number, of equal mass; numbers with at most 20 different values have one for each.",
  },
  categorical: {
    kind: "list",
    default: [],
    valueName: "COLUMN,...",
    group: "Input and output",
    description: "Columns whose numbers are categories; repeatable.",
  },
  timeout: connectionOptions.timeout,
} as const satisfies Record<string, CommandOption>;

type ProfileOptions = OptionValues<typeof options>;

/** `sluice profile`: what the data of a model looks like. */
export const profileCommand = defineCommand(
  {
    name: "profile",
    summary: "Describe the data of a model, so that the monitor can tell when it drifts",
    description: [
      "Reads a table, CSV with a header, JSON Lines, NPY or Parquet, once and in bounded memory, and writes its reference profile: the distribution of every column, how whole rows lie and, with --model, those of the answers.",
      "Saved as reference_profile.pb or reference_profile.json beside a model, in its folder or in that of the version, the monitor compares with it. Take rows that the model was not trained on, as many as can be had, and like those that it will be asked about.",
      "The same table gives the same profile, to the byte.",
    ],
    positionals: [{ name: "table", description: "The table; - is standard input, for CSV and JSON Lines." }],
    options,
    examples: [
      {
        command:
          "sluice profile examples/data/digits.csv --target target --model examples/repository/digits --out examples/repository/digits/reference_profile.pb",
        explanation: "The data, the answers and how good they are.",
      },
      {
        command: "sluice profile table.parquet --target price --out profile.json",
        explanation: "The columns alone, in a form that people can read.",
      },
    ],
  },
  async ({ positionals: [path = ""], options: given }, context) => {
    tuneHeapGrowth();
    const table = await openTable(path, context.stdin, given.inputFormat === "auto" ? undefined : given.inputFormat);
    const model = given.model === "" ? undefined : await openProfiledModel(given.model, given.timeout * 1000);
    try {
      const finished = await profile(table, model, given);
      return await tell(finished, given, context);
    } finally {
      await model?.close();
    }
  },
);

async function profile(
  table: Table,
  model: ProfiledModelAccess | undefined,
  given: ProfileOptions,
): Promise<FinishedProfile> {
  const target = targetOf(table, given.target);
  const metadata = model?.metadata ?? tableMetadata(table, given);
  const keep = target === undefined ? [] : [given.target];
  const ignore = [...resolveNames(given.ignore, table), ...keep];
  const { plan } = planColumns(table, metadata, { ignore, keep: [], keepsText: false });
  const keptColumns = target === undefined ? [] : [target];
  const job = {
    table,
    plan,
    model: metadata.name,
    outputs: [],
    predictions: { predictionIds: false, predictionTokens: false },
    keptColumns,
    rowsPerMessage: chooseRowsPerMessage(plan, table, model?.maxRows ?? Number.MAX_SAFE_INTEGER),
  };
  const profiler = new TableProfiler({
    modelName: given.modelName || (model?.name ?? ""),
    columnNames: columnNames(plan, table),
    meaning: meaningOf(model, given),
    categorical: new Set(checkedNames(given.categorical, table)),
    bins: given.bins,
  });
  for await (const rows of answeredRows(job, model?.client)) profiler.add(rows);
  const finished = profiler.finish();
  if (finished.profile.row_count === 0) throw new UsageError(`${table.name} has no rows`);
  return finished;
}

/** The target as it is to be read: numbers as numbers, anything else as text. */
function targetOf(table: Table, name: string) {
  if (name === "") return undefined;
  const index = table.columns.findIndex((column) => column.name === name);
  const column = table.columns[index];
  if (column !== undefined) return { index, column };
  throw new UsageError(
    `--target '${name}': no such column, the table has ${table.columns.map((known) => known.name).join(", ")}`,
  );
}

function checkedNames(given: readonly string[], table: Table): readonly string[] {
  const names = resolveNames(given, table);
  const unknown = names.find((name) => !table.columns.some((column) => column.name === name));
  if (unknown === undefined) return names;
  throw new UsageError(
    `--categorical '${unknown}': no such column, the table has ${table.columns.map(({ name }) => name).join(", ")}`,
  );
}

function meaningOf(model: ProfiledModelAccess | undefined, given: ProfileOptions): OutputMeaning {
  const labels = given.labels.flatMap((text) => text.split(","));
  if (model !== undefined) return outputMeaning(model.metadata, labels, model.labels);
  return { task: "unknown", label: undefined, scores: undefined, value: undefined, labels };
}

/** The inputs of a model that takes the table as `sluice train` would have it: all numbers as one input, else each column as its own. */
function tableMetadata(table: Table, { target, ignore, tensor, datatype }: ProfileOptions): ModelMetadata {
  const left = new Set([target, ...resolveNames(ignore, table)]);
  const used = table.columns.filter(({ name }) => !left.has(name));
  const isNumeric = used.every((column) => column.datatype !== "BYTES");
  const width = used.reduce((sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1), 0);
  const [only] = used;
  const inputs =
    isNumeric || (used.length === 1 && only?.name === "")
      ? [{ name: tensor, datatype: isNumeric ? datatype : "BYTES", shape: [-1, width] }]
      : used.map((column) => ({
          name: column.name,
          datatype: isDatatype(column.datatype) && column.datatype !== "BYTES" ? datatype : column.datatype,
          shape: [-1, ...(column.shape.length === 0 ? [1] : column.shape)],
        }));
  return { name: "table", versions: [], platform: "", inputs, outputs: [] };
}

/** Names of the columns of each input, where the table names single values. */
function columnNames({ inputs }: InputPlan, table: Table): ReadonlyMap<string, readonly string[]> {
  return new Map(
    inputs.flatMap(({ name, group }) => {
      const columns = group.columns.map((index) => table.columns[index]);
      const isNamed = columns.every(
        (column) => column !== undefined && column.name !== "" && column.shape.length === 0,
      );
      return isNamed ? [[name, columns.map((column) => column?.name ?? "")] as const] : [];
    }),
  );
}

async function tell(
  { profile: made, notes }: FinishedProfile,
  given: ProfileOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { out } = given;
  if (out === "-") await write(context.stdout, profileText(made));
  else await writeFile(out, out.endsWith(".json") ? profileText(made) : encodeProfile(made));
  for (const note of notes) await write(context.stderr, `${note}\n`);
  const calibrated = made.calibrations.length;
  if (given.json && out !== "-") {
    const summary = { file: out, rows: made.row_count, signals: made.signals.length, calibrations: calibrated, notes };
    await write(context.stdout, `${formatJson(summary)}\n`);
  } else if (out !== "-") {
    await write(context.stderr, `${out}: ${made.row_count} rows, ${made.signals.length} signals\n`);
  }
  return 0;
}
