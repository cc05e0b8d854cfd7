import type { InferenceError } from "./errors.ts";
import type { Datatype, Tensor } from "./tensor.ts";

/** A value in KServe's `parameters` maps. int64 and uint64 beyond 2^53 arrive as bigint. */
export type ParameterValue = boolean | number | bigint | string;

/** Parameters by name. A Map, never an object: clients choose the keys. */
export type Parameters = ReadonlyMap<string, ParameterValue>;

/** The map of a request without parameters; shared, because most requests have none. */
export const noParameters: Parameters = new Map();

export interface RequestedOutput {
  readonly name: string;
  /** How many of the highest values to return as `value:index[:label]` strings (Triton's classification extension); 0: the tensor itself. */
  readonly classificationCount: number;
}

/** One question: the input tensors of one or several rows. Decoded and checked in itself, not yet against a model. */
export interface InferenceRequest {
  readonly modelName: string;
  /** Empty: the highest ready version. */
  readonly modelVersion: string;
  /** The caller's own id, echoed; empty when it gave none. */
  readonly id: string;
  readonly parameters: Parameters;
  readonly inputs: readonly Tensor[];
  /** Empty: all outputs of the model. */
  readonly requestedOutputs: readonly RequestedOutput[];
  /** Bytes that the request keeps in memory until its input rows are copied into the arena. */
  readonly byteLength: number;
}

/** One answer. Its outputs stand in the order asked for, or in the model's order. */
export interface InferenceResponse {
  readonly modelName: string;
  /** The version that answered, also when the request left it open. */
  readonly modelVersion: string;
  readonly id: string;
  readonly parameters: Parameters;
  readonly outputs: readonly Tensor[];
}

/**
 * How much harm it does when a request is refused, in the words of the SRE book ("Handling Overload"), least first: what is sheddable is
 * refused first. Services pass it on to those that they call.
 */
export const criticalities = ["SHEDDABLE", "SHEDDABLE_PLUS", "CRITICAL", "CRITICAL_PLUS"] as const;

export type Criticality = (typeof criticalities)[number];

/** What a request is that does not say. */
export const defaultCriticality: Criticality = "CRITICAL";

/** The span of a request, in W3C's lower-case hex: what a log line about it names. */
export interface TraceIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** What is known about the caller of a request, beside the request. One per call; the messages of a stream share it where nothing differs. */
export interface RequestContext {
  /** When the request arrived: `performance.now()` milliseconds. */
  readonly arrivalTimeMs: number;
  /** When an answer is of no use any more, on the same clock; Infinity: never. */
  readonly deadlineMs: number;
  /** Whether the caller has gone away: what the signal says, for those who only look now and then. */
  readonly isCancelled: boolean;
  /** Aborted when the caller goes away. The only cancellation; made on first use, because most requests end without anybody listening. */
  readonly signal: AbortSignal;
  /** Whose share this is; "default" unless recognised. */
  readonly tenant: string;
  /** The value of the caller's W3C `traceparent`, unchecked; undefined when it sent none. */
  readonly traceParent: string | undefined;
  /** The caller's `tracestate`, unchecked. */
  readonly traceState: string | undefined;
  /** The RPC that it came by, `package.Service/Method`; absent when it came another way. Names the request's span. */
  readonly rpcMethod?: string;
  /** The server asks by itself, such as a model that scores the rows of another; absent: somebody else does. */
  readonly isOwn?: boolean;
  /** It is a message of a stream; absent: it is not. */
  readonly isStreamed?: boolean;
  /** What its caller says; absent: {@link defaultCriticality}. */
  readonly criticality?: Criticality;
  /** Its span, set by the monitor where the request is traced. */
  trace?: TraceIds | undefined;
}

/** One of the answers to a request. */
export interface Answer {
  readonly response: InferenceResponse;
  /** The last one. */
  readonly isFinal: boolean;
}

/** The answers to one request of a decoupled model, each made when its reader can take it, so that they need not all be in memory. */
export interface AnswerSource {
  /** Bytes that the source keeps in memory until its last answer was taken. */
  readonly byteLength: number;
  /**
   * The next answer; undefined when there is none at all. The source has ended after that, after a final answer and after a throw.
   * @throws InferenceError with which the request ends, "cancelled" and "deadline" when nobody waits any more
   */
  next(): Answer | undefined;
  /** Nobody takes the answers that are left. Not called on a source that has ended. */
  abandon(): void;
}

/**
 * Where the answer to one request goes. Exactly one of `fail`, `respond(…, true)` and `respondFrom` ends it; nothing is called after that.
 * Called synchronously from the event loop turn in which the answer is there, so an implementation must not throw and must not block.
 */
export interface Reply {
  /** One answer; `isFinal` on the last. Output data may be kept: it belongs to the reply from here on. */
  respond(response: InferenceResponse, isFinal: boolean): void;
  /** All answers, none to many, as fast as their reader takes them. Absent: they are given at once, and none at all is a failure. */
  respondFrom?(source: AnswerSource): void;
  fail(error: InferenceError): void;
}

/** One input or output of a model. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** Without the batch dimension when the model batches; -1: any length. */
  readonly dims: readonly number[];
  /** The shape that the model itself takes per row, when it differs from `dims` (config.pbtxt `reshape`). */
  readonly modelDims?: readonly number[];
  /** A request may leave this input out. Absent: false. */
  readonly isOptional?: boolean;
  /** Class labels by index, from the output's label file; absent: none. */
  readonly labels?: readonly string[];
}

/** What a model takes and gives. */
export interface Signature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Inputs of the model that no request has: they are filled in for each batch, and follow `inputs` where those are numbered. Absent: none. */
  readonly filled?: readonly TensorSpec[];
  /** Rows one run takes at most; 0: the model has no batch dimension and every request runs alone. */
  readonly maxBatchSize: number;
}
