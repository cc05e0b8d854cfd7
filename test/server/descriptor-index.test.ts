import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import { descriptorSet } from "../../src/protocol/definitions.ts";
import { DescriptorIndex } from "../../src/server/descriptor-index.ts";
import { Reflection } from "../../src/server/reflection.ts";

const index = new DescriptorIndex(descriptorSet());

test("every kind of symbol is found in its file", () => {
  const file = "inference/grpc_service.proto";
  for (const symbol of [
    "inference.GRPCInferenceService",
    "inference.GRPCInferenceService.ModelInfer",
    "inference.ModelInferRequest",
    "inference.ModelInferRequest.InferInputTensor",
    "inference.ModelInferRequest.id",
    "inference.InferParameter.parameter_choice",
  ]) {
    assert.equal(index.fileOfSymbol(symbol)?.name, file, symbol);
  }
  assert.equal(index.fileOfSymbol("inference.DataType")?.name, "inference/model_config.proto");
  assert.equal(
    index.fileOfSymbol("inference.TYPE_FP32")?.name,
    "inference/model_config.proto",
    "enum values are siblings",
  );
  assert.equal(index.fileOfSymbol("grpc.health.v1.HealthCheckResponse.SERVING")?.name, "grpc/health/v1/health.proto");
  assert.equal(index.fileOfSymbol("inference.Nothing"), undefined);
});

test("a file comes with what it imports, each once, with the compiler's own bytes", () => {
  const file = index.file("inference/grpc_service.proto");
  assert.ok(file);
  const closure = index.withDependencies(file);
  assert.deepEqual(
    closure.map(({ name }) => name),
    ["inference/grpc_service.proto", "inference/model_config.proto"],
  );
  for (const { bytes } of closure) assert.ok(descriptorSet().includes(Buffer.from(bytes)));
  assert.ok(Buffer.from(file.bytes).includes("raw_input_contents"), "comments are in it");
});

test("questions without an answer get an error response", () => {
  const reflection = new Reflection(index, ["a.B"]);
  const ask = (request: object) => reflection.answer({ host: "h", ...request }) as any;
  assert.equal(ask({ message_request: "file_by_filename", file_by_filename: "x" }).error_response.error_code, 5);
  assert.equal(
    ask({ message_request: "file_containing_symbol", file_containing_symbol: "x" }).error_response.error_code,
    5,
  );
  const extension = { containing_type: "inference.ModelInferRequest", extension_number: 1 };
  const missing = ask({ message_request: "file_containing_extension", file_containing_extension: extension });
  assert.equal(missing.error_response.error_code, 5);
  const numbers = ask({
    message_request: "all_extension_numbers_of_type",
    all_extension_numbers_of_type: "inference.ModelInferRequest",
  });
  assert.deepEqual(numbers.all_extension_numbers_response, {
    base_type_name: "inference.ModelInferRequest",
    extension_number: [],
  });
  assert.equal(ask({}).error_response.error_code, 3);
  assert.deepEqual(ask({ message_request: "list_services" }).list_services_response, { service: [{ name: "a.B" }] });
  assert.equal(ask({}).valid_host, "h");
});

test("extensions are found by type and number", () => {
  // file { name: "e.proto" package: "p" extension { name: "e" extendee: ".p.M" number: 100 } }
  const text = (tag: number, value: string) => [tag, value.length, ...Buffer.from(value)];
  const extension = [...text(0x0a, "e"), ...text(0x12, ".p.M"), 0x18, 100];
  const file = [...text(0x0a, "e.proto"), ...text(0x12, "p"), 0x3a, extension.length, ...extension];
  const small = new DescriptorIndex(Buffer.from([0x0a, file.length, ...file]));
  assert.equal(small.fileOfExtension("p.M", 100)?.name, "e.proto");
  assert.deepEqual(small.extensionNumbers("p.M"), [100]);
  assert.equal(small.fileOfSymbol("p.e")?.name, "e.proto");
});

test("bytes that are no descriptor set are refused", () => {
  assert.throws(() => new DescriptorIndex(Buffer.from([0x0a, 0x7f])), InferenceError);
});
