import type { InferOptions } from "../../client/infer-options.ts";
import type { StreamOptions } from "../../client/infer-stream.ts";
import type { InferenceClient } from "../../client/inference-client.ts";
import type { StreamResult } from "../../client/stream-result.ts";

/** A message with its answer. */
export interface Answered<Message> {
  readonly message: Message;
  readonly result: StreamResult;
}

export interface OrderedStreamsOptions<Message> {
  /** Streams at a time; a client of several servers spreads them over these. */
  readonly streams: number;
  /** Messages of each stream without their answer at a time. */
  readonly window: number;
  readonly signal: AbortSignal;
  /** Called when a stream lost its server and goes on with another one. */
  readonly onResume?: NonNullable<StreamOptions["onResume"]>;
  toRequest(message: Message): InferOptions;
}

/**
 * Sends messages over several streams and gives their answers in the order of the messages. A stream draws the next message when it has room,
 * so that a fast server gets more of them; how far it may run ahead of a slow one is bounded by the windows.
 * @throws ClientError when a stream fails; the others are cancelled then.
 */
export async function* inferInOrder<Message>(
  client: Pick<InferenceClient, "inferStream">,
  messages: AsyncIterator<Message>,
  options: OrderedStreamsOptions<Message>,
): AsyncGenerator<Answered<Message>, void, undefined> {
  const { streams: count, toRequest, ...limits } = options;
  const sent: { readonly message: Message; readonly stream: number }[] = [];
  const streams = Array.from({ length: count }, (_, index) => client.inferStream(requests(index), limits));
  const ahead = new Map(streams.map((stream, index) => [index, stream.next()]));
  const draw = (index: number) => {
    const next = streams[index]?.next();
    if (next === undefined) return;
    next.catch(() => {}); // thrown where it is awaited, once it is this stream's turn
    ahead.set(index, next);
  };
  try {
    while (ahead.size > 0) {
      const [first] = sent;
      if (first === undefined) {
        await Promise.race(ahead.values());
        if (sent.length > 0) continue;
      }
      const index = first?.stream ?? (await endedStream(ahead));
      const next = await ahead.get(index);
      if (next === undefined || next.done === true) {
        ahead.delete(index);
        continue;
      }
      draw(index);
      sent.shift();
      if (first !== undefined) yield { message: first.message, result: next.value };
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.return().catch(() => {})));
  }

  async function* requests(stream: number): AsyncGenerator<InferOptions> {
    for (;;) {
      const { done, value } = await messages.next();
      if (done === true) return;
      sent.push({ message: value, stream });
      yield toRequest(value);
    }
  }
}

/** A stream that has ended; only called while no message is unanswered. */
async function endedStream(ahead: ReadonlyMap<number, Promise<IteratorResult<unknown>>>): Promise<number> {
  return await Promise.race([...ahead].map(async ([index, next]) => next.then(() => index)));
}
