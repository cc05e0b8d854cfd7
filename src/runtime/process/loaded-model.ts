import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { InferenceError } from "../../errors.ts";
import type { Signature } from "../../inference.ts";
import { proveBatching } from "../../model/batch-proof.ts";
import { completeConfig, withBatching, withoutBatching } from "../../model/complete-config.ts";
import { withFilledInputs } from "../../model/filled-inputs.ts";
import { type LengthPlan, lengthPlan } from "../../model/length-plan.ts";
import type { ModelConfig, ModelConfigWarmup } from "../../model/model-config.ts";
import { observeOutputShapes } from "../../model/observed-shapes.ts";
import { type PreparedModel, prepareModel } from "../../model/prepared-model.ts";
import { type SequencePlan, sequencePlan } from "../../model/sequence-plan.ts";
import { signatureOf } from "../../model/signature.ts";
import { validateConfig } from "../../model/validate-config.ts";
import { elementCount, itemBytes, type Tensor } from "../../tensor.ts";
import type { ProviderInfo } from "../model.ts";
import { warmUpInputs } from "../repository/variable-shapes.ts";
import { initialStates, SequenceStates } from "../sequence/sequence-state.ts";
import type { RanOutput, RunFrame } from "./frames.ts";
import type { LoadRequest, LoadResult, WarmUpRequest } from "./load-protocol.ts";
import { createSession } from "./provider.ts";
import {
  type Device,
  fromTensor,
  type OrtResults,
  type Port,
  type Session,
  toTensor,
  writeOutputs,
} from "./session.ts";

/** Timings and outputs of one batch, as a `ran` frame tells them. */
export interface RunResult {
  readonly readMs: number;
  readonly inferMs: number;
  readonly writeMs: number;
  readonly outputs: readonly RanOutput[];
  readonly stateShapes: readonly number[];
  readonly inlined: Buffer;
}

const noStateShapes: readonly number[] = [];

/** A model in a runtime process: its session, its configuration, and what may be asked of it. */
export class LoadedModel {
  readonly #request: LoadRequest;
  readonly #session: Session;
  readonly #prepared: Omit<PreparedModel, "bytes" | "defaults">;
  readonly #defaults: ReadonlyMap<string, OrtResults[string]>;
  readonly #provider: ProviderInfo;
  #config: ModelConfig;
  #signature: Signature = { inputs: [], outputs: [], maxBatchSize: 0 };
  /** Inputs as frames number them: those of the signature, then what is filled in, by a layout or the sequence batcher. */
  #ports: readonly Port[] = [];
  #lengths: LengthPlan | undefined;
  #plan: SequencePlan | undefined;
  #states: SequenceStates | undefined;
  #batching = "";

  private constructor(request: LoadRequest, prepared: PreparedModel, session: Session, provider: ProviderInfo) {
    const { sha256, summary, classNames, defaults } = prepared;
    this.#request = request;
    this.#prepared = { sha256, summary, classNames };
    this.#defaults = new Map(defaults.map((tensor) => [tensor.name, fromTensor(tensor)]));
    this.#session = session;
    this.#provider = provider;
    this.#config = request.config;
  }

  /**
   * Reads, checks and loads the file.
   * @param available execution providers that start in this process, best first
   * @throws InferenceError "refused" when the file, the configuration or the provider cannot be used
   */
  static async load(request: LoadRequest, available: readonly Device[]): Promise<LoadedModel> {
    if (request.batching !== "final") validateConfig(request.config, request.name);
    const prepared = prepareModel(
      request.file,
      { maxNodes: request.maxModelNodes, maxBytes: request.maxModelBytes },
      (request.config.input ?? []).map(({ name }) => name ?? ""),
    );
    if (request.sha256 !== undefined && request.sha256 !== prepared.sha256) {
      throw new InferenceError(
        "refused",
        `the file of model '${request.name}' has changed since the model was loaded: load it again`,
      );
    }
    const { session, provider } = await createSession(prepared, request, available);
    const model = new LoadedModel(request, prepared, session, provider);
    try {
      if (request.batching === "final") model.#complete(request.config, "");
      if (request.batching === "untried") model.#completeUntried();
    } catch (error) {
      await session.release();
      throw error;
    }
    return model;
  }

  get result(): LoadResult {
    return {
      config: this.#config,
      signature: this.#signature,
      provider: this.#provider,
      batching: this.#batching,
      sha256: this.#prepared.sha256,
      classNames: this.#prepared.classNames,
    };
  }

  /**
   * Completes the configuration by running the model: observes the shapes of its outputs where the file cannot be relied on, and decides from
   * the answers to seeded rows, alone and in batches, whether the model batches.
   */
  async try(): Promise<void> {
    const { summary } = this.#prepared;
    const observed = await observeOutputShapes(summary, (inputs) => this.#runTensors(inputs, portsOf(summary)));
    const completed = completeConfig(this.#request.config, observed, this.#completion);
    if (!completed.isBatchingToBeProven) {
      this.#complete(completed.config, completed.batching);
      return;
    }
    this.#complete(completed.config, "");
    const proof = await proveBatching(this.#signature, (inputs) => this.#runTensors(inputs));
    if (proof.isShown) {
      this.#complete(withBatching(completed.config, this.#request.defaultMaxBatchSize), `on: ${proof.reason}`);
    } else {
      this.#complete(withoutBatching(completed.config), `off: ${proof.reason}`);
    }
  }

  /** Completes the configuration without running the model: what would have to be shown is taken as not shown. */
  #completeUntried(): void {
    const { summary } = this.#prepared;
    const completed = completeConfig(this.#request.config, summary, this.#completion);
    if (completed.isBatchingToBeProven) {
      this.#complete(withoutBatching(completed.config), "off: the trial whether batches change answers did not end");
    } else {
      this.#complete(completed.config, completed.batching);
    }
  }

  get #completion(): Parameters<typeof completeConfig>[2] {
    const { name, defaultMaxBatchSize, file } = this.#request;
    return { name, defaultMaxBatchSize, fileName: basename(file) };
  }

  #complete(config: ModelConfig, batching: string): void {
    this.#config = config;
    this.#batching = batching;
    const signature = signatureOf(config, this.#request.folder, this.#prepared.classNames);
    this.#signature = withFilledInputs(signature, config, this.#prepared.summary);
    this.#lengths = lengthPlan(config, this.#signature);
    this.#plan = sequencePlan(config);
    this.#ports = [...this.#signature.inputs, ...(this.#signature.filled ?? []), ...(this.#plan?.controls ?? [])];
    if (this.#plan === undefined || this.#plan.states.length === 0) return;
    this.#states = new SequenceStates(this.#plan.states, initialStates(this.#plan.states, this.#request.folder), {
      isBatched: this.#signature.maxBatchSize > 0,
      maxBytes: this.#request.maxStateBytes,
    });
  }

  /** What the model remembers of its sequences; undefined: nothing. */
  get states(): SequenceStates | undefined {
    return this.#states;
  }

  /**
   * Runs zeros in so many rows, or one sample of the configuration.
   * @param length of the padded inputs of zeros; absent: the shortest
   * @returns milliseconds of the run
   */
  async warmUp({ rows, sample, length }: Omit<WarmUpRequest, "operation" | "sessionId">): Promise<number> {
    const warmup = sample === undefined ? undefined : this.#config.model_warmup?.[sample];
    const given = warmup === undefined ? this.#zeros(rows, length) : this.#sample(warmup);
    const ownRows = warmup === undefined ? rows : Math.max(1, warmup.batch_size ?? 1);
    const inputs = warmUpInputs(this.#config, this.#signature, given, ownRows);
    const start = performance.now();
    for (let count = Math.max(1, warmup?.count ?? 1); count > 0; count--) await this.#runTensors(inputs);
    return performance.now() - start;
  }

  /** One batch: inputs from the arena, outputs into it. */
  async run(frame: RunFrame, arenaFd: number): Promise<RunResult> {
    const { outputs } = this.#signature;
    const startMs = performance.now();
    this.#states?.drop(frame.leftovers);
    const states = this.#states?.gather(frame.sequences) ?? []; // first: from here on a slot holds nothing of the sequence before
    const feeds = this.#session.readFeeds(arenaFd, frame.inputs, this.#ports);
    for (const tensor of states) feeds.set(tensor.name, fromTensor(tensor));
    const indexes = frame.outputs.length > 0 ? frame.outputs : outputs.map((_, index) => index);
    const fetches = indexes.map((index) => outputs[index]?.name ?? "");
    for (const { outputName } of this.#plan?.states ?? []) if (!fetches.includes(outputName)) fetches.push(outputName);
    const readMs = performance.now();
    this.#addDefaults(feeds);
    const results = await this.#session.run(feeds, fetches);
    const ranMs = performance.now();
    const written = writeOutputs(arenaFd, results, indexes, outputs, frame.outputOffset, frame.outputLimit);
    const stateShapes = this.#commitStates(frame, results);
    return {
      stateShapes,
      readMs: readMs - startMs,
      inferMs: ranMs - readMs,
      writeMs: performance.now() - ranMs,
      ...written,
    };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  /** Only once the answer is written: a run whose answer is lost has not happened. */
  #commitStates({ sequences }: RunFrame, results: OrtResults): readonly number[] {
    if (this.#states === undefined) return noStateShapes;
    const outputs = (this.#plan?.states ?? []).map(({ outputName: name, datatype }) => {
      const result = results[name];
      if (result === undefined) throw new Error(`the run gave no state ${name}`);
      return toTensor({ name, datatype }, result);
    });
    return this.#states.commit(sequences, outputs);
  }

  /** Optional inputs that the request leaves out. */
  #addDefaults(feeds: Map<string, OrtResults[string]>): void {
    for (const [name, tensor] of this.#defaults) if (!feeds.has(name)) feeds.set(name, tensor);
  }

  async #runTensors(inputs: readonly Tensor[], outputs: readonly Port[] = this.#signature.outputs): Promise<Tensor[]> {
    const feeds = new Map(inputs.map((input) => [input.name, fromTensor(input)]));
    this.#addDefaults(feeds);
    const results = await this.#session.run(
      feeds,
      outputs.map((output) => output.name),
    );
    return outputs.map((output) => {
      const result = results[output.name];
      if (result === undefined) throw new Error(`the run gave no output ${output.name}`);
      return toTensor(output, result);
    });
  }

  #zeros(rows: number, length = this.#lengths?.buckets[0]): Tensor[] {
    const { inputs, maxBatchSize } = this.#signature;
    const axes = new Map(inputs.map(({ name }, index) => [name, this.#lengths?.inputAxes[index]]));
    const zeros = inputs
      .filter((input) => input.isOptional !== true)
      .map((input) => {
        const dims = (input.modelDims ?? input.dims).map((dimension, axis) =>
          axis === axes.get(input.name) ? (length ?? 1) : dimension < 0 ? 1 : dimension,
        );
        const shape = maxBatchSize > 0 ? [rows, ...dims] : dims;
        return { name: input.name, datatype: input.datatype, shape, data: zeroData(input.datatype, shape) };
      });
    return [...zeros, ...this.#sequenceZeros(rows)];
  }

  /** Zeros for what the sequence batcher fills in. */
  #sequenceZeros(rows: number): Tensor[] {
    const { controls = [], states = [] } = this.#plan ?? {};
    const inputs = [
      ...controls.map(({ name, datatype }) => ({ name, datatype, dims: [1] })),
      ...states.map(({ inputName: name, datatype, dims, initial }) => ({
        name,
        datatype,
        dims: initial?.dims ?? dims,
      })),
    ];
    return inputs.map(({ name, datatype, dims }) => {
      const own = dims.map((dimension) => (dimension < 0 ? 1 : dimension));
      const shape = this.#signature.maxBatchSize > 0 ? [rows, ...own] : own;
      return { name, datatype, shape, data: zeroData(datatype, shape) };
    });
  }

  #sample(warmup: ModelConfigWarmup): Tensor[] {
    const { inputs, maxBatchSize } = this.#signature;
    const samples = new Map(Object.entries(warmup.inputs ?? {}));
    const given = inputs
      .filter((input) => samples.has(input.name))
      .map((input) => {
        const sample = samples.get(input.name);
        const dims = sample?.dims ?? [];
        const shape = maxBatchSize > 0 ? [Math.max(1, warmup.batch_size ?? 1), ...dims] : dims;
        const data =
          sample?.input_data_file !== undefined
            ? readFileSync(join(this.#request.folder, "warmup", plainFileName(sample.input_data_file)))
            : zeroData(input.datatype, shape);
        return { name: input.name, datatype: input.datatype, shape, data };
      });
    return [...given, ...this.#sequenceZeros(Math.max(1, warmup.batch_size ?? 1))];
  }
}

/** The outputs that a file declares. */
function portsOf(summary: PreparedModel["summary"]): Port[] {
  return summary.outputs.flatMap(({ name, datatype }) => (datatype === undefined ? [] : [{ name, datatype }]));
}

/** Zeros, or empty strings, in a shape. */
function zeroData(datatype: Tensor["datatype"], shape: readonly number[]): Uint8Array {
  const bytes = datatype === "BYTES" ? 4 : itemBytes(datatype);
  return new Uint8Array(elementCount(shape) * bytes);
}

function plainFileName(name: string): string {
  if (name === "" || name === "." || name === ".." || /[/\\\0]/.test(name)) {
    throw new InferenceError(
      "refused",
      `invalid warm-up data file '${name}', expected the name of a file in the folder 'warmup'`,
    );
  }
  return name;
}
