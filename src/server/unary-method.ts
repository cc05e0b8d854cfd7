import { toInferenceError } from "../errors.ts";
import { statusCodes } from "../protocol/status.ts";
import type { Call, CallHandler, CallListener, CallStatus } from "./call.ts";
import { errorStatus, okStatus } from "./call.ts";
import type { Log } from "./log.ts";

/** What answers one request of a method off the hot path. What it throws becomes the status of the call. */
export type UnaryMethod<Request, Response> = (request: Request, call: Call<Response>) => Response | Promise<Response>;

/** gRPC's answer to a unary call that ended without a message. */
export function noRequestStatus(method: string): CallStatus {
  return { code: statusCodes.UNIMPLEMENTED, details: `Received no request message for method /${method}` };
}

/** gRPC's answer to a unary call with more than one message. */
export function secondRequestStatus(method: string): CallStatus {
  return { code: statusCodes.UNIMPLEMENTED, details: `Received a second request message for method /${method}` };
}

/**
 * A method with one request and one answer as a call handler. This is the one place where errors of such methods become statuses: an
 * InferenceError as it says, anything else "internal error", logged here with its cause.
 */
export function unaryMethod<Request, Response>(
  method: UnaryMethod<Request, Response>,
  log: Log,
): CallHandler<Request, Response> {
  return (call) =>
    new SingleRequest(call, async (request) => {
      try {
        const response = await method(request, call);
        call.write(response, () => {});
        call.end(okStatus);
      } catch (error) {
        const known = toInferenceError(error);
        if (known.reason === "internal")
          log.error("a call failed", { method: call.method, error: known.cause ?? known });
        call.end(errorStatus(known));
      }
    });
}

/** Listens for exactly one message and its half-close, as unary and server-streaming calls have them. */
export class SingleRequest<Request> implements CallListener<Request> {
  readonly #call: Call<never>;
  readonly #onRequest: (request: Request) => void;
  readonly #onClosed: () => void;
  #request: Request | undefined;

  constructor(call: Call<never>, onRequest: (request: Request) => void, onClosed: () => void = () => {}) {
    this.#call = call;
    this.#onRequest = onRequest;
    this.#onClosed = onClosed;
    call.read();
  }

  onMessage(request: Request): void {
    if (this.#request === undefined) {
      this.#request = request;
      this.#call.read();
    } else this.#call.end(secondRequestStatus(this.#call.method));
  }

  onHalfClose(): void {
    if (this.#request === undefined) this.#call.end(noRequestStatus(this.#call.method));
    else this.#onRequest(this.#request);
  }

  onClosed(): void {
    this.#onClosed();
  }
}
