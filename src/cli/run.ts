import { ClientError } from "../client/client-error.ts";
import { nearest } from "../config.ts";
import { InferenceError } from "../errors.ts";
import { packageVersion } from "../version.ts";
import { asksForHelp, UsageError } from "./arguments.ts";
import { type Command, type CommandContext, type ExitCode, write } from "./command.ts";
import { commandHelp, overviewHelp } from "./help.ts";

/** Every command by its name. Loaded when asked for, so that help does not wait for the server's code. */
const commands: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ["serve", async () => (await import("./serve.ts")).serveCommand],
  ["infer", async () => (await import("./infer.ts")).inferCommand],
  ["stream", async () => (await import("./stream.ts")).streamCommand],
  ["outcomes", async () => (await import("./outcomes.ts")).outcomesCommand],
  ["payloads", async () => (await import("./payloads.ts")).payloadsCommand],
  ["profile", async () => (await import("./profile.ts")).profileCommand],
  ["report", async () => (await import("./report.ts")).reportCommand],
  ["models", async () => (await import("./models.ts")).modelsCommand],
  ["inspect", async () => (await import("./inspect.ts")).inspectCommand],
  ["health", async () => (await import("./health.ts")).healthCommand],
]);

/**
 * Runs a command line (without the program's name) and says how it ended. Never throws: what went wrong stands on standard error, in a
 * sentence where it is the user's doing, with a stack where it is a bug of ours.
 */
export async function run(argv: readonly string[], context: CommandContext): Promise<ExitCode> {
  const [name = "", ...rest] = argv;
  try {
    if (name === "--version" || name === "-v") {
      await write(context.stdout, `${packageVersion()}\n`);
      return 0;
    }
    if (name === "" || name === "--help" || name === "-h" || name === "help") return await help(rest[0], name, context);
    const command = await findCommand(name);
    if (asksForHelp(rest)) {
      await write(context.stdout, commandHelp(command));
      return 0;
    }
    return await command.run(rest, context);
  } catch (error) {
    return await report(error, name, context);
  }
}

/** `sluice help [command]`, and `sluice` alone, which is wrong use. */
async function help(command: string | undefined, name: string, context: CommandContext): Promise<ExitCode> {
  if (name === "help" && command !== undefined) {
    await write(context.stdout, commandHelp(await findCommand(command)));
    return 0;
  }
  const all = await Promise.all([...commands.values()].map((load) => load()));
  await write(name === "" ? context.stderr : context.stdout, overviewHelp(all));
  return name === "" ? 2 : 0;
}

async function findCommand(name: string): Promise<Command> {
  const load = commands.get(name);
  if (load !== undefined) return await load();
  const near = nearest(name, [...commands.keys()]);
  const kind = name.startsWith("-") ? "option" : "command";
  throw new UsageError(
    `unknown ${kind} '${name}'${near === undefined ? "" : `, did you mean '${near}'?`} (the commands are ${[...commands.keys()].join(", ")})`,
  );
}

async function report(error: unknown, name: string, context: CommandContext): Promise<ExitCode> {
  const command = commands.has(name) ? `sluice ${name}` : "sluice";
  if (error instanceof UsageError) {
    await write(context.stderr, `${command}: ${error.message}\nTry '${command} --help'.\n`);
    return 2;
  }
  await write(context.stderr, `${command}: ${describe(error)}\n`);
  return 1;
}

function describe(error: unknown): string {
  if (error instanceof ClientError) return `${error.status}: ${error.message.replace(/\s*Resolution note:\s*$/, "")}`;
  if (error instanceof InferenceError && error.reason !== "internal") return error.message;
  if (isSystemError(error)) return error.message;
  const bug = error instanceof InferenceError && error.cause !== undefined ? error.cause : error;
  return `internal error, please report it:\n${bug instanceof Error ? bug.stack : String(bug)}`;
}

/** An error of the operating system, such as a file that does not exist: its message says what and where. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error && "code" in error;
}
