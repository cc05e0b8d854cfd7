import { setTimeout as delay } from "node:timers/promises";
import type { ServeConfig } from "../config.ts";
import type { ModelMonitors } from "../monitor/model-monitors.ts";
import { type CallObserver, nullCallObserver } from "../monitor/telemetry/call-observer.ts";
import { inferenceService } from "../protocol/definitions.ts";
import { statusCodes } from "../protocol/status.ts";
import type { Repository } from "../runtime/repository/repository.ts";
import { Admission, drainingError } from "./admission.ts";
import { AlertWatch } from "./alert-watch.ts";
import { ArrivingMessages } from "./arriving-messages.ts";
import { YoungCollection } from "./bulk-memory.ts";
import { errorStatus } from "./call.ts";
import { controlHandlers } from "./control-service.ts";
import { GrpcJsServer } from "./grpc-js-server.ts";
import { Health } from "./health.ts";
import { inferenceHandlers } from "./inference-service.ts";
import { internalErrorLogger } from "./inference-surroundings.ts";
import { type BoundAddress, Listener } from "./listener.ts";
import { type Log, silentLog } from "./log.ts";
import { type ServiceHandlers, serviceNames } from "./method-table.ts";
import { monitorService } from "./monitor-service.ts";
import { OpenCalls } from "./open-calls.ts";
import { type OutcomeHandlers, outcomeHandlers } from "./outcome-methods.ts";
import { ReceiveWindows } from "./receive-windows.ts";
import { reflectionServices } from "./reflection.ts";
import { SessionWindows } from "./session-windows.ts";
import type { TenantDirectory } from "./tenant-directory.ts";
import { TurnBudget } from "./turn-budget.ts";

/** What a gRPC server is made of. */
export interface GrpcServerOptions {
  readonly repository: Repository;
  readonly config: ServeConfig;
  /** Absent: there are no tenants. */
  readonly tenants?: TenantDirectory | undefined;
  /** What is behind the monitor's service. Absent: there is no such service. */
  readonly monitors?: ModelMonitors | undefined;
  /** Default: nothing is measured. */
  readonly callObserver?: CallObserver;
  /** Default: nothing is logged. */
  readonly log?: Log;
}

/** What is held at a moment; all zero when nobody calls. */
export interface GrpcServerLoad {
  readonly openCalls: number;
  readonly bufferedBytes: number;
  readonly pausedStreams: number;
  readonly healthWatchers: number;
  readonly connections: number;
  /** Bytes by which the receive windows of open calls exceed HTTP/2's own. */
  readonly grownWindowBytes: number;
  /** Bytes received of large messages that are not complete. */
  readonly arrivingBytes: number;
}

/** Share of the time left to stop that calls ended by us, and then connections, get to deliver their statuses; at most a second each. */
const deliveryShare = 0.1;
const maxDeliveryMs = 1_000;

/**
 * How long connections stay open after the last call has ended. Some clients (grpc-js for one) drop a status that they have received when
 * the connection closes in the same moment.
 */
const lingerMs = 50;

/** How often a stop looks for streams that wait for their caller; idle at two looks in a row, they are ended. */
const idleLookMs = 250;

/** How often stalled readers are looked for within the time that they get. */
const stallLooks = 4;

/** The gRPC port: listener, calls, services. One life: made, started, drained, stopped. */
export class GrpcServer {
  readonly #config: ServeConfig;
  readonly #log: Log;
  readonly #admission: Admission;
  readonly #openCalls = new OpenCalls();
  readonly #health: Health;
  readonly #alertWatch: AlertWatch | undefined;
  readonly #transport: GrpcJsServer;
  readonly #listener: Listener;
  readonly #windows: ReceiveWindows;
  readonly #arriving: ArrivingMessages;
  #stallTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #draining: Promise<void> | undefined;

  /** @throws InferenceError "invalid" when the configuration would expose the port unintendedly. */
  constructor(options: GrpcServerOptions) {
    const { repository, config, tenants, callObserver: observer = nullCallObserver, log = silentLog } = options;
    this.#config = config;
    this.#log = log;
    this.#admission = new Admission(config.maxBufferedBytes);
    this.#health = new Health(repository, log);
    const inference: ServiceHandlers = {
      definition: inferenceService(),
      handlers: {
        ...controlHandlers(repository, this.#admission, config, log),
        ...inferenceHandlers({
          repository,
          admission: this.#admission,
          observer,
          tenants,
          config,
          logInternal: internalErrorLogger(log),
        }),
      },
    };
    const { monitors } = options;
    const watch = monitors && new AlertWatch(monitors.alerts);
    this.#alertWatch = watch;
    const named = [
      inference,
      this.#health.service,
      ...(monitors && watch ? [monitorService(monitors, watch, this.#outcomeHandlers(monitors), log)] : []),
    ];
    const services = config.reflection ? [...named, ...reflectionServices(serviceNames(named))] : named;
    const { bulkWindowBytes: maxStreamBytes, bulkWindowBudgetBytes: budgetBytes } = config;
    this.#windows = new ReceiveWindows({ maxStreamBytes, budgetBytes }, () => performance.now());
    const windows = new SessionWindows(this.#windows);
    const youngCollection = new YoungCollection();
    this.#arriving = new ArrivingMessages(config.maxBufferedBytes);
    const arriving = this.#arriving;
    const surroundings = { openCalls: this.#openCalls, observer, log, windows, arriving, youngCollection };
    this.#transport = new GrpcJsServer(services, surroundings, config);
    this.#listener = new Listener(config, (socket) => this.#transport.accept(socket), log);
  }

  #outcomeHandlers({ outcomes }: ModelMonitors): OutcomeHandlers | undefined {
    if (outcomes === undefined) return undefined;
    const { streamWindow } = this.#config;
    const logInternal = internalErrorLogger(this.#log);
    const turns = new TurnBudget();
    return outcomeHandlers(
      { intake: outcomes.intake, admission: this.#admission, turns, streamWindow, logInternal },
      this.#log,
    );
  }

  /** Whether new work is refused. */
  get isStopping(): boolean {
    return this.#draining !== undefined;
  }

  get load(): GrpcServerLoad {
    return {
      openCalls: this.#openCalls.size,
      bufferedBytes: this.#admission.budget.usedBytes,
      pausedStreams: this.#admission.budget.waitingCount,
      healthWatchers: this.#health.watcherCount,
      connections: this.#listener.connectionCount,
      grownWindowBytes: this.#windows.grownBytes,
      arrivingBytes: this.#arriving.bytes,
    };
  }

  /** Binds host and port of the configuration; the address tells which port 0 became. @throws InferenceError "invalid". */
  async start(): Promise<BoundAddress> {
    const limitMs = this.#config.writeStallTimeoutMs;
    const address = await this.#listener.listen(this.#config.grpcPort);
    this.#stallTimer = setInterval(() => {
      const count = this.#openCalls.resetStalled(performance.now(), limitMs);
      if (count > 0) this.#log.warn("calls ended whose readers took nothing", { count, limitMs });
    }, limitMs / stallLooks).unref();
    return address;
  }

  /** Reports NOT_SERVING, waits `drainDelayMs` so that balancers notice, then refuses new connections, calls and stream messages. */
  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  async #drain(): Promise<void> {
    this.#health.stopServing();
    if (this.#config.drainDelayMs > 0) await delay(this.#config.drainDelayMs, undefined, { ref: false });
    this.#admission.drain();
    this.#listener.close();
    this.#endWatchers();
    this.#idleTimer = setInterval(() => this.#openCalls.endIdle(errorStatus(drainingError())), idleLookMs).unref();
  }

  /** Ends the calls that would never end by themselves. */
  #endWatchers(): void {
    this.#health.endWatchers();
    this.#alertWatch?.end();
  }

  /**
   * Drains, lets calls finish, ends those that are left with UNAVAILABLE, closes the connections; never later than `deadlineMs` (on the
   * `performance.now()` clock) by more than a moment. Resolves to whether every call ended by itself.
   */
  async stop(deadlineMs: number): Promise<boolean> {
    const deliveryMs = Math.min(maxDeliveryMs, Math.max(0, deadlineMs - performance.now()) * deliveryShare);
    await within(this.drain(), deadlineMs - 2 * deliveryMs);
    this.#admission.drain(); // also when the drain delay was longer than there is time
    this.#listener.close();
    this.#endWatchers();
    const isClean = await within(this.#openCalls.untilEmpty(), deadlineMs - 2 * deliveryMs);
    if (!isClean) {
      this.#openCalls.endAll(errorStatus(drainingError()));
      await within(this.#openCalls.untilEmpty(), deadlineMs - deliveryMs);
      this.#openCalls.resetAll(statusCodes.UNAVAILABLE); // readers that take nothing, not even the status
    }
    if (this.#listener.connectionCount > 0) await delay(lingerMs);
    await this.#transport.stop(Math.max(1, deadlineMs - performance.now()));
    clearInterval(this.#stallTimer);
    clearInterval(this.#idleTimer);
    await this.#listener.destroyConnections();
    return isClean;
  }
}

/** Whether a promise resolved before a moment on the `performance.now()` clock. */
async function within(promise: Promise<unknown>, deadlineMs: number): Promise<boolean> {
  const patience = new AbortController();
  const done = promise.then(() => true);
  const late = delay(Math.max(0, deadlineMs - performance.now()), false, { signal: patience.signal }).catch(
    () => false,
  );
  const isDone = await Promise.race([done, late]);
  patience.abort();
  return isDone;
}

/** A server over a repository; `start` binds it. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  return new GrpcServer(options);
}
