import { InferenceError } from "../errors.ts";
import type { Parameters, ParameterValue } from "../inference.ts";
import type { WireReader } from "./wire-reader.ts";
import { fieldSize, int64Size, utf8Size, type WireWriter } from "./wire-writer.ts";

/** Which field of InferParameter is set; "none" where a client sent an entry without a value. */
export type ParameterKind = "none" | "bool" | "int64" | "string" | "double" | "uint64";

/** A parameter as it arrived. The kind is kept because rules depend on it: an int64 and a double are both numbers afterwards. */
export interface WireParameter {
  readonly kind: ParameterKind;
  readonly value: ParameterValue;
}

export type WireParameters = ReadonlyMap<string, WireParameter>;

/** Most entries of one `parameters` map. */
export const maxParameters = 1024;

/** The map of a message without parameters; shared. */
export const noWireParameters: WireParameters = new Map();

const entryTag = { key: 0x0a, value: 0x12 } as const;
const valueTag = { bool: 0x08, int64: 0x10, string: 0x1a, double: 0x21, uint64: 0x28 } as const;
const noValue: WireParameter = { kind: "none", value: false };

/**
 * Reads one entry of a `map<string, InferParameter>` into `target`, which is made when it is the first. A key that comes twice keeps
 * its last value, as protobuf says.
 * @throws InferenceError "invalid" beyond {@link maxParameters}.
 */
export function readParameter(
  reader: WireReader,
  target: Map<string, WireParameter> | undefined,
): Map<string, WireParameter> {
  const outer = reader.enter();
  let key = "";
  let parameter = noValue;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === entryTag.key) key = reader.name();
    else if (tag === entryTag.value) parameter = readValue(reader, parameter);
    else reader.skip(tag, 2);
  }
  reader.leave(outer);
  const parameters = target ?? new Map<string, WireParameter>();
  if (parameters.size >= maxParameters && !parameters.has(key)) {
    throw new InferenceError("invalid", `a parameters map has more than ${maxParameters} entries`);
  }
  return parameters.set(key, parameter);
}

/** Merges into `before`: a value message that comes in pieces is one message. */
function readValue(reader: WireReader, before: WireParameter): WireParameter {
  const outer = reader.enter();
  let parameter = before;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === valueTag.bool) parameter = { kind: "bool", value: reader.bool() };
    else if (tag === valueTag.int64) parameter = { kind: "int64", value: reader.int64() };
    else if (tag === valueTag.string) parameter = { kind: "string", value: reader.string() };
    else if (tag === valueTag.double) parameter = { kind: "double", value: reader.double() };
    else if (tag === valueTag.uint64) parameter = { kind: "uint64", value: reader.uint64() };
    else reader.skip(tag, 5);
  }
  reader.leave(outer);
  return parameter;
}

/** The values alone; entries without a value are left out. */
export function parameterValues(parameters: WireParameters): Parameters {
  const values = new Map<string, ParameterValue>();
  for (const [key, { kind, value }] of parameters) if (kind !== "none") values.set(key, value);
  return values;
}

const maxInt64 = 2n ** 63n - 1n;

/** The field that carries a value: int64 for whole numbers (uint64 only beyond its range), double for all others. */
function tagOf(value: ParameterValue): number {
  if (typeof value === "boolean") return valueTag.bool;
  if (typeof value === "string") return valueTag.string;
  if (typeof value === "bigint") return value > maxInt64 ? valueTag.uint64 : valueTag.int64;
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? valueTag.int64 : valueTag.double;
}

function valueSize(value: ParameterValue): number {
  if (typeof value === "boolean") return 2;
  if (typeof value === "string") return fieldSize(utf8Size(value));
  return tagOf(value) === valueTag.double ? 9 : 1 + int64Size(value);
}

function entrySize(key: string, value: ParameterValue): number {
  return fieldSize(utf8Size(key)) + fieldSize(valueSize(value));
}

/** Bytes of all entries as fields of the message that holds the map; its field number is below 16. */
export function parametersSize(parameters: Parameters): number {
  if (parameters.size === 0) return 0;
  let size = 0;
  for (const [key, value] of parameters) size += fieldSize(entrySize(key, value));
  return size;
}

/** Writes all entries, each as a field with `tag`. */
export function writeParameters(writer: WireWriter, tag: number, parameters: Parameters): void {
  if (parameters.size === 0) return;
  for (const [key, value] of parameters) {
    writer.field(tag, entrySize(key, value));
    writer.string(entryTag.key, key);
    writer.field(entryTag.value, valueSize(value));
    writeValue(writer, value);
  }
}

function writeValue(writer: WireWriter, value: ParameterValue): void {
  const tag = tagOf(value);
  if (typeof value === "string") {
    writer.string(tag, value);
    return;
  }
  writer.byte(tag);
  if (typeof value === "boolean") writer.byte(value ? 1 : 0);
  else if (tag === valueTag.double) writer.double(Number(value));
  else writer.int64(value);
}
