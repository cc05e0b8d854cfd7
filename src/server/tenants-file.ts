import { parseDocument } from "yaml";
import { nearest } from "../config.ts";
import { InferenceError, shown } from "../errors.ts";

/** What the tenants file says about one tenant, defaults filled in. */
export interface TenantSettings {
  /** How much it is served beside the weights of the others who wait. */
  readonly weight: number;
  /** Most requests, rows of requests and bytes of requests that it may have in the server, waiting and running; Infinity: no limit. */
  readonly maxRequests: number;
  readonly maxRows: number;
  readonly maxBytes: number;
  /** The highest priority level that it may ask for, counted from 1, the highest. */
  readonly highestPriority: number;
}

/** Settings of a tenant that is listed without any, and of the default tenant where it is not listed. */
export const plainSettings: TenantSettings = {
  weight: 1,
  maxRequests: Number.POSITIVE_INFINITY,
  maxRows: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  highestPriority: 1,
};

/** Most tenants of a file: each has its own series in the metrics. */
export const maxTenants = 1000;

/** Largest tenants file, so that a wrong path does not read a model; each tenant has 500 bytes of it. */
export const maxTenantsFileBytes = 512 * 1024;

interface Range {
  readonly isInteger: boolean;
  readonly min: number;
  readonly max: number;
}

const count: Range = { isInteger: true, min: 1, max: Number.MAX_SAFE_INTEGER };

/** Every key of a tenant. A weight of 0 would be a tenant that never runs; beyond a million to one virtual time loses its digits. */
const ranges: Readonly<Record<keyof TenantSettings, Range>> = {
  weight: { isInteger: false, min: 0.001, max: 1000 },
  maxRequests: count,
  maxRows: count,
  maxBytes: count,
  highestPriority: { isInteger: true, min: 1, max: 1000 },
};

/** What a tenant may be called: metadata carries it, metrics show it. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$/;

/**
 * The tenants that a YAML text lists, in its order: `tenants:` name to settings.
 * @throws InferenceError "invalid" for anything else, naming the place, the value and what is allowed.
 */
export function parseTenants(text: string): ReadonlyMap<string, TenantSettings> {
  if (text.length > maxTenantsFileBytes) {
    throw invalid(`the file has ${text.length} characters, more than ${maxTenantsFileBytes}`);
  }
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw invalid(problem.message);
  const root = asMap(readValue(document), "the file");
  refuseUnknown(root, ["tenants"], "the file");
  const listed = asMap(root.get("tenants"), "'tenants'");
  if (listed.size > maxTenants)
    throw invalid(`'tenants' lists ${listed.size} names, at most ${maxTenants} are allowed`);
  return new Map([...listed].map(([name, value]) => [tenantName(name), parseSettings(String(name), value)]));
}

/** Aliases that multiply are refused by the parser here, not above. */
function readValue(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ mapAsMap: true });
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
}

function tenantName(name: unknown): string {
  if (typeof name === "string" && namePattern.test(name)) return name;
  const form = "a text of 1 to 128 letters, digits and . _ : @ / -, beginning with a letter or digit";
  throw invalid(`tenant name ${shown(name)}, expected ${form}`);
}

function parseSettings(name: string, value: unknown): TenantSettings {
  if (value === null) return plainSettings; // `name:` with nothing behind it
  const where = `tenant '${name}'`;
  const given = asMap(value, where);
  refuseUnknown(given, Object.keys(ranges), where);
  const read = (key: keyof TenantSettings): number => {
    const number = given.get(key);
    return number === undefined ? plainSettings[key] : inRange(number, ranges[key], `${where}: ${key}`);
  };
  return {
    weight: read("weight"),
    maxRequests: read("maxRequests"),
    maxRows: read("maxRows"),
    maxBytes: read("maxBytes"),
    highestPriority: read("highestPriority"),
  };
}

function inRange(value: unknown, { isInteger, min, max }: Range, where: string): number {
  const isNumber = typeof value === "number" && (!isInteger || Number.isSafeInteger(value));
  if (isNumber && value >= min && value <= max) return value;
  throw invalid(`${where} is ${shown(value)}, expected ${isInteger ? "an integer" : "a number"} from ${min} to ${max}`);
}

function asMap(value: unknown, where: string): ReadonlyMap<unknown, unknown> {
  if (value instanceof Map) return value;
  throw invalid(`${where} is ${shown(value)}, expected keys and values`);
}

function refuseUnknown(map: ReadonlyMap<unknown, unknown>, known: readonly string[], where: string): void {
  for (const key of map.keys()) {
    if (typeof key === "string" && known.includes(key)) continue;
    const near = nearest(String(key), known);
    const hint = near === undefined ? `expected ${known.join(", ")}` : `did you mean '${near}'?`;
    throw invalid(`${where}: unknown key ${shown(key)}, ${hint}`);
  }
}

function invalid(what: string): InferenceError {
  return new InferenceError("invalid", `tenants file: ${what}`);
}
