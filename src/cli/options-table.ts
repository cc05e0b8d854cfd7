import { describeRange, environmentName, type Option, serveOptions } from "../config.ts";
import { modelParameters } from "../model/model-parameters.ts";
import { describeDefault, flagText, groups } from "./help.ts";

/** Where README holds the table; everything between the two lines is generated. */
export const optionsTableMarkers = { start: "<!-- options:start -->", end: "<!-- options:end -->" } as const;

/** The options of `sluice serve` as Markdown tables, one a group; the same on every machine. Ends with a newline. */
export function renderOptionsTable(): string {
  const sections = [...groups(serveOptions)].map(([group, options]) =>
    [
      `#### ${group}`,
      "",
      "| Option | Default | Range | Meaning |",
      "|---|---|---|---|",
      ...options.map(([key, option]) => row(key, option)),
    ].join("\n"),
  );
  return `${sections.join("\n\n")}\n`;
}

function row(key: string, option: Option): string {
  const isWords = option.defaultText !== undefined || option.default === "" || option.kind === "list";
  const value = describeDefault(option);
  const cells = [
    `\`${flagText(key, option)}\`<br>\`${environmentName(key)}\``,
    isWords ? value : `\`${value}\``,
    describeRange(option),
    option.description,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** Where docs/operations.md holds the settings of one model. */
export const modelSettingsMarkers = { start: "<!-- settings:start -->", end: "<!-- settings:end -->" } as const;

/** The settings of one model in config.pbtxt as a Markdown table. Ends with a newline. */
export function renderModelSettingsTable(): string {
  const rows = Object.entries(modelParameters).map(
    ([key, { option, absent, description }]) =>
      `| \`${key}\` | ${option.kind === "list" ? "numbers" : describeRange(option)} | ${absent} | ${description} |`,
  );
  return ["| Setting | Value | When absent | Meaning |", "|---|---|---|---|", ...rows, ""].join("\n");
}
