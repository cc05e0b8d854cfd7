import { InferenceError, toInferenceError } from "../errors.ts";
import { type ParsedRequest, parseInferRequest, resolveRequest } from "../protocol/infer-request.ts";
import type { Gate } from "../runtime/admission/stream-gate.ts";
import { isDecoupled } from "../runtime/model.ts";
import { defaultTenant } from "../tenant.ts";
import { drainingError } from "./admission.ts";
import { type Call, type CallListener, errorStatus, okStatus } from "./call.ts";
import { DecoupledItems } from "./decoupled-items.ts";
import { type OutputForm, outputFormOf, type Question } from "./inference-answer.ts";
import { InferenceContext } from "./inference-context.ts";
import type { InferenceSurroundings } from "./inference-surroundings.ts";
import { ItemList } from "./item-list.ts";
import { cancelledId, isSwitchedOn, itemCounts } from "./stream-dialect.ts";
import { type ItemStream, StreamItem } from "./stream-item.ts";
import { StreamWindow } from "./stream-window.ts";
import { enterTenantOrWait, type TenantWait } from "./tenant-admission.ts";

/** A message that was read ahead while the window was full: it is only looked at for whether it cancels another one. */
interface ParkedMessage {
  readonly item: StreamItem;
  /** Or why it cannot be read. */
  readonly parsed: ParsedRequest | InferenceError;
  readonly bytes: Buffer;
}

/**
 * One ModelStreamInfer call. Every message takes a place in the window, counted in messages and in bytes, until HTTP/2 accepted its last
 * answer. While no place is free one message is read ahead and no more, so the window of HTTP/2 closes and the sender stops. Answers leave
 * in request order whichever models give them, unless the caller asked for completion order or the model is decoupled.
 */
export class InferenceStream implements CallListener<Buffer>, ItemStream {
  readonly outputForm: OutputForm;
  readonly maxMessageBytes: number;
  readonly #call: Call<Buffer>;
  readonly #surroundings: InferenceSurroundings;
  readonly #isUnordered: boolean;
  /** The first error ends the stream with its status, instead of an answer in its place. */
  readonly #isEndedByError: boolean;
  readonly #window: StreamWindow;
  readonly #items = new ItemList();
  /** Requests to decoupled models, which are not among those; undefined until there was one. */
  #decoupled: DecoupledItems | undefined;
  /** The message that waits for room among its tenant's requests; nothing is read meanwhile. */
  #wait: TenantWait | undefined;
  #parked: ParkedMessage | undefined;
  #received = 0;
  #answered = 0;
  /** Where the latest message's model keeps streams waiting. */
  #gate: Gate | undefined;
  /** Whose the latest request was: whose turn it waits for at the gate. */
  #tenant = defaultTenant;
  #isGateAsked = false;
  #isReadAsked = false;
  #isHalfClosed = false;

  constructor(call: Call<Buffer>, surroundings: InferenceSurroundings) {
    this.#call = call;
    this.#surroundings = surroundings;
    this.maxMessageBytes = surroundings.config.maxMessageBytes;
    this.outputForm = outputFormOf(call);
    this.#window = new StreamWindow(surroundings.config, surroundings.admission.budget);
    this.#isUnordered = isSwitchedOn(call.metadata("sluice-unordered"));
    this.#isEndedByError = isSwitchedOn(call.metadata("triton_grpc_error"));
    this.#read();
  }

  onMessage(bytes: Buffer): void {
    this.#isReadAsked = false;
    this.#surroundings.observer.onStreamMessage(this.#call.method, "received");
    const item = new StreamItem(this, bytes.length, new InferenceContext(this.#call, performance.now(), true));
    this.#received++;
    this.#window.charge(bytes.length);
    this.#items.append(item);
    const parsed = this.#parse(item, bytes);
    if (!this.#isCancellation(item, parsed)) this.#startOrPark(item, parsed, bytes);
    this.#read();
  }

  #startOrPark(item: StreamItem, parsed: ParsedRequest | InferenceError, bytes: Buffer): void {
    if (this.#window.hasPlaceFor(bytes.length)) this.#start(item, parsed, bytes);
    else this.#parked = { item, parsed, bytes };
  }

  #parse(item: StreamItem, bytes: Buffer): ParsedRequest | InferenceError {
    try {
      const parsed = parseInferRequest(bytes);
      item.setParsed(parsed);
      return parsed;
    } catch (error) {
      return toInferenceError(error);
    }
  }

  #start(item: StreamItem, parsed: ParsedRequest | InferenceError, bytes: Buffer): void {
    const { repository, admission, tenants } = this.#surroundings;
    this.#window.takePlace();
    try {
      if (parsed instanceof InferenceError) throw parsed;
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
      this.#refuse(item, toInferenceError(error));
    }
  }

  #issue(item: StreamItem, { request, model }: Question): void {
    this.#tenant = item.context.tenant;
    model.infer(request, item.context, item);
    item.setIssued();
  }

  /** Issues a request when its tenant has room for it. @throws InferenceError "quota" when it never has */
  #issueInTurn(item: StreamItem, question: Question): void {
    const issue = (error: InferenceError | undefined) => {
      this.#wait = undefined;
      if (error === undefined) this.#issueLate(item, question);
      else this.#refuse(item, error);
      this.#read();
    };
    this.#wait = enterTenantOrWait(this.#surroundings, this.#call, question, item.context, issue);
    if (this.#wait === undefined) this.#issue(item, question);
  }

  /** Issues a request that has waited, to the model that serves by now: it may have been loaded again meanwhile. */
  #issueLate(item: StreamItem, { request }: Question): void {
    try {
      const model = this.#surroundings.repository.find(request.modelName, request.modelVersion);
      item.setModel(model);
      this.#gate = model.gate;
      this.#issue(item, { request, model });
    } catch (error) {
      this.#refuse(item, toInferenceError(error));
    }
  }

  /** A message that does not come to a model. */
  #refuse(item: StreamItem, error: InferenceError): void {
    this.#surroundings.observer.onRequestRefused(item.context, error);
    item.fail(error);
  }

  get isIdle(): boolean {
    return this.#items.first === undefined && this.#decoupled?.isEmpty !== false;
  }

  get trailers(): Readonly<Record<string, string>> {
    return itemCounts(this.#received, this.#answered);
  }

  onHalfClose(): void {
    this.#isHalfClosed = true;
    this.#endIfDone();
  }

  onClosed(): void {
    this.#surroundings.admission.budget.forget(this.#read);
    this.#window.close();
    this.#gate?.forget(this.#readOn);
    this.#wait?.cancel();
    this.#wait = undefined;
    this.#parked = undefined;
    this.#items.clear();
    this.#decoupled?.clear();
  }

  /** An answer of an item, its last one if the item has ended. Called by the item. */
  answer(item: StreamItem, bytes: Buffer): void {
    if (!this.#call.isOpen) return;
    if (item.error !== undefined) this.#surroundings.logInternal(item.error, this.#call.method, item.context);
    this.#window.charge(bytes.length);
    if (!this.#isUnordered && !item.isDecoupled && item !== this.#items.first) {
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
    if (!this.#call.isOpen) {
      item.dropSource();
      return;
    }
    if (!item.isDecoupled) this.#takeOutOfOrder(item);
    item.sourceBytes = byteLength;
    this.#window.charge(byteLength);
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

  /** The model is done with an item that was answered before; an answer that is still held will free its place. Called by the item. */
  onModelDone(item: StreamItem): void {
    if (item.held === undefined) this.#free(item.requestBytes, true);
  }

  /** The item has its last answer. */
  #leave(item: StreamItem): void {
    if (item.isDecoupled) {
      this.#decoupled?.delete(item);
      if (item.sourceBytes > 0) this.#free(item.sourceBytes, false);
      return;
    }
    this.#items.remove(item);
    if (!this.#isUnordered) this.#advance();
  }

  /** As at Triton: answers of decoupled models leave as they are made, and neither wait for those of other requests nor hold them up. */
  #takeOutOfOrder(item: StreamItem): void {
    item.isDecoupled = true;
    this.#decoupled ??= new DecoupledItems(this.#call);
    this.#decoupled.add(item);
    this.#items.remove(item);
    if (!this.#isUnordered) this.#advance();
  }

  /** Sends what waited for the item that was first until now. */
  #advance(): void {
    for (let { first } = this.#items; first?.held !== undefined && this.#call.isOpen; { first } = this.#items) {
      this.#sendHeld(first, first.held);
      if (!first.isEnded) return;
      this.#items.remove(first);
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
      this.#call.end(errorStatus(item.error));
      return;
    }
    if (isLast) this.#answered++;
    this.#surroundings.observer.onStreamMessage(this.#call.method, "sent");
    const isPlace = isLast && !item.isWithModel; // else the place is free when the model is done
    const charged = isPlace ? bytes.length + item.requestBytes : bytes.length;
    const decoupled = item.isDecoupled ? this.#decoupled : undefined;
    if (decoupled === undefined) {
      this.#call.write(bytes, () => this.#free(charged, isPlace)); // HTTP/2 took the answer
      return;
    }
    decoupled.onWritten(bytes.length);
    this.#call.write(bytes, () => {
      this.#free(charged, isPlace);
      decoupled.onAccepted(bytes.length);
    });
  }

  #free(bytes: number, isPlace: boolean): void {
    if (!this.#window.free(bytes, isPlace)) return;
    const parked = this.#parked;
    if (parked !== undefined && this.#call.isOpen && this.#window.hasPlaceFor(parked.bytes.length)) {
      this.#parked = undefined;
      this.#start(parked.item, parked.parsed, parked.bytes);
    }
    this.#read();
  }

  /** Reads on, unless a message is parked already, or one waits for its tenant's turn. */
  readonly #read = (): void => {
    if (this.#isReadAsked || this.#isHalfClosed || !this.#call.isOpen) return;
    if (this.#parked !== undefined || this.#wait !== undefined) return;
    const { budget } = this.#surroundings.admission;
    if (budget.isFull) {
      budget.whenRoom(this.#read);
      return;
    }
    if (this.#isGateAsked) return;
    if (this.#gate?.isFull === true) {
      this.#isGateAsked = true;
      this.#gate.whenRoom(this.#readOn, this.#tenant);
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

  /** Takes a message that cancels requests of this stream; it has no answer of its own. @returns false: it is a request */
  #isCancellation(item: StreamItem, parsed: ParsedRequest | InferenceError): boolean {
    const id = parsed instanceof InferenceError ? undefined : cancelledId(parsed.parameters);
    if (id === undefined) return false;
    this.#items.remove(item);
    this.#received--;
    this.#window.free(item.requestBytes, false);
    const named = [...this.#items, ...(this.#decoupled ?? [])].filter((other) => other.id === id);
    for (const other of named) other.abandon();
    return true;
  }

  #endIfDone(): void {
    if (this.#isHalfClosed && this.isIdle) this.#call.end(okStatus);
  }
}
