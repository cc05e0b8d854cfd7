import { readFileSync } from "node:fs";
import { memoryAllowanceBytes, type ServeConfig } from "./config.ts";
import { InferenceError } from "./errors.ts";
import type { ModelMonitors } from "./monitor/model-monitors.ts";
import { type MonitorResources, openMonitorResources, ServerMonitor } from "./monitor/server-monitor.ts";
import type { LogListener } from "./monitor/telemetry/log-records.ts";
import { startTelemetry, type Telemetry } from "./monitor/telemetry/telemetry.ts";
import {
  healthService,
  inferenceService,
  monitorServiceDefinition,
  reflectionService,
} from "./protocol/definitions.ts";
import { systemClock } from "./runtime/clock.ts";
import type { ModelDescription } from "./runtime/model.ts";
import { type Observer, ObserverList } from "./runtime/observer.ts";
import { askModel } from "./runtime/own-request.ts";
import { Placement } from "./runtime/process/placement.ts";
import { ModelLoader } from "./runtime/repository/model-loader.ts";
import { ModelRepository } from "./runtime/repository/model-repository.ts";
import { RepositoryFolder } from "./runtime/repository/repository-scan.ts";
import { HttpServer } from "./server/http.ts";
import { formatAddress } from "./server/listener.ts";
import { createLog, type Log } from "./server/log.ts";
import { createGrpcServer, type GrpcServer, type GrpcServerLoad } from "./server/server.ts";
import { TenantDirectory } from "./server/tenant-directory.ts";
import { TenantsWatch } from "./server/tenants-watch.ts";
import { packageVersion } from "./version.ts";

/** A server that answers. */
export interface RunningServer {
  /** Bound gRPC address, `127.0.0.1:8001`. */
  readonly grpcAddress: string;
  /** Bound address of the HTTP side port. */
  readonly httpAddress: string;
  /** Where the monitor's page is, as a URL; undefined: it is switched off. */
  readonly pageUrl: string | undefined;
  /** Resolves once every start-up model is ready or has failed; the list names the failed ones with their reason. */
  readonly started: Promise<readonly { readonly name: string; readonly version: string; readonly reason: string }[]>;
  /** The model versions that are ready now, for the line that `sluice serve` prints; ordered by name, then version. */
  models(): readonly ModelDescription[];
  /** What the gRPC side holds at this moment; all zero when nobody calls. */
  load(): GrpcServerLoad;
  /** Reads the tenants file and the token keys again, as SIGHUP asks for; a file that is broken is reported and changes nothing. */
  reload(): void;
  /** Stops in the order of docs/architecture.md within the exit timeout; resolves to whether all calls ended by themselves. */
  stop(): Promise<boolean>;
}

/** Share of the exit timeout for what comes after the last answer: runtime processes and telemetry. */
const afterwardsShare = 0.2;
const maxAfterwardsMs = 5_000;

/**
 * Starts a server over a Triton model repository, a folder of .onnx files or one .onnx file. Resolves when the addresses are bound; models
 * load on from there, see `started`.
 * @throws InferenceError when the path, an address or an option cannot be used.
 */
export async function startServer(path: string, config: ServeConfig): Promise<RunningServer> {
  if (config.loadModel.length > 0 && config.modelControl !== "explicit") {
    throw new InferenceError(
      "invalid",
      `--load-model ${config.loadModel[0]} needs --model-control explicit: under '${config.modelControl}' every model is loaded`,
    );
  }
  const logOptions = { level: config.logLevel, format: config.logFormat };
  let push: LogListener | undefined; // once there is somebody to push to
  const log = createLog({ ...logOptions, also: (...line) => push?.(...line) });
  const monitorResources = openMonitorResources(config, log);
  const folder = new RepositoryFolder(path);
  const tenants = config.tenants === "" ? undefined : new TenantDirectory();
  const tenantsWatch = tenants && new TenantsWatch(config.tenants, tenants, systemClock, log);
  const unpushed = createLog(logOptions); // that nothing can be pushed
  const telemetry = startTelemetry(config, {
    methods: servedMethods(),
    serviceVersion: packageVersion(),
    warn: (message, error) => unpushed.warn(message, { error }),
  });
  push = telemetry.logListener;
  const onObserverError = (error: unknown) => log.error("an observer failed", { error });
  const monitor = monitorResources && createMonitor(config, monitorResources, telemetry, () => repository, log);
  const listening = monitor === undefined ? telemetry.observers : [...telemetry.observers, monitor.models];
  const observe = (...more: readonly Observer[]) => new ObserverList([...more, ...listening], onObserverError);
  const placement = createPlacement(config, observe(), log);
  const repository = createRepository(folder, { config, placement, tenants, observe, monitors: monitor?.models, log });
  const runtimeMemory = () => placement.processes().map(({ name, pid }) => ({ name, bytes: residentBytes(pid) }));
  telemetry.setRuntimeMemory(runtimeMemory);
  monitor?.setSources(runtimeMemory, () => repository.index(false));
  try {
    const grpc = createGrpcServer({
      repository,
      config,
      tenants,
      monitors: monitor?.models,
      callObserver: telemetry.callObserver,
      log,
    });
    const metrics = config.metrics ? telemetry.metricsHandler : undefined;
    const page = monitor?.page;
    const http = new HttpServer({ config, repository, isStopping: () => grpc.isStopping, metrics, page, log });
    const grpcAddress = formatAddress(await grpc.start());
    const httpAddress = formatAddress(
      await http.start(config.httpPort).catch(async (error: unknown) => {
        await grpc.stop(performance.now());
        throw error;
      }),
    );
    const started = repository.start().then(() => failures(repository));
    const parts = { grpc, http, repository, placement, monitor, telemetry, config };
    let stopping: Promise<boolean> | undefined;
    return {
      grpcAddress,
      httpAddress,
      pageUrl: page && `http://${httpAddress}/monitor/`,
      started,
      models: () => readyModels(repository),
      load: () => grpc.load,
      reload: () => {
        tenantsWatch?.reload();
        monitor?.reload();
      },
      stop: () => {
        tenantsWatch?.stop();
        stopping ??= stop(parts);
        return stopping;
      },
    };
  } catch (error) {
    tenantsWatch?.stop();
    void monitor?.stop(0);
    placement.kill();
    await telemetry.shutdown(0);
    throw error;
  }
}

/** Every method that the server answers, `package.Service/Method`. */
function servedMethods(): readonly string[] {
  const services = [
    inferenceService(),
    healthService(),
    monitorServiceDefinition(),
    reflectionService("v1"),
    reflectionService("v1alpha"),
  ];
  return services.flatMap((service) => Object.values(service).map(({ path }) => path.slice(1)));
}

function createPlacement(config: ServeConfig, observer: Observer, log: Log): Placement {
  const { arenaFolder, arenaMaxBytes, prefetch, crashLoopLimit, sharedRuntimeProcesses, intraOpThreads } = config;
  return new Placement({
    arenaFolder,
    arenaMaxBytes,
    prefetch,
    crashLoopLimit,
    sharedRuntimeProcesses,
    intraOpThreads,
    recycleBytes: config.recycleBytes > 0 ? config.recycleBytes : Math.floor(memoryAllowanceBytes() / 4),
    clock: systemClock,
    onEvent: (event, pid, detail) => {
      if (event === "crash" || event === "timeout") log.error("a runtime process ended", { event, pid, detail });
      else log.debug("runtime process", { event, pid });
      observer.onRuntimeProcess?.(event, pid);
    },
  });
}

/** What is watched of the models. @param repository which needs the monitor to be made */
function createMonitor(
  config: ServeConfig,
  resources: MonitorResources,
  telemetry: Telemetry,
  repository: () => ModelRepository,
  log: Log,
): ServerMonitor {
  return new ServerMonitor(config, {
    resources,
    telemetry,
    ask: (question) => askModel(repository(), question, performance.now()),
    report: (level, message, fields) => log[level](message, fields),
  });
}

interface RepositorySurroundings {
  readonly config: ServeConfig;
  readonly placement: Placement;
  readonly tenants: TenantDirectory | undefined;
  /** Everybody who listens, beside `more`. */
  readonly observe: (...more: readonly Observer[]) => ObserverList;
  readonly monitors: ModelMonitors | undefined;
  readonly log: Log;
}

function createRepository(
  folder: RepositoryFolder,
  { config, placement, tenants, observe, monitors, log }: RepositorySurroundings,
): ModelRepository {
  const loader = new ModelLoader({
    config,
    placement,
    clock: systemClock,
    shares: tenants,
    ...(monitors && { annotators: monitors }),
    report: (message, detail, trace) => log.warn(message, { detail, ...trace }),
  });
  return new ModelRepository({
    folder,
    modelControl: config.modelControl,
    pollIntervalMs: config.pollInterval * 1000,
    loadModels: config.loadModel,
    isFileOverrideAllowed: config.allowFileOverrides,
    isStrictlyReady: config.strictReadiness,
    clock: systemClock,
    observers: observe(),
    load: (source, statistics) => loader.load(source, observe(statistics)),
    check: monitors && ((source, description) => monitors.prepare(source, description)),
    report: (level, message, fields) => log[level](message, fields),
  });
}

function failures(repository: ModelRepository): { name: string; version: string; reason: string }[] {
  return repository
    .index(false)
    .filter(({ state, reason }) => state === "UNAVAILABLE" && reason !== "unloaded")
    .map(({ name, version, reason }) => ({ name, version, reason }));
}

function readyModels(repository: ModelRepository): ModelDescription[] {
  return repository
    .index(true)
    .map(({ name, version }) => repository.find(name, version).description)
    .sort((a, b) => (a.name === b.name ? Number(a.version) - Number(b.version) : a.name < b.name ? -1 : 1));
}

interface Parts {
  readonly grpc: GrpcServer;
  readonly http: HttpServer;
  readonly repository: ModelRepository;
  readonly placement: Placement;
  readonly monitor: ServerMonitor | undefined;
  readonly telemetry: Telemetry;
  readonly config: ServeConfig;
}

/** Health NOT_SERVING, refuse new work, let calls finish, drain the models, stop runtime processes, flush telemetry. */
async function stop({ grpc, http, repository, placement, monitor, telemetry, config }: Parts): Promise<boolean> {
  const deadlineMs = performance.now() + config.exitTimeoutMs;
  const afterwardsMs = Math.min(maxAfterwardsMs, config.exitTimeoutMs * afterwardsShare);
  const isClean = await grpc.stop(deadlineMs - afterwardsMs);
  const drained = repository.drain().then(() => placement.stop());
  await within(drained, Math.max(0, deadlineMs - afterwardsMs - performance.now()) + afterwardsMs / 2);
  const leftMs = Math.max(0, deadlineMs - performance.now());
  await Promise.all([monitor?.stop(leftMs), telemetry.shutdown(leftMs)]);
  await http.stop();
  placement.kill();
  return isClean;
}

async function within(promise: Promise<unknown>, timeoutMs: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

/** Resident memory of a process as Linux tells it; 0 where it does not, or the process is gone. */
function residentBytes(pid: number): number {
  try {
    const [line] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.slice(1) ?? [];
    return Number(line ?? 0) * 1024;
  } catch {
    return 0;
  }
}
