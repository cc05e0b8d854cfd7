import { availableParallelism, totalmem } from "node:os";
import { InferenceError } from "./errors.ts";

/**
 * Every option that a user can set, in one table: it makes the flag (`--grpc-port`), the environment variable (`SLUICE_GRPC_PORT`), the
 * help text, the README table and the type of the resolved configuration. Nothing else in sluice reads the environment.
 */

type Kind = "string" | "integer" | "number" | "boolean" | "choice" | "list";

interface OptionBase {
  readonly kind: Kind;
  /** One sentence for help and README: what it does and why the default is what it is. */
  readonly description: string;
  /** Heading under which help and README show it. */
  readonly group: OptionGroup;
  /** The unit of a number; stands in the name as well. */
  readonly unit?: string;
  /** The default in words, where its value depends on the machine: help and README must read the same everywhere. */
  readonly defaultText?: string;
}

export type OptionGroup =
  | "Address"
  | "Models"
  | "Execution"
  | "Queues and memory"
  | "Connections"
  | "Shutdown"
  | "Telemetry"
  | "Request"
  | "Input and output";

interface StringOption extends OptionBase {
  readonly kind: "string";
  readonly default: string;
}
interface NumberOption extends OptionBase {
  readonly kind: "integer" | "number";
  readonly default: number;
  readonly min: number;
  readonly max: number;
}
interface BooleanOption extends OptionBase {
  readonly kind: "boolean";
  readonly default: boolean;
}
interface ChoiceOption<T extends string = string> extends OptionBase {
  readonly kind: "choice";
  readonly choices: readonly T[];
  readonly default: T;
}
interface ListOption extends OptionBase {
  readonly kind: "list";
  readonly default: readonly string[];
}
export type Option = StringOption | NumberOption | BooleanOption | ChoiceOption | ListOption;

const mebibyte = 1024 * 1024;

/** Memory this process may use: the machine's, or the container's where its control group sets one. */
export function memoryAllowanceBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
}

const cores = availableParallelism();

function choice<const T extends string>(option: Omit<ChoiceOption<T>, "kind">): ChoiceOption<T> {
  return { kind: "choice", ...option };
}

/** The options of `sluice serve`, by the name of their field in {@link ServeConfig}. */
export const serveOptions = {
  host: {
    kind: "string",
    default: "127.0.0.1",
    group: "Address",
    description:
      "Address to listen on. Anything beyond loopback needs --insecure, because the port has neither TLS nor tokens.",
  },
  grpcPort: {
    kind: "integer",
    default: 8001,
    min: 0,
    max: 65535,
    group: "Address",
    description: "Port of the gRPC server; 0 takes a free one.",
  },
  httpPort: {
    kind: "integer",
    default: 8000,
    min: 0,
    max: 65535,
    group: "Address",
    description: "Port of the HTTP side server (/metrics, health); 0 takes a free one.",
  },
  insecure: {
    kind: "boolean",
    default: false,
    group: "Address",
    description: "Allow listening beyond loopback without encryption or authentication.",
  },
  reflection: {
    kind: "boolean",
    default: true,
    group: "Address",
    description: "Offer gRPC server reflection, so that grpcurl needs no .proto files.",
  },

  modelControl: choice({
    choices: ["none", "poll", "explicit"],
    default: "none",
    group: "Models",
    description:
      "How the set of models changes: not at all, by watching the repository, or by RepositoryModelLoad and Unload.",
  }),
  pollInterval: {
    kind: "number",
    default: 15,
    min: 0.05,
    max: 86400,
    unit: "seconds",
    group: "Models",
    description:
      "How often `--model-control poll` looks at the repository; a change counts once it was seen unchanged twice.",
  },
  loadModel: {
    kind: "list",
    default: [],
    group: "Models",
    description: "Model to load at start under `--model-control explicit`; repeatable, `*` loads all.",
  },
  allowFileOverrides: {
    kind: "boolean",
    default: false,
    group: "Models",
    description:
      "Accept model files inside RepositoryModelLoad (`file:` parameters). Off, because a caller could then run any model.",
  },
  strictReadiness: {
    kind: "boolean",
    default: false,
    group: "Models",
    description:
      "Report the server ready only while every model is ready (Triton's rule), instead of once all start-up models have been ready.",
  },
  defaultMaxBatchSize: {
    kind: "integer",
    default: 64,
    min: 1,
    max: 65536,
    unit: "rows",
    group: "Models",
    description:
      "max_batch_size of a model whose configuration names none and that has shown that batching does not change its answers.",
  },
  maxModelBytes: {
    kind: "integer",
    default: 8 * 1024 * mebibyte,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
    group: "Models",
    description: "Largest model, external data included, that is read.",
  },
  maxModelNodes: {
    kind: "integer",
    default: 1_000_000,
    min: 1,
    max: 100_000_000,
    unit: "nodes",
    group: "Models",
    description: "Most graph nodes, subgraphs included, of a model.",
  },

  device: choice({
    choices: ["auto", "cpu", "webgpu", "cuda"],
    default: "auto",
    group: "Execution",
    description:
      "Execution provider. A named one that cannot start fails the load; auto takes the best that starts and shows which.",
  }),
  deviceFallback: choice({
    choices: ["cpu", "none"],
    default: "cpu",
    group: "Execution",
    description:
      "What happens to graph nodes that the device cannot run: run on the CPU (shown as `partial`), or refuse the model.",
  }),
  sharedRuntimeProcesses: {
    kind: "integer",
    default: Math.max(1, cores - 1),
    defaultText: "cores - 1, at least 1",
    min: 1,
    max: 1024,
    unit: "processes",
    group: "Execution",
    description: "Runtime processes shared by CPU models below 32 MB; every other instance has its own.",
  },
  intraOpThreads: {
    kind: "integer",
    default: 0,
    min: 0,
    max: 1024,
    unit: "threads",
    group: "Execution",
    description:
      "ONNX Runtime threads over all runtime processes; 0: the CPU allowance less one for the front process.",
  },
  runTimeoutMs: {
    kind: "integer",
    default: 60_000,
    min: 1,
    max: 86_400_000,
    unit: "milliseconds",
    group: "Execution",
    description:
      "Longest run of one batch, counted from its own start; then its runtime process is killed and only its requests fail.",
  },
  loadTimeoutMs: {
    kind: "integer",
    default: 600_000,
    min: 1,
    max: 86_400_000,
    unit: "milliseconds",
    group: "Execution",
    description: "Longest load of one model version, warm-up included.",
  },
  recycleBytes: {
    kind: "integer",
    default: 0,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
    group: "Execution",
    description:
      "Resident memory at which a runtime process is replaced without losing a request; 0: a quarter of the memory allowance.",
  },
  crashLoopLimit: {
    kind: "integer",
    default: 5,
    min: 1,
    max: 1000,
    unit: "crashes",
    group: "Execution",
    description:
      "Crashes of a runtime process within a minute after which its models are unavailable, with the reason, until the minute has passed.",
  },
  prefetch: {
    kind: "integer",
    default: 1,
    min: 0,
    max: 1,
    unit: "batches",
    group: "Execution",
    description:
      "Full batches sent ahead to a runtime process of its own that is still running one, so that it never waits for the next. Not from queues with priorities, timeouts or a size of their own, where requests may overtake each other or expire.",
  },
  arenaFolder: {
    kind: "string",
    default: "",
    group: "Execution",
    description:
      "Folder of the shared-memory files that carry tensors; empty: /dev/shm where it exists, else the temporary folder.",
  },
  arenaMaxBytes: {
    kind: "integer",
    default: 256 * mebibyte,
    min: 64 * 1024,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
    group: "Execution",
    description:
      "Largest arena of one runtime process, for inputs and again for outputs; a container's /dev/shm is often 64 MB.",
  },

  maxQueueRequests: {
    kind: "integer",
    default: 10_000,
    min: 1,
    max: 100_000_000,
    unit: "requests",
    group: "Queues and memory",
    description: "Most requests waiting for one model version; more answer UNAVAILABLE with a pushback.",
  },
  maxQueueBytes: {
    kind: "integer",
    default: 256 * mebibyte,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
    group: "Queues and memory",
    description: "Most request bytes waiting for one model version.",
  },
  maxBacklogSequences: {
    kind: "integer",
    default: 1_000,
    min: 0,
    max: 1_000_000,
    unit: "sequences",
    group: "Queues and memory",
    description: "Most sequences of one model version that wait for a free slot; a further one answers UNAVAILABLE.",
  },
  maxStateBytes: {
    kind: "integer",
    default: 256 * mebibyte,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
    group: "Queues and memory",
    description: "Most bytes that one instance of a model keeps as state of its sequences.",
  },
  tenants: {
    kind: "string",
    default: "",
    group: "Queues and memory",
    description:
      "YAML file of tenants: their weights in the queues and their limits, read again when it changes or at SIGHUP; empty: all callers are one tenant.",
  },
  batchStretch: {
    kind: "number",
    default: 1.2,
    min: 1,
    max: 1000,
    unit: "times",
    group: "Queues and memory",
    description:
      "How many times longer a batch may take than it would with only those of its rows whose tenants have nothing else waiting: beyond that, rows of a tenant with a backlog run in the next batch. A large number fills every batch.",
  },
  admission: choice({
    choices: ["off", "fixed", "adaptive"],
    default: "adaptive",
    group: "Queues and memory",
    description:
      "What one model version lets in at a time: all that its queue has room for, --admission-limit rows, or as many rows as do not wait too long. Unary calls beyond answer UNAVAILABLE with a pushback, streams wait.",
  }),
  admissionLimit: {
    kind: "integer",
    default: 1000,
    min: 1,
    max: 100_000_000,
    unit: "rows",
    group: "Queues and memory",
    description: "Rows of one model version in the server at a time under `--admission fixed`.",
  },
  admissionMinLimit: {
    kind: "integer",
    default: 128,
    min: 1,
    max: 100_000_000,
    unit: "rows",
    group: "Queues and memory",
    description:
      "Rows of one model version that `--admission adaptive` always lets in; never fewer than eight batches for each instance.",
  },
  admissionMaxLimit: {
    kind: "integer",
    default: 1_000_000,
    min: 1,
    max: 100_000_000,
    unit: "rows",
    group: "Queues and memory",
    description: "Most rows of one model version that `--admission adaptive` lets in.",
  },
  admissionTargetMs: {
    kind: "number",
    default: 500,
    min: 1,
    max: 3_600_000,
    unit: "milliseconds",
    group: "Queues and memory",
    description:
      "Wait in the queue, beyond the batch delay, that `--admission adaptive` takes for harmless: so much work is let in at once. Lower it where callers need short waits more than few refusals.",
  },
  admissionIntervalMs: {
    kind: "number",
    default: 100,
    min: 10,
    max: 60_000,
    unit: "milliseconds",
    group: "Queues and memory",
    description:
      "How long even the shortest wait must be beyond the target before waiting requests are shed; the adaptive limit moves once in this time.",
  },
  maxBufferedBytes: {
    kind: "integer",
    default: Math.floor(memoryAllowanceBytes() / 4),
    defaultText: "a quarter of the memory allowance",
    min: mebibyte,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
    group: "Queues and memory",
    description:
      "Most bytes of requests and answers in the whole server; then streams pause and unary calls get UNAVAILABLE.",
  },
  streamWindow: {
    kind: "integer",
    default: 64,
    min: 1,
    max: 65536,
    unit: "messages",
    group: "Queues and memory",
    description:
      "Messages of one stream in the server at a time, from decoding until their answer was accepted by HTTP/2.",
  },
  streamWindowBytes: {
    kind: "integer",
    default: 64 * mebibyte,
    min: 1024,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
    group: "Queues and memory",
    description:
      "Bytes of one stream in the server at a time, requests and answers; one message is always let in, and one is read ahead.",
  },

  bulkWindowBytes: {
    kind: "integer",
    default: 4 * mebibyte,
    min: 65_535,
    max: 2 ** 30,
    unit: "bytes",
    group: "Queues and memory",
    description:
      "Receive window of HTTP/2 to which streams grow on connections whose senders a smaller one holds up; 65535: never more than HTTP/2 begins with.",
  },
  bulkWindowBudgetBytes: {
    kind: "integer",
    default: Math.floor(memoryAllowanceBytes() / 16),
    defaultText: "a sixteenth of the memory allowance",
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
    group: "Queues and memory",
    description:
      "Most bytes by which the receive windows of all streams in the server may grow together, beyond the 64 KB that each has.",
  },

  maxPredictionBytes: {
    kind: "integer",
    default: 256 * mebibyte,
    min: 0,
    max: 2 ** 40,
    unit: "bytes",
    group: "Telemetry",
    description:
      "Most memory for predictions that have an id and wait for their outcome, of all models; the oldest give way to newer ones.",
  },
  tokenKeyFile: {
    kind: "string",
    default: "",
    group: "Telemetry",
    description:
      "File of the keys that prediction tokens are signed with, one a line, the first signs and all verify; read again at SIGHUP. The same on all replicas. Empty: a random key, so that tokens are of no use to other servers or after a restart.",
  },

  maxMessageBytes: {
    kind: "integer",
    default: 64 * mebibyte,
    min: 1024,
    max: 2 ** 31 - 1,
    unit: "bytes",
    group: "Connections",
    description: "Largest message, either way.",
  },
  maxMetadataBytes: {
    kind: "integer",
    default: 16 * 1024,
    min: 1024,
    max: mebibyte,
    unit: "bytes",
    group: "Connections",
    description: "Largest metadata of a call.",
  },
  maxConnections: {
    kind: "integer",
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: "connections",
    group: "Connections",
    description: "Connections at a time.",
  },
  maxConnectionsPerAddress: {
    kind: "integer",
    default: 1_000,
    min: 1,
    max: 1_000_000,
    unit: "connections",
    group: "Connections",
    description: "Connections of one remote address at a time.",
  },
  maxConcurrentStreams: {
    kind: "integer",
    default: 1_000,
    min: 1,
    max: 1_000_000,
    unit: "calls",
    group: "Connections",
    description: "Calls of one connection at a time.",
  },
  handshakeTimeoutMs: {
    kind: "integer",
    default: 10_000,
    min: 100,
    max: 3_600_000,
    unit: "milliseconds",
    group: "Connections",
    description: "Time within which a new connection must complete the HTTP/2 handshake.",
  },
  keepaliveTimeMs: {
    kind: "integer",
    default: 60_000,
    min: 1_000,
    max: 2 ** 31 - 1,
    unit: "milliseconds",
    group: "Connections",
    description: "Idle time after which a connection is pinged, so that half-open peers are noticed.",
  },
  keepaliveTimeoutMs: {
    kind: "integer",
    default: 20_000,
    min: 100,
    max: 2 ** 31 - 1,
    unit: "milliseconds",
    group: "Connections",
    description: "Time within which a ping must be answered.",
  },
  maxConnectionIdleMs: {
    kind: "integer",
    default: 0,
    min: 0,
    max: 2 ** 31 - 1,
    unit: "milliseconds",
    group: "Connections",
    description: "Idle time after which a connection is closed; 0: never.",
  },
  maxConnectionAgeMs: {
    kind: "integer",
    default: 0,
    min: 0,
    max: 2 ** 31 - 1,
    unit: "milliseconds",
    group: "Connections",
    description: "Age at which a connection is asked to close, so that clients spread over replicas; 0: never.",
  },
  maxConnectionAgeGraceMs: {
    kind: "integer",
    default: 30_000,
    min: 0,
    max: 2 ** 31 - 1,
    unit: "milliseconds",
    group: "Connections",
    description: "Time that calls get to end after the maximum connection age.",
  },
  writeStallTimeoutMs: {
    kind: "integer",
    default: 60_000,
    min: 100,
    max: 2 ** 31 - 1,
    unit: "milliseconds",
    group: "Connections",
    description: "Time after which a stream whose reader takes nothing is ended.",
  },

  drainDelayMs: {
    kind: "integer",
    default: 0,
    min: 0,
    max: 3_600_000,
    unit: "milliseconds",
    group: "Shutdown",
    description: "Time between reporting NOT_SERVING and refusing new work, for load balancers that look at health.",
  },
  exitTimeoutMs: {
    kind: "integer",
    default: 30_000,
    min: 100,
    max: 3_600_000,
    unit: "milliseconds",
    group: "Shutdown",
    description: "Time within which everything has ended after SIGTERM or SIGINT.",
  },

  logLevel: choice({
    choices: ["debug", "info", "warn", "error"],
    default: "info",
    group: "Telemetry",
    description: "Least severity of log lines on standard error.",
  }),
  logFormat: choice({
    choices: ["text", "json"],
    default: "text",
    group: "Telemetry",
    description: "Form of log lines.",
  }),
  metrics: {
    kind: "boolean",
    default: true,
    group: "Telemetry",
    description: "Measure at all: instruments, /metrics, traces.",
  },
  metricsCompat: choice({
    choices: ["none", "triton"],
    default: "none",
    group: "Telemetry",
    description: "Other names under which /metrics shows requests as well: Triton's nv_inference_* beside ours.",
  }),
  monitorPage: {
    kind: "boolean",
    default: true,
    group: "Telemetry",
    description:
      "Show the monitor as a page at /monitor/ of the HTTP side port: read-only, with everything in it. Needs --metrics.",
  },
  otlpEndpoint: {
    kind: "string",
    default: "",
    group: "Telemetry",
    description: "URL of an OpenTelemetry collector for metrics, traces and the log; empty: nothing is sent anywhere.",
  },
  otlpProtocol: choice({
    choices: ["grpc", "http"],
    default: "grpc",
    group: "Telemetry",
    description: "How the collector is spoken to: OTLP over gRPC, or protobuf over HTTP.",
  }),
  otlpInterval: {
    kind: "number",
    default: 60,
    min: 0.1,
    max: 86400,
    unit: "seconds",
    group: "Telemetry",
    description: "How often metrics are pushed.",
  },
  traceSampleRatio: {
    kind: "number",
    default: 0.01,
    min: 0,
    max: 1,
    group: "Telemetry",
    description:
      "Share of requests without a caller's trace context that are traced; a caller's own sampling decision is followed.",
  },
  payloadLogFolder: {
    kind: "string",
    default: "",
    group: "Telemetry",
    description:
      "Folder of payload logs, which models ask for by payloadLog in their monitor.yaml; empty: no payload is ever written. One server a folder.",
  },
  alertWebhook: {
    kind: "string",
    default: "",
    group: "Telemetry",
    description:
      "http or https URL that is sent alerts which begin or cease to fire, as JSON; empty: none is. Redirects are not followed.",
  },
  alertWebhookHeaderFile: {
    kind: "string",
    default: "",
    group: "Telemetry",
    description: "File with further headers of the alert webhook, a line `Name: value` each, such as authorization.",
  },
  alertWebhookSecretFile: {
    kind: "string",
    default: "",
    group: "Telemetry",
    description: "File with the key by which what is sent to the alert webhook is signed; empty: it is not.",
  },
  serviceName: {
    kind: "string",
    default: "sluice",
    group: "Telemetry",
    description: "service.name of the exported telemetry.",
  },
} as const satisfies Record<string, Option>;

/** The type of an option's value, from its entry in a table. */
export type ValueOf<O extends Option> =
  O extends ChoiceOption<infer T>
    ? T
    : O extends BooleanOption
      ? boolean
      : O extends NumberOption
        ? number
        : O extends ListOption
          ? readonly string[]
          : string;

/** Every option of the server with its value. */
export type ServeConfig = { readonly [K in keyof typeof serveOptions]: ValueOf<(typeof serveOptions)[K]> };

/** `grpcPort` -> `grpc-port`. A trailing unit stays: `runTimeoutMs` -> `run-timeout-ms`. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `grpcPort` -> `SLUICE_GRPC_PORT`. */
export function environmentName(key: string): string {
  return `SLUICE_${flagName(key).replaceAll("-", "_").toUpperCase()}`;
}

function refuse(where: string, value: unknown, allowed: string): never {
  throw new InferenceError("invalid", `invalid value ${JSON.stringify(value)} for ${where}, expected ${allowed}`);
}

/** What values an option takes, in words for help and errors. */
export function describeRange(option: Option): string {
  const unit = option.unit === undefined ? "" : ` ${option.unit}`;
  switch (option.kind) {
    case "choice":
      return `one of ${option.choices.join(", ")}`;
    case "boolean":
      return "true or false";
    case "integer":
      return `an integer from ${option.min} to ${option.max}${unit}`;
    case "number":
      return `a number from ${option.min} to ${option.max}${unit}`;
    case "list":
      return "text, repeatable";
    case "string":
      return "text";
  }
}

/**
 * The value of one option from text (a flag or an environment variable; a list is separated by commas in the latter).
 * @throws InferenceError "invalid", naming `where` the text came from, the text and what is allowed.
 */
export function parseOption(
  option: Option,
  text: string,
  where: string,
): string | number | boolean | readonly string[] {
  switch (option.kind) {
    case "string":
      return text;
    case "list":
      return text.split(",").filter((item) => item !== "");
    case "boolean":
      if (text === "true" || text === "1") return true;
      if (text === "false" || text === "0") return false;
      return refuse(where, text, describeRange(option));
    case "choice":
      return option.choices.includes(text) ? text : refuse(where, text, describeRange(option));
    case "integer":
    case "number": {
      const value = text.trim() === "" ? Number.NaN : Number(text);
      return isInRange(option, value) ? value : refuse(where, text, describeRange(option));
    }
  }
}

function isInRange(option: NumberOption, value: number): boolean {
  if (option.kind === "integer" && !Number.isSafeInteger(value)) return false;
  return value >= option.min && value <= option.max;
}

function isValid(option: Option, value: unknown): boolean {
  switch (option.kind) {
    case "string":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean";
    case "choice":
      return typeof value === "string" && option.choices.includes(value);
    case "list":
      return Array.isArray(value) && value.every((item) => typeof item === "string");
    case "integer":
    case "number":
      return typeof value === "number" && isInRange(option, value);
  }
}

/** The known name nearest to a misspelt one, if it is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/**
 * Partial options to full ones: what is missing comes from the table.
 * @throws InferenceError "invalid" for an unknown key (suggesting the nearest known one) or a value out of range.
 */
export function resolveConfig(partial: Partial<ServeConfig> = {}): ServeConfig {
  const keys = Object.keys(serveOptions);
  for (const [key, value] of Object.entries(partial)) {
    const option: Option | undefined = Object.hasOwn(serveOptions, key)
      ? serveOptions[key as keyof ServeConfig]
      : undefined;
    if (option === undefined) {
      const near = nearest(key, keys);
      throw new InferenceError(
        "invalid",
        `unknown option '${key}'${near === undefined ? "" : `, did you mean '${near}'?`}`,
      );
    }
    if (value !== undefined && !isValid(option, value)) refuse(`option '${key}'`, value, describeRange(option));
  }
  const given = Object.entries(partial).filter(([, value]) => value !== undefined);
  const defaults = keys.map((key) => [key, serveOptions[key as keyof ServeConfig].default]);
  return Object.fromEntries([...defaults, ...given]) as ServeConfig; // every key of the table is there, every value checked above
}

/**
 * What Kubernetes sets in every container of a namespace for a Service named `sluice` or `sluice-...`: nobody chose these, so they are no
 * errors. `SLUICE_PORT` and its like are one only where the value is an address such as `tcp://10.0.0.1:8001`.
 */
function isServiceLink(variable: string, text: string): boolean {
  return (
    /^SLUICE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)$/.test(variable) ||
    (/^SLUICE_(\w+_)?PORT$/.test(variable) && /^(tcp|udp|sctp):\/\//.test(text))
  );
}

/** The options that the environment sets, parsed. `SLUICE_` variables that no option knows are errors, as misspelt flags are. */
export function configFromEnvironment(environment: Readonly<Record<string, string | undefined>>): Partial<ServeConfig> {
  const byVariable = new Map(
    Object.entries(serveOptions).map(([key, option]) => [environmentName(key), { key, option }]),
  );
  const config: Record<string, unknown> = {};
  for (const [variable, text] of Object.entries(environment)) {
    if (text === undefined || !variable.startsWith("SLUICE_") || isServiceLink(variable, text)) continue;
    const known = byVariable.get(variable);
    if (known === undefined) {
      const near = nearest(variable, [...byVariable.keys()]);
      throw new InferenceError(
        "invalid",
        `unknown environment variable ${variable}${near === undefined ? "" : `, did you mean ${near}?`}`,
      );
    }
    config[known.key] = parseOption(known.option, text, variable);
  }
  return config as Partial<ServeConfig>; // each value was parsed by its option
}
