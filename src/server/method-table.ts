import { assert } from "../errors.ts";
import type { ServiceDefinition } from "../protocol/definitions.ts";
import type { AnyCallHandler } from "./call.ts";

/** The methods of one service and who answers them. */
export interface ServiceHandlers {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, AnyCallHandler>>;
}

/** Handlers by path, `/package.Service/Method`. A method of the definition without a handler is a bug of ours. */
export function handlersByPath(services: readonly ServiceHandlers[]): ReadonlyMap<string, AnyCallHandler> {
  const byPath = new Map<string, AnyCallHandler>();
  for (const { definition, handlers } of services) {
    for (const [name, method] of Object.entries(definition)) {
      const handler = handlers[name];
      assert(handler !== undefined, `no handler for ${method.path}`);
      byPath.set(method.path, handler);
    }
  }
  return byPath;
}

/** Full names of the services, as reflection lists them. */
export function serviceNames(services: readonly ServiceHandlers[]): readonly string[] {
  const names = new Set<string>();
  for (const { definition } of services) {
    for (const method of Object.values(definition)) names.add(method.path.split("/")[1] ?? "");
  }
  return [...names].sort();
}
