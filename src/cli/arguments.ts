import { flagName, nearest, type Option, parseOption, type ValueOf } from "../config.ts";
import { InferenceError } from "../errors.ts";

/** Wrong use of the command line: exit code 2. The message names the argument, what is allowed and, for a misspelling, the nearest known one. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** An option of a command: an entry of an option table, and how help writes its value (`FILE`). */
export type CommandOption = Option & { readonly valueName?: string };

/** Options by the name of their field; `batchSize` is the flag `--batch-size`. */
export type OptionTable = Readonly<Record<string, CommandOption>>;

/** The value of every option of a table. */
export type OptionValues<T extends OptionTable> = { readonly [K in keyof T]: ValueOf<T[K]> };

/** An argument without a flag. All are required, in order. */
export interface Positional {
  readonly name: string;
  readonly description: string;
}

/** What stood on the command line. */
export interface ParsedArguments<T extends OptionTable> {
  /** As many as were declared. */
  readonly positionals: readonly string[];
  /** Only the options that were given. */
  readonly given: Partial<OptionValues<T>>;
}

/** Whether a command line asks for help instead of work; what follows `--` does not. */
export function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return (end === -1 ? argv : argv.slice(0, end)).some((argument) => argument === "--help" || argument === "-h");
}

/**
 * Reads `--flag value`, `--flag=value`, `--flag` and `--no-flag` for booleans, flags repeated for lists (for others the last one counts),
 * and the positionals in between; `--` ends the flags and a lone `-` is a positional.
 * @throws UsageError for an unknown flag, a missing or unusable value, a missing or surplus positional.
 */
export function parseArguments<T extends OptionTable>(
  argv: readonly string[],
  table: T,
  positionals: readonly Positional[],
): ParsedArguments<T> {
  const byFlag = new Map(Object.keys(table).map((key) => [flagName(key), key]));
  const given = new Map<string, unknown>();
  const found: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    if (argument === "--") {
      found.push(...argv.slice(i + 1));
      break;
    }
    if (!argument.startsWith("-") || argument === "-") {
      found.push(argument);
      continue;
    }
    const { key, option, isNegated, inlineValue } = readFlag(argument, table, byFlag);
    const flag = `--${flagName(key)}`;
    if (option.kind === "boolean") {
      given.set(key, inlineValue === undefined ? !isNegated : parseValue(option, inlineValue, flag));
      continue;
    }
    const text = inlineValue ?? argv[++i];
    if (text === undefined) throw new UsageError(`${flag} needs a value`);
    const earlier = given.get(key);
    if (option.kind === "list") given.set(key, [...(Array.isArray(earlier) ? earlier : []), text]);
    else given.set(key, parseValue(option, text, flag));
  }
  checkPositionals(found, positionals);
  return { positionals: found, given: Object.fromEntries(given) as Partial<OptionValues<T>> }; // each value was parsed by its option
}

/** Every option of a table with its value: the flag, else what the environment says, else the default. */
export function resolveOptions<T extends OptionTable>(
  table: T,
  given: Partial<OptionValues<T>>,
  fromEnvironment: Partial<OptionValues<T>> = {},
): OptionValues<T> {
  const defaults = Object.fromEntries(Object.entries(table).map(([key, option]) => [key, option.default]));
  return { ...defaults, ...fromEnvironment, ...given } as OptionValues<T>; // the defaults have every key of the table
}

interface Flag {
  readonly key: string;
  readonly option: CommandOption;
  readonly isNegated: boolean;
  readonly inlineValue: string | undefined;
}

function readFlag(argument: string, table: OptionTable, byFlag: ReadonlyMap<string, string>): Flag {
  const equals = argument.indexOf("=");
  const name = (equals === -1 ? argument : argument.slice(0, equals)).replace(/^--?/, "");
  const inlineValue = equals === -1 ? undefined : argument.slice(equals + 1);
  const positiveName = name.startsWith("no-") ? name.slice(3) : undefined;
  if (argument.startsWith("--")) {
    const direct = find(name, table, byFlag);
    if (direct !== undefined) return { ...direct, isNegated: false, inlineValue };
    const negated = positiveName === undefined ? undefined : find(positiveName, table, byFlag);
    if (negated?.option.kind === "boolean" && inlineValue === undefined) {
      return { ...negated, isNegated: true, inlineValue };
    }
  }
  const near = nearest(name, [...byFlag.keys(), "help"]);
  throw new UsageError(`unknown option '${argument}'${near === undefined ? "" : `, did you mean '--${near}'?`}`);
}

function find(
  name: string,
  table: OptionTable,
  byFlag: ReadonlyMap<string, string>,
): { readonly key: string; readonly option: CommandOption } | undefined {
  const key = byFlag.get(name);
  const option = key === undefined ? undefined : table[key];
  return key === undefined || option === undefined ? undefined : { key, option };
}

function parseValue(option: CommandOption, text: string, flag: string): unknown {
  try {
    return parseOption(option, text, flag);
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    const near = option.kind === "choice" ? nearest(text, option.choices) : undefined;
    throw new UsageError(`${error.message}${near === undefined ? "" : `; did you mean '${near}'?`}`, { cause: error });
  }
}

function checkPositionals(found: readonly string[], declared: readonly Positional[]): void {
  const missing = declared[found.length];
  if (missing !== undefined) throw new UsageError(`missing argument <${missing.name}>: ${missing.description}`);
  if (found.length > declared.length) {
    const expected = declared.map(({ name }) => `<${name}>`).join(" ");
    throw new UsageError(
      `unexpected argument '${found[declared.length]}', expected ${expected === "" ? "options only" : `${expected} and options`}`,
    );
  }
}
