import { InferenceError } from "../../errors.ts";
import { parseConfigJson } from "../../model/config-text.ts";
import type { ModelConfig } from "../../model/model-config.ts";
import type { Clock } from "../clock.ts";
import { type Model, unknownModel } from "../model.ts";
import type { Observer } from "../observer.ts";
import type { ModelStatistics } from "../statistics.ts";
import { FileOverrides } from "./file-overrides.ts";
import type { LoadCheck } from "./load-check.ts";
import type { ModelSource } from "./model-source.ts";
import { ModelVersions } from "./model-versions.ts";
import type { IndexEntry, LoadOverride, Repository } from "./repository.ts";
import type { RepositoryFolder, ScannedModel } from "./repository-scan.ts";
import type { LoadedVersion } from "./serving-version.ts";

export interface ModelRepositoryOptions {
  readonly folder: RepositoryFolder;
  readonly modelControl: "none" | "poll" | "explicit";
  readonly pollIntervalMs: number;
  /** Models to load at start under explicit control; `*`: all. */
  readonly loadModels: readonly string[];
  readonly isFileOverrideAllowed: boolean;
  readonly isStrictlyReady: boolean;
  readonly clock: Clock;
  readonly observers: Required<Observer>;
  /** Brings a version into service. `statistics` observes its requests beside {@link observers}. */
  load(source: ModelSource, statistics: Observer): Promise<LoadedVersion>;
  /** See {@link LoadCheck}. Absent: nothing is checked. */
  readonly check?: LoadCheck | undefined;
  /** For the log. */
  report(level: "info" | "warn" | "error", message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Stands for the fingerprint of a model that is not in the repository. */
const absent = "absent";

const draining = () =>
  new InferenceError(
    "draining",
    "Server is stopping, scheduler for model has stopped accepting new inference requests",
    { retryAfterMs: 1_000 },
  );

/**
 * The models in service: which versions there are, in which state, and how they come and go. Changes of one model happen one after
 * another, those of different models side by side.
 */
export class ModelRepository implements Repository {
  readonly #options: ModelRepositoryOptions;
  readonly #models = new Map<string, ModelVersions>();
  readonly #listeners = new Set<(name: string) => void>();
  readonly #startUp = new Set<string>();
  readonly #seen = new Map<string, string>();
  readonly #applied = new Map<string, string>();
  readonly #overrides: FileOverrides;
  #cancelPoll: (() => void) | undefined;
  #isDraining = false;

  constructor(options: ModelRepositoryOptions) {
    this.#options = options;
    this.#overrides = new FileOverrides();
  }

  /** Loads what is to be loaded at start; resolves when each model serves or has failed. */
  async start(): Promise<void> {
    const { modelControl, loadModels } = this.#options;
    const scanned = this.#options.folder.scan();
    const isAll = modelControl !== "explicit" || loadModels.includes("*");
    const wanted = isAll ? [...scanned.keys()] : loadModels;
    for (const name of wanted) this.#startUp.add(name);
    await Promise.all(
      wanted.map(async (name) => {
        const model = scanned.get(name);
        if (model === undefined) {
          this.#options.report("error", "a model to load at start is not in the repository", { model: name });
          return;
        }
        this.#applied.set(name, fingerprintOf(model));
        await this.#apply(model).catch(() => {}); // reported, and told by the index
      }),
    );
    if (modelControl === "poll") this.#pollLater();
  }

  find(name: string, version: string): Model {
    const model = this.#models.get(name);
    if (model === undefined) throw unknownModel(name);
    return model.find(version);
  }

  isReady(name: string, version: string): boolean {
    const model = this.#models.get(name);
    if (model === undefined) throw unknownModel(name);
    return model.isReady(version);
  }

  versions(name: string): readonly string[] {
    const model = this.#models.get(name);
    if (model === undefined) throw unknownModel(name);
    return model.readyVersions();
  }

  get isServerReady(): boolean {
    if (this.#isDraining) return false;
    if (this.#options.isStrictlyReady) {
      return [...this.#models.values()].every((model) => model.isUnloaded || model.areAllReady) && this.#hasStarted();
    }
    return this.#hasStarted();
  }

  #hasStarted(): boolean {
    for (const name of this.#startUp) if (this.#models.get(name)?.hasBeenReady !== true) return false;
    return true;
  }

  index(onlyReady: boolean): readonly IndexEntry[] {
    const entries = [...this.#models.values()].flatMap((model) => model.index());
    return onlyReady ? entries.filter((entry) => entry.state === "READY") : [...entries, ...this.#unloadedEntries()];
  }

  /** Models that lie in the repository and were never loaded; only explicit control leaves any. */
  #unloadedEntries(): IndexEntry[] {
    if (this.#options.modelControl !== "explicit") return [];
    return this.#options.folder
      .names()
      .filter((name) => !this.#models.has(name))
      .map((name) => ({ name, version: "", state: "UNAVAILABLE", reason: "unloaded" }));
  }

  statistics(name: string, version: string): readonly ModelStatistics[] {
    if (name === "") return [...this.#models.values()].flatMap((model) => model.statistics(""));
    const model = this.#models.get(name);
    if (model === undefined || model.readyVersions().length === 0) {
      throw new InferenceError("invalid", `requested model '${name}' is not available`);
    }
    const statistics = model.statistics(version);
    if (statistics.length === 0)
      throw new InferenceError("invalid", `requested model version is not available for model '${name}'`);
    return statistics;
  }

  async load(name: string, override: LoadOverride): Promise<void> {
    this.#checkControl();
    const config = override.config === undefined ? undefined : parseConfigJson(override.config);
    const scanned = this.#scanForLoad(name, config, override);
    if (scanned === undefined)
      throw new InferenceError("runtime", `failed to load '${name}', failed to poll from model repository`);
    try {
      await this.#apply(scanned);
    } catch (error) {
      if (override.files !== undefined && override.files.size > 0) this.#overrides.discard(name);
      throw error;
    }
  }

  #scanForLoad(name: string, config: ModelConfig | undefined, override: LoadOverride): ScannedModel | undefined {
    if (override.files === undefined || override.files.size === 0) return this.#options.folder.find(name, config);
    if (!this.#options.isFileOverrideAllowed) {
      throw new InferenceError(
        "unsupported",
        "model files inside a load request are not accepted; the server's option is --allow-file-overrides",
      );
    }
    if (config === undefined)
      throw new InferenceError("invalid", "override config must be specified when overriding model files");
    return this.#overrides.write(name, override.files, config);
  }

  async unload(name: string): Promise<void> {
    this.#checkControl();
    await this.#remove(name);
  }

  #checkControl(): void {
    if (this.#options.modelControl === "explicit") return;
    throw new InferenceError(
      "shed",
      this.#options.modelControl === "poll"
        ? "explicit model load / unload is not allowed if polling is enabled"
        : "explicit model load / unload is not allowed; the server's option is --model-control explicit",
      { retryAfterMs: -1 },
    );
  }

  watch(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Refuses all new requests; resolves when every accepted one has its answer. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#cancelPoll?.();
    for (const name of this.#models.keys()) this.#notify(name);
    await Promise.all([...this.#models.values()].map((model) => model.drain(draining())));
    this.#overrides.clear();
  }

  async #apply(scanned: ScannedModel): Promise<void> {
    let model = this.#models.get(scanned.name);
    if (model === undefined) {
      model = new ModelVersions(scanned.name, {
        clock: this.#options.clock,
        observers: this.#options.observers,
        load: (source, statistics) => this.#options.load(source, statistics),
        check: this.#options.check,
        report: (level, message, fields) => this.#options.report(level, message, fields),
        onChange: () => this.#notify(scanned.name),
      });
      this.#models.set(scanned.name, model);
    }
    await model.apply(scanned);
  }

  async #remove(name: string): Promise<void> {
    await this.#models.get(name)?.unload(draining());
  }

  #notify(name: string): void {
    for (const listener of this.#listeners) listener(name);
  }

  #pollLater(): void {
    this.#cancelPoll = this.#options.clock.after(this.#options.pollIntervalMs, async () => {
      await this.#poll();
      if (!this.#isDraining) this.#pollLater();
    });
  }

  /** A change counts once two looks in a row saw the same: a file that is being copied changes from look to look. */
  async #poll(): Promise<void> {
    let scanned: ReadonlyMap<string, ScannedModel>;
    try {
      scanned = await this.#options.folder.scanInSlices();
    } catch (error) {
      this.#options.report("warn", "the model repository cannot be read; its models serve on", {
        cause: String(error),
      });
      return;
    }
    if (this.#isDraining) return;
    for (const model of scanned.values()) {
      const fingerprint = fingerprintOf(model);
      const isStable = this.#seen.get(model.name) === fingerprint;
      this.#seen.set(model.name, fingerprint);
      if (!isStable || this.#applied.get(model.name) === fingerprint) continue;
      this.#applied.set(model.name, fingerprint);
      void this.#apply(model).catch(() => {}); // reported, and told by the index
    }
    for (const name of [...this.#applied.keys()]) {
      if (scanned.has(name)) continue;
      if (this.#seen.get(name) !== absent) {
        this.#seen.set(name, absent);
        continue;
      }
      this.#applied.delete(name);
      this.#seen.delete(name);
      void this.#remove(name);
    }
  }
}

function fingerprintOf(model: ScannedModel): string {
  return [
    model.error?.message ?? "",
    ...model.versions.map((source) => `${source.version}=${source.fingerprint}`),
  ].join("\n");
}
