import { InferenceError, toInferenceError } from "../errors.ts";
import { type AlertBoard, alertKey } from "../monitor/alerts/alert-board.ts";
import type { Alert } from "../monitor/monitor-report.ts";
import { drainingError } from "./admission.ts";
import { type Call, type CallHandler, errorStatus } from "./call.ts";
import { SingleRequest } from "./unary-method.ts";

/** WatchMonitors calls at a time: each keeps up to one change of every alert. */
export const maxAlertWatchers = 100;

interface WatchRequest {
  readonly model_name: string;
}

interface WatchResponse {
  readonly alert: Alert;
}

/** WatchMonitors: the alerts that there are, then every change, until the caller ends the call or the server stops. */
export class AlertWatch {
  readonly #board: AlertBoard;
  readonly #watchers = new Set<Watcher>();
  readonly #unlisten: () => void;
  #isEnded = false;

  constructor(board: AlertBoard) {
    this.#board = board;
    this.#unlisten = board.listen(({ alert }) => {
      for (const watcher of this.#watchers) watcher.push(alert);
    });
  }

  /** Open calls. */
  get watcherCount(): number {
    return this.#watchers.size;
  }

  readonly handler: CallHandler<WatchRequest, WatchResponse> = (call) => {
    let watcher: Watcher | undefined;
    return new SingleRequest<WatchRequest>(
      call,
      ({ model_name }) => {
        try {
          watcher = this.#open(call, model_name);
        } catch (error) {
          call.end(errorStatus(toInferenceError(error)));
        }
      },
      () => {
        if (watcher !== undefined) this.#watchers.delete(watcher);
      },
    );
  };

  /** Ends every call, those to come as well, because an open one would hold up the stop. */
  end(): void {
    this.#isEnded = true;
    this.#unlisten();
    for (const watcher of [...this.#watchers]) watcher.end();
  }

  #open(call: Call<WatchResponse>, modelName: string): Watcher {
    if (this.#isEnded) throw drainingError();
    if (this.#watchers.size >= maxAlertWatchers) {
      throw new InferenceError("shed", `${maxAlertWatchers} calls watch the alerts of this server already`, {
        retryAfterMs: 10_000,
      });
    }
    const watcher = new Watcher(call, modelName);
    this.#watchers.add(watcher);
    for (const alert of this.#board.alerts(modelName)) watcher.push(alert);
    return watcher;
  }
}

/**
 * One call. Sends one message at a time; what happens while its reader has not taken it waits in its newest state, so that a slow reader costs
 * one entry for each alert and no more.
 */
class Watcher {
  readonly #call: Call<WatchResponse>;
  readonly #modelName: string;
  readonly #pending = new Map<string, Alert>();
  #isWriting = false;
  #isInLoop = false;

  /** @param modelName empty: all models */
  constructor(call: Call<WatchResponse>, modelName: string) {
    this.#call = call;
    this.#modelName = modelName;
  }

  push(alert: Alert): void {
    if (this.#modelName !== "" && alert.model_name !== this.#modelName) return;
    this.#pending.set(alertKey(alert), alert);
    this.#write();
  }

  end(): void {
    this.#call.end(errorStatus(drainingError()));
  }

  /** A loop, because a message may be accepted while it is written. */
  #write(): void {
    if (this.#isInLoop) return;
    this.#isInLoop = true;
    for (const [key, alert] of this.#pending) {
      if (this.#isWriting) break;
      this.#pending.delete(key);
      this.#isWriting = true;
      this.#call.write({ alert }, () => {
        this.#isWriting = false;
        this.#write();
      });
    }
    this.#isInLoop = false;
  }
}
