import { type ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";
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

/**
 * When and how often a call is repeated (gRFC A6): on UNAVAILABLE only, which a server gives before it runs anything, after the server's own
 * `grpc-retry-pushback-ms` where it sends one. The throttle stops retries when more than one call in ten fails.
 */
function serviceConfig(maxAttempts: number): string {
  return JSON.stringify({
    methodConfig: [
      {
        name: repeatableMethods.map((method) => ({ service: "inference.GRPCInferenceService", method })),
        retryPolicy: {
          maxAttempts,
          initialBackoff: "0.1s",
          maxBackoff: "2s",
          backoffMultiplier: 2,
          retryableStatusCodes: ["UNAVAILABLE"],
        },
      },
    ],
    retryThrottling: { maxTokens: 100, tokenRatio: 0.1 },
  });
}

/**
 * grpc-js' options for a connection that repeats refused calls, or for one that never sends anything twice. A proxy that the environment
 * names is not asked for this machine itself.
 */
export function channelOptions(address: string, options: ClientOptions, isRepeating: boolean): ChannelOptions {
  const repeats = isRepeating && options.maxAttempts > 1;
  return {
    "grpc.max_receive_message_length": options.maxMessageBytes,
    "grpc.max_send_message_length": options.maxMessageBytes,
    "grpc.keepalive_time_ms": options.keepaliveTimeMs,
    "grpc.enable_channelz": 0,
    "grpc.enable_http_proxy": /^(127\.|localhost:|\[::1\]|unix:)/.test(address) ? 0 : 1,
    "grpc.enable_retries": repeats ? 1 : 0,
    "grpc.service_config_disable_resolution": 1,
    ...(repeats ? { "grpc.service_config": serviceConfig(options.maxAttempts) } : {}),
  };
}

/** Plain text, or TLS with what was given. */
export function channelCredentials(tls: TlsOptions | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const pem = (bytes: Uint8Array | undefined) => (bytes === undefined ? null : Buffer.from(bytes));
  return credentials.createSsl(pem(tls.rootCertificates), pem(tls.privateKey), pem(tls.certificateChain));
}
