import { bulkMessageBytes } from "./bulk-memory.ts";

/**
 * Messages of which a part has arrived. grpc-js keeps the parts of each until the last one is there, and nothing else bounds how many calls
 * send one at a time or how long they take: without an eye on them a few connections could fill the memory with messages that never end.
 */

/** grpc-js' decoder of one call, a private field: what it holds of the message that is arriving. */
export interface Decoder {
  /** @returns messages that are complete */
  write(data: Buffer): Buffer[];
  readonly readPartialMessage: Buffer[];
  readCompressFlag: Buffer;
  readonly readMessageSize: number;
  readonly readMessageRemaining: number;
}

/** Who receives a message. */
export interface ReceivingCall {
  /** Ends: what has come of its message is let go of, and what comes is not kept. */
  giveUp(): void;
}

/** Parts of a message after which those of less than {@link smallPartBytes} on average are joined: each costs a hundred bytes by itself. */
const joinedParts = 256;
const smallPartBytes = 1024;

const notCompressed = Buffer.alloc(1);

/** What all calls of a server have received of messages that are not complete, from {@link bulkMessageBytes} of each on. */
export class ArrivingMessages {
  readonly #maxBytes: number;
  #bytes = 0;
  /** Linked through themselves, in the order in which they came to count. */
  #first: MessageArrival | undefined;
  #last: MessageArrival | undefined;

  /** @param maxBytes beyond them the oldest message is given up, unless it is the only one: what never ends is older than what arrives */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Follows what grpc-js' call `base` receives for `call`. @returns undefined where its decoder is not found */
  follow(base: { decoder?: Decoder }, call: ReceivingCall): MessageArrival | undefined {
    const { decoder } = base;
    if (decoder === undefined || !Array.isArray(decoder.readPartialMessage)) return undefined;
    const arrival = new MessageArrival(decoder, this, call);
    base.decoder = arrival as unknown as Decoder; // grpc-js only ever writes to it
    return arrival;
  }

  /** A message has more parts than before. */
  grow(arrival: MessageArrival, bytes: number): void {
    if (arrival.countedBytes === 0) this.#append(arrival);
    this.#bytes += bytes - arrival.countedBytes;
    arrival.countedBytes = bytes;
    while (this.#bytes > this.#maxBytes && this.#first !== undefined && this.#first !== this.#last) {
      this.#first.giveUp();
    }
  }

  /** A message is complete, or given up. */
  remove(arrival: MessageArrival): void {
    const { previous, next } = arrival;
    this.#bytes -= arrival.countedBytes;
    arrival.countedBytes = 0;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    arrival.previous = undefined;
    arrival.next = undefined;
  }

  #append(arrival: MessageArrival): void {
    arrival.previous = this.#last;
    if (this.#last === undefined) this.#first = arrival;
    else this.#last.next = arrival;
    this.#last = arrival;
  }
}

/** What one call is receiving; stands in for grpc-js' decoder. */
export class MessageArrival {
  /** Neighbours among {@link ArrivingMessages}, kept by it. */
  previous: MessageArrival | undefined;
  next: MessageArrival | undefined;
  /** Bytes that are counted; 0: it is not among them. */
  countedBytes = 0;
  readonly #decoder: Decoder;
  readonly #all: ArrivingMessages;
  readonly #call: ReceivingCall;
  /** Parts that were looked at already, and how much of the message had come by then. */
  #parts = 0;
  #partBytes = 0;
  #isClosed = false;

  constructor(decoder: Decoder, all: ArrivingMessages, call: ReceivingCall) {
    this.#decoder = decoder;
    this.#all = all;
    this.#call = call;
  }

  write(data: Buffer): Buffer[] {
    if (this.#isClosed) return [];
    const decoder = this.#decoder;
    const messages = decoder.write(data);
    if (messages.length > 0) this.#restart();
    const parts = decoder.readPartialMessage;
    if (parts.length === 0) return messages;
    if (decoder.readMessageRemaining === 0) {
      parts.length = 0; // complete, which means copied: what it came in would be kept until the next one begins
      decoder.readCompressFlag = notCompressed;
      return messages;
    }
    const bytes = decoder.readMessageSize - decoder.readMessageRemaining;
    if (parts.length - this.#parts >= joinedParts) this.#join(parts, bytes);
    if (bytes >= bulkMessageBytes) this.#all.grow(this, bytes);
    return messages;
  }

  /** Ends the call and lets go of what it has received. */
  giveUp(): void {
    this.close();
    this.#call.giveUp();
  }

  /** The call is over. */
  close(): void {
    this.#isClosed = true;
    this.#decoder.readPartialMessage.length = 0;
    this.#restart();
  }

  #restart(): void {
    this.#parts = 0;
    this.#partBytes = 0;
    if (this.countedBytes > 0) this.#all.remove(this);
  }

  #join(parts: Buffer[], bytes: number): void {
    if (bytes - this.#partBytes < joinedParts * smallPartBytes) parts.push(Buffer.concat(parts.splice(this.#parts)));
    this.#parts = parts.length;
    this.#partBytes = bytes;
  }
}
