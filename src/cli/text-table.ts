import { stripVTControlCharacters } from "node:util";

/** How a column of a text table is set. */
export interface TextColumn {
  readonly title: string;
  /** Absent: left. */
  readonly align?: "left" | "right";
}

/** Columns of text with a title line, two spaces apart, no trailing spaces; ends with a newline. Colours of a terminal take no room. */
export function renderTextTable(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) =>
    rows.reduce((width, row) => Math.max(width, length(row[i])), length(title)),
  );
  const render = (cells: readonly (string | undefined)[]) =>
    columns
      .map(({ align }, i) => pad(cells[i] ?? "", widths[i] ?? 0, align ?? "left"))
      .join("  ")
      .trimEnd();
  return [render(columns.map(({ title }) => title)), ...rows.map(render)].map((line) => `${line}\n`).join("");
}

function length(text: string | undefined): number {
  return [...stripVTControlCharacters(text ?? "")].length;
}

function pad(text: string, width: number, align: "left" | "right"): string {
  const space = " ".repeat(Math.max(0, width - length(text)));
  return align === "right" ? space + text : text + space;
}
