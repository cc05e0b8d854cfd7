import { maxMethods, serverErrorStatuses, statusNames } from "./attribute-values.ts";
import { conventionalBoundaries, sizeBoundaries } from "./boundaries.ts";
import type { Instrument } from "./instrument.ts";

const method = { key: "rpc.method", values: maxMethods + 1 };
const grpcMethod = { key: "grpc.method", values: maxMethods + 1 };
const grpcStatus = { key: "grpc.status", values: statusNames };

/** RPCs, by the rpc conventions and by gRFC A66 where those have nothing. */
export const callInstruments = {
  callDuration: {
    name: "rpc.server.call.duration",
    kind: "histogram",
    unit: "s",
    description: "Duration of an RPC from its headers to its status; of a stream, all of it.",
    attributes: [
      { key: "rpc.system.name", values: ["grpc"] },
      method,
      { key: "rpc.status_code", values: statusNames },
      { key: "error.type", values: [...serverErrorStatuses] },
    ],
    boundaries: conventionalBoundaries,
  },
  callsStarted: {
    name: "grpc.server.call.started",
    kind: "counter",
    unit: "{call}",
    description: "RPCs whose headers have come, answered or not.",
    attributes: [grpcMethod],
  },
  receivedSize: {
    name: "grpc.server.call.rcvd_total_compressed_message_size",
    kind: "histogram",
    unit: "By",
    description:
      "Bytes of the messages received in an inference RPC; of a stream, all of them. Compressed messages count as they are after it.",
    attributes: [grpcMethod, grpcStatus],
    boundaries: sizeBoundaries,
  },
  sentSize: {
    name: "grpc.server.call.sent_total_compressed_message_size",
    kind: "histogram",
    unit: "By",
    description: "Bytes of the messages sent in an inference RPC; of a stream, all of them.",
    attributes: [grpcMethod, grpcStatus],
    boundaries: sizeBoundaries,
  },
  activeCalls: {
    name: "sluice.rpc.active",
    kind: "updown",
    unit: "{call}",
    description: "RPCs that have begun and not ended.",
    attributes: [method],
  },
  streamMessages: {
    name: "sluice.stream.messages",
    kind: "counter",
    unit: "{message}",
    description: "Messages of streaming RPCs.",
    attributes: [method, { key: "sluice.direction", values: ["received", "sent"] }],
  },
} as const satisfies Record<string, Instrument>;
