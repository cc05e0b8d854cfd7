import { ClientError } from "../client/client-error.ts";
import type { InferenceClient } from "../client/inference-client.ts";
import type { ModelIndexEntry, ModelMetadata, ModelStatistics, TensorMetadata } from "../client/model-metadata.ts";
import { formatShape } from "../tensor.ts";
import type { CommandOption } from "./arguments.ts";
import { defineCommand, write } from "./command.ts";
import { addressPositional, connectionOptions, ifOffered, jsonOption, withClient } from "./connection.ts";
import { formatJson } from "./json-text.ts";
import { renderTextTable } from "./text-table.ts";

const options = { json: jsonOption, ...connectionOptions } as const satisfies Record<string, CommandOption>;

/** What is known about one version of a model. */
interface ModelLine extends ModelIndexEntry {
  readonly metadata: ModelMetadata | undefined;
  readonly statistics: ModelStatistics | undefined;
}

/** `sluice models`: what a server has, and how much it was used. */
export const modelsCommand = defineCommand(
  {
    name: "models",
    summary: "List the models of a server with their state, tensors and counters",
    description: [
      "Asks any KServe v2 server for its repository index, and for the metadata and statistics of the models that are ready.",
      "rows: rows answered; runs: executions, fewer than rows when requests shared batches; failed: requests; queue and run: mean milliseconds of a request in the queue and in the model.",
    ],
    positionals: [addressPositional],
    options,
    examples: [{ command: "sluice models 127.0.0.1:8001", explanation: "A table of all models." }],
  },
  async ({ positionals, options: given }, context) => {
    const [address = ""] = positionals;
    const lines = await withClient(address, given.timeout, async (client) => {
      const index = await client.repositoryIndex();
      return await Promise.all(index.map((entry) => describe(client, entry)));
    });
    await write(context.stdout, given.json ? `${formatJson({ models: lines })}\n` : renderModels(lines));
    return 0;
  },
);

async function describe(client: InferenceClient, entry: ModelIndexEntry): Promise<ModelLine> {
  if (entry.state !== "READY") return { ...entry, metadata: undefined, statistics: undefined };
  const [metadata, statistics] = await Promise.all([
    ifThere(ifOffered(client.metadata(entry.name, entry.version))),
    ifThere(ifOffered(client.statistics(entry.name, entry.version))),
  ]);
  return { ...entry, metadata, statistics: statistics?.[0] };
}

/** Statuses of a version that was unloaded after the index was read. */
const goneStatuses: readonly string[] = ["NOT_FOUND", "UNAVAILABLE", "INVALID_ARGUMENT"];

/** The result; undefined where the model has gone meanwhile: the others are still worth showing. */
async function ifThere<T>(call: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ClientError && goneStatuses.includes(error.status)) return undefined;
    throw error;
  }
}

function renderModels(lines: readonly ModelLine[]): string {
  if (lines.length === 0) return "no models\n";
  return renderTextTable(
    [
      { title: "model" },
      { title: "version", align: "right" },
      { title: "state" },
      { title: "inputs" },
      { title: "outputs" },
      ...["rows", "runs", "failed", "queue ms", "run ms"].map((title) => ({ title, align: "right" }) as const),
    ],
    lines.map(({ name, version, state, reason, metadata, statistics }) => [
      name,
      version,
      reason === "" ? state : `${state}: ${reason}`,
      (metadata?.inputs ?? []).map(tensorText).join(", "),
      (metadata?.outputs ?? []).map(tensorText).join(", "),
      ...counters(statistics),
    ]),
  );
}

/** `features FP32 [-1,30]`. */
export function tensorText({ name, datatype, shape }: TensorMetadata): string {
  return `${name} ${datatype} ${formatShape(shape)}`;
}

function counters(statistics: ModelStatistics | undefined): readonly string[] {
  if (statistics === undefined) return [];
  const mean = ({ count, ns }: { readonly count: number; readonly ns: number }) =>
    count === 0 ? "-" : (ns / count / 1e6).toFixed(3);
  return [
    String(statistics.inferenceCount),
    String(statistics.executionCount),
    String(statistics.fail.count),
    mean(statistics.queue),
    mean(statistics.computeInfer),
  ];
}
