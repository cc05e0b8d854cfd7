import type { Socket } from "node:net";
import {
  type ChannelOptions,
  Server,
  ServerCredentials,
  type ServerOptions,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { ServeConfig } from "../config.ts";
import { type CallSurroundings, createTakeover } from "./grpc-js-call.ts";
import { handlersByPath, type ServiceHandlers } from "./method-table.ts";

/** What grpc-js reads of the configuration. */
export type TransportConfig = Pick<
  ServeConfig,
  | "maxMessageBytes"
  | "maxMetadataBytes"
  | "maxBufferedBytes"
  | "maxConcurrentStreams"
  | "keepaliveTimeMs"
  | "keepaliveTimeoutMs"
  | "maxConnectionIdleMs"
  | "maxConnectionAgeMs"
  | "maxConnectionAgeGraceMs"
>;

/** Every option of grpc-js' server that has an effect here; nothing is left to its defaults. */
export function channelOptions(config: TransportConfig): ChannelOptions {
  return {
    "grpc.max_receive_message_length": config.maxMessageBytes,
    "grpc.max_send_message_length": config.maxMessageBytes,
    "grpc.max_concurrent_streams": config.maxConcurrentStreams,
    // In megabytes: one connection may hold what the whole server may, because Node stalls a session at this limit instead of slowing it.
    "grpc-node.max_session_memory": Math.max(16, Math.ceil(config.maxBufferedBytes / 2 ** 20)),
    "grpc.keepalive_time_ms": config.keepaliveTimeMs,
    "grpc.keepalive_timeout_ms": config.keepaliveTimeoutMs,
    "grpc.enable_channelz": 0,
    "grpc.server_call_metric_recording": 0,
    ...(config.maxConnectionIdleMs === 0 ? {} : { "grpc.max_connection_idle_ms": config.maxConnectionIdleMs }),
    ...(config.maxConnectionAgeMs === 0
      ? {}
      : {
          "grpc.max_connection_age_ms": config.maxConnectionAgeMs,
          "grpc.max_connection_age_grace_ms": config.maxConnectionAgeGraceMs,
        }),
  };
}

/** HTTP/2 and gRPC framing over sockets that somebody else accepted. */
export class GrpcJsServer {
  readonly #server: Server;
  readonly #inject: (socket: Socket) => void;

  constructor(services: readonly ServiceHandlers[], surroundings: CallSurroundings, config: TransportConfig) {
    const takeover = createTakeover(handlersByPath(services), surroundings);
    const options: ServerOptions = { ...channelOptions(config), interceptors: [takeover] };
    this.#server = new Server(options);
    limitMetadata(this.#server, config.maxMetadataBytes);
    for (const { definition } of services) this.#server.addService(definition, neverReached(definition));
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    surroundings.windows.attach(this.#server); // the injector has its own HTTP/2 server
    this.#inject = (socket) => injector.injectConnection(socket);
  }

  /** Takes over a connection whose HTTP/2 preface lies in the socket's buffer. */
  accept(socket: Socket): void {
    this.#inject(socket);
  }

  /** Asks every connection to close and resolves when all have; false when that took longer than the limit and they were cut off. */
  async stop(limitMs: number): Promise<boolean> {
    const isClosed = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), limitMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
    if (!isClosed) this.#server.forceShutdown();
    return isClosed;
  }
}

/** grpc-js wants an implementation of each method; calls are taken over before it is asked. */
function neverReached(definition: ServiceHandlers["definition"]): UntypedServiceImplementation {
  return Object.fromEntries(Object.keys(definition).map((name) => [name, notTakenOver]));
}

function notTakenOver(): never {
  throw new Error("a call was not taken over by the call adapter");
}

/**
 * Announces the limit of a call's metadata, which HTTP/2 enforces once the peer has acknowledged it. grpc-js has no option for it: its HTTP/2
 * settings are a private field. Where that is not found, and before the acknowledgement, Node's own limits hold: 64 KB and 128 entries.
 */
function limitMetadata(server: Server, maxMetadataBytes: number): void {
  const { commonServerOptions: options } = server as unknown as {
    commonServerOptions?: { settings?: { maxHeaderListSize?: number } };
  };
  if (options?.settings !== undefined) options.settings.maxHeaderListSize = maxMetadataBytes;
}
