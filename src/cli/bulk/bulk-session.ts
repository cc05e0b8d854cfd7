import { ClientError } from "../../client/client-error.ts";
import type { InferenceClient } from "../../client/inference-client.ts";
import type { StreamResume } from "../../client/stream-parts.ts";
import type { TableFormat } from "../../training/table.ts";
import { UsageError } from "../arguments.ts";
import { type CommandContext, type ExitCode, write } from "../command.ts";
import { formatJson } from "../json-text.ts";
import type { BulkJob } from "./bulk-messages.ts";
import { StandardOutput } from "./bulk-output.ts";
import { BulkRun, type BulkTarget, type ResumedOutput } from "./bulk-run.ts";
import { createEncoder } from "./encoders.ts";
import type { JobDescription } from "./journal.ts";
import { OutputLock } from "./output-lock.ts";
import { describeRows } from "./output-rows.ts";
import { type BegunOutput, discardBegun, findBegun, PartialOutput, partialPath } from "./partial-output.ts";
import { formatCount, formatTime, type ProgressState } from "./progress.ts";
import { ProgressDisplay } from "./progress-display.ts";

/** What a session takes of the command line. */
export interface SessionOptions {
  readonly input: string;
  readonly output: string;
  readonly format: TableFormat;
  readonly restart: boolean;
  readonly json: boolean;
  readonly modelVersion: string;
  readonly streams: number;
  readonly window: number;
  readonly onError: "stop" | "skip";
}

/** Runs of left-out rows that the summary for people names. */
const maxShownRuns = 10;

const signals = ["SIGINT", "SIGTERM"] as const;

/** One run of `sluice stream`: finds what an earlier one has left, shows how far it has come, listens to signals, says how it ended. */
export class BulkSession {
  readonly #client: InferenceClient;
  readonly #job: BulkJob;
  readonly #context: CommandContext;
  readonly #options: SessionOptions;
  readonly #stop = new AbortController();
  readonly #abandon = new AbortController();
  /** The last loss of a server was that of one that had answered. */
  #isConnected = true;

  constructor(client: InferenceClient, job: BulkJob, context: CommandContext, options: SessionOptions) {
    this.#client = client;
    this.#job = job;
    this.#context = context;
    this.#options = options;
  }

  /**
   * 0: the output is complete; 1: it was interrupted.
   * @param mapping what goes where, shown at the beginning
   * @throws what ended it otherwise, after saying how to continue
   */
  async run(description: JobDescription, mapping: string): Promise<ExitCode> {
    const { output } = this.#options;
    const lock = output === "-" ? undefined : await OutputLock.acquire(output);
    const onSignal = (signal: string) => this.#onSignal(signal);
    for (const signal of signals) this.#context.signals.on(signal, onSignal);
    try {
      await write(this.#context.stderr, mapping);
      return await this.#run(description);
    } finally {
      await lock?.release();
      for (const signal of signals) this.#context.signals.off(signal, onSignal);
    }
  }

  async #run(description: JobDescription): Promise<ExitCode> {
    const resumed = await this.#findResumed(description);
    const run = new BulkRun(this.#client, this.#job, this.#target(description, resumed), {
      ...this.#options,
      stop: this.#stop.signal,
      abandon: this.#abandon.signal,
      onResume: (resume) => this.#onResume(resume),
      now: () => performance.now(),
    });
    const startMs = performance.now();
    const earlier = { rows: run.rows, share: this.#share(run) ?? 0 };
    const state = (): ProgressState => ({
      rows: run.rows,
      earlierRows: earlier.rows,
      skippedRows: run.refused.count,
      share: this.#share(run),
      earlierShare: earlier.share,
      elapsedMs: performance.now() - startMs,
    });
    const display = new ProgressDisplay(this.#context.stderr, state);
    try {
      const isComplete = await run.run();
      display.stop();
      await this.#summarize(run, state(), isComplete ? undefined : "interrupted");
      return isComplete ? 0 : 1;
    } catch (error) {
      display.stop();
      const isAbandoned = this.#abandon.signal.aborted && error instanceof ClientError && error.status === "CANCELLED";
      await this.#summarize(run, state(), isAbandoned ? "interrupted" : "failed");
      if (isAbandoned) return 1;
      throw error;
    }
  }

  #onSignal(signal: string): void {
    if (this.#stop.signal.aborted) this.#abandon.abort();
    else {
      this.#context.stderr.write(`${signal}: writing what is answered, send it again to end at once\n`);
      this.#stop.abort();
    }
  }

  /** One line for a server that is lost, one when none can be reached; not one for each attempt. */
  #onResume({ cause, server, unanswered }: StreamResume): void {
    const isNew = server !== undefined || this.#isConnected;
    this.#isConnected = server !== undefined;
    if (!isNew) return;
    const lost = server === undefined ? "no server can be reached" : `${server} is lost`;
    const why = cause.message.replace(/\s*Resolution note:\s*$/, "");
    this.#context.stderr.write(`${lost} (${why}); trying on, ${unanswered} messages to be sent again\n`);
  }

  /** What an earlier run has left, opened to be continued. */
  async #findResumed(description: JobDescription): Promise<ResumedOutput | undefined> {
    const { output, restart, format } = this.#options;
    if (output === "-") return undefined;
    if (restart) await discardBegun(output);
    const begun = await findBegun(output, description);
    const last = begun?.checkpoints.at(-1);
    if (begun === undefined || last === undefined) return undefined;
    if (this.#options.input === "-") {
      throw new UsageError(
        `${partialPath(output)} was begun from standard input, which cannot be read again; --restart starts anew`,
      );
    }
    await this.#checkVersion(begun);
    const states = begun.checkpoints.flatMap(({ state }) => (state === undefined ? [] : [state]));
    await write(
      this.#context.stderr,
      `continuing ${partialPath(output)} behind ${formatCount(last.rows)} rows, version ${begun.head.modelVersion} of the model\n`,
    );
    return {
      output: await PartialOutput.resume(output, begun),
      encoder: createEncoder(format, begun.head.columns, states),
      modelVersion: begun.head.modelVersion,
      columns: begun.head.columns,
      rows: last.rows,
      input: last.input,
      skipped: begun.checkpoints.flatMap(({ skipped }) => skipped),
    };
  }

  async #checkVersion({ head: { modelVersion } }: BegunOutput): Promise<void> {
    try {
      await this.#client.metadata(this.#job.model, modelVersion);
    } catch (error) {
      if (!(error instanceof ClientError) || (error.status !== "NOT_FOUND" && error.status !== "UNAVAILABLE"))
        throw error;
      throw new UsageError(
        `${partialPath(this.#options.output)} was begun with version ${modelVersion} of the model, which does not serve: ${error.message}; --restart starts anew`,
        { cause: error },
      );
    }
  }

  #target(job: JobDescription, resumed: ResumedOutput | undefined): BulkTarget {
    const { output, format } = this.#options;
    return {
      resumed,
      begin: async (head) => ({
        encoder: createEncoder(format, head.columns, []),
        output:
          output === "-"
            ? new StandardOutput(this.#context.stdout)
            : await PartialOutput.begin(output, { job, ...head }),
      }),
    };
  }

  /** Share of the input that is done: by rows where their number is known, else by bytes. */
  #share({ position }: BulkRun): number | undefined {
    const { rowCount, byteLength } = this.#job.table;
    const [done, all] = rowCount === undefined ? [position.byte, byteLength] : [position.row, rowCount];
    return all === undefined || all === 0 ? undefined : Math.min(1, done / all);
  }

  async #summarize(run: BulkRun, state: ProgressState, problem: "interrupted" | "failed" | undefined): Promise<void> {
    const { output, json } = this.#options;
    const { stdout, stderr } = this.#context;
    if (json) {
      const text = `${formatJson({
        complete: problem === undefined,
        rows: run.rows,
        rowsOfEarlierRuns: state.earlierRows,
        skippedRows: run.refused.count,
        skipped: run.refused.runs,
        modelVersion: run.modelVersion,
        seconds: state.elapsedMs / 1000,
      })}\n`;
      await write(output === "-" ? stderr : stdout, text);
      return;
    }
    await write(stderr, `${this.#summaryLines(run, state, problem).join("\n")}\n`);
  }

  #summaryLines(run: BulkRun, state: ProgressState, problem: string | undefined): readonly string[] {
    const { output } = this.#options;
    const seconds = state.elapsedMs / 1000;
    const rate = Math.round((state.rows - state.earlierRows) / seconds);
    const lines = [`${formatCount(run.rows)} rows in ${formatTime(state.elapsedMs)}, ${formatCount(rate)} rows/s`];
    if (run.refused.count > 0) lines.push(`${formatCount(run.refused.count)} rows left out:`);
    for (const skipped of run.refused.runs.slice(0, maxShownRuns)) {
      lines.push(`  ${describeRows(skipped)}: ${skipped.message}`);
    }
    if (run.refused.runs.length > maxShownRuns) lines.push("  ...; --json names more");
    if (problem !== undefined && output !== "-" && run.rows > 0) {
      lines.push(`${problem}: ${partialPath(output)} is complete up to here; run the same command again to continue`);
    }
    return lines;
  }
}
