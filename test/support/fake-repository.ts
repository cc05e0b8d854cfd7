import { InferenceError } from "../../src/errors.ts";
import {
  type InferenceRequest,
  type InferenceResponse,
  noParameters,
  type Reply,
  type RequestContext,
} from "../../src/inference.ts";
import { type Model, type ModelDescription, unknownModel } from "../../src/runtime/model.ts";
import type { IndexEntry, LoadOverride, Repository } from "../../src/runtime/repository/repository.ts";
import { type ModelStatistics, StatisticsCollector } from "../../src/runtime/statistics.ts";
import type { Tensor } from "../../src/tensor.ts";

/** One request that a FakeModel was asked to answer. */
export interface Asked {
  readonly request: InferenceRequest;
  readonly context: RequestContext;
  readonly reply: Reply;
}

/** A description of a model "y = x" over FP32 rows. */
export function describe(name: string, partial: Partial<ModelDescription> = {}): ModelDescription {
  return {
    name,
    version: "1",
    config: { name, backend: "onnxruntime", max_batch_size: 64 },
    signature: {
      inputs: [{ name: "x", datatype: "FP32", dims: [-1] }],
      outputs: [{ name: "y", datatype: "FP32", dims: [1], labels: ["cat"] }],
      maxBatchSize: 64,
    },
    provider: { requested: "cpu", actual: "cpu", isPartial: false, detail: "" },
    batching: "by the test",
    classNames: [],
    loadMs: 1,
    ...partial,
  };
}

/** An answer with one output. */
export function answerTo(request: InferenceRequest, output?: Partial<Tensor>): InferenceResponse {
  const y: Tensor = { name: "y", datatype: "FP32", shape: [1, 1], data: new Uint8Array(4), ...output };
  return { modelName: request.modelName, modelVersion: "1", id: request.id, parameters: noParameters, outputs: [y] };
}

/** A model that does what the test says: by default it keeps each request until the test answers it. */
export class FakeModel implements Model {
  readonly description: ModelDescription;
  readonly asked: Asked[] = [];
  #behaviour: (asked: Asked) => void;
  #waiting: (() => void)[] = [];

  constructor(name: string, behaviour: (asked: Asked) => void = () => {}, description = describe(name)) {
    this.description = description;
    this.#behaviour = behaviour;
  }

  infer(request: InferenceRequest, context: RequestContext, reply: Reply): void {
    const asked = { request, context, reply };
    this.asked.push(asked);
    this.#behaviour(asked);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves once so many requests came in all. */
  async untilAsked(count: number): Promise<void> {
    while (this.asked.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** A model that answers every request at once with four bytes, and remembers nothing. */
export class ImmediateModel implements Model {
  readonly description: ModelDescription;
  readonly #data = new Uint8Array(4);

  constructor(name: string) {
    this.description = describe(name);
  }

  infer(request: InferenceRequest, _context: RequestContext, reply: Reply): void {
    reply.respond(answerTo(request, { data: this.#data }), true);
  }
}

/** Models by name, all of version 1, with switches for readiness. */
export class FakeRepository implements Repository {
  readonly models = new Map<string, Model>();
  readonly notReady = new Set<string>();
  readonly loads: { readonly name: string; readonly override: LoadOverride }[] = [];
  readonly unloads: string[] = [];
  isServerReady = true;
  #listeners = new Set<(name: string) => void>();

  constructor(...models: Model[]) {
    for (const model of models) this.models.set(model.description.name, model);
  }

  find(name: string, version: string): Model {
    const model = this.models.get(name);
    if (model === undefined) throw unknownModel(name);
    if (version !== "" && version !== "1") {
      throw new InferenceError("not_found", `Request for unknown model: '${name}' version ${version} is not found`);
    }
    if (this.notReady.has(name)) {
      throw new InferenceError("loading", `Request for unknown model: '${name}' version 1 is not at ready state`, {
        retryAfterMs: 50,
      });
    }
    return model;
  }

  isReady(name: string, version: string): boolean {
    if (this.notReady.has(name) && this.models.has(name)) return false;
    this.find(name, version);
    return true;
  }

  versions(name: string): readonly string[] {
    this.find(name, "");
    return ["1"];
  }

  index(onlyReady: boolean): readonly IndexEntry[] {
    const entries = [...this.models.keys()].map((name): IndexEntry => {
      const isReady = !this.notReady.has(name);
      return { name, version: "1", state: isReady ? "READY" : "LOADING", reason: "" };
    });
    return entries.filter(({ state }) => !onlyReady || state === "READY");
  }

  statistics(name: string): readonly ModelStatistics[] {
    if (name !== "" && !this.models.has(name)) {
      throw new InferenceError("invalid", `requested model '${name}' is not available`);
    }
    const names = name === "" ? [...this.models.keys()] : [name];
    return names.map((each) => new StatisticsCollector(each, "1").statistics);
  }

  async load(name: string, override: LoadOverride): Promise<void> {
    this.loads.push({ name, override });
  }

  async unload(name: string): Promise<void> {
    this.unloads.push(name);
  }

  watch(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** Changes a model's readiness and tells the watchers. */
  setReady(name: string, isReady: boolean): void {
    if (isReady) this.notReady.delete(name);
    else this.notReady.add(name);
    for (const listener of this.#listeners) listener(name);
  }
}
