import protobuf from "protobufjs/light.js";
import { InferenceError } from "../errors.ts";

/**
 * Messages to and from the JSON form that protobuf defines: field names in camel case (both are read), 64-bit integers as texts, timestamps in
 * RFC 3339. protobufjs itself writes field names as they are and timestamps as messages. Maps and bytes are not handled: no message of ours that
 * is written as JSON has them.
 */

const timestampType = ".google.protobuf.Timestamp";
const longTypes: ReadonlySet<string> = new Set(["int64", "uint64", "sint64", "fixed64", "sfixed64"]);

/** An object with the field names of the definition as its JSON form. Absent fields and empty lists are left out. */
export function toJsonForm(type: protobuf.Type, value: object): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const given = (value as Record<string, unknown>)[field.name]; // the fields of a message of this type
    if (given === undefined || given === null || (Array.isArray(given) && given.length === 0)) continue;
    if (isImplicitDefault(field, given)) continue;
    const convert = (item: unknown) => toJsonValue(field, item);
    json[camelCase(field.name)] = Array.isArray(given) ? given.map(convert) : convert(given);
  }
  return json;
}

/** A field without presence that holds its default is left out, as protobuf does. */
function isImplicitDefault(field: protobuf.Field, given: unknown): boolean {
  if (field.hasPresence) return false;
  return (
    given === 0 ||
    given === "" ||
    given === false ||
    (field.resolvedType instanceof protobuf.Enum && isFirst(field.resolvedType, given))
  );
}

function isFirst(type: protobuf.Enum, given: unknown): boolean {
  return given === type.valuesById[0];
}

function toJsonValue(field: protobuf.Field, value: unknown): unknown {
  if (field.resolvedType instanceof protobuf.Type) {
    if (field.resolvedType.fullName === timestampType) return toRfc3339(value as { seconds: number; nanos: number }); // what that message holds
    return toJsonForm(field.resolvedType, value as object); // the field's type says that it is a message
  }
  return longTypes.has(field.type) ? String(value) : value;
}

/**
 * An object for `Type.fromObject` from a JSON form.
 * @throws InferenceError "refused" for an unknown field or a value of another kind, naming its place
 */
export function fromJsonForm(type: protobuf.Type, value: unknown, place = ""): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw jsonError(place, "an object");
  const byName = new Map(
    type.fieldsArray.flatMap(
      (field) =>
        [
          [field.name, field],
          [camelCase(field.name), field],
        ] as const,
    ),
  );
  const fields: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(value)) {
    const field = byName.get(name);
    if (field === undefined)
      throw jsonError(place === "" ? name : `${place}.${name}`, `another name, ${type.name} has no such field`);
    if (given === null) continue;
    const where = place === "" ? name : `${place}.${name}`;
    if (!field.repeated) fields[field.name] = fromJsonValue(field, given, where);
    else if (!Array.isArray(given)) throw jsonError(where, "a list");
    else fields[field.name] = given.map((item, i) => fromJsonValue(field, item, `${where}[${i}]`));
  }
  return fields;
}

function fromJsonValue(field: protobuf.Field, value: unknown, place: string): unknown {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) {
    if (resolvedType.fullName === timestampType && typeof value === "string") return fromRfc3339(value, place);
    return fromJsonForm(resolvedType, value, place);
  }
  if (resolvedType instanceof protobuf.Enum) {
    if (typeof value !== "string" || !Object.hasOwn(resolvedType.values, value))
      throw jsonError(place, `one of ${Object.keys(resolvedType.values).join(", ")}`);
    return value;
  }
  if (longTypes.has(field.type)) return fromInteger(value, place);
  const expected = field.type === "string" ? "string" : field.type === "bool" ? "boolean" : "number";
  if (typeof value !== expected || (expected === "number" && !Number.isFinite(value)))
    throw jsonError(place, `a ${expected}`);
  return value;
}

function fromInteger(value: unknown, place: string): number {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number)) return number;
  throw jsonError(place, "an integer within 2^53");
}

function toRfc3339({ seconds, nanos }: { readonly seconds: number; readonly nanos: number }): string {
  return new Date(seconds * 1000 + nanos / 1e6).toISOString();
}

function fromRfc3339(text: string, place: string): object {
  const epochMs = Date.parse(text);
  if (Number.isNaN(epochMs)) throw jsonError(place, "a time in RFC 3339");
  const seconds = Math.floor(epochMs / 1000);
  return { seconds, nanos: Math.round((epochMs - seconds * 1000) * 1e6) };
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function jsonError(place: string, expected: string): InferenceError {
  return new InferenceError("refused", `the JSON form is wrong at '${place}': expected ${expected}`);
}
