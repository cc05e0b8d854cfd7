/** Writes JSON on one line: bigints as numbers, NaN and the infinities, which JSON does not have, as text. */
export function formatJson(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number" && !Number.isFinite(value)) return JSON.stringify(String(value));
  if (Array.isArray(value)) return `[${value.map(formatJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${formatJson(field)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}
