import protobuf from "protobufjs";
import "protobufjs/ext/descriptor.js"; // adds Root.fromDescriptor
import { descriptorSet } from "../../src/protocol/definitions.ts";

const root = protobuf.Root.fromDescriptor(descriptorSet(), { keepCase: true });
root.resolveAll();

export const servicePath = "/inference.GRPCInferenceService/";

/** A message as plain data: bytes as base64, 64-bit integers as decimal strings, enums by name. */
export type Plain = { readonly [field: string]: any };

function typesOf(method: string): { request: protobuf.Type; response: protobuf.Type } {
  const service = root.lookupService("inference.GRPCInferenceService");
  const { requestType, responseType } = service.methods[method] ?? {};
  if (requestType === undefined || responseType === undefined) throw new Error(`no method ${method}`);
  return { request: service.lookupType(requestType), response: service.lookupType(responseType) };
}

/** A request of a method as bytes. Byte fields may be Buffers. */
export function encodeRequest(method: string, message: object): Buffer {
  const { request } = typesOf(method);
  return Buffer.from(request.encode(request.fromObject(message)).finish());
}

/** A response of a method; scalar fields that hold their default are left out, as proto3 makes no difference. */
export function decodeResponse(method: string, bytes: Buffer): Plain {
  const { response } = typesOf(method);
  const message = response.toObject(response.decode(bytes), { longs: String, enums: String, bytes: String });
  return withoutDefaults(response, message);
}

function withoutDefaults(type: protobuf.Type, message: Plain): Plain {
  const result: Record<string, unknown> = {};
  for (const [name, content] of Object.entries(message)) {
    const field = type.fields[name];
    if (field === undefined) continue;
    const nested = field.resolvedType instanceof protobuf.Type ? field.resolvedType : undefined;
    const strip = (item: Plain) => (nested === undefined ? item : withoutDefaults(nested, item));
    if (field.map) {
      const entries = Object.keys(content).sort();
      if (entries.length > 0) result[name] = Object.fromEntries(entries.map((key) => [key, strip(content[key])]));
    } else if (field.repeated) {
      if (content.length > 0) result[name] = content.map(strip);
    } else if (nested !== undefined || field.partOf || !isDefault(field, content)) result[name] = strip(content);
  }
  return result;
}

function isDefault({ resolvedType }: protobuf.Field, content: unknown): boolean {
  if (resolvedType instanceof protobuf.Enum) return content === resolvedType.valuesById[0];
  return content === "" || content === "0" || content === 0 || content === false;
}
