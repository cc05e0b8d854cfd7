import { InferenceError, toInferenceError } from "../errors.ts";
import type { Answer, AnswerSource, InferenceRequest, InferenceResponse, Parameters, Reply } from "../inference.ts";
import { noParameters } from "../inference.ts";
import type { ParsedRequest } from "../protocol/infer-request.ts";
import type { Model } from "../runtime/model.ts";
import { releaseMessage } from "./bulk-memory.ts";
import {
  echoOf,
  encodeFailure,
  encodeStreamAnswer,
  type OutputForm,
  outputForm,
  type Question,
} from "./inference-answer.ts";
import type { InferenceContext } from "./inference-context.ts";

/** The request parameter that asks for a final answer where a request has none. */
const emptyFinalResponse = "triton_enable_empty_final_response";

/** The stream that an item belongs to. */
export interface ItemStream {
  /** How outputs are written where a request does not say. */
  readonly outputForm: OutputForm;
  readonly maxMessageBytes: number;
  /** Takes an answer of the item, its last one once `isEnded`. */
  answer(item: StreamItem, bytes: Buffer): void;
  /** Will {@link StreamItem.pull} one answer after the other as the reader takes them, until the item has ended. */
  takeFrom(item: StreamItem, byteLength: number): void;
  /** The item has ended without a last answer. */
  endWithout(item: StreamItem): void;
  /** The model is done with an item that was answered before. */
  onModelDone(item: StreamItem): void;
}

/** One message of a stream on its way to its answer: the reply that the runtime holds, and a place in the order of the stream. */
export class StreamItem implements Reply {
  /** Neighbours in request order, kept by the stream. */
  previous: StreamItem | undefined;
  next: StreamItem | undefined;
  /** Bytes of the request, charged until its last answer was accepted. */
  readonly requestBytes: number;
  /** Answers that wait for earlier requests of the stream; undefined while there are none. */
  held: Buffer[] | undefined;
  /** The last answer was given; it may still be held. */
  isEnded = false;
  /** What it ended with, if not with an answer. */
  error: InferenceError | undefined;
  /** It was answered while its model still worked on it, so that its bytes and its place are not free yet. */
  isWithModel = false;
  /** Its model is decoupled: no place in the order of answers. */
  isDecoupled = false;
  /** Bytes of a source's memory that are charged to it. */
  sourceBytes = 0;
  /** The caller's id; empty until decoded. */
  id = "";
  readonly context: InferenceContext;
  readonly #stream: ItemStream;
  #echo: Parameters | undefined;
  #question: Question | undefined;
  /** What the request's inputs are views into. */
  #message: Buffer | undefined;
  #source: AnswerSource | undefined;
  /** From here on a failure is one in execution and names the model (protocol: a failure before issue carries the id alone). */
  #isIssued = false;

  constructor(stream: ItemStream, requestBytes: number, context: InferenceContext) {
    this.#stream = stream;
    this.requestBytes = requestBytes;
    this.context = context;
  }

  /** Remembers what every answer carries, errors included. */
  setParsed({ id, parameters }: ParsedRequest): void {
    this.id = id;
    this.#echo = echoOf(parameters);
  }

  /** Remembers what the answer needs: parameters, outputs asked for and the model's labels. */
  setQuestion(request: InferenceRequest, model: Model, message: Buffer): void {
    this.#question = { request, model };
    this.#message = message;
  }

  /** Another version of the model answers than the one that was there when the request came. */
  setModel(model: Model): void {
    if (this.#question !== undefined) this.#question = { ...this.#question, model };
  }

  /** The model took the request. */
  setIssued(): void {
    this.#isIssued = true;
  }

  respond(response: InferenceResponse, isFinal: boolean): void {
    const question = this.#question;
    if (this.isEnded && isFinal) this.#settle();
    if (this.isEnded || question === undefined) return;
    const { outputForm: formOfCall, maxMessageBytes } = this.#stream;
    let bytes: Buffer;
    try {
      const form = outputForm(question.request, formOfCall);
      bytes = encodeStreamAnswer(question, response, { isFinal, form, maxBytes: maxMessageBytes, echo: this.#echo });
    } catch (error) {
      this.fail(toInferenceError(error));
      return;
    }
    this.isEnded = isFinal;
    if (isFinal) this.#letGo();
    this.#stream.answer(this, bytes);
    if (isFinal) this.context.leave(); // at last: others of its tenant may come in at once
  }

  respondFrom(source: AnswerSource): void {
    if (this.isEnded) {
      source.abandon();
      this.#settle();
      return;
    }
    this.#source = source;
    this.#stream.takeFrom(this, source.byteLength);
    this.context.leave(); // the model is done with it; how fast its answers are read is the stream's affair
  }

  /** Gives the next answer of its source. */
  pull(): void {
    const answer = this.#next();
    if (answer === undefined) this.#endWithout();
    else if (answer instanceof InferenceError) this.fail(answer);
    else this.respond(answer.response, answer.isFinal);
  }

  /** Nobody takes its further answers: the stream is over. */
  dropSource(): void {
    this.#source?.abandon();
    this.#source = undefined;
  }

  #next(): Answer | InferenceError | undefined {
    try {
      const answer = this.#source?.next();
      if (answer === undefined || answer.isFinal) this.#source = undefined;
      return answer;
    } catch (error) {
      this.#source = undefined;
      return toInferenceError(error);
    }
  }

  /** A request without answers: the final flag travels in an answer of its own if the request asks for it. */
  #endWithout(): void {
    const question = this.#question;
    if (question?.request.parameters.get(emptyFinalResponse) === true) {
      this.respond(emptyAnswer(question.request), true);
      return;
    }
    this.isEnded = true;
    this.#letGo();
    this.#stream.endWithout(this);
    this.context.leave();
  }

  /** The model has given all its answers: nobody reads the request's inputs any more. */
  #letGo(): void {
    if (this.#message !== undefined) releaseMessage(this.#message);
    this.#message = undefined;
    this.#question = undefined;
  }

  fail(error: InferenceError): void {
    if (this.isEnded) this.#settle();
    else {
      this.#answerFailure(error);
      this.context.leave();
    }
  }

  /**
   * Nobody waits for it any more: answered as cancelled at once, unless it has its answer. A request that waits will not run, and whatever
   * comes of one that runs is dropped; it keeps its place in the window and among its tenant's requests until its model is done with it.
   */
  abandon(): void {
    if (this.isEnded) return;
    this.context.cancel();
    this.isWithModel = this.#isIssued && this.#source === undefined;
    this.#answerFailure(new InferenceError("cancelled", "the caller cancelled the request"));
    if (!this.isWithModel) this.context.leave();
  }

  #answerFailure(error: InferenceError): void {
    this.isEnded = true;
    this.dropSource();
    this.#message = undefined; // other parts of a split request may still be read: the collector's
    this.error = error;
    const issued = this.#isIssued ? this.#question?.request : undefined;
    const bytes = encodeFailure(error, this.id, this.#echo, issued);
    // An answer that is too large would end the stream: rather one without an id that fills a message by itself.
    const isFit = bytes.length <= this.#stream.maxMessageBytes;
    this.#stream.answer(this, isFit ? bytes : encodeFailure(error, "", this.#echo, issued));
  }

  /** The model is done with an abandoned request. */
  #settle(): void {
    if (!this.isWithModel) return;
    this.isWithModel = false;
    this.#question = undefined;
    this.#stream.onModelDone(this);
    this.context.leave();
  }
}

/** Triton's: with the version as the request gives it. */
function emptyAnswer({ modelName, modelVersion, id }: InferenceRequest): InferenceResponse {
  return { modelName, modelVersion, id, parameters: noParameters, outputs: [] };
}
