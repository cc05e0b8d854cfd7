import { InferenceError } from "../../errors.ts";
import type { Parameters } from "../../inference.ts";
import type { SequenceControl } from "../../model/sequence-plan.ts";

/** The id that a client gave a sequence: a number of 64 bits or a text. 5 and "5" are two sequences. */
export type SequenceId = bigint | string;

/** What the parameters of a request say about its sequence. */
export interface SequencePosition {
  /** Undefined: none was given; 0 and "" count as none (Triton's rule). */
  readonly id: SequenceId | undefined;
  readonly isStart: boolean;
  readonly isEnd: boolean;
}

/** Reads `sequence_id`, `sequence_start` and `sequence_end`; their types were checked when the request was decoded. */
export function sequencePosition(parameters: Parameters): SequencePosition {
  const id = parameters.get("sequence_id");
  const isText = typeof id === "string";
  // Triton keeps a negative number as the unsigned one of the same bits.
  const given = isText ? id : BigInt.asUintN(64, BigInt(typeof id === "boolean" || id === undefined ? 0 : id));
  return {
    id: given === "" || given === 0n ? undefined : given,
    isStart: parameters.get("sequence_start") === true,
    isEnd: parameters.get("sequence_end") === true,
  };
}

/** A key under which no number and no text meet. */
export function sequenceKey(id: SequenceId): string {
  return typeof id === "bigint" ? `#${id}` : `"${id}`;
}

/**
 * The element of a correlation control that tells the model the id.
 * @throws InferenceError "invalid", with Triton's text, when the model expects the other kind of id
 */
export function correlationElement(
  id: SequenceId,
  { name, datatype }: SequenceControl,
  modelName: string,
  requestId: string,
): Uint8Array {
  const isText = typeof id === "string";
  if (isText !== (datatype === "BYTES")) {
    const prefix = `[request id: ${requestId === "" ? "<id_unknown>" : requestId}] `;
    throw new InferenceError(
      "invalid",
      `${prefix}sequence batching control '${name}' data-type is '${isText ? "BYTES" : "UINT64"}', but model '${modelName}' expects '${datatype}'`,
    );
  }
  if (typeof id === "string") {
    const text = Buffer.from(id);
    const element = Buffer.allocUnsafe(4 + text.length);
    element.writeUInt32LE(text.length, 0);
    element.set(text, 4);
    return element;
  }
  const element = Buffer.allocUnsafe(8);
  element.writeBigUInt64LE(id, 0);
  return datatype === "UINT32" || datatype === "INT32" ? element.subarray(0, 4) : element; // the lower half, as Triton does
}
