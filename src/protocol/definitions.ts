import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fromJSON, type MethodDefinition, type PackageDefinition } from "@grpc/proto-loader";
import protobuf from "protobufjs";
import "protobufjs/ext/descriptor.js"; // adds Root.fromDescriptor
import { assert, InferenceError } from "../errors.ts";

/** A service by method name, as grpc-js takes it for `addService` and for client constructors. */
export type ServiceDefinition = Readonly<Record<string, MethodDefinition<object, object>>>;

const descriptorPath = join("gen", "descriptors.binpb");
const inferenceServiceName = "inference.GRPCInferenceService";

/** Methods whose messages are the received and the finished bytes. */
const byteMethods: ReadonlyMap<string, readonly string[]> = new Map([
  [inferenceServiceName, ["ModelInfer", "ModelStreamInfer"]],
  ["sluice.monitor.v1.MonitorService", ["ReportOutcomes", "StreamOutcomes"]],
]);

let descriptorBytes: Buffer | undefined;
let packageDefinition: PackageDefinition | undefined;

/**
 * The serialized FileDescriptorSet of everything under proto/, comments included: the source of the service definitions and what the
 * reflection service answers from. Read once.
 */
export function descriptorSet(): Buffer {
  descriptorBytes ??= readFileSync(findDescriptors(import.meta.dirname));
  return descriptorBytes;
}

/** Walks up, because the folder is two levels above src/protocol and three above dist/src/protocol. */
function findDescriptors(folder: string): string {
  const path = join(folder, descriptorPath);
  if (existsSync(path)) return path;
  const parent = dirname(folder);
  if (parent === folder) throw new InferenceError("internal", `${descriptorPath} is missing: run \`npm run generate\``);
  return findDescriptors(parent);
}

/**
 * The definition of a service in proto/, by its full name. Messages of its methods are plain objects with the field names of the
 * .proto files, enums as names, 64-bit integers as decimal strings (numbers are accepted on the way in).
 *
 * The two inference methods and the two that take outcomes are the exception: their messages are the received and the finished bytes, so that
 * tensors are not copied twice, thousands of outcomes not decoded at once, and undecodable bytes can answer INVALID_ARGUMENT (see
 * `parseInferRequest`, `encodeInferResponse`, `splitReport`, `ReportResponseWriter`).
 *
 * @throws InferenceError "internal" when there is no such service.
 */
export function serviceDefinition(name: string): ServiceDefinition {
  packageDefinition ??= loadDefinitions();
  const found = packageDefinition[name];
  assert(found !== undefined && !("format" in found), `no service '${name}' in ${descriptorPath}`);
  const service: ServiceDefinition = found;
  const asBytes = (byteMethods.get(name) ?? []).map((method) => passThrough(service, method));
  return Object.assign({}, service, ...asBytes);
}

/** proto-loader's own reader of descriptor sets takes a map for a list of entries; the JSON form that it reads as well keeps maps. */
function loadDefinitions(): PackageDefinition {
  const root = protobuf.Root.fromDescriptor(descriptorSet(), { keepCase: true });
  return fromJSON(root.toJSON(), { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true });
}

function passThrough(service: ServiceDefinition, method: string): ServiceDefinition {
  const definition = service[method];
  assert(definition !== undefined, `no method '${method}'`);
  return {
    [method]: {
      ...definition,
      requestSerialize: finishedBytes,
      requestDeserialize: receivedBytes,
      responseSerialize: finishedBytes,
      responseDeserialize: receivedBytes,
    },
  };
}

const receivedBytes = (bytes: Buffer): Buffer => bytes;

function finishedBytes(message: object): Buffer {
  assert(Buffer.isBuffer(message), "a message of this method must be encoded before it is written");
  return message;
}

/** The data plane, `inference.GRPCInferenceService`. */
export function inferenceService(): ServiceDefinition {
  return serviceDefinition(inferenceServiceName);
}

/** What the monitor knows and is told, `sluice.monitor.v1.MonitorService`. */
export function monitorServiceDefinition(): ServiceDefinition {
  return serviceDefinition("sluice.monitor.v1.MonitorService");
}

/** The standard health service, `grpc.health.v1.Health`. */
export function healthService(): ServiceDefinition {
  return serviceDefinition("grpc.health.v1.Health");
}

/** Server reflection; clients still ask for either version. */
export function reflectionService(version: "v1" | "v1alpha"): ServiceDefinition {
  return serviceDefinition(`grpc.reflection.${version}.ServerReflection`);
}
