import { createHash, timingSafeEqual } from "node:crypto";
import type { Prediction, PredictionLayout } from "../prediction.ts";
import { hashWords } from "./id-hash.ts";
import { keyIdBytes, signatureBytes, type TokenKey } from "./token-key.ts";

/**
 * What a prediction token is made of, little-endian:
 *
 * | bytes | what |
 * |---|---|
 * | 1 | version of this format, 1 |
 * | 4 | id of the key |
 * | 4 | {@link layoutMark}: what the predictions of the version are made of |
 * | 6 | when the prediction was made, epoch milliseconds |
 * | 4 | predicted class, -1 for none |
 * | 12 | serial number, unlike any other's: 6 random bytes of a server's life, 6 of a count |
 * | 1 + n, 1 + n | model and version, each after its length |
 * | 2 + 4 n | values as float32, after their count |
 * | 16 | HMAC-SHA256 over all before, cut to 128 bits |
 */
const formatVersion = 1;
const keyIdAt = 1;
const layoutAt = keyIdAt + keyIdBytes;
const layoutBytes = 4;
const timeAt = layoutAt + layoutBytes;
const timeBytes = 6;
const classAt = timeAt + timeBytes;
const serialAt = classAt + 4;
const lifeBytes = 6;
const namesAt = serialAt + lifeBytes + 6;
const maxNameBytes = 255;

/** A row of more values (classes, as a rule) has a token without them: its class still counts, its scores do not. */
export const maxTokenValues = 256;

/** The longest token: what is longer is none. */
export const maxTokenBytes = namesAt + 2 * (1 + maxNameBytes) + 2 + 4 * maxTokenValues + signatureBytes;

/** What a token says that is one of ours. */
export interface PredictionToken {
  readonly modelName: string;
  readonly modelVersion: string;
  /** {@link layoutMark} of the version that predicted. */
  readonly layoutMark: number;
  readonly atMs: number;
  readonly predictedClass: number;
  /** As many as the layout's width, or none. */
  readonly values: Float32Array;
  /** 128 bits that no other token has: its signature. */
  readonly key: Uint32Array;
}

/** Why bytes are no token: not in this format, signed with a key that is not known here, or not signed with the key that they name. */
export type TokenFault = "malformed" | "unknown_key" | "altered";

/** What predictions are made of, in 32 bits: a token of other classes or outputs must not be taken for one of these. */
export function layoutMark({ task, width, labels }: PredictionLayout): number {
  return createHash("sha256")
    .update(JSON.stringify([task, width, labels]))
    .digest()
    .readUInt32LE(0);
}

/** Writes the tokens of one model version under one key. Made once for both; what is the same in all its tokens is written once. */
export class TokenWriter {
  readonly key: TokenKey;
  readonly #message: Buffer;
  readonly #valuesAt: number;
  readonly #width: number;

  /** @param life {@link lifeBytes} random bytes of this server's life. Names longer than 255 bytes have no tokens: see {@link fitsToken}. */
  constructor(
    key: TokenKey,
    model: { readonly name: string; readonly version: string },
    layout: PredictionLayout,
    life: Buffer,
  ) {
    this.key = key;
    this.#width = layout.width <= maxTokenValues ? layout.width : 0;
    const names = [model.name, model.version].map((name) => Buffer.from(name));
    const namesSize = names.reduce((sum, { length }) => sum + 1 + length, 0);
    this.#message = Buffer.alloc(namesAt + namesSize + 2 + 4 * this.#width);
    this.#message[0] = formatVersion;
    key.id.copy(this.#message, keyIdAt);
    this.#message.writeUInt32LE(layoutMark(layout), layoutAt);
    life.copy(this.#message, serialAt, 0, lifeBytes);
    let position = namesAt;
    for (const name of names) {
      position = this.#message.writeUInt8(name.length, position);
      position += name.copy(this.#message, position);
    }
    this.#valuesAt = this.#message.writeUInt16LE(this.#width, position);
  }

  /** Bytes of each token. */
  get byteLength(): number {
    return this.#message.length + signatureBytes;
  }

  /** Bytes of each token in a BYTES tensor, after its length. */
  get elementBytes(): number {
    return 4 + this.byteLength;
  }

  /** Writes the token of a prediction. @param count unlike that of any other token of this life. @returns where it ends */
  write(prediction: Prediction, count: number, into: Buffer, position: number): number {
    const message = this.#message;
    message.writeUIntLE(Math.max(0, Math.floor(prediction.atMs)), timeAt, timeBytes);
    message.writeInt32LE(prediction.predictedClass, classAt);
    message.writeUIntLE(count, serialAt + lifeBytes, 6);
    for (let i = 0; i < this.#width; i++)
      message.writeFloatLE(prediction.values[i] ?? Number.NaN, this.#valuesAt + 4 * i);
    const end = position + message.copy(into, position);
    return end + into.write(this.key.sign(message), end, "latin1");
  }
}

/** Whether a model version's names fit into a token. */
export function fitsToken({ name, version }: { readonly name: string; readonly version: string }): boolean {
  return Buffer.byteLength(name) <= maxNameBytes && Buffer.byteLength(version) <= maxNameBytes;
}

/**
 * Reads a token and checks its signature, in a time that does not depend on how much of it is right.
 * @param findKey the key of an id
 */
export function readToken(
  bytes: Uint8Array,
  findKey: (id: Buffer) => TokenKey | undefined,
): PredictionToken | TokenFault {
  const token = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (token.length < namesAt + 4 + signatureBytes || token.length > maxTokenBytes || token[0] !== formatVersion) {
    return "malformed";
  }
  const key = findKey(token.subarray(keyIdAt, keyIdAt + keyIdBytes));
  if (key === undefined) return "unknown_key";
  const message = token.subarray(0, token.length - signatureBytes);
  const signature = token.subarray(message.length);
  if (!timingSafeEqual(signature, Buffer.from(key.sign(message), "latin1"))) return "altered";
  return readSigned(message, signature);
}

/** The fields of a message that we have signed: only another format under this version could make it malformed. */
function readSigned(message: Buffer, signature: Buffer): PredictionToken | TokenFault {
  let position = namesAt;
  const names: string[] = [];
  for (let i = 0; i < 2; i++) {
    const start = position + 1;
    position = start + (message[position] ?? 0);
    names.push(message.toString("utf8", start, position));
  }
  if (position + 2 > message.length) return "malformed";
  const width = message.readUInt16LE(position);
  position += 2;
  if (message.length !== position + 4 * width) return "malformed";
  const [modelName = "", modelVersion = ""] = names;
  return {
    modelName,
    modelVersion,
    layoutMark: message.readUInt32LE(layoutAt),
    atMs: message.readUIntLE(timeAt, timeBytes),
    predictedClass: message.readInt32LE(classAt),
    values: Float32Array.from({ length: width }, (_, i) => message.readFloatLE(position + 4 * i)),
    key: Uint32Array.from({ length: hashWords }, (_, word) => signature.readUInt32LE(4 * word)),
  };
}
