import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { InferenceError } from "../errors.ts";
import { type CompletedConfig, completeConfig } from "../model/complete-config.ts";
import { guessTask } from "../model/guess-task.ts";
import type { ModelConfig } from "../model/model-config.ts";
import { decodeModel } from "../model/onnx-file.ts";
import { type ModelSummary, summarizeModel } from "../model/onnx-summary.ts";
import { prepareModel, readModelFile } from "../model/prepared-model.ts";
import { signatureOf } from "../model/signature.ts";
import { validateConfig } from "../model/validate-config.ts";
import type { ClassNames } from "../model/zip-map.ts";
import type { ModelFile } from "./model-file.ts";

/** What can be known about a model without running it. */
export interface Inspection {
  readonly name: string;
  readonly version: string;
  readonly file: string;
  /** Bytes of the file itself. */
  readonly fileBytes: number;
  readonly sha256: string | undefined;
  readonly summary: ModelSummary | undefined;
  /** The configuration that would be in force, as far as it is known before the model runs. */
  readonly config: ModelConfig | undefined;
  readonly batching: string;
  /** What the monitor takes the model to predict, by its outputs, and how it knows; empty where that is not known before the model runs. */
  readonly predicts: string;
  readonly providers: readonly ProviderSupport[];
  /** Why it would not be served; undefined: nothing speaks against it. */
  readonly refusal: string | undefined;
}

/** What an execution provider can do for a model. */
export interface ProviderSupport {
  readonly provider: "cpu" | "webgpu" | "cuda";
  readonly support: string;
}

/** Limits and defaults of the server that the model is meant for. */
export interface InspectionLimits {
  readonly maxModelBytes: number;
  readonly maxModelNodes: number;
  readonly defaultMaxBatchSize: number;
}

/**
 * Reads and checks a model as the server would, short of running it. A model that would be refused is described as far as it can be read.
 * @throws InferenceError "not_found" when there is no such file.
 */
export function inspectModel(model: ModelFile, limits: InspectionLimits): Inspection {
  const fileBytes = readModelFile(model.file, limits.maxModelBytes).byteLength;
  const base = { name: model.name, version: model.version, file: model.file, fileBytes };
  let summary: ModelSummary | undefined;
  let sha256: string | undefined;
  try {
    const prepared = prepareModel(model.file, { maxBytes: limits.maxModelBytes, maxNodes: limits.maxModelNodes });
    ({ summary, sha256 } = prepared);
    if (model.hasConfig) validateConfig(model.config, model.name);
    const completed = completeConfig(model.config, summary, {
      name: model.name,
      defaultMaxBatchSize: limits.defaultMaxBatchSize,
    });
    return {
      ...base,
      sha256,
      summary,
      config: completed.config,
      batching: describeBatching(completed, limits.defaultMaxBatchSize),
      predicts: describeTask(model, completed, prepared.classNames),
      providers: providerSupport(summary),
      refusal: undefined,
    };
  } catch (error) {
    if (!(error instanceof InferenceError) || error.reason === "internal") throw error;
    summary ??= readSummary(model.file, limits.maxModelBytes);
    const providers: readonly ProviderSupport[] = [];
    return {
      ...base,
      sha256,
      summary,
      config: undefined,
      batching: "",
      predicts: "",
      providers,
      refusal: error.message,
    };
  }
}

/** The summary of a model that is refused; undefined when it is not even readable. */
function readSummary(file: string, maxBytes: number): ModelSummary | undefined {
  try {
    return summarizeModel(decodeModel(readModelFile(file, maxBytes)));
  } catch (error) {
    if (error instanceof InferenceError) return undefined;
    throw error;
  }
}

function describeBatching({ isBatchingToBeProven, batching }: CompletedConfig, maxBatchSize: number): string {
  return isBatchingToBeProven
    ? `decided at load: up to ${maxBatchSize} rows if the model shows that batches do not change its answers`
    : batching;
}

/** Whatever the configuration names wrongly is told when the model is loaded. */
function describeTask(model: ModelFile, { config }: CompletedConfig, classNames: ClassNames): string {
  const folder = model.version === "" ? dirname(model.file) : dirname(dirname(model.file));
  const { task, note } = guessTask(signatureOf(config, folder, classNames));
  const guess = task === "unknown" ? note : `${task}, ${note}`;
  const places =
    model.version === ""
      ? [`${model.file}.monitor.yaml`]
      : [dirname(model.file), folder].map((each) => join(each, "monitor.yaml"));
  const found = places.find((path) => existsSync(path));
  return found === undefined ? guess : `what ${found} says; without it: ${guess}`;
}

/** The GPU providers of ONNX Runtime have kernels for neither the classical operators nor strings; the rest shows at load. */
function providerSupport(summary: ModelSummary): readonly ProviderSupport[] {
  const classical = summary.operators.filter(({ domain }) => domain === "ai.onnx.ml").map(({ operator }) => operator);
  const hasStrings = [...summary.inputs, ...summary.outputs].some(({ datatype }) => datatype === "BYTES");
  const onCpu = [...classical, ...(hasStrings ? ["whatever handles strings"] : [])];
  const isAll = classical.length === summary.operators.length && onCpu.length > 0;
  const gpu = isAll
    ? "no operator of this model: all of it would run on the CPU"
    : onCpu.length > 0
      ? `partial: ${onCpu.join(", ")} would run on the CPU`
      : "nothing known speaks against it; nodes that it cannot run fall to the CPU and show at load";
  return [
    { provider: "cpu", support: "all operators" },
    { provider: "webgpu", support: gpu },
    { provider: "cuda", support: gpu },
  ];
}
