import { InferenceError, toInferenceError } from "../errors.ts";
import type { InferenceResponse, Reply } from "../inference.ts";
import { parseInferRequest, resolveRequest } from "../protocol/infer-request.ts";
import { isDecoupled } from "../runtime/model.ts";
import { drainingError, shedError } from "./admission.ts";
import { bulkMessageBytes, releaseMessage } from "./bulk-memory.ts";
import { type Call, type CallListener, errorStatus, okStatus } from "./call.ts";
import { encodeUnaryAnswer, outputForm, outputFormOf, type Question } from "./inference-answer.ts";
import { InferenceContext } from "./inference-context.ts";
import type { InferenceSurroundings } from "./inference-surroundings.ts";
import { enterTenant } from "./tenant-admission.ts";
import { noRequestStatus, secondRequestStatus } from "./unary-method.ts";

/** One ModelInfer call: one request, one answer. Its bytes are charged from arrival until the call is closed. */
export class UnaryInference implements CallListener<Buffer>, Reply {
  readonly #call: Call<Buffer>;
  readonly #surroundings: InferenceSurroundings;
  #message: Buffer | undefined;
  #question: Question | undefined;
  /** Holds its tenant's place until the answer; undefined until the request is there. */
  #context: InferenceContext | undefined;
  #chargedBytes = 0;
  #responses = 0;

  constructor(call: Call<Buffer>, surroundings: InferenceSurroundings) {
    this.#call = call;
    this.#surroundings = surroundings;
    if (surroundings.admission.isDraining) call.end(errorStatus(this.#refused(drainingError())));
    else call.read();
  }

  onMessage(bytes: Buffer): void {
    if (this.#message !== undefined) {
      this.#call.end(secondRequestStatus(this.#call.method));
      return;
    }
    if (!this.#surroundings.admission.budget.tryAcquire(bytes.length)) throw this.#refused(shedError());
    this.#chargedBytes = bytes.length;
    this.#message = bytes;
    this.#call.read();
  }

  onHalfClose(): void {
    if (this.#message === undefined) {
      this.#call.end(noRequestStatus(this.#call.method));
      return;
    }
    try {
      this.#ask(this.#message);
    } catch (error) {
      throw this.#refused(toInferenceError(error));
    }
  }

  /** @throws InferenceError when the request does not come to a model */
  #ask(message: Buffer): void {
    const context = new InferenceContext(this.#call, this.#call.startMs, false);
    this.#context = context;
    const parsed = parseInferRequest(message);
    const model = this.#surroundings.repository.find(parsed.modelName, parsed.modelVersion);
    if (isDecoupled(model.description)) {
      throw new InferenceError(
        "unsupported",
        "ModelInfer RPC doesn't support models with decoupled transaction policy",
      );
    }
    const request = resolveRequest(parsed);
    context.limitTo(request.parameters);
    if (message.length < bulkMessageBytes) this.#message = nothing; // the views of the request keep what is needed
    this.#question = { request, model };
    if (this.#surroundings.tenants !== undefined) {
      enterTenant(this.#surroundings, this.#call, { request, model }, context);
    }
    model.infer(request, context, this);
  }

  /** Tells of an error before there was a model to tell of it; returns it. */
  #refused(error: InferenceError): InferenceError {
    const context = this.#context ?? new InferenceContext(this.#call, this.#call.startMs, false);
    this.#surroundings.observer.onRequestRefused(context, error);
    return error;
  }

  onClosed(): void {
    this.#surroundings.admission.budget.release(this.#chargedBytes);
    this.#chargedBytes = 0;
  }

  respond(response: InferenceResponse, isFinal: boolean): void {
    this.#responses++;
    if (isFinal) this.#context?.leave();
    if (!isFinal || !this.#call.isOpen) return;
    if (this.#responses !== 1) {
      this.fail(new InferenceError("runtime", `expected a single response, got ${this.#responses}`));
      return;
    }
    try {
      this.#write(response);
    } catch (error) {
      this.fail(toInferenceError(error));
    }
  }

  fail(error: InferenceError): void {
    this.#context?.leave();
    this.#surroundings.logInternal(error, this.#call.method, this.#context);
    this.#call.end(errorStatus(error));
  }

  #write(response: InferenceResponse): void {
    const question = this.#question;
    if (question === undefined) return;
    this.#question = undefined;
    const form = outputForm(question.request, outputFormOf(this.#call));
    const bytes = encodeUnaryAnswer(question, response, form, this.#surroundings.config.maxMessageBytes);
    if (this.#message !== undefined) releaseMessage(this.#message); // the model has answered: nobody reads its inputs any more
    this.#message = nothing;
    this.#surroundings.admission.budget.acquire(bytes.length);
    this.#chargedBytes += bytes.length;
    this.#call.write(bytes, nothingToDo);
    this.#call.end(okStatus); // queued behind the message, so that both and the headers can leave in one packet
  }
}

function nothingToDo(): void {}

const nothing = Buffer.alloc(0);
