/** Writes CSV with LF line ends; fields are quoted where they must be. */
export function formatCsv(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [columns, ...rows].map((fields) => `${formatRecord(fields)}\n`).join("");
}

/** One record without its line end; the same rules. */
export function formatRecord(fields: readonly string[]): string {
  if (fields.length === 1 && fields[0] === "") return '""'; // an empty line would be skipped when read
  return fields.map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(",");
}
