import { describeRange, environmentName, flagName } from "../config.ts";
import type { CommandOption, OptionTable } from "./arguments.ts";
import type { CommandDescription } from "./command.ts";

/** Widest line of help, columns. */
const maxColumns = 100;

/** Help for one command: usage, what it does, arguments, options by group with default, range and variable, examples. */
export function commandHelp(command: CommandDescription): string {
  const usage = ["sluice", command.name, ...command.positionals.map(({ name }) => `<${name}>`)];
  if (Object.keys(command.options).length > 0) usage.push("[options]");
  const sections = [`Usage: ${usage.join(" ")}`, ...command.description.map((paragraph) => wrap(paragraph, ""))];
  if (command.positionals.length > 0) {
    const lines = command.positionals.map(({ name, description }) => `  <${name}>\n${wrap(description, "      ")}`);
    sections.push(["Arguments:", ...lines].join("\n"));
  }
  for (const [group, options] of groups(command.options)) {
    const lines = options.map(([key, option]) => optionHelp(key, option, command.environmentKeys.includes(key)));
    sections.push([`${group}:`, ...lines].join("\n"));
  }
  if (command.examples.length > 0) {
    const lines = command.examples.map((example) => `  ${example.command}\n${wrap(example.explanation, "      ")}`);
    sections.push(["Examples:", ...lines].join("\n"));
  }
  return `${sections.join("\n\n")}\n`;
}

/** Help for sluice as a whole, from the name and summary of each command. */
export function overviewHelp(commands: readonly { readonly name: string; readonly summary: string }[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    "Usage: sluice <command> [options]",
    "",
    "Serves ONNX models over gRPC in the KServe v2 / Triton protocol, and speaks to servers that do.",
    "",
    "Commands:",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "sluice <command> --help   explains a command, with its options and examples",
    "sluice --version          prints the version",
    "",
    "Results go to standard output, progress and errors to standard error.",
    "Exit code: 0 done, 1 failed, 2 wrong use.",
    "",
  ].join("\n");
}

/** A flag as it is written; one that is on without it is there to be negated. */
export function flagText(key: string, option: CommandOption): string {
  return `--${option.kind === "boolean" && option.default ? "[no-]" : ""}${flagName(key)}`;
}

/** The default of an option as help and README write it. */
export function describeDefault(option: CommandOption): string {
  if (option.defaultText !== undefined) return option.defaultText;
  if (option.kind === "list") return option.default.length === 0 ? "none" : option.default.join(",");
  if (option.kind === "string") return option.default === "" ? "empty" : option.default;
  const text = String(option.default);
  return option.unit === "bytes" && Number(option.default) >= 1024 ? `${text} (${binarySize(Number(text))})` : text;
}

/** Bytes in the largest binary unit that leaves a whole number or at most one decimal: `64 MiB`, `1.5 KiB`. */
export function binarySize(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}

/** Options in the order of their table, collected under their groups. */
export function groups(table: OptionTable): ReadonlyMap<string, readonly (readonly [string, CommandOption])[]> {
  return Map.groupBy(Object.entries(table), ([, option]) => option.group);
}

function optionHelp(key: string, option: CommandOption, readsEnvironment: boolean): string {
  const facts = [];
  if (option.kind === "boolean") facts.push(option.default ? "default: on" : "default: off");
  else {
    if (option.kind === "integer" || option.kind === "number") facts.push(describeRange(option));
    const isSilent = option.defaultText === undefined && (option.default === "" || option.kind === "list");
    if (!isSilent) facts.push(`default: ${describeDefault(option)}`);
  }
  if (readsEnvironment) facts.push(environmentName(key));
  const title = option.kind === "boolean" ? flagText(key, option) : `--${flagName(key)} ${valueName(option)}`;
  const factLine = facts.length === 0 ? "" : `\n${wrap(`[${facts.join("; ")}]`, "      ")}`;
  return `  ${title}\n${wrap(option.description, "      ")}${factLine}`;
}

function valueName(option: CommandOption): string {
  if (option.valueName !== undefined) return option.valueName;
  if (option.kind === "choice") return option.choices.join("|");
  return (option.unit ?? (option.kind === "string" || option.kind === "list" ? "text" : option.kind)).toUpperCase();
}

/** Breaks text at spaces into lines that fit, each after an indent. */
function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line.length > indent.length && line.length + 1 + word.length > maxColumns) {
      lines.push(line);
      line = indent;
    }
    line += line.length === indent.length ? word : ` ${word}`;
  }
  return [...lines, line].join("\n");
}
