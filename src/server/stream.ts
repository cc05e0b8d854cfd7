import { type InferenceError, toInferenceError } from "../errors.ts";
import { type ParsedRequest, parseInferRequest, resolveRequest } from "../protocol/infer-request.ts";
import { isDecoupled } from "../runtime/model.ts";
import type { Gate } from "../runtime/stream-gate.ts";
import { drainingError } from "./admission.ts";
import { type Call, type CallListener, type CallStatus, errorStatus, okStatus } from "./call.ts";
import { DecoupledItems } from "./decoupled-items.ts";
import { type OutputForm, outputFormOf, type Question } from "./inference-answer.ts";
import { InferenceContext } from "./inference-context.ts";
import type { InferenceSurroundings } from "./inference-surroundings.ts";
import { type ItemStream, StreamItem } from "./stream-item.ts";
import { enterTenantOrWait, type TenantWait } from "./tenant-admission.ts";

/**
 * One ModelStreamInfer call. Every message takes a place in the window, counted in messages and in bytes, from its decoding until HTTP/2
 * accepted its last answer; while no place is free nothing is read, so the window of HTTP/2 closes and the sender stops. Answers leave in
 * request order whichever models give them, unless the caller asked for completion order or the model is decoupled.
 */
export class InferenceStream implements CallListener<Buffer>, ItemStream {
  readonly outputForm: OutputForm;
  readonly maxMessageBytes: number;
  readonly #call: Call<Buffer>;
  readonly #surroundings: InferenceSurroundings;
  readonly #isUnordered: boolean;
  /** The first error ends the stream with its status, instead of an answer in its place. */
  readonly #isEndedByError: boolean;
  /** Requests without their last answer written, in request order. */
  #first: StreamItem | undefined;
  #last: StreamItem | undefined;
  /** Requests to decoupled models, which are not among those; undefined until there was one. */
  #decoupled: DecoupledItems | undefined;
  /** The message that waits for room among its tenant's requests; nothing is read meanwhile. */
  #wait: TenantWait | undefined;
  /** Places taken of the window. */
  #messages = 0;
  /** Bytes charged: requests, held answers, and answers that HTTP/2 has not accepted. */
  #bytes = 0;
  #received = 0;
  #answered = 0;
  /** Where the latest message's model keeps streams waiting. */
  #gate: Gate | undefined;
  #isGateAsked = false;
  #isReadAsked = false;
  #isHalfClosed = false;
  #isClosed = false;

  constructor(call: Call<Buffer>, surroundings: InferenceSurroundings) {
    this.#call = call;
    this.#surroundings = surroundings;
    this.maxMessageBytes = surroundings.config.maxMessageBytes;
    this.outputForm = outputFormOf(call);
    this.#isUnordered = isSwitchedOn(call.metadata("sluice-unordered"));
    this.#isEndedByError = isSwitchedOn(call.metadata("triton_grpc_error"));
    this.#read();
  }

  onMessage(bytes: Buffer): void {
    const { repository, admission, observer, tenants } = this.#surroundings;
    this.#isReadAsked = false;
    observer.onStreamMessage(this.#call.method, "received");
    const item = new StreamItem(this, bytes.length, new InferenceContext(this.#call, performance.now(), true));
    this.#enter(item);
    try {
      const parsed = parseInferRequest(bytes);
      item.setParsed(parsed);
      if (this.#isCancellation(parsed)) {
        this.#withdraw(item);
        return;
      }
      if (admission.isDraining) throw drainingError();
      const model = repository.find(parsed.modelName, parsed.modelVersion);
      const request = resolveRequest(parsed);
      item.context.limitTo(request.parameters);
      item.setQuestion(request, model, bytes);
      this.#gate = model.gate;
      if (isDecoupled(model.description)) this.#takeOutOfOrder(item);
      if (tenants === undefined) this.#issue(item, { request, model });
      else this.#issueInTurn(item, { request, model });
    } catch (error) {
      item.fail(toInferenceError(error));
    }
    this.#read();
  }

  #issue(item: StreamItem, { request, model }: Question): void {
    model.infer(request, item.context, item);
    item.setIssued();
  }

  /** Issues a request when its tenant has room for it. @throws InferenceError "quota" when it never has */
  #issueInTurn(item: StreamItem, question: Question): void {
    const issue = (error: InferenceError | undefined) => {
      this.#wait = undefined;
      if (error === undefined) this.#issue(item, question);
      else item.fail(error);
      this.#read();
    };
    this.#wait = enterTenantOrWait(this.#surroundings, this.#call, question, item.context, issue);
    if (this.#wait === undefined) this.#issue(item, question);
  }

  get isIdle(): boolean {
    return this.#first === undefined && this.#decoupled?.isEmpty !== false;
  }

  onHalfClose(): void {
    this.#isHalfClosed = true;
    this.#endIfDone();
  }

  onClosed(): void {
    this.#isClosed = true;
    const { budget } = this.#surroundings.admission;
    budget.forget(this.#read);
    this.#gate?.forget(this.#readOn);
    budget.release(this.#bytes);
    this.#wait?.cancel();
    this.#wait = undefined;
    this.#bytes = 0;
    this.#messages = 0;
    this.#first = undefined;
    this.#last = undefined;
    this.#decoupled?.clear();
  }

  /** An answer of an item, its last one if the item has ended. Called by the item. */
  answer(item: StreamItem, bytes: Buffer): void {
    if (!this.#call.isOpen) return;
    if (item.error !== undefined) this.#surroundings.logInternal(item.error, this.#call.method);
    this.#charge(bytes.length);
    if (!this.#isUnordered && !item.isDecoupled && item !== this.#first) {
      item.held ??= [];
      item.held.push(bytes);
      return;
    }
    this.#send(item, bytes, item.isEnded);
    if (item.isEnded) this.#leave(item);
    this.#endIfDone();
  }

  /** Answers are made as the reader takes them; what they are made from is charged until the last. Called by the item. */
  takeFrom(item: StreamItem, byteLength: number): void {
    if (!this.#call.isOpen) return;
    if (!item.isDecoupled) this.#takeOutOfOrder(item);
    item.sourceBytes = byteLength;
    this.#charge(byteLength);
    this.#decoupled?.addSource(item);
  }

  /** A request of a decoupled model has no answer, or no further one. Called by the item. */
  endWithout(item: StreamItem): void {
    if (!this.#call.isOpen) return;
    this.#leave(item);
    this.#answered++;
    this.#free(item.requestBytes, true);
    this.#endIfDone();
  }

  /** The item has its last answer. */
  #leave(item: StreamItem): void {
    if (item.isDecoupled) {
      this.#decoupled?.delete(item);
      if (item.sourceBytes > 0) this.#free(item.sourceBytes, false);
      return;
    }
    this.#unlink(item);
    if (!this.#isUnordered) this.#advance();
  }

  /** As at Triton: answers of decoupled models leave as they are made, and neither wait for those of other requests nor hold them up. */
  #takeOutOfOrder(item: StreamItem): void {
    item.isDecoupled = true;
    this.#decoupled ??= new DecoupledItems();
    this.#decoupled.add(item);
    this.#unlink(item);
    if (!this.#isUnordered) this.#advance();
  }

  #enter(item: StreamItem): void {
    this.#received++;
    this.#messages++;
    this.#charge(item.requestBytes);
    item.previous = this.#last;
    if (this.#last === undefined) this.#first = item;
    else this.#last.next = item;
    this.#last = item;
  }

  #unlink(item: StreamItem): void {
    if (item.previous === undefined) this.#first = item.next;
    else item.previous.next = item.next;
    if (item.next === undefined) this.#last = item.previous;
    else item.next.previous = item.previous;
    // An item that the collector has promoted would keep all later ones alive through its link.
    item.next = undefined;
    item.previous = undefined;
  }

  /** Undoes `#enter` for a message that is no request. */
  #withdraw(item: StreamItem): void {
    this.#unlink(item);
    this.#received--;
    this.#free(item.requestBytes, true);
  }

  /** Sends what waited for the item that was first until now. */
  #advance(): void {
    for (let first = this.#first; first?.held !== undefined && this.#call.isOpen; first = this.#first) {
      this.#sendHeld(first, first.held);
      if (!first.isEnded) return;
      this.#unlink(first);
    }
  }

  #sendHeld(item: StreamItem, held: readonly Buffer[]): void {
    item.held = undefined;
    const lastIndex = held.length - 1;
    held.forEach((bytes, index) => {
      this.#send(item, bytes, item.isEnded && index === lastIndex);
    });
  }

  #send(item: StreamItem, bytes: Buffer, isLast: boolean): void {
    if (isLast && item.error !== undefined && this.#isEndedByError) {
      this.#end(errorStatus(item.error));
      return;
    }
    if (isLast) this.#answered++;
    this.#surroundings.observer.onStreamMessage(this.#call.method, "sent");
    const charged = isLast ? bytes.length + item.requestBytes : bytes.length;
    const decoupled = item.isDecoupled ? this.#decoupled : undefined;
    if (decoupled === undefined) {
      this.#call.write(bytes, () => this.#free(charged, isLast)); // HTTP/2 took the answer
      return;
    }
    decoupled.onWritten(bytes.length);
    this.#call.write(bytes, () => {
      this.#free(charged, isLast);
      decoupled.onAccepted(bytes.length);
    });
  }

  #free(bytes: number, isPlace: boolean): void {
    if (this.#isClosed) return;
    this.#bytes -= bytes;
    if (isPlace) this.#messages--;
    this.#surroundings.admission.budget.release(bytes);
    this.#read();
  }

  #charge(bytes: number): void {
    this.#bytes += bytes;
    this.#surroundings.admission.budget.acquire(bytes);
  }

  /** Reads on if there is a place, or as soon as there is one. */
  readonly #read = (): void => {
    if (this.#isReadAsked || this.#isHalfClosed || this.#wait !== undefined || !this.#call.isOpen) return;
    const { admission, config } = this.#surroundings;
    if (this.#messages >= config.streamWindow) return;
    if (this.#messages > 0 && this.#bytes >= config.streamWindowBytes) return;
    if (admission.budget.isFull) {
      admission.budget.whenRoom(this.#read);
      return;
    }
    if (this.#isGateAsked) return;
    if (this.#gate?.isFull === true) {
      this.#isGateAsked = true;
      this.#gate.whenRoom(this.#readOn);
      return;
    }
    this.#isReadAsked = true;
    this.#call.read();
  };

  /** It is this stream's turn at the gate. Read, even if others have filled it again since: every turn lets a message in. */
  readonly #readOn = (): void => {
    this.#isGateAsked = false;
    this.#gate = undefined;
    this.#read();
  };

  /** `sluice_cancel` names a request of this stream that nobody waits for any more; such a message has no answer of its own. */
  #isCancellation(parsed: ParsedRequest): boolean {
    const { parameters } = parsed;
    if (parameters.size === 0) return false;
    const id = parameters.get("sluice_cancel")?.value;
    if (id === undefined || id === "") return false; // items without an id cannot be told apart
    for (let item = this.#first; item !== undefined; item = item.next) {
      if (item.id === id && !item.isEnded) item.context.cancel();
    }
    for (const item of this.#decoupled ?? []) if (item.id === id) item.context.cancel();
    return true;
  }

  #endIfDone(): void {
    if (this.#isHalfClosed && this.isIdle) this.#end(okStatus);
  }

  #end(status: CallStatus): void {
    this.#call.end({
      ...status,
      trailers: {
        ...status.trailers,
        "sluice-items-received": String(this.#received),
        "sluice-items-answered": String(this.#answered),
      },
    });
  }
}

/** Metadata that switches something on. */
function isSwitchedOn(value: string | undefined): boolean {
  return value === "true" || value === "1";
}
