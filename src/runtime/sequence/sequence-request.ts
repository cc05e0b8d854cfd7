import { InferenceError } from "../../errors.ts";
import type { InferenceRequest, Signature } from "../../inference.ts";
import type { SequenceControl, SequencePlan } from "../../model/sequence-plan.ts";
import { Validator, type ValidRequest } from "../validator.ts";
import { correlationElement, type SequenceId, sequencePosition } from "./sequence-id.ts";

/** A request that fits its model and says which sequence it belongs to. */
export interface SequenceRequest {
  readonly valid: ValidRequest;
  readonly id: SequenceId;
  readonly isStart: boolean;
  readonly isEnd: boolean;
  /** The element that tells the model the sequence's id; undefined: it does not ask. */
  readonly correlation: Uint8Array | undefined;
}

/** Bytes of a text as id, as at Triton: ids are kept for as long as their sequences live, and longer where one was lost. */
const maxIdBytes = 128;

/** Checks requests against a model with sequences, in the order and with the texts of Triton. */
export class SequenceReader {
  readonly #name: string;
  readonly #validator: Validator;
  readonly #control: SequenceControl | undefined;

  constructor(name: string, signature: Signature, { controls }: SequencePlan) {
    this.#name = name;
    this.#validator = new Validator(name, signature);
    this.#control = controls.find(({ kind }) => kind === "correlation");
  }

  /** @throws InferenceError "invalid" */
  read(request: InferenceRequest): SequenceRequest {
    const { id, isStart, isEnd } = sequencePosition(request.parameters);
    const valid = this.#validator.validate(request, false);
    const control = this.#control;
    const correlation =
      control === undefined ? undefined : correlationElement(id ?? 0n, control, this.#name, request.id);
    if (valid.rows !== 1) {
      throw new InferenceError(
        "invalid",
        `inference request to model '${this.#name}' must specify batch-size 1 due to requirements of sequence batcher`,
      );
    }
    if (id === undefined) {
      throw new InferenceError(
        "invalid",
        `inference request to model '${this.#name}' must specify a non-zero or non-empty correlation ID`,
      );
    }
    const idBytes = typeof id === "string" ? Buffer.byteLength(id) : 0;
    if (idBytes > maxIdBytes) {
      throw new InferenceError(
        "invalid",
        `the sequence_id of a request to model '${this.#name}' has ${idBytes} bytes, expected at most ${maxIdBytes}`,
      );
    }
    return { valid, id, isStart, isEnd, correlation };
  }
}
