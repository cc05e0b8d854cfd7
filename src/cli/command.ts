import type { EventEmitter } from "node:events";
import type { Readable, Writable } from "node:stream";
import { InferenceError } from "../errors.ts";
import {
  type OptionTable,
  type OptionValues,
  type Positional,
  parseArguments,
  resolveOptions,
  UsageError,
} from "./arguments.ts";

/** What a command may touch of the process it runs in; tests give their own. */
export interface CommandContext {
  readonly stdin: Readable;
  /** Results. */
  readonly stdout: Writable;
  /** Progress, logs and errors. */
  readonly stderr: Writable;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Emits SIGINT and SIGTERM. */
  readonly signals: Pick<EventEmitter, "on" | "off">;
  /** Ends the process at once. */
  exit(code: ExitCode): void;
}

/** 0 done, 1 failed, 2 wrong use. */
export type ExitCode = 0 | 1 | 2;

/** How a command is described; help is rendered from it and arguments are read by it. */
export interface CommandDescription<T extends OptionTable = OptionTable> {
  readonly name: string;
  /** What it does, in one line without a full stop. */
  readonly summary: string;
  /** Paragraphs for its own help. */
  readonly description: readonly string[];
  readonly positionals: readonly Positional[];
  readonly options: T;
  /** Options that can also be set by their environment variable. */
  readonly environmentKeys: readonly string[];
  readonly examples: readonly { readonly command: string; readonly explanation: string }[];
}

/** A command that can be run. */
export interface Command extends CommandDescription {
  /** @throws UsageError, InferenceError, ClientError. */
  run(argv: readonly string[], context: CommandContext): Promise<ExitCode>;
}

/** What a command's own code gets. */
export interface CommandArguments<T extends OptionTable> {
  readonly positionals: readonly string[];
  readonly options: OptionValues<T>;
}

/** How a command takes options from the environment. */
export interface EnvironmentOptions<T extends OptionTable> {
  readonly keys: readonly (keyof T & string)[];
  /** The options that are set. @throws InferenceError "invalid" for a variable or value that no option knows. */
  read(variables: CommandContext["environment"]): Partial<OptionValues<T>>;
}

/** A command from its description and its work; without `environment` it takes no option from there. */
export function defineCommand<const T extends OptionTable>(
  description: Omit<CommandDescription<T>, "environmentKeys">,
  work: (args: CommandArguments<T>, context: CommandContext) => Promise<ExitCode>,
  environment?: EnvironmentOptions<T>,
): Command {
  return {
    ...description,
    environmentKeys: environment?.keys ?? [],
    async run(argv, context) {
      const { positionals, given } = parseArguments(argv, description.options, description.positionals);
      const options = resolveOptions(description.options, given, readEnvironment(environment, context));
      return await work({ positionals, options }, context);
    },
  };
}

function readEnvironment<T extends OptionTable>(
  environment: EnvironmentOptions<T> | undefined,
  context: CommandContext,
): Partial<OptionValues<T>> {
  try {
    return environment?.read(context.environment) ?? {};
  } catch (error) {
    throw error instanceof InferenceError ? new UsageError(error.message, { cause: error }) : error;
  }
}

/** Writes and waits until the stream has taken it; a reader that went away is no error of ours. */
export async function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  if (!stream.writable) return;
  await new Promise<void>((resolve, reject) => {
    stream.write(data, (error) => {
      if (error === null || error === undefined || isBrokenPipe(error)) resolve();
      else reject(error);
    });
  });
}

/** Whether an error says that the reader of our output went away, as `| head` does. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED");
}
