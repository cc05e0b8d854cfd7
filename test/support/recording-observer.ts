import type { InferenceResponse } from "../../src/inference.ts";
import type { ModelDescription } from "../../src/runtime/model.ts";
import type {
  BatchRecord,
  DecoupledAnswerRecord,
  ModelState,
  ModelStateDetail,
  Observer,
  RequestRecord,
  SequenceEnd,
} from "../../src/runtime/observer.ts";

/** An observer that keeps what it hears. */
export class RecordingObserver implements Required<Observer> {
  readonly admitted: RequestRecord[] = [];
  /** Requests that left the queue for a batch. */
  taken = 0;
  readonly responses: InferenceResponse[] = [];
  readonly decoupledAnswers: DecoupledAnswerRecord[] = [];
  readonly ended: RequestRecord[] = [];
  readonly batches: BatchRecord[] = [];
  /** Sequences with a slot, and without one, as told last. */
  sequences = { active: 0, waiting: 0 };
  readonly sequenceEnds: SequenceEnd[] = [];
  readonly admissionLimits: number[] = [];
  readonly states: { readonly model: string; readonly state: ModelState; readonly detail: ModelStateDetail }[] = [];
  readonly removed: string[] = [];
  readonly processes: string[] = [];

  onAdmitted(_model: ModelDescription, record: RequestRecord): void {
    this.admitted.push(record);
  }
  onTaken(_model: ModelDescription, requests: number): void {
    this.taken += requests;
  }
  onResponse(_model: ModelDescription, _record: RequestRecord, response: InferenceResponse): void {
    this.responses.push(response);
  }
  onDecoupledAnswer(_model: ModelDescription, record: DecoupledAnswerRecord): void {
    this.decoupledAnswers.push(record);
  }
  onEnd(_model: ModelDescription, record: RequestRecord): void {
    this.ended.push(record);
  }
  onBatch(_model: ModelDescription, record: BatchRecord): void {
    this.batches.push(record);
  }
  onSequences(_model: ModelDescription, active: number, waiting: number): void {
    this.sequences = { active, waiting };
  }
  onSequenceEnd(_model: ModelDescription, reason: SequenceEnd): void {
    this.sequenceEnds.push(reason);
  }
  onAdmissionLimit(_model: ModelDescription, limitRows: number): void {
    this.admissionLimits.push(limitRows);
  }
  onModelState(name: string, version: string, state: ModelState, detail: ModelStateDetail): void {
    this.states.push({ model: `${name}/${version}`, state, detail });
  }
  onModelRemoved(name: string, version: string): void {
    this.removed.push(`${name}/${version}`);
  }
  onRuntimeProcess(event: string): void {
    this.processes.push(event);
  }
}
