import { Child } from "./child.ts";
import type { EchoAddress, EchoOptions } from "./echo-server.ts";
import { type LoadRequest, type LoadResult, loadDefaults } from "./load.ts";
import { type BenchModel, ModelFolder } from "./models.ts";
import { ServerProcess } from "./server-process.ts";

/** What a case asks of the load process; the stage knows the rest. */
export type LoadOptions = Pick<LoadRequest, "kind" | "seconds"> &
  Partial<
    Pick<LoadRequest, "inFlight" | "connections" | "rowsPerMessage" | "tenants" | "hasPredictionIds" | "warmUpSeconds">
  >;

export interface StageOptions {
  readonly args?: readonly string[];
  readonly profileFolder?: string | undefined;
}

/** The processes of a whole-server case: a server over one model, the load process, and what is measured beside. All end with the stage. */
export class Stage {
  readonly models: ModelFolder;
  readonly #model: BenchModel;
  readonly #load: Child;
  readonly #resources: AsyncDisposableStack;
  /** A second load process, from its first use on. */
  #second: Child | undefined;

  private constructor(model: BenchModel, models: ModelFolder, load: Child, resources: AsyncDisposableStack) {
    this.#model = model;
    this.models = models;
    this.#load = load;
    this.#resources = resources;
  }

  static create(model: BenchModel): Stage {
    const resources = new AsyncDisposableStack();
    const models = resources.use(new ModelFolder());
    models.add(model);
    return new Stage(model, models, resources.use(new Child("load-process.ts")), resources);
  }

  /** Starts a child that is measured beside the server. */
  child(script: string, options: StageOptions = {}): Child {
    return this.#resources.use(new Child(script, options));
  }

  /** Starts a server over the models; the returned function puts load on it. */
  async serve(options: StageOptions = {}): Promise<Target> {
    const server = this.#resources.use(await ServerProcess.start(this.models.repository, options));
    return {
      server,
      load: (load) => this.load(server.grpcAddress, server.pid, true, load),
      loadBeside: (load) => this.#ask(this.#beside(), server.grpcAddress, server.pid, true, load),
    };
  }

  /** Starts the bare echo. */
  async echo(options: StageOptions & EchoOptions = {}): Promise<Pick<Target, "load">> {
    const { windows, ...stageOptions } = options;
    const child = this.child("echo-server.ts", stageOptions);
    const { address } = await child.ask<EchoOptions, EchoAddress>(windows === undefined ? {} : { windows });
    return { load: (load) => this.load(address, child.pid, false, load) };
  }

  load(address: string, pid: number, hasModel: boolean, options: LoadOptions): Promise<LoadResult> {
    return this.#ask(this.#load, address, pid, hasModel, options);
  }

  #ask(load: Child, address: string, pid: number, hasModel: boolean, options: LoadOptions): Promise<LoadResult> {
    const { name } = this.#model;
    const samplesPath = this.models.samplesPath(name);
    const request: LoadRequest = { ...loadDefaults, ...options, address, pid, model: name, samplesPath, hasModel };
    return load.ask(request);
  }

  #beside(): Child {
    this.#second ??= this.child("load-process.ts");
    return this.#second;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

/** Something that takes calls. */
export interface Target {
  readonly server: ServerProcess;
  load(options: LoadOptions): Promise<LoadResult>;
  /** Load from another process, at the same time as `load`. */
  loadBeside(options: LoadOptions): Promise<LoadResult>;
}
