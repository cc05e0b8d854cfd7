import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { formatOfName } from "../training/table-file.ts";
import { type CommandOption, type OptionValues, UsageError } from "./arguments.ts";
import { createEncoder } from "./bulk/encoders.ts";
import type { TableEncoder } from "./bulk/table-encoder.ts";
import { type CommandContext, defineCommand, write } from "./command.ts";
import { findPayloadFiles, payloadLines } from "./payloads/payload-files.ts";
import { type LeftOutReason, leftOutReasons, PayloadRows } from "./payloads/payload-rows.ts";

const formats = ["csv", "jsonl", "parquet"] as const;

const options = {
  output: {
    kind: "string",
    default: "-",
    valueName: "FILE",
    group: "Input and output",
    description: "Where the table goes; - is standard output.",
  },
  format: {
    kind: "choice",
    choices: ["auto", ...formats],
    default: "auto",
    group: "Input and output",
    description: "Form of the table; auto goes by the name of the file, else it is CSV.",
  },
  modelName: {
    kind: "string",
    default: "",
    valueName: "NAME",
    group: "Input and output",
    description: "Only requests of this model. Needed where the log has several.",
  },
  tensor: {
    kind: "list",
    default: [],
    valueName: "NAME,...",
    group: "Input and output",
    description: "Inputs and outputs to write, in this order; repeatable. Without it: all that are not redacted.",
  },
  keys: {
    kind: "boolean",
    default: true,
    group: "Input and output",
    description: "Write time, id, prediction_id and row in front of the values.",
  },
} as const satisfies Record<string, CommandOption>;

type PayloadsOptions = OptionValues<typeof options>;

/** `sluice payloads`: the rows of a payload log as a table. */
export const payloadsCommand = defineCommand(
  {
    name: "payloads",
    summary: "Make a table of the rows in a server's payload log",
    description: [
      "Reads the payload log of a server, a file or the folder of all of them, and writes a row for each row of each request: CSV, JSON Lines or Parquet, in bounded memory.",
      "Inputs and outputs are columns, as `sluice stream` writes them. Requests that failed, whose tensors were cut or redacted, or that have another form than the first one are left out and counted. Redacted columns are NaN, or empty.",
    ],
    positionals: [{ name: "log", description: "A file of the log, or the folder of --payload-log-folder." }],
    options,
    examples: [
      {
        command: "sluice payloads /var/log/payloads --model-name digits --output digits.parquet",
        explanation: "Every row of a model, with its answer.",
      },
      {
        command:
          "sluice payloads /var/log/payloads --model-name digits --tensor image --no-keys | sluice profile - --out reference_profile.json",
        explanation: "A reference profile of what was asked.",
      },
    ],
  },
  async ({ positionals: [path = ""], options: given }, context) => {
    const files = await findPayloadFiles(path);
    const told = await convert(files, given, context);
    const left = leftOutReasons.filter((reason) => told.leftOut[reason] > 0);
    const reasons = left.map((reason) => `${told.leftOut[reason]} ${reason}`).join(", ");
    const rest = reasons === "" ? "" : `; requests left out: ${reasons}`;
    await write(context.stderr, `${told.rows} rows of ${told.requests} requests${rest}\n`);
    return told.rows > 0 ? 0 : 1;
  },
);

/** What became of the requests of a log. */
interface Told {
  rows: number;
  requests: number;
  readonly leftOut: Record<LeftOutReason, number>;
}

async function convert(files: readonly string[], given: PayloadsOptions, context: CommandContext): Promise<Told> {
  const format = given.format === "auto" ? (formatOfName(given.output) ?? "csv") : given.format;
  const rows = new PayloadRows({ tensors: given.tensor, hasKeys: given.keys });
  const told: Told = { rows: 0, requests: 0, leftOut: { broken: 0, failed: 0, cut: 0, redacted: 0, different: 0 } };
  const choice = new ModelChoice(given.modelName);
  const sink = openSink(given.output, context);
  let encoder: TableEncoder | undefined;
  try {
    for (const file of files) {
      for await (const line of payloadLines(file)) {
        if (line !== undefined && !choice.isChosen(line.model)) continue;
        told.requests++;
        const found = line === undefined ? "broken" : rows.rowsOf(line);
        if (typeof found === "string") {
          told.leftOut[found]++;
          continue;
        }
        if (encoder === undefined) {
          encoder = createEncoder(format, rows.columns ?? [], []);
          await sink.write(encoder.begin());
        }
        await sink.write(encoder.add(found));
        told.rows += found.rowCount;
      }
    }
    if (encoder === undefined) await sink.abandon();
    else {
      await sink.write(encoder.end());
      await sink.end();
    }
  } catch (error) {
    await sink.abandon();
    throw error;
  }
  return told;
}

/** One table is about one model. */
class ModelChoice {
  readonly #wanted: string;
  #found: unknown;

  /** @param wanted empty: the only one */
  constructor(wanted: string) {
    this.#wanted = wanted;
  }

  /** @throws UsageError for a second model where none is named */
  isChosen(model: unknown): boolean {
    if (this.#wanted !== "") return model === this.#wanted;
    this.#found ??= model;
    if (model === this.#found) return true;
    throw new UsageError(`the log has requests of '${this.#found}' and of '${model}': choose one with --model-name`);
  }
}

/** Where the table goes: a file gets its name when it is complete. */
interface Sink {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
  abandon(): Promise<void>;
}

function openSink(output: string, context: CommandContext): Sink {
  if (output === "-") {
    return { write: (bytes) => write(context.stdout, bytes), end: async () => {}, abandon: async () => {} };
  }
  const partial = `${output}.partial`;
  const file: Writable = createWriteStream(partial, { mode: 0o600 }); // as closed to others as the log itself
  const done = finished(file);
  done.catch(() => {}); // also told to whoever writes
  return {
    write: (bytes) => write(file, bytes),
    async end() {
      file.end();
      await done;
      await rename(partial, output);
    },
    async abandon() {
      file.destroy();
      await rm(partial, { force: true });
    },
  };
}
