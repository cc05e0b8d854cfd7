import type { InferenceResponse } from "../../../inference.ts";
import type { Annotation, Annotator, AnsweredRequest } from "../../../runtime/annotator.ts";
import type { RequestRecord } from "../../../runtime/observer.ts";
import type { Tensor } from "../../../tensor.ts";
import { RowSampler } from "../../collect/row-sampler.ts";
import type { DetectorModel } from "../../config/anomaly.ts";
import { refused } from "../../config/section.ts";
import type { ModelPart, ModelPartContext } from "../../model-part.ts";
import type { ModelReportDraft } from "../../monitor-report.ts";
import { ModelScores } from "./model-scores.ts";
import { anomalyScoreOutput, scoreTensor } from "./request-scores.ts";
import { ScoreBook } from "./score-book.ts";
import { ScoreSeries } from "./score-series.ts";

/** Rows a second that the detector is asked about by itself: what a run of it costs is not known. */
const maxRowsPerSecond = 100;

/** Rows and bytes of a request that are copied for that, at most: rows that follow each other, and one however large. */
const maxSampledRows = 64;
export const maxSampledBytes = 2 ** 20;

/** How often the sampler looks at the rate of rows, as the engine's does. */
const adaptMs = 1000;

/** Another seed than those of other samplers: they choose independently. */
const samplerSeed = 0xa5ced;

/** Such questions under way: a detector that does not keep up is asked less. */
const maxUnderWay = 4;

/** Has another model of the repository score rows: those of some requests, and those of requests that ask for it. */
export class ModelScorePart implements ModelPart {
  readonly name = "anomalies";
  readonly annotators: readonly Annotator[];
  readonly #context: ModelPartContext;
  readonly #model: DetectorModel;
  readonly #scores: ModelScores;
  readonly #book: ScoreBook;
  readonly #series: ScoreSeries;
  readonly #sampler: RowSampler;
  #adaptedMs = Number.NEGATIVE_INFINITY;
  #underWay = 0;
  /** Questions so far. */
  #asked = 0;
  /** Why the latest question failed; empty: it did not. */
  #failure = "";
  /** That one failed was logged in this block. */
  #isLogged = false;

  /** @throws InferenceError "refused" when a model is to score its own rows */
  constructor(context: ModelPartContext, model: DetectorModel) {
    const { config, description, series, ask } = context;
    if (model.name === description.name) throw refused("anomaly.name is the model itself, expected another one");
    if (ask === undefined) throw refused("anomaly.detector is model, but this server has nobody to ask");
    const { threshold, quantile, timeoutMs } = config.anomaly;
    this.#context = context;
    this.#model = model;
    this.#scores = new ModelScores(ask, model, timeoutMs);
    this.#book = new ScoreBook({ threshold, quantile, windows: config.windows });
    this.#series = new ScoreSeries(series, this.#book, "model");
    this.#sampler = new RowSampler(Math.min(maxRowsPerSecond, config.quality.maxRowsPerSecond), samplerSeed);
    const annotate = (answered: AnsweredRequest) => this.#annotate(answered);
    this.annotators = [{ monitor: this.name, output: anomalyScoreOutput, neededOutputs: [], timeoutMs, annotate }];
  }

  onAnswer({ request, rows: all, context }: RequestRecord, _response: InferenceResponse, atMs: number): void {
    if (context.isOwn === true) return; // two models that score each other would never stop
    const chosen = this.#choose(all, atMs);
    if (chosen === 0 || this.#underWay >= maxUnderWay) return;
    const rows = Math.min(chosen, rowsThatFit(request.inputs, all));
    const inputs = someRows(request.inputs, all, rows, this.#asked);
    if (inputs === undefined) return;
    this.#underWay++;
    this.#asked++;
    this.#scores.score(inputs, rows).then(
      (scores) => {
        this.#underWay--;
        this.#failure = "";
        for (const score of scores) this.#series.record(score, atMs);
      },
      (error: unknown) => {
        this.#underWay--;
        this.#onFailure(error);
        this.#context.drop(this.name, "unavailable", rows);
      },
    );
  }

  onBlockEnd(): void {
    this.#isLogged = false;
    this.#book.learn();
  }

  report(into: ModelReportDraft, nowMs: number): void {
    const { name } = this.#model;
    into.anomalies = { ...into.anomalies, ...this.#series.report(nowMs), detector: name, note: this.#failure };
  }

  /** How many rows of a request are chosen. */
  #choose(rows: number, atMs: number): number {
    const sampler = this.#sampler;
    if (atMs - this.#adaptedMs >= adaptMs) {
      this.#adaptedMs = atMs;
      sampler.adapt(atMs);
    }
    let count = 0;
    for (let row = sampler.first(rows, atMs); row >= 0; row = sampler.next(row, rows)) count++;
    return Math.min(count, maxSampledRows);
  }

  async #annotate({ request, rows, context }: AnsweredRequest): Promise<Annotation | undefined> {
    if (context.isOwn === true) return undefined; // two models that are asked for each other's scores would never stop
    try {
      return { output: scoreTensor(await this.#scores.score(request.inputs, rows)) };
    } catch (error) {
      this.#onFailure(error);
      return undefined;
    }
  }

  /** Says why the detector does not answer, in the report and at most once a block in the log. */
  #onFailure(error: unknown): void {
    const wasWell = this.#failure === "" && !this.#isLogged;
    this.#failure = `the detector '${this.#model.name}' does not answer: ${error instanceof Error ? error.message : String(error)}`;
    if (!wasWell) return;
    this.#isLogged = true;
    const { name: model, version } = this.#context.description;
    this.#context.report("warn", "the anomaly detector does not answer; further failures are only counted", {
      model,
      version,
      detector: this.#model.name,
      error,
    });
  }
}

/** Rows of a request whose copy is not too large; 1 at least. */
function rowsThatFit(inputs: readonly Tensor[], all: number): number {
  const bytes = inputs.reduce((sum, { data }) => sum + data.length, 0);
  return Math.max(1, Math.floor((maxSampledBytes * all) / Math.max(1, bytes)));
}

/** Knuth's multiplier, which spreads the numbers from 0 on evenly. */
const spreading = 2_654_435_761;

/** Views of so many rows in a row, others with every number; undefined: texts, whose rows would have to be looked for. */
function someRows(inputs: readonly Tensor[], all: number, rows: number, number: number): readonly Tensor[] | undefined {
  if (rows === all) return inputs;
  if (inputs.some(({ datatype }) => datatype === "BYTES")) return undefined;
  const start = (Math.imul(number, spreading) >>> 0) % (all - rows + 1);
  return inputs.map((input) => {
    const bytes = input.data.length / all;
    return {
      ...input,
      shape: [rows, ...input.shape.slice(1)],
      data: input.data.subarray(start * bytes, (start + rows) * bytes),
    };
  });
}
