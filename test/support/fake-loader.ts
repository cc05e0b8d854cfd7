import type { InferenceError } from "../../src/errors.ts";
import type { Model } from "../../src/runtime/model.ts";
import type { ModelSource } from "../../src/runtime/repository/model-source.ts";
import type { LoadedVersion } from "../../src/runtime/repository/serving-version.ts";
import { describe, FakeModel } from "./fake-repository.ts";

/** A version in service that does nothing but remember how it ends. */
export class FakeVersion implements LoadedVersion {
  readonly model: Model;
  /** Which load made it, from 1. */
  readonly number: number;
  unavailable: InferenceError | undefined;
  onAvailability: () => void = () => {};
  /** What it refuses requests with; undefined: it serves. */
  draining: InferenceError | undefined;
  /** What it was asked to go on with: number of the load, and whether that one is replaced. */
  readonly takenOver: string[] = [];
  readonly #drained = Promise.withResolvers<void>();

  constructor(source: ModelSource, number: number) {
    const { name, version } = source;
    this.model = new FakeModel(name, () => {}, describe(name, { version }));
    this.number = number;
  }

  drain(error: InferenceError): Promise<void> {
    this.draining = error;
    return this.#drained.promise;
  }

  async takeOver(previous: LoadedVersion, isReplaced: boolean): Promise<void> {
    this.takenOver.push(`${((previous.wrapped ?? previous) as FakeVersion).number}${isReplaced ? " replaced" : ""}`);
  }

  /** Its last request has been answered. */
  finish(): void {
    this.#drained.resolve();
  }

  setUnavailable(error: InferenceError | undefined): void {
    this.unavailable = error;
    this.onAvailability();
  }
}

interface Load {
  readonly source: ModelSource;
  succeed(): Promise<FakeVersion>;
  fail(error: Error): Promise<void>;
}

/** Loads that end when the test says so. */
export class FakeLoader {
  /** Every load that was begun, in order. */
  readonly loads: Load[] = [];
  /** Every version that came into service, in order. */
  readonly versions: FakeVersion[] = [];
  /** Loads end well by themselves. */
  isAutomatic = false;

  readonly load = (source: ModelSource): Promise<LoadedVersion> => {
    const { promise, resolve, reject } = Promise.withResolvers<LoadedVersion>();
    const load: Load = {
      source,
      succeed: async () => {
        const version = new FakeVersion(source, this.loads.indexOf(load) + 1);
        this.versions.push(version);
        resolve(version);
        await new Promise((done) => setImmediate(done));
        return version;
      },
      fail: async (error) => {
        reject(error);
        await new Promise((done) => setImmediate(done));
      },
    };
    this.loads.push(load);
    if (this.isAutomatic) void load.succeed();
    return promise;
  };

  get last(): Load {
    return this.loads.at(-1)!;
  }
}

export function sourceOf(version: string, fingerprint = "1", name = "m"): ModelSource {
  return {
    name,
    version,
    file: `/${name}/${version}/model.onnx`,
    folder: `/${name}`,
    config: {},
    byteLength: 1,
    fingerprint,
  };
}
