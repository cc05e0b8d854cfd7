import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** One delivery as it was received. */
export interface ReceivedPost {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP server on a free loopback port that keeps what it is sent and answers as the test says. */
export class WebhookReceiver {
  readonly received: ReceivedPost[] = [];
  readonly #server;
  /** What it answers; the default is 204. */
  answer: (response: ServerResponse, post: ReceivedPost) => void = (response) => void response.writeHead(204).end();

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        const post = { path: request.url ?? "", headers: request.headers, body };
        this.received.push(post);
        this.answer(response, post);
      });
    });
  }

  /** Connections that are open. */
  connections = 0;

  static async start(context: TestContext): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver();
    receiver.#server.on("connection", (socket) => {
      receiver.connections++;
      socket.on("close", () => receiver.connections--);
    });
    await new Promise<void>((resolve) => receiver.#server.listen(0, "127.0.0.1", resolve));
    context.after(() => receiver.stop());
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook?key=1`;
  }

  /** Closes the port and every connection. */
  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
