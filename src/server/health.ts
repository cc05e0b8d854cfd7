import { InferenceError } from "../errors.ts";
import { healthService } from "../protocol/definitions.ts";
import type { Repository } from "../runtime/repository/repository.ts";
import { drainingError } from "./admission.ts";
import { type Call, type CallHandler, errorStatus } from "./call.ts";
import type { Log } from "./log.ts";
import type { ServiceHandlers } from "./method-table.ts";
import { SingleRequest, unaryMethod } from "./unary-method.ts";

type ServingStatus = "SERVING" | "NOT_SERVING" | "SERVICE_UNKNOWN";

interface HealthRequest {
  readonly service: string;
}

interface HealthResponse {
  readonly status: ServingStatus;
}

/** The service whose health is the server's own, besides the empty name. */
const inferenceServiceName = "inference.GRPCInferenceService";

/**
 * grpc.health.v1. The names: "" and `inference.GRPCInferenceService` are the server (ready as ServerReady says); `<model>` is a model, served
 * while any version is ready; `<model>/<version>` is one version, which cannot be mistaken because a model's name has no slash. While the
 * server stops, all are NOT_SERVING.
 */
export class Health {
  readonly service: ServiceHandlers;
  readonly #repository: Repository;
  readonly #watchers = new Set<Watcher>();
  readonly #unwatch: () => void;
  #isStopping = false;
  #areWatchersEnded = false;

  constructor(repository: Repository, log: Log) {
    this.#repository = repository;
    this.#unwatch = repository.watch(() => this.#notify());
    this.service = {
      definition: healthService(),
      handlers: {
        Check: unaryMethod((request: HealthRequest) => this.#check(request.service), log),
        List: unaryMethod(() => this.#list(), log),
        Watch: this.#watch,
      },
    };
  }

  /** Open Watch calls. */
  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** Reports NOT_SERVING for every name from here on. */
  stopServing(): void {
    this.#isStopping = true;
    this.#notify();
  }

  /** Ends every Watch call, those to come as well, because an open one would hold up the stop; theirs is a question without end. */
  endWatchers(): void {
    this.#areWatchersEnded = true;
    this.#unwatch();
    for (const watcher of [...this.#watchers]) watcher.end();
  }

  #check(service: string): HealthResponse {
    const status = this.#statusOf(service);
    if (status === "SERVICE_UNKNOWN") throw new InferenceError("not_found", `unknown service '${service}'`);
    return { status };
  }

  #list() {
    const names = new Set(["", inferenceServiceName, ...this.#repository.index(false).map(({ name }) => name)]);
    return { statuses: Object.fromEntries([...names].map((name) => [name, { status: this.#statusOf(name) }])) };
  }

  readonly #watch: CallHandler<HealthRequest, HealthResponse> = (call) => {
    let watcher: Watcher | undefined;
    return new SingleRequest<HealthRequest>(
      call,
      ({ service }) => {
        if (this.#areWatchersEnded) throw drainingError(); // gRPC's clients watch again as soon as their call has ended
        watcher = new Watcher(call, () => this.#statusOf(service));
        this.#watchers.add(watcher);
        watcher.update();
      },
      () => {
        if (watcher !== undefined) this.#watchers.delete(watcher);
      },
    );
  };

  #notify(): void {
    for (const watcher of this.#watchers) watcher.update();
  }

  #statusOf(service: string): ServingStatus {
    const isServer = service === "" || service === inferenceServiceName;
    if (isServer) return !this.#isStopping && this.#repository.isServerReady ? "SERVING" : "NOT_SERVING";
    const slash = service.indexOf("/");
    const name = slash === -1 ? service : service.slice(0, slash);
    const version = slash === -1 ? "" : service.slice(slash + 1);
    if (slash !== -1 && version === "") return "SERVICE_UNKNOWN";
    try {
      const isReady = this.#repository.isReady(name, version);
      return isReady && !this.#isStopping ? "SERVING" : "NOT_SERVING";
    } catch (error) {
      if (!(error instanceof InferenceError)) throw error;
      return error.reason === "not_found" || error.reason === "invalid" ? "SERVICE_UNKNOWN" : "NOT_SERVING";
    }
  }
}

/** One Watch call: sends the state when it differs from the last one sent, at most one message ahead of its reader. */
class Watcher {
  readonly #call: Call<HealthResponse>;
  readonly #status: () => ServingStatus;
  #sent: ServingStatus | undefined;
  #isWriting = false;

  constructor(call: Call<HealthResponse>, status: () => ServingStatus) {
    this.#call = call;
    this.#status = status;
  }

  update(): void {
    const status = this.#status();
    if (this.#isWriting || status === this.#sent) return;
    this.#sent = status;
    this.#isWriting = true;
    this.#call.write({ status }, () => {
      this.#isWriting = false;
      this.update();
    });
  }

  end(): void {
    this.#call.end(errorStatus(drainingError()));
  }
}
