import assert from "node:assert/strict";
import { test } from "node:test";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor.js";
import { descriptorSet, root } from "./descriptor-root.ts";
import { healthEnums, healthMessages, reflectionMessages } from "./grpc-tables.ts";
import { inferenceEnums, inferenceMessages } from "./inference-tables.ts";
import { onnxEnums, onnxMessages } from "./onnx-tables.ts";

/** Everything below a namespace, nested types included. */
function* objectsOf(namespace: protobuf.NamespaceBase): Generator<protobuf.ReflectionObject> {
  for (const object of namespace.nestedArray) {
    yield object;
    if (object instanceof protobuf.Type) yield* objectsOf(object);
  }
}

function namespaceOf(packageName: string): protobuf.NamespaceBase {
  const namespace = root.lookup(packageName);
  assert.ok(namespace instanceof protobuf.Namespace, `package ${packageName} is in the descriptor set`);
  return namespace;
}

function describeField(field: protobuf.Field, packageName: string): string {
  const type = field.resolvedType?.fullName.replace(`.${packageName}.`, "") ?? field.type;
  const repeated = field.repeated ? `repeated ${type}` : type;
  const shape = field instanceof protobuf.MapField ? `map<${field.keyType},${type}>` : repeated;
  return `${field.name}=${field.id} ${shape}${field.partOf ? ` in ${field.partOf.name}` : ""}`;
}

function messagesOf(packageName: string): Record<string, string> {
  const types = [...objectsOf(namespaceOf(packageName))].filter((object) => object instanceof protobuf.Type);
  const entries = types.map((type): [string, string] => {
    const fields = [...type.fieldsArray].sort((a, b) => a.id - b.id);
    return [type.fullName.replace(`.${packageName}.`, ""), fields.map((f) => describeField(f, packageName)).join(", ")];
  });
  return Object.fromEntries(entries);
}

function enumsOf(packageName: string): Record<string, string> {
  const enums = [...objectsOf(namespaceOf(packageName))].filter((object) => object instanceof protobuf.Enum);
  const write = (values: Record<string, number>) => Object.entries(values).map(([name, id]) => `${name}=${id}`);
  return Object.fromEntries(enums.map((e) => [e.fullName.replace(`.${packageName}.`, ""), write(e.values).join(", ")]));
}

const tables = [
  { packageName: "inference", messages: inferenceMessages, enums: inferenceEnums },
  { packageName: "onnx", messages: onnxMessages, enums: onnxEnums },
  { packageName: "grpc.health.v1", messages: healthMessages, enums: healthEnums },
  { packageName: "grpc.reflection.v1", messages: reflectionMessages, enums: {} },
  { packageName: "grpc.reflection.v1alpha", messages: reflectionMessages, enums: {} },
];

for (const { packageName, messages, enums } of tables) {
  test(`${packageName}: every message has exactly the fields of the protocol`, () => {
    assert.deepEqual(messagesOf(packageName), messages);
  });
  test(`${packageName}: every enum has exactly the values of the protocol`, () => {
    assert.deepEqual(enumsOf(packageName), enums);
  });
}

const unaryMethods = [
  ...["ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer", "ModelConfig"],
  ...["ModelStatistics", "RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload"],
  ...["SystemSharedMemoryStatus", "SystemSharedMemoryRegister", "SystemSharedMemoryUnregister"],
  ...[
    "CudaSharedMemoryStatus",
    "CudaSharedMemoryRegister",
    "CudaSharedMemoryUnregister",
    "TraceSetting",
    "LogSettings",
  ],
];

const services: Record<string, Record<string, string>> = {
  "inference.GRPCInferenceService": {
    ...Object.fromEntries(unaryMethods.map((name) => [name, `${name}Request -> ${name}Response`])),
    ModelStreamInfer: "stream ModelInferRequest -> stream ModelStreamInferResponse",
  },
  "grpc.health.v1.Health": {
    Check: "HealthCheckRequest -> HealthCheckResponse",
    List: "HealthListRequest -> HealthListResponse",
    Watch: "HealthCheckRequest -> stream HealthCheckResponse",
  },
  "grpc.reflection.v1.ServerReflection": {
    ServerReflectionInfo: "stream ServerReflectionRequest -> stream ServerReflectionResponse",
  },
  "grpc.reflection.v1alpha.ServerReflection": {
    ServerReflectionInfo: "stream ServerReflectionRequest -> stream ServerReflectionResponse",
  },
};

test("services have exactly the methods of the protocol, streamed where it streams", () => {
  assert.equal(unaryMethods.length + 1, 20);
  for (const [name, methods] of Object.entries(services)) {
    const side = (isStream: boolean | undefined, type: protobuf.Type | null) =>
      `${isStream ? "stream " : ""}${type?.name}`;
    const found = root
      .lookupService(name)
      .methodsArray.map((m): [string, string] => [
        m.name,
        `${side(m.requestStream, m.resolvedRequestType)} -> ${side(m.responseStream, m.resolvedResponseType)}`,
      ]);
    assert.deepEqual(Object.fromEntries(found), methods, name);
  }
});

test("proto-loader reads the same set and gives each method its path and its streaming", () => {
  const definitions = loadFileDescriptorSetFromBuffer(descriptorSet, { keepCase: true });
  for (const [name, methods] of Object.entries(services)) {
    const service = definitions[name] as Record<
      string,
      { path: string; requestStream: boolean; responseStream: boolean }
    >;
    assert.deepEqual(Object.keys(service).sort(), Object.keys(methods).sort(), name);
    for (const [method, text] of Object.entries(methods)) {
      assert.equal(service[method]?.path, `/${name}/${method}`);
      assert.equal(service[method]?.requestStream, text.startsWith("stream "), method);
      assert.equal(service[method]?.responseStream, text.includes("-> stream "), method);
    }
  }
});

const files = (
  descriptor.FileDescriptorSet.decode(descriptorSet) as unknown as protobuf.Message & {
    file: { name: string; dependency: string[]; sourceCodeInfo?: { location: { leadingComments?: string }[] } }[];
  }
).file;

test("the set is closed under imports, and each import stands before its user", () => {
  const seen = new Set<string>();
  for (const file of files) {
    for (const name of file.dependency) assert.ok(seen.has(name), `${file.name} imports ${name}`);
    seen.add(file.name);
  }
  assert.ok(seen.has("inference/grpc_service.proto"));
  assert.ok(seen.has("google/protobuf/timestamp.proto"));
});

test("the set keeps the comments, which reflection shows to people", () => {
  for (const file of files) {
    const comments = (file.sourceCodeInfo?.location ?? []).filter((location) => location.leadingComments);
    assert.ok(comments.length > 0, `${file.name} has comments`);
  }
  const service = files.find((file) => file.name === "inference/grpc_service.proto");
  const text = service?.sourceCodeInfo?.location.map((location) => location.leadingComments ?? "").join("") ?? "";
  assert.match(text, /little-endian and without padding/);
});
