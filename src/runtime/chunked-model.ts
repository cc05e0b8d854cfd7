import { InferenceError, toInferenceError } from "../errors.ts";
import type { AnswerSource, InferenceRequest, InferenceResponse, Reply, RequestContext } from "../inference.ts";
import type { Chunking } from "../model/chunking.ts";
import { type Gate, openGate } from "./admission/stream-gate.ts";
import { ChunkSource, type ChunkSourceOptions } from "./chunk-source.ts";
import type { Clock } from "./clock.ts";
import type { Model, ModelDescription } from "./model.ts";
import type { Observer } from "./observer.ts";

export interface ChunkedModelOptions {
  readonly chunking: Chunking;
  readonly clock: Clock;
  readonly observers: Required<Observer>;
}

/**
 * A decoupled model made of one that gives a single answer: that answer cut along an axis into several. Whatever the model does with
 * requests, batch them or run them in sequence, stays as it is; each answer has the rows of its own request.
 */
export class ChunkedModel implements Model {
  readonly #model: Model;
  readonly #options: ChunkedModelOptions;

  constructor(model: Model, options: ChunkedModelOptions) {
    this.#model = model;
    this.#options = options;
  }

  get description(): ModelDescription {
    return this.#model.description;
  }

  get gate(): Gate {
    return this.#model.gate ?? openGate;
  }

  infer(request: InferenceRequest, context: RequestContext, reply: Reply): void {
    const { chunking, clock, observers } = this.#options;
    const { description } = this.#model;
    const options: ChunkSourceOptions = {
      chunking,
      context,
      clock,
      onAnswer: (record) => observers.onDecoupledAnswer(description, record),
    };
    this.#model.infer(request, context, {
      respond: (response) => cut(response, options, reply),
      fail: (error) => reply.fail(error),
    });
  }
}

function cut(response: InferenceResponse, options: ChunkSourceOptions, reply: Reply): void {
  let source: ChunkSource;
  try {
    source = new ChunkSource(response, options);
  } catch (error) {
    const sinceArrivalMs = options.clock.now() - options.context.arrivalTimeMs;
    options.onAnswer({ index: 0, outcome: "fail", computeOutputMs: 0, sinceArrivalMs });
    reply.fail(toInferenceError(error));
    return;
  }
  if (reply.respondFrom === undefined) giveAll(source, reply);
  else reply.respondFrom(source);
}

/** For a reply that takes no source. */
function giveAll(source: AnswerSource, reply: Reply): void {
  try {
    for (;;) {
      const answer = source.next();
      if (answer === undefined) throw new InferenceError("runtime", "expected a single response, got 0");
      reply.respond(answer.response, answer.isFinal);
      if (answer.isFinal) return;
    }
  } catch (error) {
    reply.fail(toInferenceError(error));
  }
}
