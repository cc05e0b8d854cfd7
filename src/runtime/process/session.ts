import { readSync, writeSync } from "node:fs";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { InferenceError } from "../../errors.ts";
import { type Datatype, elementCount, itemBytes, type Tensor } from "../../tensor.ts";
import { fitsRanFrame, type RanOutput, type RunInput } from "./frames.ts";

// ONNX Runtime's binding cannot see a Float16Array, into which its Tensor constructor would turn 16-bit data: without the global it keeps
// the Uint16Array that the binding understands. Must happen before the package is loaded, hence the dynamic import below.
Reflect.deleteProperty(globalThis, "Float16Array");
const { default: ort } = await import("onnxruntime-node");

/** Execution providers in the order in which `auto` tries them. */
export const devices = ["cuda", "webgpu", "cpu"] as const;
export type Device = (typeof devices)[number];

/** KServe datatype to ONNX Runtime's type name and the typed array that holds its raw bytes. */
const elementTypes = {
  BOOL: ["bool", Uint8Array],
  UINT8: ["uint8", Uint8Array],
  UINT16: ["uint16", Uint16Array],
  UINT32: ["uint32", Uint32Array],
  UINT64: ["uint64", BigUint64Array],
  INT8: ["int8", Int8Array],
  INT16: ["int16", Int16Array],
  INT32: ["int32", Int32Array],
  INT64: ["int64", BigInt64Array],
  FP16: ["float16", Uint16Array],
  FP32: ["float32", Float32Array],
  FP64: ["float64", Float64Array],
} as const;

export interface SessionOptions {
  readonly device: Device;
  /** GPU index; undefined: the first. */
  readonly deviceId: number | undefined;
  readonly intraOpThreads: number;
  /** Refuse a model of which a node would run on the CPU although `device` is a GPU. */
  readonly forbidCpuFallback: boolean;
  /** The input shapes vary from run to run: no memory pattern is worth keeping. */
  readonly hasDynamicShapes: boolean;
}

/** A name and datatype in the order in which frames number them. */
export interface Port {
  readonly name: string;
  readonly datatype: Datatype;
}

/** Outputs of one run beyond their range in the arena. */
export class OutputTooLargeError extends Error {
  override readonly name = "OutputTooLargeError";
}

/**
 * One ONNX Runtime session and the way of tensors in and out of it. The only module that touches onnxruntime-node; lives in runtime
 * processes, where its runs may block.
 */
export class Session {
  readonly #session: InferenceSession;
  readonly #buffers = new Map<number, Buffer>();

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  /** @throws Error with ONNX Runtime's text when the model or the provider cannot be used */
  static async create(model: Uint8Array, options: SessionOptions): Promise<Session> {
    const provider =
      options.deviceId === undefined ? options.device : { name: options.device, deviceId: options.deviceId };
    return new Session(
      await ort.InferenceSession.create(model, {
        executionProviders: [provider],
        intraOpNumThreads: options.intraOpThreads,
        interOpNumThreads: 1,
        executionMode: "sequential",
        graphOptimizationLevel: "all",
        enableMemPattern: !options.hasDynamicShapes,
        logSeverityLevel: 3,
        extra: {
          session: {
            intra_op: { allow_spinning: "0" },
            inter_op: { allow_spinning: "0" },
            ...(options.forbidCpuFallback ? { disable_cpu_ep_fallback: "1" } : {}),
          },
        },
      }),
    );
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  /** Builds the feeds of a batch from the arena. The buffers behind them are used again by the next run. */
  readFeeds(arenaFd: number, inputs: readonly RunInput[], ports: readonly Port[]): Map<string, OrtTensor> {
    const feeds = new Map<string, OrtTensor>();
    for (const input of inputs) {
      const port = ports[input.index];
      if (port === undefined) throw new Error(`no input ${input.index}`);
      const count = elementCount(input.shape);
      let length = 0;
      for (const segment of input.segments) length += segment.length;
      const bytes = this.#buffer(input.index, Math.max(length, count * itemBytes(port.datatype)));
      let position = 0;
      for (const segment of input.segments) {
        readExactly(arenaFd, bytes, position, segment.length, segment.offset);
        position += segment.length;
      }
      if (port.datatype === "BYTES") {
        feeds.set(port.name, new ort.Tensor("string", decodeStrings(bytes.subarray(0, length), count), input.shape));
      } else {
        bytes.fill(0, position);
        feeds.set(port.name, numericTensor(port.datatype, bytes, count, input.shape));
      }
    }
    return feeds;
  }

  /** Runs the model; blocks this process for as long as it takes. @param fetches output names */
  async run(feeds: ReadonlyMap<string, OrtTensor>, fetches: readonly string[]): Promise<OrtResults> {
    return await this.#session.run(Object.fromEntries(feeds), fetches);
  }

  #buffer(index: number, length: number): Buffer {
    let buffer = this.#buffers.get(index);
    if (buffer === undefined || buffer.length < length) {
      // allocated outside Node's pool, hence aligned for every element type
      buffer = Buffer.from(new ArrayBuffer(Math.max(64, length)));
      this.#buffers.set(index, buffer);
    }
    return buffer.subarray(0, length);
  }
}

/** Results of a run by output name. */
export type OrtResults = Readonly<Record<string, OrtTensor>>;

function numericTensor(
  datatype: Exclude<Datatype, "BYTES">,
  bytes: Buffer,
  count: number,
  shape: readonly number[],
): OrtTensor {
  const [type, ElementArray] = elementTypes[datatype];
  const data = new ElementArray(bytes.buffer as ArrayBuffer, bytes.byteOffset, count); // Buffer.from(ArrayBuffer) above
  // The typed array always fits its type name; the union of constructor overloads cannot say so.
  return new ort.Tensor(type as "float32", data as unknown as Float32Array, shape);
}

/** Outputs of a run on their way to the front process. */
export interface WrittenOutputs {
  readonly outputs: readonly RanOutput[];
  /** Short outputs: what would have been written into their range. */
  readonly inlined: Buffer;
}

const nothingInlined = Buffer.alloc(0);

/**
 * Writes outputs one after another into their range of the arena, or where they are short, into a buffer that travels in the frame.
 * @throws OutputTooLargeError when the range is too small
 */
export function writeOutputs(
  arenaFd: number,
  results: OrtResults,
  indexes: readonly number[],
  ports: readonly Port[],
  offset: number,
  limit: number,
): WrittenOutputs {
  const outputs: RanOutput[] = [];
  const contents: Uint8Array[] = [];
  let position = offset;
  for (const index of indexes) {
    const port = ports[index];
    const tensor = port === undefined ? undefined : results[port.name];
    if (port === undefined || tensor === undefined) throw new Error(`the run gave no output ${index}`);
    const bytes = rawBytes(port, tensor);
    if (position + bytes.length > offset + limit) {
      throw new OutputTooLargeError(`the outputs exceed ${limit} bytes`);
    }
    contents.push(bytes);
    outputs.push({ index, datatype: port.datatype, shape: tensor.dims, offset: position, length: bytes.length });
    position += Math.ceil(bytes.length / 8) * 8;
  }
  const ranks = outputs.map((output) => output.shape.length);
  if (fitsRanFrame(ranks, position - offset))
    return { outputs, inlined: joinAt(outputs, contents, offset, position - offset) };
  for (const [i, { offset: at }] of outputs.entries()) writeExactly(arenaFd, contents[i] as Uint8Array, at); // one for each output
  return { outputs, inlined: nothingInlined };
}

function joinAt(outputs: readonly RanOutput[], contents: readonly Uint8Array[], base: number, length: number): Buffer {
  const joined = Buffer.alloc(length);
  for (const [i, output] of outputs.entries()) joined.set(contents[i] as Uint8Array, output.offset - base); // one for each output
  return joined;
}

/** A result as a tensor of the vocabulary, with data of its own. */
export function toTensor(port: Port, result: OrtTensor): Tensor {
  return {
    name: port.name,
    datatype: port.datatype,
    shape: [...result.dims],
    data: Buffer.from(rawBytes(port, result)),
  };
}

/** A tensor of the vocabulary as a feed. */
export function fromTensor(tensor: Tensor): OrtTensor {
  const count = elementCount(tensor.shape);
  const bytes = Buffer.from(new ArrayBuffer(tensor.data.length));
  bytes.set(tensor.data);
  return tensor.datatype === "BYTES"
    ? new ort.Tensor("string", decodeStrings(bytes, count), tensor.shape)
    : numericTensor(tensor.datatype, bytes, count, tensor.shape);
}

function rawBytes(port: Port, tensor: OrtTensor): Uint8Array {
  const expected = port.datatype === "BYTES" ? "string" : elementTypes[port.datatype][0];
  if (tensor.type !== expected) throw new Error(`output '${port.name}' is ${tensor.type}, expected ${expected}`);
  if (tensor.type === "string") return encodeStrings(tensor.data as string[]); // the type of a string tensor's data
  const data = tensor.data as Exclude<typeof tensor.data, string[]>;
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}

/** BYTES layout to strings; missing elements (padding rows) are empty. */
function decodeStrings(bytes: Buffer, count: number): string[] {
  const strings: string[] = [];
  let position = 0;
  while (position < bytes.length && strings.length < count) {
    const length = bytes.readUInt32LE(position);
    strings.push(bytes.toString("utf8", position + 4, position + 4 + length));
    position += 4 + length;
  }
  while (strings.length < count) strings.push("");
  return strings;
}

function encodeStrings(strings: readonly string[]): Buffer {
  let length = 0;
  for (const text of strings) length += 4 + Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(length);
  let position = 0;
  for (const text of strings) {
    const written = bytes.write(text, position + 4);
    bytes.writeUInt32LE(written, position);
    position += 4 + written;
  }
  return bytes;
}

function readExactly(fd: number, target: Buffer, position: number, length: number, offset: number): void {
  let done = 0;
  while (done < length) {
    const count = readSync(fd, target, position + done, length - done, offset + done);
    if (count === 0)
      throw new InferenceError("internal", "internal error", { cause: new Error("the arena ends before the input") });
    done += count;
  }
}

function writeExactly(fd: number, bytes: Uint8Array, offset: number): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
}
