import { type InferenceError, reasons } from "../../errors.ts";
import type { RequestContext } from "../../inference.ts";
import { maxMethods, serverErrorStatuses, statusNames } from "./attribute-values.ts";
import { otherValue } from "./instrument.ts";
import { instruments } from "./instruments.ts";
import type { CounterSeries, HistogramSeries } from "./series.ts";
import type { SeriesGroup, SeriesRegistry } from "./series-registry.ts";
import type { TenantMeter } from "./tenant-series.ts";
import type { TracingObserver } from "./tracing.ts";

/** Seen from the server. */
export type MessageDirection = "received" | "sent";

/** What the gRPC skin tells of its calls. A method is `package.Service/Method`, with or without the leading slash of its path. */
export interface CallObserver {
  /** The headers of a call have come. */
  onCallStart(method: string): void;
  /**
   * The call is over.
   * @param statusCode gRPC's number
   * @param durationMs since its headers
   * @param receivedBytes of all its messages; undefined: its messages are not bytes, as those of all but the inference methods
   */
  onCallEnd(method: string, statusCode: number, durationMs: number, receivedBytes?: number, sentBytes?: number): void;
  /** One message of a stream was decoded or written. */
  onStreamMessage(method: string, direction: MessageDirection): void;
  /** A request ended before it came to a model, which would have told of it: it was not understood, its model is not there, or the server is full. */
  onRequestRefused(context: RequestContext, error: InferenceError): void;
  /** A request was refused because of its tenant's limits. */
  onTenantRefused(tenant: string): void;
}

/** Hears nothing: measuring is switched off. */
export const nullCallObserver: CallObserver = {
  onCallStart() {},
  onCallEnd() {},
  onStreamMessage() {},
  onRequestRefused() {},
  onTenantRefused() {},
};

const unknownStatus = statusNames.indexOf("UNKNOWN");

function knownStatus(code: number): number {
  return statusNames[code] === undefined ? unknownStatus : code;
}

interface CallSizes {
  readonly received: HistogramSeries;
  readonly sent: HistogramSeries;
}

/** The series of one method, those of a status from the first call that ended with it. */
class MethodSeries {
  readonly started: CounterSeries;
  readonly active: CounterSeries;
  /** Messages by direction; made by the first one, so that unary methods have none. */
  readonly #messages: Record<MessageDirection, CounterSeries | undefined> = { received: undefined, sent: undefined };
  readonly #durations: (HistogramSeries | undefined)[] = statusNames.map(() => undefined);
  /** By status as well; made by the first call with messages that are bytes. */
  readonly #sizes: (CallSizes | undefined)[] = statusNames.map(() => undefined);
  readonly #group: SeriesGroup;
  readonly #method: string;

  constructor(group: SeriesGroup, method: string) {
    this.#group = group;
    this.#method = method;
    const attributes = { "rpc.method": method };
    this.started = group.counter(instruments.callsStarted, { "grpc.method": method });
    this.active = group.level(instruments.activeCalls, attributes);
  }

  messages(direction: MessageDirection): CounterSeries {
    return this.#messages[direction] ?? this.#openMessages(direction);
  }

  /** Opens both directions: a stream that was sent to and never answered shows 0. */
  #openMessages(direction: MessageDirection): CounterSeries {
    const open = (each: MessageDirection): CounterSeries =>
      this.#group.counter(instruments.streamMessages, { "rpc.method": this.#method, "sluice.direction": each });
    const received = open("received");
    const sent = open("sent");
    this.#messages.received = received;
    this.#messages.sent = sent;
    return direction === "received" ? received : sent;
  }

  sizes(statusCode: number): CallSizes {
    const code = knownStatus(statusCode);
    let sizes = this.#sizes[code];
    if (sizes === undefined) {
      const attributes = { "grpc.method": this.#method, "grpc.status": statusNames[code] ?? "UNKNOWN" };
      sizes = {
        received: this.#group.histogram(instruments.receivedSize, attributes),
        sent: this.#group.histogram(instruments.sentSize, attributes),
      };
      this.#sizes[code] = sizes;
    }
    return sizes;
  }

  duration(statusCode: number): HistogramSeries {
    const code = knownStatus(statusCode);
    let series = this.#durations[code];
    if (series === undefined) {
      const status = statusNames[code] ?? "UNKNOWN";
      series = this.#group.histogram(instruments.callDuration, {
        "rpc.system.name": "grpc",
        "rpc.method": this.#method,
        "rpc.status_code": status,
        ...(serverErrorStatuses.has(status) ? { "error.type": status } : {}),
      });
      this.#durations[code] = series;
    }
    return series;
  }
}

/** Who else hears of requests that never came to a model. */
export interface RefusalListeners {
  readonly tenants?: TenantMeter | undefined;
  /** Traces them, where there are traces. */
  readonly tracing?: Pick<TracingObserver, "onRefused"> | undefined;
}

/**
 * The instruments of the rpc conventions and of streams, one set of series per registered method.
 *
 * @param methods the registered ones, at most {@link maxMethods}; whatever else is called is counted as `_OTHER`.
 * @param listeners hear of refusals as well
 */
export function createCallObserver(
  registry: SeriesRegistry,
  methods: readonly string[],
  { tenants, tracing }: RefusalListeners = {},
): CallObserver {
  const byMethod = new Map<string, MethodSeries>();
  for (const method of methods.slice(0, maxMethods)) {
    const name = method.replace(/^\//, "");
    if (byMethod.has(name)) continue;
    const series = new MethodSeries(registry.server, name);
    byMethod.set(name, series).set(`/${name}`, series);
  }
  const other = new MethodSeries(registry.server, otherValue);
  const refusals = new Map<string, CounterSeries>(
    reasons.map((reason) => [reason, registry.server.counter(instruments.rejections, { "sluice.reason": reason })]),
  );
  let latestMethod: string | undefined;
  let latest = other;
  // The messages of a stream come with one and the same text, which need not be looked up for each.
  const find = (method: string): MethodSeries => {
    if (method === latestMethod) return latest;
    latestMethod = method;
    latest = byMethod.get(method) ?? other;
    return latest;
  };
  return {
    onCallStart(method) {
      const series = find(method);
      series.started.add(1);
      series.active.add(1);
    },
    onCallEnd(method, statusCode, durationMs, receivedBytes, sentBytes) {
      const series = find(method);
      series.active.add(-1);
      if (receivedBytes !== undefined) {
        const sizes = series.sizes(statusCode);
        sizes.received.record(receivedBytes);
        sizes.sent.record(sentBytes ?? 0);
      }
      series.duration(statusCode).record(durationMs < 0 ? 0 : durationMs / 1000);
    },
    onStreamMessage(method, direction) {
      find(method).messages(direction).add(1);
    },
    onRequestRefused(context, error) {
      refusals.get(error.reason)?.add(1);
      tracing?.onRefused(context, error);
    },
    onTenantRefused: (tenant) => tenants?.onRefused(tenant),
  };
}
