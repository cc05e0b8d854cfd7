import { ClientError } from "../../client/client-error.ts";
import type { StreamOptions } from "../../client/infer-stream.ts";
import type { InferenceClient } from "../../client/inference-client.ts";
import type { StreamResult } from "../../client/stream-result.ts";
import { InferenceError } from "../../errors.ts";
import type { InferenceResponse } from "../../inference.ts";
import type { Tensor } from "../../tensor.ts";
import { type TableColumn, type TablePosition, tableStart } from "../../training/table.ts";
import { predictionOutputs } from "../prediction-columns.ts";
import { type BulkJob, type BulkMessage, type BulkRows, bulkMessages, halves, toRequest } from "./bulk-messages.ts";
import type { BulkOutput } from "./bulk-output.ts";
import { classOutputs, splitClasses } from "./class-outputs.ts";
import type { JournalHead, SkippedRows } from "./journal.ts";
import { inferInOrder } from "./ordered-streams.ts";
import { describeRows, outputColumns, outputValues } from "./output-rows.ts";
import { RefusedRows } from "./refused-rows.ts";
import type { TableEncoder } from "./table-encoder.ts";

/** Shortest time between two points at which a run can be continued, milliseconds: noting one costs about 0.1 ms. */
const checkpointIntervalMs = 100;

/** gRPC's code of UNAVAILABLE. */
const unavailable = 14;

/** Statuses that speak of the rows; any other would be the same for all rows, and leaving them out would leave out the table. */
const statusesOfRows = new Set(["INVALID_ARGUMENT", "OUT_OF_RANGE", "INTERNAL", "UNKNOWN"]);

/** An output that is being written. */
export interface OpenOutput {
  readonly output: BulkOutput;
  readonly encoder: TableEncoder;
}

/** An output that an earlier run has left, and where that run was. */
export interface ResumedOutput extends OpenOutput {
  readonly modelVersion: string;
  /** Columns of the output, kept ones first. */
  readonly columns: readonly TableColumn[];
  readonly rows: number;
  readonly input: TablePosition;
  readonly skipped: readonly SkippedRows[];
}

/** How a run writes. */
export interface BulkTarget {
  /** Begins the output, when the first answer has told what it looks like. */
  begin(head: Omit<JournalHead, "job">): Promise<OpenOutput>;
  /** Absent: nothing to continue. */
  readonly resumed?: ResumedOutput | undefined;
}

export interface BulkOptions {
  /** The version to ask; empty: the highest that is ready when the run begins. */
  readonly modelVersion: string;
  /** Streams at a time. */
  readonly streams: number;
  /** Messages of a stream without their answer at a time. */
  readonly window: number;
  /** What becomes of rows that the model refuses: they end the run, or are left out. */
  readonly onError: "stop" | "skip";
  /** Aborted: ask nothing more, write what is answered. */
  readonly stop: AbortSignal;
  /** Aborted: let go of what is not answered yet. */
  readonly abandon: AbortSignal;
  /** Told when a stream lost its server and goes on with another one. */
  readonly onResume: NonNullable<StreamOptions["onResume"]>;
  /** Milliseconds, for the time between checkpoints. */
  readonly now: () => number;
}

/**
 * Asks a model about all rows of a table and writes the answers in the order of the rows. Whatever ends it, what was answered is written and
 * can be continued.
 */
export class BulkRun {
  readonly #client: InferenceClient;
  readonly #job: BulkJob;
  readonly #options: BulkOptions;
  readonly #target: BulkTarget;
  readonly #refused = new RefusedRows();
  /** Outputs that are asked for as classes. */
  readonly #classes: ReadonlySet<string>;
  #version: string;
  /** Columns that the answers make. */
  #columns: readonly TableColumn[] = [];
  #open: OpenOutput | undefined;
  #rows = 0;
  #position: TablePosition = tableStart;
  /** Left out since the last checkpoint. */
  #skipped: SkippedRows[] = [];
  #lastCheckpointMs = Number.NEGATIVE_INFINITY;
  #readError: unknown;

  constructor(client: InferenceClient, job: BulkJob, target: BulkTarget, options: BulkOptions) {
    this.#client = client;
    this.#job = job;
    this.#options = options;
    this.#target = target;
    this.#classes = classOutputs(job.outputs);
    const { resumed } = target;
    this.#version = resumed?.modelVersion ?? options.modelVersion;
    if (resumed === undefined) return;
    this.#open = resumed;
    this.#columns = resumed.columns.slice(job.keptColumns.length);
    this.#rows = resumed.rows;
    this.#position = resumed.input;
    for (const skipped of resumed.skipped) this.#refused.add(skipped);
  }

  /** Rows of the output so far, those of earlier runs included. */
  get rows(): number {
    return this.#rows;
  }

  /** Where the input goes on. */
  get position(): TablePosition {
    return this.#position;
  }

  /** Rows left out so far. */
  get refused(): RefusedRows {
    return this.#refused;
  }

  /** The version that answers; empty until it has. */
  get modelVersion(): string {
    return this.#version;
  }

  /**
   * Resolves to whether the output is complete; false when it was stopped.
   * @throws ClientError when the server or the connection fails, or the model refuses rows; InferenceError for a broken or empty table.
   */
  async run(): Promise<boolean> {
    const messages = this.#untilBroken(bulkMessages(this.#job, this.#position, this.#options.stop));
    try {
      await this.#probe(messages);
      if (this.#open !== undefined) await this.#stream(messages);
      if (this.#readError !== undefined) throw this.#readError;
      if (this.#options.stop.aborted) return false;
      await this.#finish();
      return true;
    } finally {
      await messages.return();
      await this.#leave();
    }
  }

  /** Asks about the first rows alone: the answer tells the version that all others are to ask, and the columns. */
  async #probe(messages: AsyncGenerator<BulkMessage>): Promise<void> {
    while (this.#open === undefined) {
      const { value: message } = await messages.next();
      if (message === undefined) return;
      await this.#take(message, await this.#ask(message));
    }
  }

  async #stream(messages: AsyncGenerator<BulkMessage>): Promise<void> {
    const { streams, window, abandon, onResume } = this.#options;
    const answers = inferInOrder(this.#client, messages, {
      streams,
      window,
      signal: abandon,
      onResume,
      toRequest: (message) => toRequest(this.#job, this.#version, message),
    });
    for await (const { message, result } of answers) await this.#take(message, result);
  }

  /** A table that cannot be read further ends the streams as its end would: what was asked before is still answered. */
  async *#untilBroken(messages: AsyncGenerator<BulkMessage>): AsyncGenerator<BulkMessage, void, undefined> {
    try {
      yield* messages;
    } catch (error) {
      this.#readError = error;
    }
  }

  async #take(message: BulkMessage, result: StreamResult): Promise<void> {
    await this.#write(message, result);
    this.#position = message.end;
    if (this.#options.now() - this.#lastCheckpointMs >= checkpointIntervalMs) await this.#checkpoint();
  }

  /** Writes the answer to rows. Where the model refuses them, and they may be left out, halves them until only the culprits are. */
  async #write(rows: BulkRows, { response, error, isFinal }: StreamResult): Promise<void> {
    if (!isFinal)
      throw new InferenceError("unsupported", "a decoupled model has no table of answers: rows may have several");
    if (response !== undefined) return await this.#append(rows, response);
    if (this.#options.onError === "stop" || !statusesOfRows.has(error.status)) throw rowsError(rows, error);
    if (rows.rowCount > 1) {
      for (const half of halves(this.#job, rows)) await this.#write(half, await this.#ask(half));
      return;
    }
    const skipped = { firstRow: rows.firstRow, rowCount: 1, message: `${error.status}: ${error.message}` };
    this.#skipped.push(skipped);
    this.#refused.add(skipped);
  }

  async #ask(rows: BulkRows): Promise<StreamResult> {
    const request = toRequest(this.#job, this.#version, rows);
    for await (const result of this.#client.inferStream([request], { signal: this.#options.abandon })) return result;
    throw new ClientError(unavailable, "the server ended the stream without an answer");
  }

  async #append(rows: BulkRows, response: InferenceResponse): Promise<void> {
    const { plan, predictions } = this.#job;
    const named = predictionOutputs(response, plan.cut === "batch" ? rows.rowCount : undefined, predictions);
    const tensors = named.flatMap((output) => (this.#classes.has(output.name) ? splitClasses(output) : [output]));
    const { output, encoder } = this.#open ?? (await this.#begin(rows, response.modelVersion, tensors));
    const outputs = outputValues(tensors, this.#columns, rows, this.#job.plan.cut);
    const bytes = encoder.add({ rowCount: rows.rowCount, values: [...rows.kept, ...outputs] });
    if (bytes.byteLength > 0) await output.append(bytes);
    this.#rows += rows.rowCount;
  }

  async #begin(rows: BulkRows, modelVersion: string, outputs: readonly Tensor[]): Promise<OpenOutput> {
    this.#version = modelVersion;
    this.#columns = outputColumns(outputs, rows.rowCount, this.#job.plan.cut);
    const columns = [...this.#job.keptColumns.map(({ column }) => column), ...this.#columns];
    const open = await this.#target.begin({ modelVersion: this.#version, columns });
    this.#open = open;
    await open.output.append(open.encoder.begin());
    return open;
  }

  async #checkpoint(): Promise<void> {
    if (this.#open === undefined || this.#open.encoder.pendingRows > 0) return;
    this.#lastCheckpointMs = this.#options.now();
    const skipped = this.#skipped;
    this.#skipped = [];
    const state = this.#open.encoder.takeState();
    const checkpoint = { rows: this.#rows, input: this.#position, skipped };
    await this.#open.output.checkpoint(state === undefined ? checkpoint : { ...checkpoint, state });
  }

  async #finish(): Promise<void> {
    if (this.#open === undefined) {
      const { name } = this.#job.table;
      const problem = this.#refused.count > 0 ? `the model refused all ${this.#refused.count} rows` : "no rows";
      const [first] = this.#refused.runs;
      throw new InferenceError("invalid", `${name}: ${problem}${first === undefined ? "" : `: ${first.message}`}`);
    }
    const { output, encoder } = this.#open;
    await output.append(encoder.end());
    await output.finish(encoder.finalHead(this.#rows));
    this.#open = undefined;
  }

  /** Leaves an unfinished output so that it can be continued behind the last row written. */
  async #leave(): Promise<void> {
    await this.#checkpoint();
    await this.#open?.output.close();
  }
}

/** The server's own words, with the rows they are about. */
function rowsError(rows: BulkRows, error: ClientError): ClientError {
  return new ClientError(error.code, `${describeRows(rows)}: ${error.message}`, { cause: error });
}
