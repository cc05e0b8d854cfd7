import { dirname } from "node:path";
import { InferenceError } from "../errors.ts";
import { type CompletedConfig, completeConfig } from "../model/complete-config.ts";
import type { ModelConfig } from "../model/model-config.ts";
import { decodeModel } from "../model/onnx-file.ts";
import { type ModelSummary, summarizeModel } from "../model/onnx-summary.ts";
import { prepareModel, readModelFile } from "../model/prepared-model.ts";
import { signatureOf } from "../model/signature.ts";
import { validateConfig } from "../model/validate-config.ts";
import type { ClassNames } from "../model/zip-map.ts";
import { findTask } from "../monitor/config/model-task.ts";
import { readMonitorConfig } from "../monitor/config/monitor-config.ts";
import { readMonitorFile } from "../monitor/config/monitor-files.ts";
import { readReferenceFile } from "../monitor/config/reference-file.ts";
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
  /** What the monitor takes the model to predict and how it knows, or why it does not; empty: the model would be refused. */
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
export async function inspectModel(model: ModelFile, limits: InspectionLimits): Promise<Inspection> {
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
      predicts: await describeTask(model, completed, prepared.classNames),
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

/** What the monitor of the server would find: by the same files. @throws InferenceError "refused" where it would refuse them */
async function describeTask(model: ModelFile, { config }: CompletedConfig, classNames: ClassNames): Promise<string> {
  const folder = model.version === "" ? dirname(model.file) : dirname(dirname(model.file));
  const version = model.version || "1"; // what a lone file is served as
  const place = { name: model.name, version, file: model.file, folder };
  const description = { name: model.name, version, signature: signatureOf(config, folder, classNames) };
  const monitor = readMonitorConfig(readMonitorFile(place));
  const reference = await readReferenceFile(place, monitor.reference, description);
  const { task, note } = findTask(monitor, description, reference?.profile.labels);
  if (task === undefined) return note;
  const kind = task.task === "regression" ? task.task : `${task.task} classification`;
  const labels = task.labels.slice(0, shownLabels);
  const more = task.labels.length - labels.length;
  const classes = labels.length === 0 ? "" : `; classes ${labels.join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
  return `${kind}, ${note || "as monitor.yaml says"}${classes}`;
}

/** Class labels that are told one by one. */
const shownLabels = 5;

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
