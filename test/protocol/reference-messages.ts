import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

/** protobufjs' own reading of proto/inference, against which the hand-written codec is held. */
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => fileURLToPath(new URL(`../../proto/${target}`, import.meta.url));
root.loadSync("inference/grpc_service.proto", { keepCase: true });

export const requestType = root.lookupType("inference.ModelInferRequest");
export const responseType = root.lookupType("inference.ModelInferResponse");
export const streamResponseType = root.lookupType("inference.ModelStreamInferResponse");

/** A ModelInferRequest as protobufjs encodes it; field names as in the .proto file. */
export function requestBytes(message: object): Buffer {
  return Buffer.from(requestType.encode(requestType.fromObject(message)).finish());
}

export function responseBytes(message: object): Buffer {
  return Buffer.from(responseType.encode(responseType.fromObject(message)).finish());
}

/** A decoded message as a plain object: 64-bit integers as strings, bytes as Buffers. */
export function plain(type: protobuf.Type, bytes: Uint8Array): any {
  return type.toObject(type.decode(bytes), { longs: String, defaults: true, oneofs: true });
}
