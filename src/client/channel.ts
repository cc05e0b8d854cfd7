import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  credentials,
  type ClientOptions as GrpcClientOptions,
} from "@grpc/grpc-js";
import { InferenceError } from "../errors.ts";
import { statusCodes } from "../protocol/status.ts";
import { listTarget } from "./address-list-resolver.ts";
import { hostOf, isLocal } from "./addresses.ts";
import { ClientError } from "./client-error.ts";
import type { ClientOptions, TlsOptions } from "./client-options.ts";

/** Methods that may be sent again. Not the stream: only its reader knows which of its items were answered. */
const repeatableMethods = [
  "ModelInfer",
  "ModelMetadata",
  "ModelConfig",
  "ModelStatistics",
  "ServerMetadata",
  "RepositoryIndex",
];

/** Several connections to the same servers, used in turn. Each is opened by its first call. */
export class ChannelSet {
  readonly #clients: readonly Client[];
  #next = 0;
  #isClosed = false;

  /** @param isRepeating whether calls that were refused are sent again; streams and sequences must not be. */
  constructor(addresses: readonly string[], options: ClientOptions, isRepeating: boolean) {
    const [first = ""] = addresses;
    const target = addresses.length > 1 ? listTarget(addresses) : first;
    const certificates = channelCredentials(options.tls);
    const grpcOptions = channelOptions(addresses, options, isRepeating);
    this.#clients = Array.from(
      { length: options.channels },
      () => new Client(target, certificates, grpcOptions as GrpcClientOptions),
    );
  }

  /** The channel whose turn it is. @throws ClientError CANCELLED once they are closed */
  next(): Client {
    if (this.#isClosed) throw new ClientError(statusCodes.CANCELLED, "the client is closed");
    const client = this.#clients[this.#next];
    if (client === undefined) throw new InferenceError("internal", "a client without channels");
    this.#next = (this.#next + 1) % this.#clients.length;
    return client;
  }

  /** No call begins from here on; what is under way goes on. */
  close(): void {
    this.#isClosed = true;
    for (const client of this.#clients) client.close();
  }
}

/**
 * Which server a call goes to, and when and how often it is repeated (gRFC A6): on UNAVAILABLE only, which a server gives before it runs
 * anything, after the server's own `grpc-retry-pushback-ms` where it sends one. The throttle stops retries when more than one call in ten
 * fails.
 */
function serviceConfig(options: ClientOptions, policy: string, repeats: boolean): string {
  const retryPolicy = {
    maxAttempts: options.maxAttempts,
    initialBackoff: `${options.backoffMs / 1000}s`,
    maxBackoff: `${options.maxBackoffMs / 1000}s`,
    backoffMultiplier: 2,
    retryableStatusCodes: ["UNAVAILABLE"],
  };
  const name = [
    ...repeatableMethods.map((method) => ({ service: "inference.GRPCInferenceService", method })),
    { service: "sluice.monitor.v1.MonitorService", method: "ReportOutcomes" }, // what counted already is a duplicate
  ];
  return JSON.stringify({
    loadBalancingConfig: [{ [policy]: {} }],
    ...(repeats ? { methodConfig: [{ name, retryPolicy }], retryThrottling: { maxTokens: 100, tokenRatio: 0.1 } } : {}),
  });
}

/** grpc-js' options for connections that repeat refused calls, or for those that never send anything twice. */
function channelOptions(addresses: readonly string[], options: ClientOptions, isRepeating: boolean): ChannelOptions {
  const repeats = isRepeating && options.maxAttempts > 1;
  const policy = options.loadBalancing ?? (addresses.length > 1 ? "round_robin" : "pick_first");
  return {
    "grpc.max_receive_message_length": options.maxMessageBytes,
    "grpc.max_send_message_length": options.maxMessageBytes,
    "grpc.keepalive_time_ms": options.keepaliveTimeMs,
    "grpc.initial_reconnect_backoff_ms": options.backoffMs,
    "grpc.max_reconnect_backoff_ms": options.maxBackoffMs,
    "grpc-node.flow_control_window": options.receiveWindowBytes,
    "grpc.enable_channelz": 0,
    "grpc.enable_http_proxy": addresses.every(isLocal) ? 0 : 1,
    "grpc.enable_retries": repeats ? 1 : 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.service_config": serviceConfig(options, policy, repeats),
    ...(options.channels > 1 ? { "grpc.use_local_subchannel_pool": 1 } : {}), // connections would be shared otherwise
    ...serverNameOption(addresses, options.tls),
  };
}

/** gRPC checks all certificates of a channel against one name. */
function serverNameOption(addresses: readonly string[], tls: TlsOptions | undefined): ChannelOptions {
  if (tls === undefined) return {};
  if (tls.serverName !== undefined) return { "grpc.ssl_target_name_override": tls.serverName };
  const hosts = new Set(addresses.map(hostOf));
  if (hosts.size === 1) return {};
  throw new InferenceError(
    "invalid",
    `several hosts with TLS (${[...hosts].join(", ")}) need client option 'tls.serverName', the name that all their certificates carry`,
  );
}

/** Plain text, or TLS with what was given. */
function channelCredentials(tls: TlsOptions | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const pem = (bytes: Uint8Array | undefined) => (bytes === undefined ? null : Buffer.from(bytes));
  return credentials.createSsl(pem(tls.rootCertificates), pem(tls.privateKey), pem(tls.certificateChain));
}
