import { type InferenceError, toInferenceError } from "../errors.ts";
import type { InferenceRequest, InferenceResponse, Reply } from "../inference.ts";
import type { Model } from "../runtime/model.ts";
import { encodeFailure, encodeStreamAnswer, outputForm, type Question } from "./inference-answer.ts";
import type { InferenceContext } from "./inference-context.ts";
import type { InferenceStream } from "./stream.ts";

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
  /** The caller's id; empty until decoded. */
  id = "";
  readonly context: InferenceContext;
  readonly #stream: InferenceStream;
  #question: Question | undefined;
  /** From here on a failure is one in execution and names the model (protocol: a failure before issue carries the id alone). */
  #isIssued = false;

  constructor(stream: InferenceStream, requestBytes: number, context: InferenceContext) {
    this.#stream = stream;
    this.requestBytes = requestBytes;
    this.context = context;
  }

  /** Remembers what the answer needs: parameters, outputs asked for and the model's labels. */
  setQuestion(request: InferenceRequest, model: Model): void {
    this.#question = { request, model };
  }

  /** The model took the request. */
  setIssued(): void {
    this.#isIssued = true;
  }

  respond(response: InferenceResponse, isFinal: boolean): void {
    const question = this.#question;
    if (this.isEnded || question === undefined) return;
    const { outputForm: formOfCall, maxMessageBytes } = this.#stream;
    let bytes: Buffer;
    try {
      const form = outputForm(question.request, formOfCall);
      bytes = encodeStreamAnswer(question, response, isFinal, form, maxMessageBytes);
    } catch (error) {
      this.fail(toInferenceError(error));
      return;
    }
    this.isEnded = isFinal;
    this.#stream.answer(this, bytes);
  }

  fail(error: InferenceError): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.error = error;
    this.#stream.answer(this, encodeFailure(error, this.id, this.#question?.request, this.#isIssued));
  }
}
