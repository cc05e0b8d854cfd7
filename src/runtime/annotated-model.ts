import type { InferenceError } from "../errors.ts";
import type { InferenceRequest, InferenceResponse, Reply, RequestContext, RequestedOutput } from "../inference.ts";
import type { Tensor } from "../tensor.ts";
import { type Gate, openGate } from "./admission/stream-gate.ts";
import type { Annotation, Annotator, Annotators, AnsweredRequest, LeftOutReason } from "./annotator.ts";
import type { Clock } from "./clock.ts";
import type { Model, ModelDescription } from "./model.ts";

/** What annotating takes beside the model. */
export interface AnnotatedModelOptions {
  readonly annotators: Annotators;
  readonly clock: Clock;
}

const nobody: readonly Annotator[] = [];

/**
 * A model whose answers carry more than it answers, where their requests ask for that. The model itself never hears of the outputs that
 * annotators add; requests without them pass through as they are.
 */
export class AnnotatedModel implements Model {
  readonly description: ModelDescription;
  readonly #model: Model;
  readonly #options: AnnotatedModelOptions;

  constructor(model: Model, options: AnnotatedModelOptions) {
    this.description = model.description;
    this.#model = model;
    this.#options = options;
  }

  get gate(): Gate {
    return this.#model.gate ?? openGate;
  }

  infer(request: InferenceRequest, context: RequestContext, reply: Reply): void {
    const annotators = this.#askedBy(request);
    if (annotators.length === 0) {
      this.#model.infer(request, context, reply);
      return;
    }
    const { description } = this;
    const { clock, annotators: all } = this.#options;
    const plan = planOutputs(request, annotators, description);
    const toModel = { ...request, requestedOutputs: plan.requestedOutputs };
    const onLeftOut: AnnotatedReplyOptions["onLeftOut"] = (...what) => all.onLeftOut(description, ...what);
    const options = { clock, request, context, description, annotators, onLeftOut, plan, reply };
    this.#model.infer(toModel, context, new AnnotatedReply(options));
  }

  #askedBy(request: InferenceRequest): readonly Annotator[] {
    const { requestedOutputs, parameters } = request;
    if (requestedOutputs.length === 0 && parameters.size === 0) return nobody;
    const all = this.#options.annotators.of(this.description);
    if (all.length === 0) return nobody;
    return all.filter(
      ({ output, parameter }) =>
        (parameter !== undefined && parameters.has(parameter)) ||
        (output !== undefined && requestedOutputs.some(({ name }) => name === output)),
    );
  }
}

/** What is asked of the model in the place of what its caller asked for. */
interface OutputPlan {
  readonly requestedOutputs: readonly RequestedOutput[];
  /** So many of them are the caller's, the first ones; undefined: all. */
  readonly wantedCount: number | undefined;
}

function planOutputs(
  { requestedOutputs }: InferenceRequest,
  annotators: readonly Annotator[],
  { signature }: ModelDescription,
): OutputPlan {
  if (requestedOutputs.length === 0) return { requestedOutputs, wantedCount: undefined };
  const wanted = requestedOutputs.filter(({ name }) => !annotators.some(({ output }) => output === name));
  const wantedNames = new Set(wanted.map(({ name }) => name)); // fewer than wanted, where one is asked for twice
  const needed = new Set(annotators.flatMap(({ neededOutputs }) => neededOutputs)).difference(wantedNames);
  const [first] = signature.outputs;
  if (wanted.length + needed.size === 0 && first !== undefined) needed.add(first.name); // an empty list would ask for all outputs
  const added = [...needed].map((name) => ({ name, classificationCount: 0 }));
  return { requestedOutputs: [...wanted, ...added], wantedCount: wanted.length };
}

interface AnnotatedReplyOptions {
  readonly clock: Clock;
  readonly request: InferenceRequest;
  readonly context: RequestContext;
  readonly description: ModelDescription;
  /** Those that the request asks for. */
  readonly annotators: readonly Annotator[];
  readonly onLeftOut: (annotator: Annotator, reason: LeftOutReason, error?: unknown) => void;
  readonly plan: OutputPlan;
  readonly reply: Reply;
}

/** The reply of one request between the model and its caller: holds the answer until its annotations are there or given up. */
class AnnotatedReply implements Reply {
  readonly #options: AnnotatedReplyOptions;
  /** One for each annotator; undefined: left out, or not there yet. */
  readonly #annotations: (Annotation | undefined)[];
  #waitingFor = 0;
  #answered: { isOver: boolean } | undefined;

  constructor(options: AnnotatedReplyOptions) {
    this.#options = options;
    this.#annotations = new Array<Annotation | undefined>(options.annotators.length).fill(undefined);
  }

  fail(error: InferenceError): void {
    this.#options.reply.fail(error);
  }

  respond(response: InferenceResponse, isFinal: boolean): void {
    const { context, request, description: model, annotators } = this.#options;
    if (!context.isCancelled) {
      const answered = { model, request, context, rows: rowsOf(request, model), response, isOver: false };
      this.#answered = answered;
      this.#waitingFor = 1; // this loop itself
      for (const [index, annotator] of annotators.entries()) this.#start(index, annotator, answered, isFinal);
      if (--this.#waitingFor > 0) return;
    }
    this.#deliver(response, isFinal);
  }

  #start(index: number, annotator: Annotator, answered: AnsweredRequest, isFinal: boolean): void {
    const { description, clock, context, onLeftOut } = this.#options;
    if (answered.response.modelVersion !== description.version) {
      onLeftOut(annotator, "unavailable"); // a sequence that another version of the model goes on with
      return;
    }
    try {
      const made = annotator.annotate(answered);
      if (!(made instanceof Promise)) {
        this.#keep(index, annotator, made);
        return;
      }
      this.#waitingFor++;
      let isOver = false;
      const once = (end: () => void) => {
        if (isOver) return;
        isOver = true;
        cancelTimer();
        end();
        if (--this.#waitingFor === 0) this.#deliver(answered.response, isFinal);
      };
      const timeoutMs = Math.max(0, Math.min(annotator.timeoutMs, context.deadlineMs - clock.now()));
      const cancelTimer = clock.after(timeoutMs, () => once(() => onLeftOut(annotator, "timeout")));
      made.then(
        (annotation) => once(() => this.#keep(index, annotator, annotation)),
        (error: unknown) => once(() => onLeftOut(annotator, "failed", error)),
      );
    } catch (error) {
      onLeftOut(annotator, "failed", error);
    }
  }

  #keep(index: number, annotator: Annotator, annotation: Annotation | undefined): void {
    this.#annotations[index] = annotation;
    if (annotation === undefined) this.#options.onLeftOut(annotator, "unavailable");
  }

  #deliver(response: InferenceResponse, isFinal: boolean): void {
    const { request, plan, reply } = this.#options;
    if (this.#answered !== undefined) this.#answered.isOver = true;
    const outputs =
      plan.wantedCount === undefined ? response.outputs : this.#inOrder(request.requestedOutputs, response.outputs);
    reply.respond({ ...response, outputs, parameters: this.#parametersOf(response) }, isFinal);
  }

  /** What the caller asked for, in its order. */
  #inOrder(requested: readonly RequestedOutput[], outputs: readonly Tensor[]): readonly Tensor[] {
    const { annotators } = this.#options;
    const ordered: Tensor[] = [];
    let next = 0;
    for (const { name } of requested) {
      const index = annotators.findIndex(({ output }) => output === name);
      const tensor = index < 0 ? outputs[next++] : this.#annotations[index]?.output;
      if (tensor !== undefined) ordered.push(tensor);
    }
    return ordered;
  }

  #parametersOf({ parameters }: InferenceResponse): InferenceResponse["parameters"] {
    if (this.#annotations.every((annotation) => annotation?.parameters === undefined)) return parameters;
    const added = this.#annotations.flatMap((annotation) => [...(annotation?.parameters ?? [])]);
    return new Map([...parameters, ...added]);
  }
}

function rowsOf({ inputs }: InferenceRequest, { signature }: ModelDescription): number {
  return signature.maxBatchSize > 0 ? (inputs[0]?.shape[0] ?? 1) : 1;
}
