import type { Annotation, Annotator, AnsweredRequest } from "../../../runtime/annotator.ts";
import type { SampledRows } from "../../collect/sampled-rows.ts";
import type { ModelPart, ModelPartContext } from "../../model-part.ts";
import type { ModelReportDraft } from "../../monitor-report.ts";
import { chooseDetector } from "./choose-detector.ts";
import { ModelScorePart } from "./model-score-part.ts";
import { anomalyScoreOutput, RequestScores, RowReader, scoringMs } from "./request-scores.ts";
import type { RowDetector } from "./row-detector.ts";
import { ScoreBook } from "./score-book.ts";
import { ScoreSeries } from "./score-series.ts";

/** What scores of sampled rows may take of a second, in nanoseconds: one percent of a processor core. Wide rows are scored more rarely. */
const nsPerSecond = 10_000_000;

/**
 * What scores the rows of a version, or says why nothing does.
 * @throws InferenceError "refused" when what is configured cannot be
 */
export function createAnomalyPart(context: ModelPartContext): ModelPart {
  const choice = chooseDetector(context);
  if (choice.kind === "model") return new ModelScorePart(context, choice.model);
  if (choice.kind === "rows") return new AnomalyPart(context, choice.detector, choice.threshold);
  return {
    name: "anomalies",
    report(into) {
      into.anomalies = { ...into.anomalies, note: choice.note };
    },
  };
}

/** Scores rows by themselves: those that are chosen for row statistics, and those of requests that ask for it. */
export class AnomalyPart implements ModelPart {
  readonly name = "anomalies";
  readonly annotators: readonly Annotator[];
  readonly #context: ModelPartContext;
  readonly #detector: RowDetector;
  readonly #reader: RowReader;
  readonly #book: ScoreBook;
  readonly #series: ScoreSeries;
  /** Places of the detector's signals in a sampled row. */
  readonly #places: Int32Array;
  readonly #row: Float64Array;
  /** What may be spent on sampled rows now. */
  #budget = nsPerSecond;
  #budgetMs = 0;

  constructor(context: ModelPartContext, detector: RowDetector, threshold: number | undefined) {
    const { config, signals, description, series } = context;
    this.#context = context;
    this.#detector = detector;
    this.#reader = new RowReader(detector.signals, description.signature);
    this.#book = new ScoreBook({
      threshold,
      quantile: config.anomaly.quantile,
      windows: config.windows,
      isDistance: detector.name === "mahalanobis",
    });
    this.#series = new ScoreSeries(series, this.#book, detector.name);
    this.#places = Int32Array.from(detector.signals, (signal) => signals.signals.indexOf(signal));
    this.#row = new Float64Array(detector.signals.length);
    const annotate = (answered: AnsweredRequest) => this.#annotate(answered);
    const { timeoutMs } = config.anomaly;
    this.annotators = [{ monitor: this.name, output: anomalyScoreOutput, neededOutputs: [], timeoutMs, annotate }];
  }

  onRows({ count, width, values, atMs }: SampledRows): void {
    const detector = this.#detector;
    if (atMs > this.#budgetMs) {
      this.#budget = Math.min(nsPerSecond, this.#budget + ((atMs - this.#budgetMs) / 1000) * nsPerSecond);
      this.#budgetMs = atMs;
    }
    for (let i = 0; i < count && this.#budget >= detector.rowNs; i++) {
      this.#budget -= detector.rowNs;
      const row = this.#row;
      for (let j = 0; j < row.length; j++) row[j] = values[i * width + (this.#places[j] as number)] as number; // places of the layout
      if (detector.isReady) this.#series.record(detector.score(row), atMs);
      detector.learn?.(row);
    }
  }

  onBlockEnd(): void {
    this.#book.learn();
  }

  report(into: ModelReportDraft, nowMs: number): void {
    const note = this.#detector.isReady ? "" : "the trees learn from their first rows";
    into.anomalies = { ...into.anomalies, ...this.#series.report(nowMs), detector: this.#detector.name, note };
  }

  /** Scores that cannot be there in time are not begun. */
  #annotate(answered: AnsweredRequest): Annotation | undefined | Promise<Annotation | undefined> {
    const { rows, request } = answered;
    const detector = this.#detector;
    const { timeoutMs } = this.#context.config.anomaly;
    if (!detector.isReady || scoringMs(detector, rows) > timeoutMs) return undefined;
    const scores = new RequestScores(detector, this.#reader, request.inputs, rows);
    if (scores.step()) return { output: scores.tensor };
    return new Promise((resolve, reject) => {
      const goOn = () => {
        try {
          if (answered.isOver) resolve(undefined);
          else if (scores.step()) resolve({ output: scores.tensor });
          else this.#context.clock.soon(goOn);
        } catch (error) {
          reject(error);
        }
      };
      this.#context.clock.soon(goOn);
    });
  }
}
