import { isDeepStrictEqual } from "node:util";
import type { Difference, Item } from "./comparison.ts";
import type { Plain } from "./messages.ts";

const invalid = 3;
const unimplemented = 12;
const internal = 13;
const notFound = 5;
const failedPrecondition = 9;

/** What the message of a stream adds to errors: our parameters. */
const ourParameters = ["sluice_status_code", "sluice_retry_after_ms"];

function withoutOurs(response: Plain | undefined): Plain | undefined {
  if (response?.parameters === undefined) return response;
  const { parameters, ...rest } = response;
  const kept = Object.entries(parameters).filter(([key]) => !ourParameters.includes(key));
  return kept.length === 0 ? rest : { ...rest, parameters: Object.fromEntries(kept) };
}

/** The status of an item, in a stream by our parameter. */
function codeOf({ code, message, response }: Item): number {
  if (code >= 0) return code;
  return message === "" ? 0 : Number(response?.parameters?.sluice_status_code?.int64_param ?? invalid);
}

const isRefused = (item: Item, code = invalid) => item.message !== "" && codeOf(item) === code;
const isAnswered = (item: Item) => item.message === "" && codeOf(item) === 0;

/** Both refuse with the same status; only the texts differ, in the way given. */
function texts(triton: RegExp, sluice: RegExp): Difference["explains"] {
  return (_name, theirs, ours) =>
    theirs.code !== 0 &&
    (theirs.code === -1 || theirs.code === ours.code) &&
    isDeepStrictEqual(withoutEnvelope(theirs), withoutEnvelope(ours)) &&
    triton.test(theirs.message) &&
    sluice.test(ours.message);
}

/** A failure before issue names the id alone: a request refused earlier or later than at Triton has more or less of an envelope. */
function withoutEnvelope({ response }: Item): Plain | undefined {
  const rest = withoutOurs(response);
  if (rest === undefined) return undefined;
  const { model_name: _name, model_version: _version, parameters: _parameters, ...kept } = rest;
  return kept;
}

/** Triton answers, sluice refuses. */
function refused(sluice: RegExp, code = invalid): Difference["explains"] {
  return (_name, theirs, ours) => isAnswered(theirs) && isRefused(ours, code) && sluice.test(ours.message);
}

function hasRows({ response }: Item, rows: string): boolean {
  return response?.outputs.every(({ shape }: Plain) => shape?.[0] === rows);
}

/** Outputs of a response with their data, by name. */
function outputsByName(item: Item): Map<string, unknown> {
  const { outputs = [], raw_output_contents = [] } = item.response ?? {};
  return new Map(outputs.map((output: Plain, i: number) => [output.name, [output, raw_output_contents[i]]]));
}

/** A configuration without what only one of the servers adds. */
function comparableConfig({ response }: Item): Plain | undefined {
  if (response?.config === undefined) return undefined;
  const { optimization: _, parameters = {}, ...config } = response.config;
  const kept = Object.entries(parameters).filter(([key]) => !["sluice_batching", "sluice_provider"].includes(key));
  return { ...config, parameters: Object.fromEntries(kept) };
}

function withoutReshape(config: Plain | undefined): Plain {
  const plain = (tensors: Plain[] = []) => tensors.map(({ reshape: _, ...tensor }) => tensor);
  return { ...config, input: plain(config?.input), output: plain(config?.output) };
}

/** The counters of all other models. */
function withoutModel({ response }: Item, name: string): Plain[] {
  return (response?.model_stats ?? []).filter((counters: Plain) => counters.name !== name);
}

/** The lines of an index for models that were not unloaded; undefined for anything else. */
function withoutUnloaded({ response }: Item): Plain[] | undefined {
  return response?.models?.filter((line: Plain) => line.state === "READY");
}

/** Texts that refuse one tensor for what it says itself or does not fit: any of two faults may be named. */
const tensorFault =
  /input byte size mismatch|unexpected shape|string (elements|data|length)|data-type is|has no shape|batch-size must be|batch size does not match|All input dimensions|unexpected inference (input|output)|but got \d+ inputs|already exists|not valid UTF-8|NUL byte|raw_input_contents|unable to find data|explicit tensor data|contents field|^$/;

/** Every deliberate difference from Triton 2.51, in the order of docs/compatibility.md, whose table a test holds against this one. */
export const differences: readonly Difference[] = [
  {
    id: "stream-error-parameters",
    what: "An error in a stream also carries the parameter `sluice_status_code` and, where a retry makes sense, `sluice_retry_after_ms`.",
    reason: "Triton's in-band errors have a text only; a client cannot tell a full queue from a wrong shape.",
    explains: (_name, theirs, ours) =>
      theirs.code === -1 &&
      ours.message !== "" &&
      theirs.message === ours.message &&
      isDeepStrictEqual(withoutOurs(ours.response), theirs.response),
  },
  {
    id: "strict-stream",
    what: "With the metadata `triton_grpc_error: true` (or `1`) the first error of a stream ends it with its gRPC status.",
    reason: "That is what Triton documents; 2.51 keeps the error in-band when the request never reached a model.",
    explains: (name, theirs, ours) => name.startsWith("strict") && theirs.code === 0 && ours.code > 0,
  },
  {
    id: "version-string",
    what: "A version is a decimal number and nothing else: `+1`, ` 1`, `1e3` and `1.5` are refused; the text says `(details: not a number)`.",
    reason: "Triton reads as far as there are digits and serves version 1 for `1e3`.",
    explains: (name, theirs, ours) =>
      / '?(abc|1e3)'?$|version/.test(name) &&
      isRefused(ours) &&
      /^failed to get model version from specified version string/.test(ours.message) &&
      (!isRefused(theirs) ||
        /^failed to get model version|is not found$/.test(theirs.message) ||
        tensorFault.test(theirs.message)),
  },
  {
    id: "input-list-text",
    what: "When inputs are missing or too many, they are listed in the order of the request, and an empty list is `[]`.",
    reason: "Triton lists them in the order of a hash table and prints an empty list as `]`.",
    explains: (_name, theirs, ours) => {
      const sorted = ({ message }: Item) =>
        message
          .replace("input(s) ]", "input(s) []")
          .replace(/Got input\(s\) \[(.*?)\]/, (_all, list: string) => list.split(",").sort().join());
      return (
        /but got \d+ inputs for model/.test(ours.message) && sorted(theirs) === sorted(ours) && codeOf(ours) === invalid
      );
    },
  },
  {
    id: "required-beside-optional",
    what: "A request that leaves out a required input of a model with optional ones is refused with the text for missing inputs.",
    reason: "Triton counts inputs only and lets the model run without its input, which fails as INTERNAL.",
    explains: (name, theirs, ours) =>
      name.startsWith("optional:") &&
      /Required inputs/.test(theirs.message) &&
      isRefused(ours) &&
      /missing required input/.test(ours.message),
  },
  {
    id: "unknown-datatype",
    what: "A datatype that is none, or BF16, is named as it was sent, together with the datatypes that there are.",
    reason: "Triton prints `<invalid>`; BF16 cannot pass through ONNX Runtime's Node.js binding.",
    explains: texts(/data-type is|explicit tensor data|unable to find|^$|but got|batch|shape/, /expects one of BOOL/),
  },
  {
    id: "shape-text",
    what: "A wrong shape for a model without batch dimension is refused with the text that a batching model has.",
    reason: "Triton 2.51 sends INVALID_ARGUMENT without any text.",
    explains: texts(/^$/, /unexpected shape|byte size mismatch|should be specified|explicit tensor data/),
  },
  {
    id: "negative-batch",
    what: "-1 in the batch dimension is refused with the text for unspecified dimensions.",
    reason: "Triton 2.51 takes it for 2^32 - 1 rows; later versions refuse it as sluice does.",
    explains: texts(/byte size mismatch|string elements|batch-size/, /All input dimensions should be specified/),
  },
  {
    id: "shape-limit",
    what: "Dimensions below 0 and element counts above 2^53 - 1 are refused as such.",
    reason: "Triton's arithmetic overflows and its text then expects a negative or zero byte size.",
    explains: texts(/./, /Expected (dimensions between 0 and|at most) 9007199254740991/),
  },
  {
    id: "zero-rows",
    what: "A request of no rows is answered with no rows.",
    reason:
      "Zero-length dimensions are legal in the protocol; Triton expects the data of one row, and a model of scalar rows ends it.",
    explains: (name, theirs, ours) =>
      name.includes("shape first zero") && theirs.message !== "" && isAnswered(ours) && hasRows(ours, "0"),
  },
  {
    id: "split",
    what: "A request of more rows than max_batch_size is split and joined on streams, where the configuration names no max_batch_size, and where it sets `sluice_split_oversized`.",
    reason:
      "The limit is the server's affair. A unary call to a model with a written max_batch_size gets Triton's refusal.",
    explains: (_name, theirs, ours) =>
      /batch-size must be <= \d+ for /.test(theirs.message) &&
      (theirs.code === -1 || / for 'split'/.test(theirs.message)) &&
      isAnswered(ours) &&
      hasRows(ours, "9"),
  },
  {
    id: "batch-mismatch-name",
    what: "When inputs differ in their number of rows, the input named is the first that differs from those before it.",
    reason: "At Triton it depends on the order of a hash table.",
    explains: texts(/batch size does not match other inputs/, /batch size does not match other inputs/),
  },
  {
    id: "string-data",
    what: "A BYTES element whose length reaches beyond the data is refused with the number of the element and both lengths; so are elements with a NUL byte or that are not UTF-8.",
    reason:
      "Triton's core does not see it and leaves it to the model; ONNX Runtime's Node.js binding takes strings, which end at a NUL.",
    explains: texts(/string/, /incomplete string data|NUL byte|not valid UTF-8/),
  },
  {
    id: "raw-entries",
    what: "More raw_input_contents than inputs are refused.",
    reason: "They shift data to the wrong tensor; Triton ignores what is left over.",
    explains: (_name, theirs, ours) =>
      (isAnswered(theirs) || tensorFault.test(theirs.message)) &&
      isRefused(ours) &&
      /^raw_input_contents has \d+ entries for \d+ inputs/.test(ours.message),
  },
  {
    id: "duplicate-output",
    what: "An output that is asked for twice is refused.",
    reason: "Triton 2.51 answers it once, later versions refuse it with this text.",
    explains: refused(/output '.*' already exists in request/),
  },
  {
    id: "output-order",
    what: "Outputs stand in the order in which the request asks for them.",
    reason:
      "Triton's order is the model's, so that a client which reads by position gets another tensor than it asked for.",
    explains: (_name, theirs, ours) =>
      theirs.response?.outputs !== undefined &&
      isAnswered(theirs) &&
      isAnswered(ours) &&
      isDeepStrictEqual(outputsByName(theirs), outputsByName(ours)),
  },
  {
    id: "shared-memory",
    what: "Tensors in shared memory are answered UNIMPLEMENTED, with the text of a Triton that has client shared memory switched off.",
    reason: "sluice does not map memory of its callers: they may be other tenants.",
    explains: (_name, theirs, ours) =>
      isRefused(ours, unimplemented) &&
      /^Client shared memory is disabled/.test(ours.message) &&
      /memory|find/.test(theirs.message),
  },
  {
    id: "model-failure",
    what: "A model that fails answers INTERNAL with a fixed text.",
    reason: "The runtime's own text names operators and files; it stands in the log.",
    explains: (name, theirs, ours) =>
      /\bfails: /.test(name) && /ONNXRuntimeError/.test(theirs.message) && isRefused(ours, internal),
  },
  {
    id: "malformed",
    what: "Bytes that are no ModelInferRequest are INVALID_ARGUMENT, with the position.",
    reason: "gRPC C++ answers INTERNAL `Unable to parse request`, which monitoring takes for a fault of the server.",
    explains: (_name, theirs, ours) =>
      theirs.code === internal && isRefused(ours) && /^malformed ModelInferRequest/.test(ours.message),
  },
  {
    id: "server-metadata",
    what: "ServerMetadata names sluice, and of the extensions those that are there: no shared memory, trace or log settings.",
    reason: "Clients test for extensions.",
    explains: (name, theirs, ours) =>
      name === "server metadata" &&
      ours.response?.extensions.every((extension: string) => theirs.response?.extensions.includes(extension)),
  },
  {
    id: "model-ready-unknown",
    what: "ModelReady for a model or version that is not there is NOT_FOUND.",
    reason: "Triton 2.51 answers `ready: false`, later versions as sluice does.",
    explains: (_name, theirs, ours) =>
      isDeepStrictEqual(theirs, { code: 0, message: "", response: {} }) &&
      isRefused(ours, notFound) &&
      /is not found$/.test(ours.message),
  },
  {
    id: "config-additions",
    what: "ModelConfig has the parameters `sluice_batching` and `sluice_provider`, and no default `optimization` of pinned memory.",
    reason: "They tell why the model batches or not and where it runs; there is no pinned memory to enable.",
    explains: (name, theirs, ours) =>
      /config/i.test(name) &&
      comparableConfig(theirs) !== undefined &&
      isDeepStrictEqual(comparableConfig(theirs), comparableConfig(ours)),
  },
  {
    id: "config-scalar",
    what: "A scalar of a model without batch dimension shows as `dims: [ 1 ] reshape { }`, and such a configuration loads.",
    reason:
      "So the configuration tells what the model takes. Triton shows `dims: [ 1 ]` and refuses the empty reshape.",
    explains: (name, theirs, ours) =>
      name === "config of scalar" &&
      isDeepStrictEqual(comparableConfig(theirs), withoutReshape(comparableConfig(ours))),
  },
  {
    id: "failures-counted",
    what: "A request whose run failed counts under `fail`, and neither as success nor as execution.",
    reason:
      "Triton's documentation says the same; its Python backend, which is compared here, reports such runs as successes.",
    explains: (name, theirs, ours) =>
      /^counters of (fails|all)$/.test(name) &&
      isDeepStrictEqual(withoutModel(theirs, "fails"), withoutModel(ours, "fails")),
  },
  {
    id: "unimplemented",
    what: "The RPCs for shared memory, trace settings and log settings answer UNIMPLEMENTED with a sentence.",
    reason: "See shared-memory; traces follow the caller's context, the log is set when the server starts.",
    explains: (name, _theirs, ours) => name.startsWith("unimplemented") && isRefused(ours, unimplemented),
  },
  {
    id: "model-name",
    what: "Loading or unloading an empty or blank name, or one that is a path, is INVALID_ARGUMENT.",
    reason: "Later versions of Triton refuse them with these texts.",
    explains: (name, _theirs, ours) =>
      /^(un)?load: /.test(name) && isRefused(ours) && /^Model name cannot be empty|path traversal/.test(ours.message),
  },
  {
    id: "kserve-load",
    what: "A load or unload request with `repository_name` alone takes it for the model's name.",
    reason: "That is how the request of KServe's Python server reads in Triton's numbering.",
    explains: (name, theirs, ours) =>
      name === "load: KServe's dialect" && theirs.code === unimplemented && isAnswered(ours),
  },
  {
    id: "refused-model",
    what: "A model or configuration that cannot be served is FAILED_PRECONDITION, with what is wrong.",
    reason: "Triton answers INTERNAL `failed to load`, and the reason stands in its log.",
    explains: (name, theirs, ours) =>
      name.startsWith("load: ") && theirs.code === internal && isRefused(ours, failedPrecondition),
  },
  {
    id: "file-overrides",
    what: "Model files inside a load request are UNIMPLEMENTED unless the server runs with `--allow-file-overrides`.",
    reason: "A caller's file is code that the server will run.",
    explains: (name, _theirs, ours) =>
      name.startsWith("load: file") && isRefused(ours, unimplemented) && /--allow-file-overrides/.test(ours.message),
  },
  {
    id: "server-ready",
    what: "The server stays ready while a model is unloaded or fails later on, unless it runs with `--strict-readiness`.",
    reason: "Otherwise one model takes every other one of its server out of the load balancer.",
    explains: (name, theirs, ours) =>
      name === "server ready after unload" && isDeepStrictEqual(theirs.response, {}) && ours.response?.ready === true,
  },
  {
    id: "unload",
    what: "Unload answers when the accepted requests are answered; from then on the versions are unknown, and the index lists the model once, without version, as UNAVAILABLE `unloaded`.",
    reason:
      "Triton answers at once, goes through UNLOADING, and calls a version that was unloaded `not at ready state`.",
    explains: (name, theirs, ours) =>
      / after unload/.test(name) &&
      (/not at ready state/.test(theirs.message)
        ? isRefused(ours, notFound)
        : isDeepStrictEqual(withoutUnloaded(theirs), withoutUnloaded(ours)) && withoutUnloaded(ours) !== undefined),
  },
  {
    id: "several-faults",
    what: "Of a request with several faults another one may be named: each tensor is checked in itself (data against its own shape and datatype) before it is held against the model.",
    reason: "Nothing that contradicts itself passes beyond the decoder. Triton looks at the model first.",
    explains: (name, theirs, ours) =>
      name.includes(" + ")
        ? theirs.message !== "" && isRefused(ours, theirs.code < 0 ? codeOf(ours) : theirs.code)
        : texts(tensorFault, tensorFault)(name, theirs, ours),
  },
];

/** What one and the same Triton answers now so and now so: lists in the order of hash tables, and states on their way. */
export const unsteadyAnswers: readonly Difference[] = [
  {
    id: "two-faults",
    what: "Of several faults in maps, another one is named.",
    reason: "The order of a hash table.",
    explains: (name, one, other) => name.includes(" + ") && one.message !== "" && other.message !== "",
  },
  {
    id: "lists",
    what: "Lists of inputs in another order, or another input named.",
    reason: "The order of a hash table.",
    explains: texts(/but got \d+ inputs|batch size does not match/, /but got \d+ inputs|batch size does not match/),
  },
  {
    id: "unloading",
    what: "A model that was just unloaded.",
    reason: "It goes through UNLOADING.",
    explains: (name) => / after unload/.test(name),
  },
];
