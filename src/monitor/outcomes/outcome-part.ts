import type { InferenceResponse } from "../../inference.ts";
import { predictionIdParameter, predictionTokenOutput } from "../../outcome.ts";
import type { Annotation, Annotator, AnsweredRequest } from "../../runtime/annotator.ts";
import type { PredictionReader } from "../collect/prediction-reader.ts";
import type { ModelTask } from "../config/model-task.ts";
import type { ModelPart, ModelPartContext } from "../model-part.ts";
import type { ModelReportDraft, OutcomeStatus as ReportedStatus } from "../monitor-report.ts";
import type { OutcomeSink } from "../prediction.ts";
import { LabelMeter } from "./label-meter.ts";
import type { ModelOutcomes, OutcomeSettings } from "./model-outcomes.ts";
import { presentCounts } from "./outcome-counts.ts";
import type { Outcomes } from "./outcomes.ts";
import type { ReadPrediction } from "./prediction-store.ts";
import { PredictionTokens, type TokenBatch } from "./prediction-tokens.ts";

/** Longest wait of an answer for its tokens: those of a million rows. */
const tokenTimeoutMs = 5_000;

/** What a version with watched quality needs to keep predictions and give tokens. */
interface Watched {
  readonly sink: OutcomeSink;
  readonly reader: PredictionReader;
  readonly settings: OutcomeSettings;
  readonly tokens: PredictionTokens;
}

/**
 * What outcomes need of one model version: ids that come back on its answers, predictions kept under them, tokens. A version whose quality is not
 * watched gives ids all the same, so that callers need not know, and has no tokens.
 */
export class OutcomePart implements ModelPart {
  readonly name = "outcomes";
  readonly annotators: readonly Annotator[];
  readonly #context: ModelPartContext;
  readonly #outcomes: Outcomes;
  readonly #watched: Watched | undefined;
  #model: ModelOutcomes | undefined;

  /**
   * @param sink who takes the outcomes; undefined: quality is not watched
   * @throws InferenceError "refused" when the configured predictions do not fit into memory
   */
  constructor(context: ModelPartContext, outcomes: Outcomes, sink: OutcomeSink | undefined) {
    this.#context = context;
    this.#outcomes = outcomes;
    const { predictions: reader, config, task } = context;
    if (sink !== undefined && reader !== undefined) {
      const settings = config.quality;
      outcomes.models.check(sink.layout, settings);
      this.#watched = { sink, reader, settings, tokens: new PredictionTokens(outcomes.tokens, sink, reader) };
    }
    const neededOutputs = this.#watched === undefined ? [] : outputsOf(task);
    this.annotators = [this.#idAnnotator(neededOutputs), ...this.#tokenAnnotators(neededOutputs)];
  }

  open(): void {
    if (this.#watched === undefined) return;
    const { sink, settings } = this.#watched;
    this.#model = this.#outcomes.models.open(sink, settings, {
      onDrop: (reason, rows) => this.#context.drop("outcomes", reason, rows),
      onReduced: (rows) =>
        this.#context.report(
          "warn",
          "fewer predictions are kept than quality.maxPredictions says: raise --max-prediction-bytes",
          {
            model: sink.modelName,
            version: sink.modelVersion,
            kept: rows,
            configured: settings.maxPredictions,
          },
        ),
    });
    this.#outcomes.setMeter(this.#model, new LabelMeter(() => this.#context.series));
  }

  report(into: ModelReportDraft): void {
    const model = this.#model;
    if (model === undefined) return;
    const outcomes = presentCounts(model.counts).map(({ status, count }) => ({
      status: `OUTCOME_STATUS_${status}` satisfies ReportedStatus,
      count,
    }));
    into.quality = { ...into.quality, joinable_predictions: model.joinableRows, outcomes };
  }

  close(): void {
    if (this.#model !== undefined) this.#outcomes.models.close(this.#model);
    this.#model = undefined;
  }

  #idAnnotator(neededOutputs: readonly string[]): Annotator {
    return {
      monitor: this.name,
      parameter: predictionIdParameter,
      neededOutputs,
      timeoutMs: 0,
      annotate: (answered) => this.#giveId(answered),
    };
  }

  /** Keeps the prediction and names it. An id is given whatever becomes of the prediction. */
  #giveId({ request, response }: AnsweredRequest): Annotation {
    const given = request.parameters.get(predictionIdParameter);
    const id = typeof given === "string" && given !== "" ? given : this.#outcomes.ids.next();
    if (this.#watched !== undefined) this.#keep(id, response, this.#watched.reader);
    return { parameters: new Map([[predictionIdParameter, id]]) };
  }

  #keep(id: string, response: InferenceResponse, reader: PredictionReader): void {
    const atMs = this.#context.clock.nowMs();
    const rows = reader.open(response, atMs);
    if (rows > 0 && this.#model !== undefined) this.#model.keep(id, atMs, rows, copyFrom(reader));
    else if (rows > 0) this.#context.drop(this.name, "stopped", rows); // another load of the version has taken its place
    reader.close();
  }

  #tokenAnnotators(neededOutputs: readonly string[]): Annotator[] {
    const watched = this.#watched;
    if (watched === undefined || !watched.tokens.isOffered) return [];
    const annotate = (answered: AnsweredRequest) => this.#giveTokens(answered, watched);
    return [{ monitor: this.name, output: predictionTokenOutput, neededOutputs, timeoutMs: tokenTimeoutMs, annotate }];
  }

  #giveTokens(
    answered: AnsweredRequest,
    { reader, tokens }: Watched,
  ): Annotation | undefined | Promise<Annotation | undefined> {
    const atMs = this.#context.clock.nowMs();
    const rows = reader.open(answered.response, atMs);
    const batch = rows === 0 ? undefined : tokens.begin(rows);
    if (batch === undefined) return undefined;
    this.#model?.addTokens(rows);
    /** The next slice; others have turned the reader to theirs meanwhile. */
    const next = () => {
      reader.open(answered.response, atMs);
      const isComplete = batch.next(reader);
      reader.close();
      return isComplete;
    };
    return next() ? { output: batch.tensor } : this.#tokensInTurns(answered, batch, next);
  }

  /** Goes on in the next turns of the event loop, until all tokens are made or nobody waits for them. */
  #tokensInTurns(answered: AnsweredRequest, batch: TokenBatch, next: () => boolean): Promise<Annotation | undefined> {
    const { clock } = this.#context;
    return new Promise((resolve, reject) => {
      const goOn = () => {
        try {
          if (answered.isOver) resolve(undefined);
          else if (next()) resolve({ output: batch.tensor });
          else clock.soon(goOn);
        } catch (error) {
          reject(error);
        }
      };
      clock.soon(goOn);
    });
  }
}

/** The outputs that tell a prediction. */
function outputsOf(task: ModelTask | undefined): readonly string[] {
  return [task?.labelOutput, task?.scoresOutput, task?.valueOutput].filter((name) => name !== undefined);
}

function copyFrom(reader: PredictionReader): ReadPrediction {
  return (row, into) => {
    const { predictedClass, values } = reader.read(row);
    into.predictedClass = predictedClass;
    into.values.set(values);
  };
}
