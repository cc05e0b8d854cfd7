import type { Reason } from "../../errors.ts";
import type { ModelDescription } from "../../runtime/model.ts";
import type { BatchRecord, ModelState, ModelStateDetail, Observer, RequestRecord } from "../../runtime/observer.ts";
import { maxModelVersions } from "./attribute-values.ts";
import { familyHeading, labelText } from "./prometheus-text.ts";

/** Triton's words for why a request failed, in the order of the page. */
const failureReasons = ["REJECTED", "CANCELED", "BACKEND", "OTHER"] as const;

type FailureReason = (typeof failureReasons)[number];

/**
 * What each of our reasons is in Triton's words. More is REJECTED than at Triton, which counts only what waited too long; what it refuses at
 * once or does not understand it counts nowhere (docs/compatibility.md).
 */
const failureOf: Readonly<Record<Reason, FailureReason>> = {
  invalid: "OTHER",
  not_found: "OTHER",
  shed: "REJECTED",
  queue_full: "REJECTED",
  concurrency_limit: "REJECTED",
  overload: "REJECTED",
  queue_timeout: "REJECTED",
  draining: "REJECTED",
  loading: "REJECTED",
  restarting: "REJECTED",
  sequence_lost: "BACKEND",
  quota: "REJECTED",
  too_large: "OTHER",
  deadline: "REJECTED",
  cancelled: "CANCELED",
  unauthenticated: "OTHER",
  forbidden: "OTHER",
  refused: "OTHER",
  unsupported: "OTHER",
  runtime: "BACKEND",
  internal: "OTHER",
};

/** Whole microseconds, as Triton adds them up; a clock that seems to have run backwards counts as no time. */
function microseconds(milliseconds: number): number {
  return Math.max(0, Math.floor(milliseconds * 1000));
}

/** The counters of one load of a model version. */
class Counters {
  success = 0;
  readonly failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 };
  rows = 0;
  executions = 0;
  requestUs = 0;
  queueUs = 0;
  computeInputUs = 0;
  computeInferUs = 0;
  computeOutputUs = 0;
  waiting = 0;
  readonly model: string;
  readonly version: string;

  constructor(model: string, version: string) {
    this.model = labelText({ model });
    this.version = labelText({ version });
  }
}

interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly read: (counters: Counters) => number;
}

const failureFamily = {
  name: "nv_inference_request_failure",
  type: "counter",
  help: "Requests that ended without an answer, by reason.",
} as const;

/** The families with one series a model version; {@link failureFamily} comes after the first. */
const families: readonly [Family, ...Family[]] = [
  {
    name: "nv_inference_request_success",
    type: "counter",
    help: "Requests answered; one of several rows counts once.",
    read: ({ success }) => success,
  },
  {
    name: "nv_inference_count",
    type: "counter",
    help: "Rows of the requests answered.",
    read: ({ rows }) => rows,
  },
  {
    name: "nv_inference_exec_count",
    type: "counter",
    help: "Executions of the model.",
    read: ({ executions }) => executions,
  },
  {
    name: "nv_inference_request_duration_us",
    type: "counter",
    help: "Time of the requests answered, from arrival to reply, microseconds.",
    read: ({ requestUs }) => requestUs,
  },
  {
    name: "nv_inference_queue_duration_us",
    type: "counter",
    help: "Time of the requests answered in the queue, microseconds.",
    read: ({ queueUs }) => queueUs,
  },
  {
    name: "nv_inference_compute_input_duration_us",
    type: "counter",
    help: "Time of the requests answered for handing over inputs, microseconds.",
    read: ({ computeInputUs }) => computeInputUs,
  },
  {
    name: "nv_inference_compute_infer_duration_us",
    type: "counter",
    help: "Time of the requests answered in the model's run, microseconds.",
    read: ({ computeInferUs }) => computeInferUs,
  },
  {
    name: "nv_inference_compute_output_duration_us",
    type: "counter",
    help: "Time of the requests answered for taking outputs, microseconds.",
    read: ({ computeOutputUs }) => computeOutputUs,
  },
  {
    name: "nv_inference_pending_request_count",
    type: "gauge",
    help: "Requests that wait for their execution.",
    read: ({ waiting }) => Math.max(0, waiting),
  },
];

function keyOf(name: string, version: string): string {
  return `${name}\u0000${version}`;
}

/**
 * The metrics of Triton under their own names, for dashboards and scaling rules that exist: all series of a version are there with 0 from its
 * load and gone with its unload. Durations add up answered requests only. Text of its own, because these counters have no `_total`.
 */
export class TritonMetrics implements Observer {
  readonly #versions = new Map<string, Counters>();
  /** A description is one load: what ends after it was replaced falls into counters that nobody reads. */
  readonly #byDescription = new WeakMap<ModelDescription, Counters>();

  onAdmitted(model: ModelDescription, _record: RequestRecord): void {
    this.#find(model).waiting++;
  }

  onTaken(model: ModelDescription, requests: number): void {
    this.#find(model).waiting -= requests;
  }

  onEnd(model: ModelDescription, record: RequestRecord): void {
    const counters = this.#find(model);
    if (record.takenMs === 0 && record.queuedMs > 0) counters.waiting--;
    if (record.error !== undefined) {
      counters.failures[failureOf[record.error.reason]]++;
      return;
    }
    counters.success++;
    counters.rows += record.rows;
    counters.requestUs += microseconds(record.endedMs - record.context.arrivalTimeMs);
    counters.queueUs += microseconds(record.takenMs - record.queuedMs);
    counters.computeInputUs += microseconds(record.computeInputMs);
    counters.computeInferUs += microseconds(record.computeInferMs);
    counters.computeOutputUs += microseconds(record.computeOutputMs);
  }

  onBatch(model: ModelDescription, { error }: BatchRecord): void {
    if (error === undefined) this.#find(model).executions++;
  }

  onModelState(name: string, version: string, state: ModelState, detail: ModelStateDetail): void {
    if (state !== "READY" || detail.description === undefined) return;
    const key = keyOf(name, version);
    const known = detail.loadMs === undefined ? this.#versions.get(key) : undefined; // without a load it is only ready again
    const counters = known ?? new Counters(name, version);
    if (known !== undefined || this.#versions.has(key) || this.#versions.size < maxModelVersions) {
      this.#versions.set(key, counters);
    }
    this.#byDescription.set(detail.description, counters);
  }

  onModelRemoved(name: string, version: string): void {
    this.#versions.delete(keyOf(name, version));
  }

  #find(model: ModelDescription): Counters {
    let counters = this.#byDescription.get(model);
    if (counters === undefined) {
      counters = new Counters(model.name, model.version); // of a model that was never announced: counted, not shown
      this.#byDescription.set(model, counters);
    }
    return counters;
  }

  /** All families as Prometheus text, each with its lines together, piece by piece. */
  *text(): Generator<string> {
    const all = [...this.#versions.values()];
    if (all.length === 0) return;
    const [success, ...others] = families;
    yield* familyText(success, all);
    yield familyHeading(failureFamily.name, failureFamily.type, failureFamily.help);
    for (const { model, version, failures } of all) {
      for (const reason of failureReasons) {
        yield `${failureFamily.name}{${model},reason="${reason}",${version}} ${failures[reason]}\n`;
      }
    }
    for (const family of others) yield* familyText(family, all);
  }
}

function* familyText({ name, type, help, read }: Family, all: readonly Counters[]): Generator<string> {
  yield familyHeading(name, type, help);
  for (const counters of all) yield `${name}{${counters.model},${counters.version}} ${read(counters)}\n`;
}
