import { randomBytes } from "node:crypto";
import { predictionTokenOutput } from "../../outcome.ts";
import type { Tensor } from "../../tensor.ts";
import type { PredictionReader } from "../collect/prediction-reader.ts";
import type { OutcomeSink } from "../prediction.ts";
import { fitsToken, TokenWriter } from "./prediction-token.ts";
import type { TokenKeys } from "./token-keys.ts";

/** Rows whose tokens are made before the event loop may turn: a quarter of a millisecond. */
export const tokensPerTurn = 256;

/** What all tokens of a server share: its keys, and the serial numbers of this life. */
export class TokenSource {
  readonly keys: TokenKeys;
  /** Most bytes of the tokens of one answer. */
  readonly maxBytes: number;
  readonly life = randomBytes(6);
  #made = 0;

  constructor(keys: TokenKeys, maxBytes: number) {
    this.keys = keys;
    this.maxBytes = maxBytes;
  }

  /** Serial numbers for so many tokens. @returns the first */
  draw(count: number): number {
    const first = this.#made;
    this.#made += count;
    return first;
  }
}

/** Makes the tokens of one model version. */
export class PredictionTokens {
  readonly #source: TokenSource;
  readonly #sink: OutcomeSink;
  readonly #reader: PredictionReader;
  #writer: TokenWriter | undefined;

  constructor(source: TokenSource, sink: OutcomeSink, reader: PredictionReader) {
    this.#source = source;
    this.#sink = sink;
    this.#reader = reader;
  }

  /** Whether the version can have tokens. */
  get isOffered(): boolean {
    return fitsToken({ name: this.#sink.modelName, version: this.#sink.modelVersion });
  }

  /**
   * Begins the tokens of a response with so many rows; they are complete when {@link TokenBatch.next} says so.
   * @returns undefined: no answer can carry so many
   */
  begin(rows: number): TokenBatch | undefined {
    const writer = this.#currentWriter();
    if (rows * writer.elementBytes > this.#source.maxBytes) return undefined;
    return new TokenBatch(writer, this.#source.draw(rows), rows);
  }

  /** The key that signs may have changed since the last one. */
  #currentWriter(): TokenWriter {
    const key = this.#source.keys.signing;
    if (this.#writer?.key !== key) {
      const { modelName: name, modelVersion: version } = this.#sink;
      this.#writer = new TokenWriter(key, { name, version }, this.#reader.layout, this.#source.life);
    }
    return this.#writer;
  }
}

/** The tokens of one response on their way. */
export class TokenBatch {
  readonly #writer: TokenWriter;
  readonly #firstSerial: number;
  readonly #rows: number;
  readonly #data: Buffer;
  #row = 0;
  #position = 0;

  constructor(writer: TokenWriter, firstSerial: number, rows: number) {
    this.#writer = writer;
    this.#firstSerial = firstSerial;
    this.#rows = rows;
    this.#data = Buffer.allocUnsafe(rows * writer.elementBytes);
  }

  /** Makes at most {@link tokensPerTurn} tokens. @param reader turned to the response. @returns whether all are made */
  next(reader: PredictionReader): boolean {
    const end = Math.min(this.#rows, this.#row + tokensPerTurn);
    for (; this.#row < end; this.#row++) {
      const start = this.#data.writeUInt32LE(this.#writer.byteLength, this.#position);
      this.#position = this.#writer.write(reader.read(this.#row), this.#firstSerial + this.#row, this.#data, start);
    }
    return this.#row === this.#rows;
  }

  /** The output, once all are made. */
  get tensor(): Tensor {
    return { name: predictionTokenOutput, datatype: "BYTES", shape: [this.#rows], data: this.#data };
  }
}
