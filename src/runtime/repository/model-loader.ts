import type { ServeConfig } from "../../config.ts";
import { InferenceError } from "../../errors.ts";
import type { Signature, TraceIds } from "../../inference.ts";
import { resolveChunking } from "../../model/chunking.ts";
import { lengthPlan } from "../../model/length-plan.ts";
import type { ModelConfig } from "../../model/model-config.ts";
import { type ModelParameters, resolveModelParameters } from "../../model/model-parameters.ts";
import { sequencePlan } from "../../model/sequence-plan.ts";
import type { TenantShares } from "../../tenant.ts";
import { admissionPolicy } from "../admission/model-admission.ts";
import { AnnotatedModel } from "../annotated-model.ts";
import type { Annotators } from "../annotator.ts";
import { BatchedModel, type Splitting } from "../batched-model.ts";
import { createMeasurer } from "../batching/request-measure.ts";
import { RunTimeModel } from "../batching/run-time-model.ts";
import { ChunkedModel, type ChunkedModelOptions } from "../chunked-model.ts";
import type { Clock } from "../clock.ts";
import type { ModelDescription } from "../model.ts";
import type { Observer } from "../observer.ts";
import type { LoadRequest, LoadResult, WarmUpResult } from "../process/load-protocol.ts";
import type { Place, Placement } from "../process/placement.ts";
import type { ProcessSlot } from "../process/process-slot.ts";
import { RuntimeProcessDied } from "../process/runtime-process.ts";
import type { Device } from "../process/session.ts";
import { isSimpleQueue, queuePolicy } from "../queue/queue-policy.ts";
import { SequenceModel } from "../sequence/sequence-model.ts";
import { SequenceVersion } from "../sequence/sequence-version.ts";
import type { ModelSource } from "./model-source.ts";
import { type LoadedVersion, ServingVersion } from "./serving-version.ts";
import { variableShapes } from "./variable-shapes.ts";
import { type WarmUpRun, type WarmUpShape, warmUp, warmUpShapes } from "./warm-up.ts";
import { WrappedVersion } from "./wrapped-version.ts";

export interface ModelLoaderOptions {
  readonly config: ServeConfig;
  readonly placement: Placement;
  readonly clock: Clock;
  /** Who gets how much of a model while others wait. Absent: everybody alike. */
  readonly shares?: TenantShares | undefined;
  /** What answers carry when they are asked for it. Absent: nothing. */
  readonly annotators?: Annotators;
  /** For the log: what must not travel. */
  report(message: string, detail: string, trace?: TraceIds): void;
}

/** Longest single step (proof, warm-up run) of trying a model, so that one that never ends does not hold up its load for a minute. */
const trialStepMs = 10_000;
/**
 * Brings a model version into service: try it where it can hurt nobody, decide whether it batches, load its instances, warm them up. Throws
 * InferenceError "refused" when the model or its configuration cannot be served.
 */
export class ModelLoader {
  readonly #options: ModelLoaderOptions;
  #nextSessionId = 1;

  constructor(options: ModelLoaderOptions) {
    this.#options = options;
  }

  /** @param observers hear of the version's requests */
  async load(source: ModelSource, observers: Required<Observer>): Promise<LoadedVersion> {
    try {
      return await this.#load(source, observers);
    } catch (error) {
      if (!(error instanceof RuntimeProcessDied)) throw error;
      if (error.exit.kind === "timeout") throw endedProcess(source.name, error);
    }
    // Somebody else may have ended the process, a neighbour's crash for example: once more.
    try {
      return await this.#load(source, observers);
    } catch (error) {
      throw error instanceof RuntimeProcessDied ? endedProcess(source.name, error) : error;
    }
  }

  async #load(source: ModelSource, observers: Required<Observer>): Promise<LoadedVersion> {
    const startMs = this.#options.clock.now();
    const parameters = resolveModelParameters(source.config);
    const device = await this.#resolveDevice(source, parameters);
    const isShared =
      this.#options.placement.isShared(source.byteLength, device) && !asksForOwn(source.config, parameters);
    const places: Place[] = [];
    try {
      const request = this.#request(source, parameters, this.#isOpen(source, parameters, device) ? "auto" : device, 1);
      const [result, isWarm] = isShared
        ? await this.#options.placement.withTrial((slot) => this.#try(slot, request))
        : await this.#tryInOwn(places, request, parameters);
      return await this.#serve(source, parameters, { request, result, isShared, isWarm, startMs, observers }, places);
    } catch (error) {
      for (const place of places) place.release();
      throw error;
    }
  }

  /** Loads a model, runs it to learn whether it batches, and warms it up, unless that takes the process along: then without. */
  async #try(slot: ProcessSlot, request: LoadRequest, keepsSession = false): Promise<[LoadResult, boolean]> {
    const { sessionId } = request;
    const { loadTimeoutMs } = this.#options.config;
    const load = async (batching: LoadRequest["batching"]) =>
      (await slot.control({ ...request, batching }, loadTimeoutMs)) as LoadResult; // what process-main.ts answers to "load"
    let result: LoadResult;
    let isWarm = true;
    await load("tried");
    try {
      result = (await slot.control({ operation: "try", sessionId }, trialStepMs)) as LoadResult;
      const lengths = lengthPlan(result.config, result.signature);
      const [smallest] = warmUpShapes(result.signature, [1], lengths, false).toReversed();
      await this.#warmUp(slot, sessionId, result, smallest === undefined ? [] : [smallest], trialStepMs);
    } catch (error) {
      if (!(error instanceof RuntimeProcessDied)) {
        if (!keepsSession) this.#discard(slot, sessionId);
        throw error;
      }
      this.#options.report(
        `trying model '${request.name}' did not end well, so it serves without batching and warm-up`,
        error.exit.kind,
      );
      result = await load("untried");
      isWarm = false;
    }
    if (!keepsSession) await slot.control({ operation: "unload", sessionId }, loadTimeoutMs);
    return [result, isWarm];
  }

  /** Frees a session that nobody will use; a process that dies meanwhile has freed it too. */
  #discard(slot: ProcessSlot, sessionId: number): void {
    slot.control({ operation: "unload", sessionId }, this.#options.config.loadTimeoutMs).catch(() => {});
  }

  async #tryInOwn(places: Place[], request: LoadRequest, parameters: ModelParameters): Promise<[LoadResult, boolean]> {
    const place = this.#options.placement.acquireOwn(
      parameters.intraOpThreads ?? 0,
      prefetchOf(request.config, parameters),
    );
    places.push(place);
    return await this.#try(place.slot, { ...request, intraOpThreads: place.threads }, true);
  }

  /** Loads the instances and puts the model in front of them. */
  async #serve(
    source: ModelSource,
    parameters: ModelParameters,
    tried: {
      request: LoadRequest;
      result: LoadResult;
      isShared: boolean;
      isWarm: boolean;
      startMs: number;
      observers: Required<Observer>;
    },
    places: Place[],
  ): Promise<LoadedVersion> {
    const { config, clock, placement } = this.#options;
    const { result } = tried;
    const variable = variableShapes(result.config, result.signature);
    const measurer = createMeasurer(result.signature, parameters, variable?.lengths);
    const sizes = parameters.batchBuckets ?? bucketsOf(result.signature);
    const shapes = warmUpShapes(result.signature, sizes, variable?.lengths, measurer !== undefined);
    const runTimes = new RunTimeModel();
    const runTimeoutMs = parameters.runTimeoutMs ?? config.runTimeoutMs;
    const used = new Set<ProcessSlot>();
    const loaded: { place: Place; request: LoadRequest; generation: number }[] = [];
    try {
      for (const [i, deviceId] of instanceDevices(result.config).entries()) {
        const isFirstOwn = i < places.length;
        const place =
          places[i] ??
          (tried.isShared ? placement.acquireShared(used) : undefined) ??
          placement.acquireOwn(parameters.intraOpThreads ?? 0, prefetchOf(source.config, parameters));
        if (!isFirstOwn) places.push(place);
        used.add(place.slot);
        const request = {
          ...finalRequest(tried.request, result),
          ...(deviceId === undefined ? {} : { deviceId }),
          intraOpThreads: place.threads,
          sessionId: isFirstOwn ? tried.request.sessionId : this.#nextSessionId++,
        };
        const { generation } = place.slot;
        if (!isFirstOwn) await place.slot.control(request, config.loadTimeoutMs);
        loaded.push({ place, request, generation });
        if (!tried.isWarm) continue;
        try {
          const runs = await this.#warmUp(place.slot, request.sessionId, result, shapes, runTimeoutMs);
          for (const { shapeBucket, rows, runMs } of runs) runTimes.learnBusy(shapeBucket, rows, runMs);
        } catch (error) {
          // Where the process was replaced before, the session was not there: the slot loads it again.
          if (error instanceof RuntimeProcessDied || place.slot.generation === generation) throw error;
        }
      }
    } catch (error) {
      // In a process of its own a session ends with the process, in a shared one it would stay for ever.
      for (const { place, request } of loaded) if (place.isShared) this.#discard(place.slot, request.sessionId);
      throw error;
    }
    const description: ModelDescription = {
      name: source.name,
      version: source.version,
      config: result.config,
      signature: result.signature,
      provider: { ...result.provider, requested: parameters.device ?? config.device },
      batching: result.batching,
      classNames: result.classNames,
      loadMs: clock.now() - tried.startMs,
    };
    const limits = {
      clock,
      observers: tried.observers,
      maxQueueRequests: parameters.maxQueueRequests ?? config.maxQueueRequests,
      maxQueueBytes: parameters.maxQueueBytes ?? config.maxQueueBytes,
      slotBytes: Math.min(...places.map((place) => place.slot.slotBytes)),
    };
    const isRagged = variable !== undefined && variable.lengths === undefined;
    const instanceOptions = {
      clock,
      runTimeoutMs,
      loadTimeoutMs: config.loadTimeoutMs,
      buckets:
        parameters.batchBuckets ?? (isRagged || result.provider.actual === "cpu" ? [] : bucketsOf(result.signature)),
      ...(variable === undefined ? {} : { layout: variable.layout }),
      report: this.#options.report,
    };
    const plan = sequencePlan(result.config);
    if (plan !== undefined) {
      const maxBacklogSequences = parameters.maxBacklogSequences ?? config.maxBacklogSequences;
      const sequences = { ...limits, plan, instances: loaded.length, maxBacklogSequences };
      const model = new SequenceModel(description, sequences);
      return this.#wrap(new SequenceVersion(model, loaded, { ...instanceOptions, plan }), limits);
    }
    const model = new BatchedModel(description, {
      ...limits,
      shares: this.#options.shares,
      batchStretch: parameters.batchStretch ?? config.batchStretch,
      splitting: splittingOf(parameters.splitOversized, source.config.max_batch_size === undefined),
      limits: parameters,
      measurer,
      freeAxes: variable?.freeAxes ?? [],
      runTimes,
      admission: admissionPolicy(config, parameters),
    });
    return this.#wrap(new ServingVersion(model, loaded, places, instanceOptions), limits);
  }

  /** The version as its answers are wanted: cut where its configuration says so, else with what annotators add. */
  #wrap(version: LoadedVersion, options: Omit<ChunkedModelOptions, "chunking">): LoadedVersion {
    const { annotators, clock } = this.#options;
    const chunking = resolveChunking(version.model.description.config);
    if (chunking !== undefined) {
      return new WrappedVersion(version, new ChunkedModel(version.model, { ...options, chunking }));
    }
    if (annotators === undefined) return version;
    return new WrappedVersion(version, new AnnotatedModel(version.model, { annotators, clock }));
  }

  /** @param limitMs of each run: neighbours wait for it */
  async #warmUp(
    slot: ProcessSlot,
    sessionId: number,
    result: LoadResult,
    shapes: readonly WarmUpShape[],
    limitMs: number,
  ): Promise<readonly WarmUpRun[]> {
    return await warmUp({
      sessionId,
      result,
      shapes,
      slotBytes: slot.slotBytes,
      now: () => this.#options.clock.now(),
      run: async (request) => (await slot.control(request, limitMs)) as WarmUpResult, // what process-main.ts answers to "warm-up"
    });
  }

  #request(
    source: ModelSource,
    parameters: ModelParameters,
    device: Device | "auto",
    intraOpThreads: number,
  ): LoadRequest {
    const { config } = this.#options;
    const deviceId = source.config.instance_group?.[0]?.gpus?.[0];
    return {
      operation: "load",
      sessionId: this.#nextSessionId++,
      name: source.name,
      version: source.version,
      file: source.file,
      folder: source.folder,
      config: source.config,
      batching: "tried",
      defaultMaxBatchSize: config.defaultMaxBatchSize,
      device,
      ...(deviceId === undefined ? {} : { deviceId }),
      isFallbackAllowed: config.deviceFallback === "cpu",
      intraOpThreads: parameters.intraOpThreads ?? intraOpThreads,
      maxModelNodes: config.maxModelNodes,
      maxModelBytes: config.maxModelBytes,
      maxStateBytes: parameters.maxStateBytes ?? config.maxStateBytes,
    };
  }

  /** Whether a model that the best device cannot run at all may run on the next one. */
  #isOpen(source: ModelSource, parameters: ModelParameters, device: Device): boolean {
    const wanted = parameters.device ?? this.#options.config.device;
    const isGpuAsked = (source.config.instance_group ?? []).some((group) => group.kind === "KIND_GPU");
    return device !== "cpu" && wanted === "auto" && !isGpuAsked;
  }

  /** The device that the model's own setting, its instance group and the server's option come to. */
  async #resolveDevice(source: ModelSource, parameters: ModelParameters): Promise<Device> {
    const { config, placement } = this.#options;
    const kinds = (source.config.instance_group ?? []).map((group) => group.kind);
    if (kinds.includes("KIND_CPU")) return "cpu";
    const wanted = parameters.device ?? config.device;
    if (wanted !== "auto" && !(wanted === "cpu" && kinds.includes("KIND_GPU"))) return wanted;
    const available = await placement.devices(config.loadTimeoutMs);
    const best = available.find((device) => device !== "cpu" || !kinds.includes("KIND_GPU"));
    if (best !== undefined) return best;
    throw new InferenceError(
      "refused",
      `model '${source.name}' asks for KIND_GPU, but of the execution providers only ${available.join(", ")} starts here`,
    );
  }
}

function endedProcess(name: string, { exit }: RuntimeProcessDied): InferenceError {
  const what =
    exit.kind === "timeout"
      ? "took longer than --load-timeout-ms or --run-timeout-ms allows"
      : "ended its runtime process";
  return new InferenceError("refused", `loading model '${name}' ${what}`, { cause: new Error(exit.detail) });
}

/** The model's own setting; undefined: the server's. Nothing is sent ahead from a queue in which requests overtake each other or expire. */
function prefetchOf(config: ModelConfig, { prefetch }: ModelParameters): number | undefined {
  if (config.sequence_batching !== undefined) return 0; // one batch at a time: the next one needs what it leaves behind
  return prefetch ?? (isSimpleQueue(queuePolicy(config)) ? undefined : 0);
}

/**
 * Whether the model's own settings have no meaning in a shared process, whose models run one thread each and one batch at a time, or its sequences
 * would end when a neighbour takes the process along.
 */
function asksForOwn(
  { sequence_batching }: ModelConfig,
  { intraOpThreads = 0, prefetch = 0 }: ModelParameters,
): boolean {
  return intraOpThreads > 1 || prefetch > 0 || sequence_batching !== undefined;
}

/** On for streams, and for every request where the configuration names no max_batch_size, unless the model's setting says otherwise. */
function splittingOf(setting: boolean | undefined, isSizeOurs: boolean): Splitting {
  if (setting !== undefined) return setting ? "always" : "never";
  return isSizeOurs ? "always" : "streams";
}

/** The GPU of each instance, undefined for the only or first one: Triton's `count` is a number of instances on each of a group's `gpus`. */
function instanceDevices({ instance_group: groups = [] }: ModelConfig): readonly (number | undefined)[] {
  const devices = groups.flatMap(({ count = 1, gpus = [] }) => {
    const each = Math.max(1, count);
    return gpus.length === 0
      ? new Array<undefined>(each).fill(undefined)
      : gpus.flatMap((gpu) => new Array<number>(each).fill(gpu));
  });
  return devices.length > 0 ? devices : [undefined];
}

function finalRequest(request: LoadRequest, result: LoadResult): LoadRequest {
  const { config, sha256, provider } = result;
  return { ...request, config, sha256, batching: "final", device: toDevice(provider.actual) };
}

function toDevice(name: string): Device {
  return name === "cuda" || name === "webgpu" ? name : "cpu";
}

/** Powers of two up to the largest batch, and the largest batch; a model that does not batch has one size. */
export function bucketsOf(signature: Signature): readonly number[] {
  const buckets: number[] = [];
  for (let rows = 1; rows < signature.maxBatchSize; rows *= 2) buckets.push(rows);
  return [...buckets, Math.max(1, signature.maxBatchSize)];
}
