import { InferenceError, toInferenceError } from "../../errors.ts";
import type { Clock } from "../clock.ts";
import type { Model } from "../model.ts";
import type { ModelState, ModelStateDetail, Observer } from "../observer.ts";
import { type ModelStatistics, StatisticsCollector } from "../statistics.ts";
import type { LoadCheck } from "./load-check.ts";
import type { ModelSource } from "./model-source.ts";
import type { IndexEntry } from "./repository.ts";
import type { ScannedModel } from "./repository-scan.ts";
import type { LoadedVersion } from "./serving-version.ts";

export interface ModelVersionsOptions {
  readonly clock: Clock;
  readonly observers: Required<Observer>;
  load(source: ModelSource, statistics: Observer): Promise<LoadedVersion>;
  /** See {@link LoadCheck}. Absent: nothing is checked. */
  readonly check?: LoadCheck | undefined;
  report(level: "info" | "warn" | "error", message: string, fields: Readonly<Record<string, unknown>>): void;
  /** The readiness of the model or a version has changed. */
  onChange(): void;
}

interface Version {
  state: ModelState;
  reason: string;
  fingerprint: string;
  serving: LoadedVersion | undefined;
  statistics: ModelStatistics | undefined;
}

/** The versions of one model: their states, and how they are replaced without a request noticing. */
export class ModelVersions {
  readonly #name: string;
  readonly #options: ModelVersionsOptions;
  readonly #versions = new Map<string, Version>();
  /** Versions that have been replaced or taken out of service and still answer what they had accepted. */
  readonly #ending = new Set<Promise<void>>();
  #latestServing: LoadedVersion | undefined;
  #error: InferenceError | undefined;
  #changes: Promise<unknown> = Promise.resolve();
  #hasBeenReady = false;
  /** The server ends, and why requests are refused from now on. */
  #draining: InferenceError | undefined;
  #isUnloaded = false;

  constructor(name: string, options: ModelVersionsOptions) {
    this.#name = name;
    this.#options = options;
  }

  get hasBeenReady(): boolean {
    return this.#hasBeenReady;
  }

  get isUnloaded(): boolean {
    return this.#isUnloaded;
  }

  get areAllReady(): boolean {
    return this.#error === undefined && this.#versions.size > 0 && [...this.#versions.values()].every(isReady);
  }

  /** The version that answers when none is asked for. */
  get #latest(): Model | undefined {
    return this.#latestServing?.model;
  }

  find(version: string): Model {
    if (version === "") {
      if (this.#latest !== undefined) return this.#latest;
      throw this.#noneReady();
    }
    const known = this.#known(version);
    if (known.serving !== undefined) return known.serving.model;
    throw this.#notReady(version);
  }

  isReady(version: string): boolean {
    if (version === "") return this.#latest !== undefined && [...this.#versions.values()].some(isReady);
    return isReady(this.#known(version));
  }

  #known(version: string): Version {
    const number = checkedVersion(version);
    const known = this.#versions.get(number);
    if (known !== undefined) return known;
    throw new InferenceError("not_found", `Request for unknown model: '${this.#name}' version ${number} is not found`);
  }

  readyVersions(): string[] {
    return [...this.#versions]
      .filter(([, version]) => isReady(version))
      .map(([name]) => name)
      .sort((a, b) => Number(a) - Number(b));
  }

  index(): IndexEntry[] {
    const name = this.#name;
    if (this.#versions.size === 0) {
      return [{ name, version: "", state: "UNAVAILABLE", reason: this.#error?.message ?? "unloaded" }];
    }
    return [...this.#versions].map(([version, { state, reason, serving }]) => {
      const unavailable = serving?.unavailable;
      return unavailable === undefined
        ? { name, version, state, reason }
        : { name, version, state: "UNAVAILABLE", reason: unavailable.message };
    });
  }

  /** Counters of one ready version, or of all (empty). @throws InferenceError "invalid" for a version that is no number */
  statistics(version: string): ModelStatistics[] {
    const wanted = version === "" ? "" : checkedVersion(version);
    return [...this.#versions]
      .filter(([name, known]) => (wanted === "" || wanted === name) && known.serving !== undefined)
      .flatMap(([, { statistics }]) => (statistics === undefined ? [] : [statistics]));
  }

  /**
   * Brings the versions to what lies in the repository: new and changed ones are loaded beside the old, swapped in, and only then the old
   * ones end. A version that fails to load leaves its predecessor serving.
   * @throws InferenceError the first failure
   */
  apply(scanned: ScannedModel): Promise<void> {
    return this.#inTurn(() => this.#apply(scanned));
  }

  /** Refuses new requests for all versions; resolves when they have answered what they had accepted and are gone. */
  unload(error: InferenceError): Promise<void> {
    return this.#inTurn(async () => {
      this.#isUnloaded = true;
      await Promise.all([...this.#versions.keys()].map((version) => this.#end(version, error)));
      this.#error = undefined;
    });
  }

  /** Refuses new requests at once, without waiting for loads under way; resolves when the accepted ones have been answered. */
  async drain(error: InferenceError): Promise<void> {
    this.#draining = error;
    for (const { serving } of this.#versions.values()) if (serving !== undefined) this.#retire(serving, error);
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  /** Lets a version answer what it has accepted. */
  #retire(serving: LoadedVersion, error: InferenceError): Promise<void> {
    const end = serving.drain(error).finally(() => this.#ending.delete(end));
    this.#ending.add(end);
    return end;
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const turn = this.#changes.then(change);
    this.#changes = turn.catch(() => {});
    return turn;
  }

  async #apply(scanned: ScannedModel): Promise<void> {
    this.#isUnloaded = false;
    if (scanned.error !== undefined) {
      this.#error = scanned.error;
      const { message, cause } = scanned.error;
      this.#options.report("error", "a model cannot be loaded", {
        model: this.#name,
        reason: message,
        cause: String(cause ?? ""),
      });
      this.#options.observers.onModelState(this.#name, "", "UNAVAILABLE", { reason: message });
      this.#options.onChange();
      throw scanned.error;
    }
    this.#error = undefined;
    const failures: InferenceError[] = [];
    for (const source of scanned.versions) {
      await this.#loadVersion(source).catch((error: unknown) => failures.push(toInferenceError(error)));
    }
    const wanted = new Set(scanned.versions.map((source) => source.version));
    // While nothing new serves, what served before goes on.
    if (scanned.versions.some(({ version }) => this.#versions.get(version)?.serving !== undefined)) {
      const gone = [...this.#versions.keys()].filter((version) => !wanted.has(version));
      for (const version of gone) await this.#handOver(version);
      for (const version of gone) void this.#end(version, this.#notReady(version));
    }
    const [first] = failures;
    if (first !== undefined) throw first;
  }

  async #loadVersion(source: ModelSource): Promise<void> {
    const { version, fingerprint } = source;
    const before = this.#versions.get(version);
    if (before?.serving !== undefined && before.fingerprint === fingerprint) return;
    const record: Version = before ?? {
      state: "LOADING",
      reason: "",
      fingerprint: "",
      serving: undefined,
      statistics: undefined,
    };
    this.#versions.set(version, record);
    if (record.serving === undefined) this.#setState(version, record, "LOADING", { reason: "" });
    const startMs = this.#options.clock.now();
    try {
      const collector = new StatisticsCollector(this.#name, version);
      const loaded = await this.#options.load(source, collector);
      await this.#check(source, loaded);
      const previous = record.serving;
      const before = previous ?? this.#latestServing;
      if (before !== undefined) await loaded.takeOver?.(before, previous !== undefined);
      if (this.#draining !== undefined) {
        void this.#retire(loaded, this.#draining);
        throw this.#draining;
      }
      record.serving = loaded;
      record.statistics = collector.statistics;
      record.fingerprint = fingerprint;
      loaded.onAvailability = () => this.#refresh();
      const loadMs = this.#options.clock.now() - startMs;
      this.#setState(version, record, "READY", { reason: "", loadMs, description: loaded.model.description });
      this.#report(loaded.model);
      if (previous !== undefined) void this.#retire(previous, this.#notReady(version));
    } catch (error) {
      this.#onLoadFailed(version, record, toInferenceError(error), this.#options.clock.now() - startMs);
      throw error;
    }
  }

  /** Lets others look at what was loaded before it serves; where they refuse it, it ends. */
  async #check(source: ModelSource, loaded: LoadedVersion): Promise<void> {
    try {
      await this.#options.check?.(source, loaded.model.description);
    } catch (error) {
      void this.#retire(loaded, toInferenceError(error));
      throw error;
    }
  }

  #report({ description }: Model): void {
    const { name, version, provider, batching, loadMs } = description;
    this.#options.report("info", "model ready", {
      model: name,
      version,
      provider: provider.isPartial ? `${provider.actual} (partial: ${provider.detail})` : provider.actual,
      batching,
      loadMs: Math.round(loadMs),
    });
  }

  #onLoadFailed(version: string, record: Version, error: InferenceError, loadMs: number): void {
    const cause = error.cause instanceof Error ? error.cause.message : "";
    this.#options.report("error", "a model version cannot be loaded", {
      model: this.#name,
      version,
      reason: error.message,
      cause,
    });
    if (record.serving !== undefined) {
      record.reason = "";
      this.#options.report("warn", "the loaded model version serves on", { model: this.#name, version });
      return;
    }
    this.#setState(version, record, "UNAVAILABLE", { reason: error.message, loadMs });
  }

  /** What a version has begun that lasts longer than a request goes on in the newest one. */
  async #handOver(version: string): Promise<void> {
    const serving = this.#versions.get(version)?.serving;
    const successor = this.#latestServing;
    if (serving !== undefined && successor !== serving) await successor?.takeOver?.(serving, true);
  }

  /** Takes a version out of service; its requests under way are answered first. */
  async #end(version: string, error: InferenceError): Promise<void> {
    const record = this.#versions.get(version);
    if (record === undefined) return;
    const { serving } = record;
    this.#versions.delete(version);
    this.#refresh();
    if (serving !== undefined) await this.#retire(serving, error);
    if (!this.#versions.has(version)) this.#options.observers.onModelRemoved(this.#name, version);
  }

  #setState(version: string, record: Version, state: ModelState, detail: ModelStateDetail): void {
    record.state = state;
    record.reason = detail.reason;
    this.#options.observers.onModelState(this.#name, version, state, detail);
    this.#refresh();
  }

  /** The version that answers when none is asked for: the highest that serves, one that is available if there is any. */
  #refresh(): void {
    const serving = [...this.#versions].flatMap(([version, { serving }]) =>
      serving === undefined ? [] : [{ version: Number(version), serving }],
    );
    serving.sort((a, b) => b.version - a.version);
    const best = serving.find(({ serving: { unavailable } }) => unavailable === undefined) ?? serving[0];
    this.#latestServing = best?.serving;
    if (best !== undefined) this.#hasBeenReady = true;
    this.#options.onChange();
  }

  #noneReady(): InferenceError {
    const isLoading = [...this.#versions.values()].some((version) => version.state === "LOADING");
    const text = `Request for unknown model: '${this.#name}' has no available versions`;
    return isLoading
      ? new InferenceError("loading", text, { retryAfterMs: 1_000 })
      : new InferenceError("not_found", text);
  }

  #notReady(version: string): InferenceError {
    return new InferenceError(
      "loading",
      `Request for unknown model: '${this.#name}' version ${version} is not at ready state`,
      { retryAfterMs: 1_000 },
    );
  }
}

function isReady(version: Version): boolean {
  return version.state === "READY" && version.serving !== undefined && version.serving.unavailable === undefined;
}

/** Versions are int64 in the protocol. */
const largestVersion = 2n ** 63n - 1n;

/** A version as clients write it. @throws InferenceError "invalid" with Triton's texts */
function checkedVersion(version: string): string {
  if (/^-\d+$/.test(version)) {
    throw new InferenceError(
      "invalid",
      `invalid model version specified '${version}' , version should be an integral value > 0`,
    );
  }
  const isNumber = /^\d+$/.test(version);
  const isLong = version.length > 19 && /^0*[1-9]\d{19}/.test(version); // converting megabytes of digits takes minutes
  if (!isNumber || isLong || BigInt(version) > largestVersion) {
    const details = isNumber ? `above ${largestVersion}` : "not a number";
    throw new InferenceError(
      "invalid",
      `failed to get model version from specified version string '${version}' (details: ${details}), version should be an integral value > 0`,
    );
  }
  return String(BigInt(version));
}
