import protobuf from "protobufjs";
import { descriptorSet } from "./definitions.ts";

let responseType: protobuf.Type | undefined;

/**
 * The report in the bytes of a GetMonitorReportResponse: plain objects with the field names of the .proto, enums as names, counts as numbers
 * (exact to 2^53). What is absent is absent, also where it is a whole message.
 * @throws Error for bytes that are no such message
 */
export function decodeMonitorReport(bytes: Buffer): object {
  responseType ??= protobuf.Root.fromDescriptor(descriptorSet(), { keepCase: true }).lookupType(
    "sluice.monitor.v1.GetMonitorReportResponse",
  );
  const response = responseType.toObject(responseType.decode(bytes), { longs: Number, enums: String, defaults: true });
  return withoutNulls((response as { readonly report?: object | null }).report ?? { models: [] }); // its one field
}

/** protobufjs writes null for an absent message when it is asked for defaults. */
function withoutNulls<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutNulls) as T; // each entry keeps its type
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutNulls(field)])) as T; // the same fields
}
