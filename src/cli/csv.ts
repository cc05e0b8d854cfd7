import { UsageError } from "./arguments.ts";

/** A table of text: RFC 4180, the first record is the header. */
export interface CsvTable {
  readonly columns: readonly string[];
  /** Each as long as `columns`. */
  readonly rows: readonly (readonly string[])[];
  /** The line of the file at which each row begins, from 1; for messages. */
  readonly lines: readonly number[];
}

/**
 * Reads CSV: fields in double quotes may hold commas, line breaks and doubled quotes; lines end with LF or CRLF; a byte order mark and empty
 * lines are skipped.
 * @throws UsageError, naming the line, for a quote that is not closed or stands inside a field, or a row of another length than the header.
 */
export function parseCsv(text: string): CsvTable {
  const records = [...csvRecords(text.startsWith("\ufeff") ? text.slice(1) : text)];
  const header = records.shift();
  if (header === undefined) throw new UsageError("CSV: no header line, the file is empty");
  for (const { fields, line } of records) {
    if (fields.length !== header.fields.length) {
      throw new UsageError(`CSV line ${line}: ${fields.length} fields where the header has ${header.fields.length}`);
    }
  }
  return {
    columns: header.fields,
    rows: records.map(({ fields }) => fields),
    lines: records.map(({ line }) => line),
  };
}

/** Writes CSV with LF line ends; fields are quoted where they must be. */
export function formatCsv(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [columns, ...rows].map((fields) => `${formatRecord(fields)}\n`).join("");
}

/** One record without its line end; the same rules. */
export function formatRecord(fields: readonly string[]): string {
  if (fields.length === 1 && fields[0] === "") return '""'; // an empty line would be skipped when read
  return fields.map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(",");
}

interface CsvRecord {
  readonly fields: readonly string[];
  readonly line: number;
}

function* csvRecords(text: string): Generator<CsvRecord> {
  let position = 0;
  let line = 1;
  while (position < text.length) {
    const startLine = line;
    const fields: string[] = [];
    const start = position;
    for (;;) {
      const field = text[position] === '"' ? quotedField(text, position, line) : plainField(text, position, line);
      fields.push(field.value);
      position = field.end;
      line = field.line;
      if (text[position] !== ",") break;
      position++;
    }
    const isBlank = position === start;
    if (text[position] === "\r") position++;
    if (text[position] === "\n") position++;
    line++;
    if (!isBlank) yield { fields, line: startLine };
  }
}

interface Field {
  readonly value: string;
  /** Where the separator after the field stands. */
  readonly end: number;
  readonly line: number;
}

function plainField(text: string, start: number, line: number): Field {
  let end = start;
  while (end < text.length && !isEnd(text, end)) {
    if (text[end] === '"') throw new UsageError(`CSV line ${line}: a quote inside a field that is not quoted`);
    end++;
  }
  return { value: text.slice(start, end), end, line };
}

function quotedField(text: string, start: number, startLine: number): Field {
  let line = startLine;
  let value = "";
  let from = start + 1;
  for (;;) {
    const quote = text.indexOf('"', from);
    if (quote === -1) throw new UsageError(`CSV line ${startLine}: a quoted field that is not closed`);
    const part = text.slice(from, quote);
    line += part.split("\n").length - 1;
    value += part;
    if (text[quote + 1] !== '"') {
      if (quote + 1 < text.length && !isEnd(text, quote + 1)) {
        throw new UsageError(`CSV line ${line}: text after the closing quote of a field`);
      }
      return { value, end: quote + 1, line };
    }
    value += '"';
    from = quote + 2;
  }
}

function isEnd(text: string, position: number): boolean {
  const character = text[position];
  return character === "," || character === "\n" || (character === "\r" && text[position + 1] === "\n");
}
