import { type Draft, goodRequest } from "./drafts.ts";
import type { Case } from "./inference-cases.ts";
import { encodeRequest } from "./messages.ts";
import { comparedModels } from "./models.ts";
import { mutations } from "./mutations.ts";
import { SeededRandom } from "./random.ts";

function control(id: string, method: string, message: object = {}): Case {
  return { id, call: { method, requests: [encodeRequest(method, message)] } };
}

function infer(id: string, draft: Draft): Case {
  return { id, call: { method: "ModelInfer", requests: [encodeRequest("ModelInfer", draft)] } };
}

const modelVersions: [name: string, version: string][] = [
  ["rows", ""],
  ["rows", "1"],
  ["rows", "2"],
  ["specific", "1"],
  ["specific", "2"],
  ["specific", "3"],
  ["latest", "1"],
  ["nosuch", ""],
  ["nosuch", "1"],
  ["", ""],
  ["rows", "abc"],
  ["rows", "-1"],
  ["rows", "1e3"],
];

/** What is asked of servers that have just started: states, metadata, configurations, and counters after a fixed sequence of requests. */
export function freshCases(): Case[] {
  const questions = ["ModelReady", "ModelMetadata", "ModelConfig"].flatMap((method) =>
    modelVersions.map(([name, version]) => control(`${method} '${name}' '${version}'`, method, { name, version })),
  );
  const all = comparedModels.flatMap(({ name }) => [
    control(`metadata of ${name}`, "ModelMetadata", { name }),
    control(`config of ${name}`, "ModelConfig", { name }),
  ]);
  return [
    control("live", "ServerLive"),
    control("ready", "ServerReady"),
    control("server metadata", "ServerMetadata"),
    ...questions,
    ...all,
    control("index", "RepositoryIndex"),
    control("index, ready only", "RepositoryIndex", { ready: true }),
    control("index of a repository", "RepositoryIndex", { repository_name: "r" }),
    ...countedRequests(),
    control("counters of alone", "ModelStatistics", { name: "alone" }),
    control("counters of alone 1", "ModelStatistics", { name: "alone", version: "1" }),
    control("counters of fails", "ModelStatistics", { name: "fails" }),
    control("counters of rows", "ModelStatistics", { name: "rows" }),
    control("counters of specific", "ModelStatistics", { name: "specific" }),
    control("counters of specific 3", "ModelStatistics", { name: "specific", version: "3" }),
    control("counters of all", "ModelStatistics"),
    ...["2", "abc", "-1"].map((version) =>
      control(`counters of rows ${version}`, "ModelStatistics", { name: "rows", version }),
    ),
    control("counters of an unknown model", "ModelStatistics", { name: "nosuch" }),
    ...unimplemented(),
  ];
}

/** One after another, so that batches are the requests themselves. */
function countedRequests(): Case[] {
  const random = new SeededRandom(7);
  const index = (value: number): Draft => {
    const data = Buffer.alloc(8);
    data.writeInt32LE(value);
    const inputs = [{ name: "index", datatype: "INT64", shape: [1, 1] }];
    return { model_name: "fails", inputs, raw_input_contents: [data] };
  };
  const wrong = goodRequest("alone", random);
  mutations["raw byte short"]!(wrong);
  return [
    ...[1, 2, 3].map((i) => infer(`counted alone ${i}`, goodRequest("alone", random))),
    infer("counted alone, wrong", wrong),
    ...[1, 2].map((i) => infer(`counted rows ${i}`, goodRequest("rows", random))),
    infer("counted specific", goodRequest("specific", random)),
    infer("fails: counted, in range", index(1)),
    infer("fails: counted, out of range", index(9)),
    infer("fails: counted, out of range again", index(9)),
  ];
}

/** Methods that sluice has no use for. */
function unimplemented(): Case[] {
  return [
    control("unimplemented SystemSharedMemoryStatus", "SystemSharedMemoryStatus"),
    control("unimplemented SystemSharedMemoryRegister", "SystemSharedMemoryRegister", {
      name: "r",
      key: "/r",
      byte_size: 8,
    }),
    control("unimplemented SystemSharedMemoryUnregister", "SystemSharedMemoryUnregister"),
    control("unimplemented CudaSharedMemoryStatus", "CudaSharedMemoryStatus"),
    control("unimplemented CudaSharedMemoryUnregister", "CudaSharedMemoryUnregister"),
    control("unimplemented TraceSetting", "TraceSetting"),
    control("unimplemented LogSettings", "LogSettings"),
  ];
}

/** Loading and unloading, and what is answered afterwards. @param backend the server's, which a configuration has to name */
export function repositoryCases(backend: "onnxruntime" | "python"): Case[] {
  const random = new SeededRandom(8);
  const load = (id: string, model_name: string, parameters: object = {}) =>
    control(`load: ${id}`, "RepositoryModelLoad", { model_name, parameters });
  const unload = (id: string, model_name: string, parameters: object = {}) =>
    control(`unload: ${id}`, "RepositoryModelUnload", { model_name, parameters });
  const tensors = (kind: string) =>
    `"${kind}": [{ "name": "${kind === "input" ? "X" : "Y"}", "data_type": "TYPE_FP32", "dims": [4] }]`;
  const config = (size: number) =>
    `{ "backend": "${backend}", "max_batch_size": ${size}, ${tensors("input")}, ${tensors("output")} }`;
  const two = goodRequest("alone", random);
  mutations["rows many"]!(two);
  return [
    // Models whose every request ran alone, and none of whose requests sluice takes otherwise.
    ...["ranked_whole", "scalar"].map((name) => control(`final counters of ${name}`, "ModelStatistics", { name })),
    load("again", "whole"),
    infer("infer after loading again", goodRequest("whole", random)),
    load("unknown model", "nosuch"),
    load("empty name", ""),
    load("blank name", " "),
    load("path", "../rows"),
    load("dots", ".."),
    control("load: from a repository", "RepositoryModelLoad", { model_name: "rows", repository_name: "r" }),
    control("load: KServe's dialect", "RepositoryModelLoad", { repository_name: "whole" }),
    load("unknown parameter", "rows", { mine: { string_param: "x" } }),
    load("config of wrong type", "rows", { config: { int64_param: 1 } }),
    load("file of wrong type", "rows", { "file:1/model.onnx": { string_param: "x" } }),
    load("file without config", "rows", { "file:1/model.onnx": { bytes_param: Buffer.from("x") } }),
    load("config not JSON", "rows", { config: { string_param: "{" } }),
    load("config with unknown field", "rows", { config: { string_param: '{ "nosuch": 1 }' } }),
    infer("infer after failed loads", goodRequest("rows", random)),
    load("config", "alone", { config: { string_param: config(2) } }),
    control("config of alone after its override", "ModelConfig", { name: "alone" }),
    infer("infer above the overridden limit", two),
    load("back", "alone"),
    unload("unknown model", "nosuch"),
    unload("empty name", ""),
    control("unload: from a repository", "RepositoryModelUnload", { model_name: "rows", repository_name: "r" }),
    unload("unknown parameter", "text", { mine: { bool_param: true } }),
    unload("dependents of wrong type", "rows", { unload_dependents: { int64_param: 1 } }),
    unload("with dependents", "pair", { unload_dependents: { bool_param: true } }),
    unload("specific", "specific"),
    unload("again", "specific"),
    control("ready after unload", "ModelReady", { name: "specific" }),
    control("version ready after unload", "ModelReady", { name: "specific", version: "3" }),
    control("server ready after unload", "ServerReady"),
    control("metadata after unload", "ModelMetadata", { name: "specific" }),
    control("config after unload", "ModelConfig", { name: "specific" }),
    control("counters after unload", "ModelStatistics", { name: "specific" }),
    infer("infer after unload", goodRequest("specific", random)),
    infer("infer after unload, version", { ...goodRequest("specific", random), model_version: "3" }),
    control("index after unload", "RepositoryIndex"),
    control("ready index after unload", "RepositoryIndex", { ready: true }),
    load("specific", "specific"),
    infer("infer after load", goodRequest("specific", random)),
    control("counters after load", "ModelStatistics", { name: "specific" }),
  ];
}
