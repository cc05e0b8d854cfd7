import type { ServeConfig } from "../config.ts";
import { InferenceError } from "../errors.ts";
import type { LoadOverride, Repository } from "../runtime/repository/repository.ts";

/** One ModelRepositoryParameter: which field is set stands in `parameter_choice`. */
interface RepositoryParameter {
  readonly parameter_choice?: string;
  readonly string_param?: string;
  readonly bytes_param?: Uint8Array;
}

interface ControlRequest {
  readonly repository_name: string;
  readonly model_name: string;
  readonly parameters: Readonly<Record<string, RepositoryParameter>>;
}

/** RepositoryIndex, RepositoryModelLoad and RepositoryModelUnload. */
export function repositoryMethods(repository: Repository, config: Pick<ServeConfig, "allowFileOverrides">) {
  return {
    RepositoryIndex: (request: { readonly repository_name: string; readonly ready: boolean }) => {
      if (request.repository_name !== "") refuseRepositoryName();
      return { models: repository.index(request.ready) };
    },
    RepositoryModelLoad: async (request: ControlRequest) => {
      await repository.load(modelName(request), loadOverride(request.parameters, config.allowFileOverrides));
      return {};
    },
    RepositoryModelUnload: async (request: ControlRequest) => {
      validateUnloadParameters(request.parameters);
      await repository.unload(modelName(request));
      return {};
    },
  };
}

function refuseRepositoryName(): never {
  throw new InferenceError("unsupported", "'repository_name' specification is not supported");
}

/** KServe's own dialect has the model's name in field 1, which is repository_name here: taken as meant when nothing else is said. */
function modelName(request: ControlRequest): string {
  if (request.repository_name !== "" && request.model_name !== "") refuseRepositoryName();
  const name = request.model_name || request.repository_name;
  if (name.trim() === "") {
    throw new InferenceError("invalid", "Model name cannot be empty. Please enter a valid name to deploy.");
  }
  if (name === ".." || name.includes("/")) {
    throw new InferenceError(
      "invalid",
      `invalid model name '${name}', model name must not contain path traversal characters`,
    );
  }
  return name;
}

function loadOverride(
  parameters: Readonly<Record<string, RepositoryParameter>>,
  allowFileOverrides: boolean,
): LoadOverride {
  let config: string | undefined;
  const files = new Map<string, Uint8Array>();
  for (const [key, parameter] of Object.entries(parameters)) {
    if (key === "config") config = typed(key, parameter, "string_param", parameter.string_param);
    else if (key.startsWith("file:"))
      files.set(key.slice(5), typed(key, parameter, "bytes_param", parameter.bytes_param));
    else throw new InferenceError("invalid", `unrecognized load parameter '${key}'.`);
  }
  if (files.size > 0 && !allowFileOverrides) {
    throw new InferenceError(
      "unsupported",
      "model files in load requests are disabled. Start the server with --allow-file-overrides to enable them.",
    );
  }
  if (files.size > 0 && config === undefined) {
    throw new InferenceError(
      "invalid",
      "load parameter 'config' is required when model files are given with 'file:' parameters",
    );
  }
  return { ...(config === undefined ? {} : { config }), ...(files.size === 0 ? {} : { files }) };
}

function typed<T>(key: string, parameter: RepositoryParameter, kind: string, value: T | undefined): T {
  if (parameter.parameter_choice === kind && value !== undefined) return value;
  throw new InferenceError("invalid", `invalid value type for load parameter '${key}', expected ${kind}.`);
}

/** Unknown unload parameters are ignored, as Triton ignores them. Nothing depends on a model here, so the known one changes nothing. */
function validateUnloadParameters(parameters: Readonly<Record<string, RepositoryParameter>>): void {
  const [, dependents] = Object.entries(parameters).find(([key]) => key === "unload_dependents") ?? [];
  if (dependents !== undefined && dependents.parameter_choice !== "bool_param") {
    throw new InferenceError("invalid", "invalid value type for 'unload_dependents' parameter, expected bool_param.");
  }
}
