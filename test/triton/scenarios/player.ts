import type { ClientDuplexStream } from "@grpc/grpc-js";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type { Draft } from "../drafts.ts";
import { Exchange } from "../exchange.ts";
import { decodeResponse, encodeRequest, type Plain, servicePath } from "../messages.ts";
import { normalize } from "../normalize.ts";

/** Something that a server answered, in the order in which it came. */
export interface Heard {
  /** The label of the call or stream. */
  readonly from: string;
  readonly code?: number;
  readonly message?: string;
  readonly response?: Plain;
}

const streamLimitMs = 30_000;
const asIs = (bytes: Buffer): Buffer => bytes;

/** Plays a scenario against one server and writes down what it hears. */
export class Player {
  readonly heard: Heard[] = [];
  readonly #exchange: Exchange;
  readonly #client: Client;
  readonly #started: Promise<void>[] = [];

  constructor(address: string) {
    this.#exchange = new Exchange(address);
    this.#client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  }

  close(): void {
    this.#exchange.close();
    this.#client.close();
  }

  /** Asks by ModelInfer and waits for the answer. */
  async ask(from: string, draft: Draft): Promise<void> {
    await this.#call(from, "ModelInfer", draft);
  }

  /** Asks by another unary method. */
  async control(from: string, method: string, message: object): Promise<void> {
    await this.#call(from, method, message);
  }

  /** Asks by ModelInfer and does not wait; a moment passes, so that requests arrive in this order. */
  async start(from: string, draft: Draft): Promise<void> {
    this.#started.push(this.#call(from, "ModelInfer", draft));
    await this.pause(60);
  }

  /** Waits for everything that was started. */
  async settle(): Promise<void> {
    await Promise.all(this.#started.splice(0));
  }

  /** Starts these and waits for all of them: their answers have no order among themselves. */
  async together(...questions: readonly (readonly [from: string, draft: Draft])[]): Promise<void> {
    const before = this.heard.length;
    for (const [from, draft] of questions) await this.start(from, draft);
    await this.settle();
    const answers = this.heard.splice(before).sort((a, b) => (a.from < b.from ? -1 : 1));
    this.heard.push(...answers);
  }

  stream(from: string, metadata: Readonly<Record<string, string>> = {}): PlayedStream {
    const sent = new Metadata();
    for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
    const call = this.#client.makeBidiStreamRequest(`${servicePath}ModelStreamInfer`, asIs, asIs, sent, {
      deadline: Date.now() + streamLimitMs,
    });
    return new PlayedStream(from, call, (heard) => this.heard.push(heard));
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  async #call(from: string, method: string, message: object): Promise<void> {
    const answer = normalize(method, await this.#exchange.call({ method, requests: [encodeRequest(method, message)] }));
    const { code, responses } = answer;
    this.heard.push(
      code !== 0
        ? { from, code, message: answer.message }
        : { from, response: method === "ModelInfer" ? readable(responses[0] ?? {}) : (responses[0] ?? {}) },
    );
  }
}

/** A ModelInferResponse with the values of its outputs in place of their bytes, so that the recording can be read. */
function readable(response: Plain): Plain {
  const { outputs, raw_output_contents: contents = [], ...rest } = response;
  if (outputs === undefined) return response;
  const read = outputs.map((output: Plain, i: number) => {
    const values = valuesOf(output.datatype, Buffer.from(contents[i] ?? "", "base64"));
    return { ...output, values: values.join(" ") };
  });
  return { ...rest, outputs: read };
}

function valuesOf(datatype: string, data: Buffer): (number | bigint | string)[] {
  const read = readers[datatype];
  if (read !== undefined)
    return Array.from({ length: data.length / read.bytes }, (_, i) => read.at(data, i * read.bytes));
  const texts: string[] = [];
  for (let at = 0; at < data.length; at += 4 + data.readUInt32LE(at)) {
    texts.push(JSON.stringify(data.toString("utf8", at + 4, at + 4 + data.readUInt32LE(at))));
  }
  return texts;
}

const readers: Readonly<Record<string, { bytes: number; at: (data: Buffer, offset: number) => number | bigint }>> = {
  BOOL: { bytes: 1, at: (data, offset) => data.readUInt8(offset) },
  INT32: { bytes: 4, at: (data, offset) => data.readInt32LE(offset) },
  UINT32: { bytes: 4, at: (data, offset) => data.readUInt32LE(offset) },
  INT64: { bytes: 8, at: (data, offset) => data.readBigInt64LE(offset) },
  UINT64: { bytes: 8, at: (data, offset) => data.readBigUInt64LE(offset) },
  FP32: { bytes: 4, at: (data, offset) => data.readFloatLE(offset) },
};

/** One ModelStreamInfer call of a scenario. */
export class PlayedStream {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #status: Promise<void>;
  #heard = 0;
  #isOver = false;
  #wake: () => void = () => {};

  constructor(from: string, call: ClientDuplexStream<Buffer, Buffer>, hear: (heard: Heard) => void) {
    this.#call = call;
    call.on("data", (bytes: Buffer) => {
      const { infer_response = {}, ...rest } = decodeResponse("ModelStreamInfer", bytes);
      hear({ from, response: { ...rest, ...readable(infer_response) } });
      this.#heard++;
      this.#wake();
    });
    call.on("error", () => {});
    this.#status = new Promise((resolve) => {
      call.on("status", ({ code, details }) => {
        if (code !== 0) hear({ from, code, message: details });
        this.#isOver = true;
        this.#wake();
        resolve();
      });
    });
  }

  send(...drafts: Draft[]): void {
    for (const draft of drafts) this.#call.write(encodeRequest("ModelInfer", draft));
  }

  /** Waits until so many messages came in all, or the stream is over. */
  async heard(count: number): Promise<void> {
    while (this.#heard < count && !this.#isOver) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** Half-closes and waits for the end. */
  async end(): Promise<void> {
    this.#call.end();
    await this.#status;
  }

  async cancel(): Promise<void> {
    this.#call.cancel();
    await this.#status;
  }
}
