/** JSON as people and programs write tensors in it. */

/** The reviver's third argument; TypeScript's library does not have it yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

const withBigIntegers: Reviver = (_key, value, { source }) =>
  typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source)
    ? BigInt(source)
    : value;

/** Parses JSON; integers beyond 2^53 become bigints, so that INT64 values stay what they are. @throws SyntaxError */
export function parseJson(text: string): unknown {
  return JSON.parse(text, withBigIntegers as (key: string, value: unknown) => unknown); // called with three arguments
}

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

/** A value as a JSON object with its fields, or undefined. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return value as Readonly<Record<string, unknown>>; // what JSON.parse makes for braces
}
