import type { InferenceError } from "../errors.ts";
import type { InferenceRequest, InferenceResponse, RequestContext } from "../inference.ts";
import type { RunTimeEstimate } from "./batching/run-time-model.ts";
import type { ModelDescription } from "./model.ts";

/**
 * Why a batch was closed: full or of a preferred size, its delay or a deadline passed, the shape or input set of the next request differs,
 * nothing else waited (`drain`: in a model that is being drained and waits for nobody), the latency target allowed no longer wait, more rows of
 * a tenant with a backlog would have kept another tenant waiting (`share`), or one of its requests runs again alone.
 */
export type BatchReason =
  | "full"
  | "preferred"
  | "timeout"
  | "deadline"
  | "shape"
  | "idle"
  | "target"
  | "share"
  | "drain"
  | "retry";

/**
 * The story of one request, complete when `onEnd` gets it. One object a request, reused by nobody; observers copy what they keep.
 * Times are `performance.now()` milliseconds, 0 where the request never got that far. A request that was split tells the times of its
 * slowest part.
 */
export interface RequestRecord {
  readonly request: InferenceRequest;
  readonly context: RequestContext;
  /** Rows of the request: its first dimension where the model batches, else 1. */
  readonly rows: number;
  /** Entered the model's queue. */
  readonly queuedMs: number;
  /** Taken into a batch: the end of stage `queue`. */
  readonly takenMs: number;
  /** Duration of writing inputs and handing over: stage `compute_input`. */
  readonly computeInputMs: number;
  /** Duration of the run itself, measured in the runtime process: stage `compute_infer`. */
  readonly computeInferMs: number;
  /** Duration of reading outputs and splitting: stage `compute_output`. */
  readonly computeOutputMs: number;
  /** When the reply was given. */
  readonly endedMs: number;
  /** Undefined: it succeeded. */
  readonly error: InferenceError | undefined;
  /** For the observers' own use, e.g. a span. Undefined until one sets it. */
  attachment: unknown;
  /** For the row statistics of the monitor: where it keeps what it copied of the request. Absent or 0: it copied nothing. */
  sample?: number;
}

/** One execution of a model. */
export interface BatchRecord {
  /** Rows of the requests in it, without padding. */
  readonly rows: number;
  /** Rows added to reach a batch bucket. */
  readonly padding: number;
  readonly reason: BatchReason;
  readonly takenMs: number;
  readonly computeInputMs: number;
  readonly computeInferMs: number;
  readonly computeOutputMs: number;
  readonly endedMs: number;
  /** Undefined: the run succeeded. */
  readonly error: InferenceError | undefined;
  /** Elements of the inputs that are padded to a length, as the requests had them, and added to them; absent: nothing is padded to a length. */
  readonly elements?: number;
  readonly paddedElements?: number;
  /** What was learned of runs of its shape, this one included; absent: it failed. */
  readonly runTime?: RunTimeEstimate;
  /** The shape bucket it belongs to; absent: it failed. One of few words, whatever clients send. */
  readonly shapeBucket?: string;
  /** The requests whose rows were in it. */
  readonly requests: readonly RequestRecord[];
}

/** One answer of a decoupled model, or what came in its place. */
export interface DecoupledAnswerRecord {
  /** Its place among the answers to its request, from 0. */
  readonly index: number;
  /** `empty`: the request has no answers at all; `cancel`: nobody waited for this one any more. */
  readonly outcome: "success" | "fail" | "empty" | "cancel";
  /** Duration of taking it out of the outputs. */
  readonly computeOutputMs: number;
  /** From the arrival of its request until now, milliseconds. */
  readonly sinceArrivalMs: number;
}

/**
 * Why a sequence ended: its END was answered, it was idle for too long, its caller went away or missed a deadline, its state was lost with a runtime
 * process, or its `timeout` passed in the backlog.
 */
export type SequenceEnd = "end" | "idle" | "cancelled" | "lost" | "expired";

/** The state of a model version, in KServe's words of RepositoryIndex plus FAILED as UNAVAILABLE with a reason. */
export type ModelState = "LOADING" | "READY" | "UNLOADING" | "UNAVAILABLE";

/** What is known beside a model version's state. */
export interface ModelStateDetail {
  /** Why; empty when there is nothing to say. */
  readonly reason: string;
  /** Milliseconds that a load took which has just succeeded or failed. */
  readonly loadMs?: number;
  /** What was loaded, so that its series are ready before its first request. */
  readonly description?: ModelDescription;
}

/**
 * What the monitor hears. Never awaited; an exception stops at {@link ObserverList}. Views in a request (tensor data) are valid only
 * during `onAdmitted` and `onResponse`, those in a response only during `onResponse`: samples are copied there.
 */
export interface Observer {
  /** The request passed validation and enters the queue. */
  onAdmitted?(model: ModelDescription, record: RequestRecord): void;
  /** So many admitted requests leave the queue for a batch; a split request counts with its first part. */
  onTaken?(model: ModelDescription, requests: number): void;
  /** One answer, before it is handed to the reply. */
  onResponse?(model: ModelDescription, record: RequestRecord, response: InferenceResponse): void;
  /** An answer of a decoupled model was made for its reader, after the `onEnd` of its request: that tells the run, this the delivery. */
  onDecoupledAnswer?(model: ModelDescription, record: DecoupledAnswerRecord): void;
  /** The request has ended, well or not; called exactly once for every request that named a known model version. */
  onEnd?(model: ModelDescription, record: RequestRecord): void;
  /** Admission lets in another number of rows of the model at a time; never called while it lets in any number. */
  onAdmissionLimit?(model: ModelDescription, limitRows: number): void;
  /** An execution has ended. */
  onBatch?(model: ModelDescription, record: BatchRecord): void;
  /** So many sequences of the model have a slot now, and so many wait for one. */
  onSequences?(model: ModelDescription, active: number, waiting: number): void;
  /** A sequence that had begun has ended. */
  onSequenceEnd?(model: ModelDescription, reason: SequenceEnd): void;
  /** A model version changed its state. `loadMs` on READY and on a failed load, `description` on READY. */
  onModelState?(name: string, version: string, state: ModelState, detail: ModelStateDetail): void;
  /** The version's series end: it was unloaded. */
  onModelRemoved?(name: string, version: string): void;
  /** A runtime process was started, or ended for this reason. */
  onRuntimeProcess?(event: "started" | "crash" | "timeout" | "memory" | "stopped", pid: number): void;
}

/** Several observers as one; an observer's exception is swallowed after `report` heard of it. */
export class ObserverList implements Required<Observer> {
  readonly #observers: readonly Observer[];
  /** Those that listen to what happens with every request. */
  readonly #onAdmitted: readonly Observer[];
  readonly #onTaken: readonly Observer[];
  readonly #onResponse: readonly Observer[];
  readonly #report: (error: unknown) => void;

  constructor(observers: readonly Observer[], report: (error: unknown) => void) {
    this.#observers = observers;
    this.#onAdmitted = observers.filter((observer) => observer.onAdmitted !== undefined);
    this.#onTaken = observers.filter((observer) => observer.onTaken !== undefined);
    this.#onResponse = observers.filter((observer) => observer.onResponse !== undefined);
    this.#report = report;
  }

  onAdmitted(model: ModelDescription, record: RequestRecord): void {
    for (const observer of this.#onAdmitted) {
      try {
        observer.onAdmitted?.(model, record);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  onTaken(model: ModelDescription, requests: number): void {
    for (const observer of this.#onTaken) {
      try {
        observer.onTaken?.(model, requests);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  onResponse(model: ModelDescription, record: RequestRecord, response: InferenceResponse): void {
    for (const observer of this.#onResponse) {
      try {
        observer.onResponse?.(model, record, response);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  onDecoupledAnswer(model: ModelDescription, record: DecoupledAnswerRecord): void {
    for (const observer of this.#observers) {
      try {
        observer.onDecoupledAnswer?.(model, record);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  onEnd(model: ModelDescription, record: RequestRecord): void {
    for (const observer of this.#observers) {
      try {
        observer.onEnd?.(model, record);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  onBatch(model: ModelDescription, record: BatchRecord): void {
    for (const observer of this.#observers) {
      try {
        observer.onBatch?.(model, record);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  onSequences(model: ModelDescription, active: number, waiting: number): void {
    for (const observer of this.#observers) {
      try {
        observer.onSequences?.(model, active, waiting);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  onSequenceEnd(model: ModelDescription, reason: SequenceEnd): void {
    for (const observer of this.#observers) {
      try {
        observer.onSequenceEnd?.(model, reason);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  onAdmissionLimit(model: ModelDescription, limitRows: number): void {
    for (const observer of this.#observers) {
      try {
        observer.onAdmissionLimit?.(model, limitRows);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  onModelState(name: string, version: string, state: ModelState, detail: ModelStateDetail): void {
    for (const observer of this.#observers) {
      try {
        observer.onModelState?.(name, version, state, detail);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  onModelRemoved(name: string, version: string): void {
    for (const observer of this.#observers) {
      try {
        observer.onModelRemoved?.(name, version);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  onRuntimeProcess(event: "started" | "crash" | "timeout" | "memory" | "stopped", pid: number): void {
    for (const observer of this.#observers) {
      try {
        observer.onRuntimeProcess?.(event, pid);
      } catch (error) {
        this.#report(error);
      }
    }
  }
}
