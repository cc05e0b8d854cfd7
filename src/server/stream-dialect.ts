import type { WireParameters } from "../protocol/parameters.ts";

/** Metadata of a stream that switches something on. */
export function isSwitchedOn(value: string | undefined): boolean {
  return value === "true" || value === "1";
}

/**
 * The id of the requests that a message cancels (`sluice_cancel`); undefined: the message is a request. An empty id cancels nothing, since
 * requests without an id cannot be told apart.
 */
export function cancelledId(parameters: WireParameters): string | undefined {
  if (parameters.size === 0) return undefined;
  const id = parameters.get("sluice_cancel")?.value;
  return typeof id === "string" && id !== "" ? id : undefined;
}

/** Trailing metadata that proves to the caller that nothing was lost, or shows what was. */
export function itemCounts(received: number, answered: number): Readonly<Record<string, string>> {
  return { "sluice-items-received": String(received), "sluice-items-answered": String(answered) };
}
