import protobuf from "protobufjs/light.js";
import { nearest } from "../config.ts";
import { InferenceError } from "../errors.ts";

/** Bounds of protobuf's integer types, 64-bit ones cut to what a number holds exactly. */
const integerBounds: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
};

/** Deepest nesting of messages in a configuration; the definition itself needs five. */
const maxConfigDepth = 32;

/**
 * Turns a decoded message, or JSON in protobuf's mapping, into plain data with the field names of the .proto file, enums as their names and
 * integers as numbers. A field that was not there is not there afterwards; a key `__proto__` of a map is an ordinary key.
 *
 * @param path Where the value stands, for messages: `input[0]`; empty for the whole.
 * @throws InferenceError "refused" for an unknown field (suggesting the nearest known one) or a value of another type.
 */
export function plainMessage(type: protobuf.Type, value: unknown, path: string, depth = 0): Record<string, unknown> {
  if (!isObject(value)) return refuse(path, value, "an object");
  if (depth > maxConfigDepth) throw new InferenceError("refused", `${path}: nested more than ${maxConfigDepth} deep`);
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined || item === null) continue;
    const field = findField(type, key);
    if (field === undefined) throw new InferenceError("refused", describeUnknownField(type, key, path));
    const fieldPath = path === "" ? field.name : `${path}.${field.name}`;
    if (Object.hasOwn(result, field.name)) throw new InferenceError("refused", `${fieldPath} is given twice`);
    const sibling = field.partOf?.oneof.find((name) => name !== field.name && Object.hasOwn(result, name));
    if (sibling !== undefined) throw new InferenceError("refused", `${fieldPath} excludes ${sibling}, both are given`);
    const plain = plainField(field, item, fieldPath, depth);
    if (plain !== undefined) result[field.name] = plain;
  }
  return result;
}

/** `unknown field 'prefered_batch_size' in dynamic_batching, did you mean 'preferred_batch_size'?` */
export function describeUnknownField(type: protobuf.Type, name: string, path: string): string {
  const near = nearest(
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    type.fieldsArray.map((field) => field.name),
  );
  const place = path === "" ? "" : ` in ${path}`;
  return `unknown field '${name}'${place}${near === undefined ? "" : `, did you mean '${near}'?`}`;
}

function refuse(path: string, value: unknown, expected: string): never {
  const shown = typeof value === "object" ? "a list or an object" : (JSON.stringify(value) ?? String(value));
  throw new InferenceError("refused", `${path === "" ? "the configuration" : path} is ${shown}, expected ${expected}`);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** By its name in the .proto file or, as JSON allows, in lowerCamelCase. */
function findField(type: protobuf.Type, name: string): protobuf.Field | undefined {
  return type.fieldsArray.find((field) => field.name === name || camelCase(field.name) === name)?.resolve();
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function plainField(field: protobuf.Field, value: unknown, path: string, depth: number): unknown {
  if (field.map) return plainMap(field, value, path, depth);
  if (!field.repeated) return plainValue(field, value, path, depth);
  if (!Array.isArray(value)) return refuse(path, value, "a list");
  // An empty list is what protobuf calls absent; the parser of the text format makes one for every repeated field.
  return value.length === 0 ? undefined : value.map((item, i) => plainValue(field, item, `${path}[${i}]`, depth));
}

function plainMap(field: protobuf.Field, value: unknown, path: string, depth: number): object | undefined {
  if (!isObject(value)) return refuse(path, value, "an object");
  if (Object.keys(value).length === 0) return undefined;
  const { keyType } = field as unknown as protobuf.MapField; // what `map` says; protobufjs types the two apart
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (integerBounds[keyType] !== undefined) plainInteger(keyType, key, `a key of ${path}`);
    const plain = plainValue(field, item, `${path}["${key}"]`, depth);
    // Defined and not assigned, since an assignment to `__proto__` would change the object's prototype.
    Object.defineProperty(result, key, { value: plain, enumerable: true, configurable: true, writable: true });
  }
  return result;
}

function plainValue(field: protobuf.Field, value: unknown, path: string, depth: number): unknown {
  if (field.resolvedType instanceof protobuf.Type) return plainMessage(field.resolvedType, value, path, depth + 1);
  if (field.resolvedType instanceof protobuf.Enum) return plainEnum(field.resolvedType, value, path);
  switch (field.type) {
    case "string":
      return typeof value === "string" ? value : refuse(path, value, "text");
    case "bool":
      return typeof value === "boolean" ? value : refuse(path, value, "true or false");
    case "float":
    case "double":
      return typeof value === "number" ? value : refuse(path, value, "a number");
    default:
      return plainInteger(field.type, value, path);
  }
}

function plainEnum(definition: protobuf.Enum, value: unknown, path: string): string {
  if (typeof value === "number") {
    const name = definition.valuesById[value];
    if (name !== undefined) return name;
  }
  const names = Object.keys(definition.values);
  if (typeof value === "string" && names.includes(value)) return value;
  const near = typeof value === "string" ? nearest(value, names) : undefined;
  return refuse(
    path,
    value,
    near === undefined ? `one of ${names.join(", ")}` : `${near} or another ${definition.name}`,
  );
}

/** From a number, a Long of protobufjs, or the decimal text by which JSON carries 64-bit integers. */
function plainInteger(type: string, value: unknown, path: string): number {
  const [min, max] = integerBounds[type] ?? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  const isText = typeof value === "string" && /^-?[0-9]+$/.test(value);
  const integer = typeof value === "number" ? value : isText || isLong(value) ? Number(String(value)) : Number.NaN;
  if (Number.isSafeInteger(integer) && integer >= min && integer <= max) return integer;
  return refuse(path, isLong(value) ? String(value) : value, `an integer from ${min} to ${max}`);
}

function isLong(value: unknown): value is { toString(): string } {
  return typeof value === "object" && value !== null && "low" in value && "high" in value;
}
