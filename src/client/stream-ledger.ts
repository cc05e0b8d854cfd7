import { statusCodes } from "../protocol/status.ts";
import { ClientError } from "./client-error.ts";
import { IndexRing } from "./index-ring.ts";
import { type RepeatLimits, repeatAfterMs } from "./repeat.ts";
import type { StreamAnswer, StreamResult } from "./stream-result.ts";

/** How much a stream keeps under way, and how often it says a thing again. */
export interface LedgerLimits extends RepeatLimits {
  /** Requests whose last answer has not been taken by the reader. */
  readonly window: number;
  /** Bytes of those requests and of answers that have not been taken; one request is always let in. */
  readonly windowBytes: number;
}

/** A request ready for the wire. */
export interface OutgoingRequest {
  readonly message: Buffer;
  readonly id: string;
  /** It belongs to a sequence, and so must not be sent twice. */
  readonly isSequence: boolean;
}

/** An answer on its way to the reader. */
interface Delivery {
  readonly result: StreamResult;
  /** What becomes free when the reader takes it. */
  readonly bytes: number;
  readonly isLast: boolean;
}

/** One request between its entry and its last answer. */
interface Item {
  readonly index: number;
  readonly id: string;
  readonly isSequence: boolean;
  /** Kept to be sent again; let go of with the last answer. */
  message: Buffer | undefined;
  readonly requestBytes: number;
  state: "unsent" | "sent" | "refused" | "answered";
  refusals: number;
  hasSeveralAnswers: boolean;
  /** The last answer while it waits for those of earlier requests. */
  delivery: Delivery | undefined;
}

/**
 * The book of one stream: which requests are unanswered, which are to be sent (again), and which answers the reader gets next. It decides
 * and does nothing: no connection, no clock. Requests are numbered from 0; each is delivered once, in that order.
 *
 * An answer is matched by `sluice_sequence_number` where the server echoes it, else by its id and by order: servers without that parameter
 * answer in the order in which requests came.
 */
export class StreamLedger {
  readonly #limits: LedgerLimits;
  /** The requests that have not been delivered, by index. */
  readonly #items: IndexRing<Item>;
  /** Index of the first request that has not been delivered. */
  #first = 0;
  /** Index of the next request to come. */
  #next = 0;
  /** No request before it is unsent. */
  #unsentFrom = 0;
  /** No request before it is sent and unanswered. */
  #sentFrom = 0;
  readonly #deliveries: Delivery[] = [];
  #deliveryBytes = 0;
  /** Requests in the window. */
  #held = 0;
  #bytes = 0;
  #unanswered = 0;
  #refused = 0;
  #holdUntilMs = 0;
  #sequenceIndex: number | undefined;
  #hasSeveralAnswers = false;
  #finished = 0;
  #failed = 0;
  #messagesSent = 0;
  #answersReceived = 0;

  constructor(limits: LedgerLimits) {
    this.#limits = limits;
    this.#items = new IndexRing(limits.window);
  }

  /** Whether one more request may come. */
  get hasRoom(): boolean {
    if (this.#held === 0) return true;
    if (this.#next - this.#first >= this.#items.length) return false;
    return this.#held < this.#limits.window && this.#bytes < this.#limits.windowBytes;
  }

  /** Whether answers should be left in the connection, because the reader has not taken those that came. */
  get isReaderBehind(): boolean {
    return this.#deliveries.length >= this.#limits.window || this.#deliveryBytes >= this.#limits.windowBytes;
  }

  /** Requests so far, which is the index of the next. */
  get requests(): number {
    return this.#next;
  }

  /** Requests that have their last answer. */
  get finished(): number {
    return this.#finished;
  }

  /** Requests among the finished whose last answer is an error. */
  get failed(): number {
    return this.#failed;
  }

  /** Requests sent on this connection that have no last answer yet. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Whether a request waits to be sent, now or later. */
  get hasUnsent(): boolean {
    return this.#next - this.#finished > this.#unanswered;
  }

  /** Until when nothing is sent, because the server said so; 0: nothing holds. */
  get holdUntilMs(): number {
    return this.#refused > 0 ? this.#holdUntilMs : 0;
  }

  /** Messages sent on this connection, as the server should have counted them. */
  get messagesSent(): number {
    return this.#messagesSent;
  }

  /** Last answers received on this connection, as the server should have counted them. */
  get answersReceived(): number {
    return this.#answersReceived;
  }

  /** Whether a model answered several times, or answers came that belong to no open request. */
  get hasSeveralAnswers(): boolean {
    return this.#hasSeveralAnswers;
  }

  /** Why the unanswered requests must not be sent to another server; undefined: they may. */
  get obstacle(): string | undefined {
    if (this.#sequenceIndex !== undefined) {
      return `request ${this.#sequenceIndex} belongs to a sequence, whose state is lost with its server`;
    }
    if (this.#hasSeveralAnswers) return "it has answers of a decoupled model, of which some would come twice";
    return undefined;
  }

  /** Takes a request in. */
  add({ message, id, isSequence }: OutgoingRequest): void {
    const index = this.#next++;
    const requestBytes = message.length;
    this.#items.set(index, {
      index,
      id,
      isSequence,
      message,
      requestBytes,
      state: "unsent",
      refusals: 0,
      hasSeveralAnswers: false,
      delivery: undefined,
    });
    this.#held++;
    this.#bytes += requestBytes;
  }

  /** The message to write now, which counts as sent from here on; undefined: none. Not to be called before {@link holdUntilMs}. */
  nextToSend(): Buffer | undefined {
    if (this.#refused > 0) this.#releaseRefused();
    for (; this.#unsentFrom < this.#next; this.#unsentFrom++) {
      const item = this.#items.at(this.#unsentFrom);
      if (item?.state !== "unsent") continue;
      this.#unsentFrom++;
      item.state = "sent";
      this.#sentFrom = Math.min(this.#sentFrom, item.index);
      this.#unanswered++;
      this.#messagesSent++;
      if (item.isSequence) this.#sequenceIndex ??= item.index;
      return item.message;
    }
    return undefined;
  }

  /**
   * An answer of this connection, of so many bytes.
   * @returns the message of its request, where that is surely not needed any more
   * @throws ClientError INTERNAL when it carries the number of a request that is not open.
   */
  receive(answer: StreamAnswer, bytes: number, nowMs: number): Buffer | undefined {
    const item = this.#match(answer);
    if (item === undefined) {
      this.#hasSeveralAnswers = true;
      this.#deliver({ result: answer, bytes, isLast: false });
      return undefined;
    }
    answer.index = item.index;
    const isCertain = answer.sequenceNumber !== undefined || (item.id !== "" && item.id === answer.id);
    if (answer.id === "") answer.id = item.id;
    if (!answer.isFinal) {
      this.#hasSeveralAnswers = true;
      item.hasSeveralAnswers = true;
      this.#deliver({ result: answer, bytes, isLast: false });
      return undefined;
    }
    this.#unanswered--;
    this.#answersReceived++;
    const isRepeatable = !item.isSequence && !item.hasSeveralAnswers;
    const waitMs = isRepeatable ? repeatAfterMs(answer.error, item.refusals, this.#limits) : undefined;
    if (waitMs !== undefined) {
      this.#hold(item, nowMs + waitMs);
      return undefined;
    }
    const { message } = item;
    this.#finish(item, answer, bytes);
    return isCertain ? message : undefined;
  }

  /** The next answer for the reader; undefined: none has come. */
  take(): StreamResult | undefined {
    const delivery = this.#deliveries.shift();
    if (delivery === undefined) return undefined;
    this.#bytes -= delivery.bytes;
    this.#deliveryBytes -= delivery.bytes;
    if (delivery.isLast) this.#held--;
    return delivery.result;
  }

  /** The connection is gone: what it left unanswered is to be sent again, in order. Not to be called beside an {@link obstacle}. */
  lose(): void {
    for (let index = this.#first; index < this.#next; index++) {
      const item = this.#items.at(index);
      if (item?.state === "sent" || item?.state === "refused") item.state = "unsent";
    }
    this.#unsentFrom = this.#first;
    this.#unanswered = 0;
    this.#refused = 0;
    this.#messagesSent = 0;
    this.#answersReceived = 0;
  }

  #match(answer: StreamAnswer): Item | undefined {
    const { sequenceNumber } = answer;
    if (sequenceNumber !== undefined) {
      const item = this.#items.at(sequenceNumber);
      if (item?.index === sequenceNumber && item.state === "sent") return item;
      throw new ClientError(
        statusCodes.INTERNAL,
        `the server answered request ${sequenceNumber} of the stream, which is not open`,
      );
    }
    const oldest = this.#nextSent(this.#sentFrom);
    this.#sentFrom = oldest?.index ?? this.#next;
    if (oldest === undefined || answer.id === "" || oldest.id === "" || oldest.id === answer.id) return oldest;
    let other = this.#nextSent(oldest.index + 1);
    while (other !== undefined && other.id !== answer.id) other = this.#nextSent(other.index + 1);
    return other;
  }

  /** The first request from an index on that is sent and unanswered. */
  #nextSent(from: number): Item | undefined {
    for (let index = Math.max(from, this.#first); index < this.#next; index++) {
      const item = this.#items.at(index);
      if (item?.state === "sent") return item;
    }
    return undefined;
  }

  /** Nothing is sent until then: what is refused comes before what is new, and a server that is full is not asked for more. */
  #hold(item: Item, untilMs: number): void {
    item.state = "refused";
    item.refusals++;
    this.#holdUntilMs = this.#refused === 0 ? untilMs : Math.max(this.#holdUntilMs, untilMs);
    this.#refused++;
  }

  #releaseRefused(): void {
    for (let index = this.#first; index < this.#next; index++) {
      const item = this.#items.at(index);
      if (item?.state !== "refused") continue;
      item.state = "unsent";
      this.#unsentFrom = Math.min(this.#unsentFrom, index);
    }
    this.#refused = 0;
  }

  #finish(item: Item, answer: StreamAnswer, bytes: number): void {
    this.#finished++;
    if (answer.error !== undefined) this.#failed++;
    item.state = "answered";
    item.message = undefined;
    const delivery: Delivery = { result: answer, bytes: bytes + item.requestBytes, isLast: true };
    this.#bytes += bytes;
    if (item.hasSeveralAnswers) {
      this.#items.set(item.index, undefined);
      this.#enqueue(delivery);
    } else item.delivery = delivery;
    this.#advance();
  }

  /** Delivers what has waited for the first request. */
  #advance(): void {
    for (; this.#first < this.#next; this.#first++) {
      const item = this.#items.at(this.#first);
      if (item === undefined) continue;
      if (item.delivery === undefined) return;
      this.#items.set(this.#first, undefined);
      this.#enqueue(item.delivery);
    }
  }

  #deliver(delivery: Delivery): void {
    this.#bytes += delivery.bytes;
    this.#enqueue(delivery);
  }

  #enqueue(delivery: Delivery): void {
    this.#deliveries.push(delivery);
    this.#deliveryBytes += delivery.bytes;
  }
}
