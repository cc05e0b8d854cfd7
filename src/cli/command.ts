import type { EventEmitter } from "node:events";
import type { Readable, Writable } from "node:stream";
import { type OptionTable, type OptionValues, type Positional, parseArguments, resolveOptions } from "./arguments.ts";

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
  /** Whether each option can also be set by its environment variable. */
  readonly readsEnvironment: boolean;
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

/**
 * A command from its description and its work. `environment` reads the options that the environment sets; absent: the command takes
 * none from there.
 */
export function defineCommand<const T extends OptionTable>(
  description: Omit<CommandDescription<T>, "readsEnvironment">,
  work: (args: CommandArguments<T>, context: CommandContext) => Promise<ExitCode>,
  environment?: (variables: CommandContext["environment"]) => Partial<OptionValues<T>>,
): Command {
  return {
    ...description,
    readsEnvironment: environment !== undefined,
    async run(argv, context) {
      const { positionals, given } = parseArguments(argv, description.options, description.positionals);
      const options = resolveOptions(description.options, given, environment?.(context.environment));
      return await work({ positionals, options }, context);
    },
  };
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
