import protobuf from "protobufjs/light.js";
import { InferenceError } from "../errors.ts";
import { messageType } from "./definitions.ts";
import { recognizeFile } from "./file-kind.ts";
import type { OnnxModel } from "./onnx-proto.ts";

/** The largest protobuf message there is, hence the largest .onnx file: 2 GiB less one byte. */
export const maxMessageBytes = 2 ** 31 - 1;

/**
 * Reads an ONNX file. Fields that the format's definition does not know are kept and written back by {@link encodeModel}; int64 values
 * are exact. `raw_data` and other bytes are views on `bytes`, which must not change as long as the model is in use.
 *
 * @throws InferenceError "refused" for anything that is no ONNX model, with a sentence on what it seems to be.
 */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  const other = recognizeFile(bytes);
  if (other !== undefined) throw new InferenceError("refused", `not an ONNX model: the file ${other}`);
  // A Buffer over the same memory: the reader then hands out views, and reads strings natively.
  const reader = protobuf.Reader.create(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  reader.discardUnknown = false;
  try {
    return messageType("onnx.ModelProto").decode(reader) as unknown as OnnxModel; // the protobuf edge: onnx-proto.ts mirrors the definition
  } catch (error) {
    throw new InferenceError("refused", describeDecodeError(error), { cause: error });
  }
}

function describeDecodeError(error: unknown): string {
  if (error instanceof RangeError) {
    return "not an ONNX model: the file ends in the middle of a field, so it is truncated or of another format";
  }
  if (error instanceof Error && error.message.includes("depth")) {
    return `not an acceptable ONNX model: its messages are nested more than ${protobuf.Reader.recursionLimit} deep`;
  }
  return "not an ONNX model: the file is no valid protobuf message, so it is damaged or of another format";
}

/**
 * Writes a model as an ONNX file: known fields in the order of their numbers, unknown ones after them.
 * @throws InferenceError "refused" when the file would exceed what protobuf can hold.
 */
export function encodeModel(model: OnnxModel): Uint8Array {
  const writer = messageType("onnx.ModelProto").encode(model);
  if (writer.len > maxMessageBytes) {
    throw new InferenceError(
      "refused",
      `the model would take ${writer.len} bytes, protobuf allows ${maxMessageBytes}: weights of that size must stay in external data, which is not supported`,
    );
  }
  return writer.finish();
}
