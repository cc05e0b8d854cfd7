import type { Answer } from "./exchange.ts";
import type { Plain } from "./messages.ts";

/** Fields of a configuration that name the backend, which is another one here. */
const backendFields = ["backend", "platform", "default_model_filename"];

const byNameAndVersion = (a: Plain, b: Plain) =>
  `${a.name} ${a.version ?? ""}` < `${b.name} ${b.version ?? ""}` ? -1 : 1;

/** Takes out of an answer what cannot be equal: durations, the clock, the backend's name, the order of lists that have none. */
export function normalize(method: string, answer: Answer): Answer {
  const change = changes[method];
  return change === undefined ? answer : { ...answer, responses: answer.responses.map(change) };
}

const changes: Readonly<Record<string, (response: Plain) => Plain>> = {
  ModelStatistics: ({ model_stats = [] }) => ({ model_stats: model_stats.map(withoutTime).sort(byNameAndVersion) }),
  ModelConfig: ({ config = {} }) => ({
    config: Object.fromEntries(Object.entries(config).filter(([field]) => !backendFields.includes(field))),
  }),
  ModelMetadata: ({ platform: _, ...rest }) => rest,
  RepositoryIndex: ({ models = [] }) => ({ models: [...models].sort(byNameAndVersion) }),
};

function withoutTime({ last_inference, ...counters }: Plain): Plain {
  return { has_run: last_inference !== undefined, ...(withoutDurations(counters) as Plain) };
}

function withoutDurations(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDurations);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "ns" && key !== "memory_usage")
      .map(([key, item]) => [key, withoutDurations(item)]),
  );
}
