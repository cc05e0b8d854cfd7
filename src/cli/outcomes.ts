import { ClientError } from "../client/client-error.ts";
import type { InferenceClient } from "../client/inference-client.ts";
import { InferenceError } from "../errors.ts";
import type { Outcome, OutcomeResult } from "../outcome.ts";
import type { Table } from "../training/table.ts";
import { openTable } from "../training/table-file.ts";
import type { CommandOption, OptionValues } from "./arguments.ts";
import { ProgressDisplay } from "./bulk/progress-display.ts";
import { type CommandContext, defineCommand, type ExitCode, write } from "./command.ts";
import { addressPositional, connectionOptions, jsonOption, withClients } from "./connection.ts";
import { formatJson } from "./json-text.ts";
import { type OutcomePlan, planOutcomes, readOutcomes } from "./outcomes/outcome-table.ts";
import { OutcomeTally } from "./outcomes/outcome-tally.ts";
import { truthReader, type WatchedModel } from "./outcomes/truth-reading.ts";
import { tableInputOptions } from "./table-input.ts";

/** Outcomes of one call: enough that calls cost little beside them, few enough that progress is seen. */
const outcomesPerCall = 1_000;

const options = {
  ...tableInputOptions,
  truth: {
    kind: "string",
    default: "truth",
    valueName: "COLUMN",
    group: "Input and output",
    description: "Column with the truth; for a model that predicts several numbers COLUMN_0, COLUMN_1, ...",
  },
  truthKind: {
    kind: "choice",
    choices: ["auto", "label", "class", "value"],
    default: "auto",
    group: "Input and output",
    description:
      "What the truth is: a class by its label, a class by its index from 0, or a number. auto asks the server what the model predicts.",
  },
  json: jsonOption,
  modelVersion: {
    kind: "string",
    default: "",
    valueName: "VERSION",
    group: "Request",
    description: "Version that predicted, where an id was given to several. Without it: whichever did.",
  },
  correction: {
    kind: "boolean",
    default: false,
    group: "Request",
    description: "Put these truths in the place of those that were reported before.",
  },
  ...connectionOptions,
} as const satisfies Record<string, CommandOption>;

type OutcomesOptions = OptionValues<typeof options>;

/** `sluice outcomes`: reports what turned out to be true. */
export const outcomesCommand = defineCommand(
  {
    name: "outcomes",
    summary: "Report what turned out to be true of earlier predictions",
    description: [
      "Reads a table of outcomes and reports them to the server that predicted, which works out from them how good the model is. Prints how many counted, and why others did not.",
      "Columns: `prediction_id` and, where a request had several rows, `row`; or `prediction_token`, in base64; and `truth`. `sluice stream --prediction-ids` and `--prediction-tokens` write them. A column `weight` says how much an outcome counts, `observed_at` (ISO 8601 or epoch seconds) when it turned out.",
      "Several addresses: an outcome whose prediction the first server does not know is reported to the next one.",
      "Reporting a table twice is safe: what counted already is a duplicate. Of tokens a server remembers the last 65,536 of a model version, until it is started or the model is loaded again. Exit code 1: some outcomes do not count, or the report was not completed.",
    ],
    positionals: [
      {
        name: "address,...",
        description: `${addressPositional.description} Several with commas between: those that shared the predictions.`,
      },
      { name: "model", description: "Name of the model that predicted." },
    ],
    options,
    examples: [
      {
        command: "sluice outcomes 127.0.0.1:8001 breast_cancer --input outcomes.csv",
        explanation: "Reports every row of a table with the columns prediction_id, row and truth.",
      },
      {
        command: "sluice outcomes 127.0.0.1:8001 digits --input late.parquet --truth digit --correction --json",
        explanation: "Corrects truths, which stand in the column `digit`; prints the counts as JSON.",
      },
    ],
  },
  async ({ positionals, options: given }, context) => {
    const [address = "", model = ""] = positionals;
    const format = given.inputFormat === "auto" ? undefined : given.inputFormat;
    const table = await openTable(given.input, context.stdin, format);
    const plan = planOutcomes(table, given.truth);
    return await withClients(address.split(","), given.timeout, (clients) =>
      report({ clients, model, table, plan }, given, context),
    );
  },
);

/** Of a model on no server at all. */
const noClasses: WatchedModel = { isRegression: false, labels: [] };

interface ReportJob {
  /** One for each server. */
  readonly clients: readonly InferenceClient[];
  readonly model: string;
  readonly table: Table;
  readonly plan: OutcomePlan;
}

async function report(job: ReportJob, given: OutcomesOptions, context: CommandContext): Promise<ExitCode> {
  const ask = (client: InferenceClient) => watchedModel(client, job.model, given.modelVersion);
  const [watched = noClasses] = await Promise.all(job.clients.map(ask));
  const tally = new OutcomeTally();
  const startMs = performance.now();
  let doneBytes = 0;
  const display = new ProgressDisplay(context.stderr, () => ({
    rows: tally.rows,
    earlierRows: 0,
    skippedRows: tally.unsettled,
    share: shareOf(job.table, tally.rows, doneBytes),
    earlierShare: 0,
    elapsedMs: performance.now() - startMs,
  }));
  try {
    const reading = {
      modelName: job.model,
      modelVersion: given.modelVersion,
      isCorrection: given.correction,
      readTruth: truthReader(watched, given.truthKind),
      rowsPerBatch: outcomesPerCall,
    };
    for await (const { firstRow, outcomes, endByte } of readOutcomes(job.table, job.plan, reading)) {
      tally.add(firstRow, await reportToAll(job.clients, outcomes));
      doneBytes = endByte;
    }
  } catch (error) {
    await write(
      context.stderr,
      `${tally.rows} outcomes were reported before this; when the table is reported again they are duplicates, as long as the server remembers them\n`,
    );
    throw error;
  } finally {
    display.stop();
  }
  await write(context.stdout, given.json ? `${formatJson(tally.json)}\n` : tally.text);
  return tally.unsettled === 0 ? 0 : 1;
}

/** Reports to one server after the other what those before do not know. */
async function reportToAll(
  clients: readonly InferenceClient[],
  outcomes: readonly Outcome[],
): Promise<readonly OutcomeResult[]> {
  const results: OutcomeResult[] = [];
  let open = outcomes.map((outcome, index) => ({ outcome, index }));
  for (const client of clients) {
    const found = await client.reportOutcomes(open.map(({ outcome }) => outcome));
    for (const [i, { index }] of open.entries()) results[index] = found[i] ?? results[index] ?? nothingSaid;
    open = open.filter((_, i) => isElsewhere(found[i]));
    if (open.length === 0) break;
  }
  return results;
}

const nothingSaid: OutcomeResult = { status: "UNSPECIFIED", message: "" };

/** Another server may know the prediction. */
function isElsewhere(result: OutcomeResult | undefined): boolean {
  return result?.status === "FOREIGN" || result?.status === "UNKNOWN";
}

/**
 * What the model predicts.
 * @throws InferenceError when the model's outcomes are not taken
 */
async function watchedModel(client: InferenceClient, name: string, version: string): Promise<WatchedModel> {
  const { models } = await client.monitorReport(name, version, { summary: true }).catch((error: unknown) => {
    if (!(error instanceof ClientError) || error.status !== "UNIMPLEMENTED") throw error;
    throw new InferenceError(
      "unsupported",
      "the server takes no outcomes: it is none of sluice, or its monitor is switched off",
      { cause: error },
    );
  });
  if (models.length === 0) {
    throw new InferenceError(
      "not_found",
      `model '${name}'${version === "" ? "" : ` version ${version}`} is not loaded on this server`,
    );
  }
  const watched = models.find(({ quality }) => (quality?.task ?? "") !== "");
  if (watched?.quality === undefined) {
    const why = models[0]?.quality?.note ?? "";
    throw new InferenceError(
      "unsupported",
      `the quality of model '${name}' is not watched${why === "" ? "" : `: ${why}`}`,
    );
  }
  return { isRegression: watched.quality.task === "regression", labels: watched.quality.labels };
}

function shareOf({ rowCount, byteLength }: Table, rows: number, bytes: number): number | undefined {
  const [done, all] = rowCount === undefined ? [bytes, byteLength] : [rows, rowCount];
  return all === undefined || all === 0 ? undefined : Math.min(1, done / all);
}
