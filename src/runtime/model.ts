import { InferenceError } from "../errors.ts";
import type {
  AnswerSource,
  InferenceRequest,
  InferenceResponse,
  Reply,
  RequestContext,
  Signature,
} from "../inference.ts";
import type { ModelConfig } from "../model/model-config.ts";
import { reportedParameters } from "../model/model-parameters.ts";
import type { ClassNames } from "../model/zip-map.ts";
import type { Gate } from "./admission/stream-gate.ts";

/** Where the nodes of a loaded model run. */
export interface ProviderInfo {
  /** What was asked for: auto, cpu, webgpu or cuda. */
  readonly requested: string;
  /** What runs the model: cpu, webgpu or cuda. */
  readonly actual: string;
  /** Some nodes fell back to the CPU. */
  readonly isPartial: boolean;
  /** Why `actual` is not `requested`, or which nodes fell back; empty when there is nothing to say. */
  readonly detail: string;
}

/** What is known about a model version once it is loaded; plain data, safe to send to tools. */
export interface ModelDescription {
  readonly name: string;
  readonly version: string;
  /** The configuration with everything completed that the ONNX file tells. */
  readonly config: ModelConfig;
  readonly signature: Signature;
  readonly provider: ProviderInfo;
  /** Why batching is on or off, in a sentence for metadata, log and `sluice inspect`. */
  readonly batching: string;
  /** Class names found in a ZipMap that was taken off, by output name. */
  readonly classNames: ClassNames;
  /** Milliseconds from the start of the load until ready. */
  readonly loadMs: number;
}

/**
 * A model version that answers. Batched models are the first implementation; sequences, ensembles, caches are others. Free of gRPC: a
 * caller hands over a request and a {@link Reply} and hears the answer there (why no AsyncIterable: docs/adr/0001).
 */
export interface Model {
  readonly description: ModelDescription;
  /** Where streams wait before they read on; absent: they never do. */
  readonly gate?: Gate;
  /** Answers through `reply`, never throws. May answer before it returns. */
  infer(request: InferenceRequest, context: RequestContext, reply: Reply): void;
}

/** Whether a model gives any number of answers to a request, and so on streams only. */
export function isDecoupled({ config }: ModelDescription): boolean {
  return config.model_transaction_policy?.decoupled === true;
}

/** The answers of one request as an AsyncIterable, for callers off the hot path. Throws the request's InferenceError. */
export async function* responses(
  model: Model,
  request: InferenceRequest,
  context: RequestContext,
): AsyncIterable<InferenceResponse> {
  const arrived: InferenceResponse[] = [];
  let source: AnswerSource | undefined;
  let failure: InferenceError | undefined;
  let isEnded = false;
  let wake: () => void = () => {};
  model.infer(request, context, {
    respond(response, isFinal) {
      arrived.push(response);
      isEnded = isFinal;
      wake();
    },
    respondFrom(answers) {
      source = answers;
      wake();
    },
    fail(error) {
      failure = error;
      isEnded = true;
      wake();
    },
  });
  for (;;) {
    const response = arrived.shift();
    if (response !== undefined) yield response;
    else if (source !== undefined) return yield* taken(source);
    else if (failure !== undefined) throw failure;
    else if (isEnded) return;
    else await new Promise<void>((resolve) => (wake = resolve));
  }
}

function* taken(source: AnswerSource): Iterable<InferenceResponse> {
  for (let answer = source.next(); answer !== undefined; answer = source.next()) {
    yield answer.response;
    if (answer.isFinal) return;
  }
}

/** The configuration as ModelConfig tells it: KIND_AUTO as what it came to, and what was decided and found at load among the parameters. */
export function reportedConfig({ config, batching, provider }: ModelDescription): ModelConfig {
  const share = provider.isPartial ? `${provider.actual}, partial: ${provider.detail}` : provider.actual;
  const parameters = {
    ...config.parameters,
    [reportedParameters.batching]: { string_value: batching },
    [reportedParameters.provider]: { string_value: `${share} (asked for: ${provider.requested})` },
  };
  const found = provider.actual === "cpu" ? "KIND_CPU" : "KIND_GPU";
  const instance_group = (config.instance_group ?? []).map((group) =>
    group.kind === "KIND_AUTO" ? { ...group, kind: found } : group,
  );
  return { ...config, instance_group, parameters };
}

/** The text and status of Triton for a model that is not there. */
export function unknownModel(name: string): InferenceError {
  return new InferenceError("not_found", `Request for unknown model: '${name}' is not found`);
}
