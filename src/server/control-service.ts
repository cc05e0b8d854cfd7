import type { ServeConfig } from "../config.ts";
import type { Repository } from "../runtime/repository/repository.ts";
import { type Admission, drainingError } from "./admission.ts";
import type { AnyCallHandler } from "./call.ts";
import type { Log } from "./log.ts";
import { modelMethods } from "./model-methods.ts";
import { repositoryMethods } from "./repository-methods.ts";
import { serverMethods } from "./server-methods.ts";
import { type UnaryMethod, unaryMethod } from "./unary-method.ts";
import { unsupportedMethods } from "./unsupported-methods.ts";

/** The 18 methods of the inference service that carry no tensors. All of them are refused while the server stops. */
export function controlHandlers(
  repository: Repository,
  admission: Admission,
  config: Pick<ServeConfig, "allowFileOverrides">,
  log: Log,
): Readonly<Record<string, AnyCallHandler>> {
  const refusedWhenDraining = {
    ...modelMethods(repository),
    ...repositoryMethods(repository, config),
    ...unsupportedMethods,
  };
  const handlers: Record<string, AnyCallHandler> = {};
  // Each method takes its own message, which the definition's deserializer makes: the table cannot say more than that.
  for (const [name, method] of Object.entries(refusedWhenDraining) as [string, UnaryMethod<never, unknown>][]) {
    handlers[name] = unaryMethod<never, unknown>((request, call) => {
      if (admission.isDraining) throw drainingError();
      return method(request, call);
    }, log);
  }
  for (const [name, method] of Object.entries<UnaryMethod<never, unknown>>(serverMethods(repository, admission))) {
    handlers[name] = unaryMethod(method, log);
  }
  return handlers;
}
