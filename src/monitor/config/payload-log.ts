import type { Signature, TensorSpec } from "../../inference.ts";
import { refused, type Section } from "./section.ts";

/** What may be written of a request, beside model, time, rows and status. */
export const payloadContents = ["inputs", "outputs", "parameters", "timing"] as const;

export type PayloadContent = (typeof payloadContents)[number];

/** What is left out of every record. */
export interface Redaction {
  /** Names of inputs and outputs of which only datatype and shape are written. */
  readonly tensors: ReadonlySet<string>;
  /** Columns of inputs and outputs whose values are written as null: the place of a value in its row, from 0. */
  readonly columns: ReadonlyMap<string, ReadonlySet<number>>;
  /** Names of parameters that are left out. */
  readonly parameters: ReadonlySet<string>;
  /** Request and prediction ids are left out. */
  readonly hasNoIds: boolean;
  /** Tenants are left out. */
  readonly hasNoTenant: boolean;
}

/** Section `payloadLog` of monitor.yaml, defaults filled in. */
export interface PayloadLogConfig {
  /** Share of requests that are written, 0 to 1; 0: there is no payload log. */
  readonly share: number;
  /** Most requests a second that are written. */
  readonly maxPerSecond: number;
  readonly contents: ReadonlySet<PayloadContent>;
  /** Bytes of tensors that are kept of one request; what is larger is cut. */
  readonly maxRecordBytes: number;
  /** A file is complete once it has so many bytes or is so old. */
  readonly maxFileBytes: number;
  readonly maxFileSeconds: number;
  /** Bytes of all files of the model; the oldest ones go. */
  readonly maxTotalBytes: number;
  readonly redaction: Redaction;
}

const mebibyte = 1024 * 1024;
const maxRedactions = 1000;

/** Ranges and defaults of the section's numbers. */
const rules = {
  share: { default: 0, min: 0, max: 1 },
  maxPerSecond: { default: 10, min: 0.001, max: 100_000 },
  maxRecordBytes: { default: 16 * 1024, min: 64, max: 4 * mebibyte, isInteger: true },
  maxFileBytes: { default: 64 * mebibyte, min: 64 * 1024, max: 1024 * 1024 * mebibyte, isInteger: true },
  maxFileSeconds: { default: 3600, min: 1, max: 366 * 86_400 },
  maxTotalBytes: { default: 1024 * mebibyte, min: 128 * 1024, max: 1024 * 1024 * mebibyte, isInteger: true },
} as const;

/** Reads the section. @throws InferenceError "refused" */
export function readPayloadLogConfig(section: Section): PayloadLogConfig {
  const config: PayloadLogConfig = {
    share: section.number("share", rules.share),
    maxPerSecond: section.number("maxPerSecond", rules.maxPerSecond),
    contents: readContents(section),
    maxRecordBytes: section.number("maxRecordBytes", rules.maxRecordBytes),
    maxFileBytes: section.number("maxFileBytes", rules.maxFileBytes),
    maxFileSeconds: section.number("maxFileSeconds", rules.maxFileSeconds),
    maxTotalBytes: section.number("maxTotalBytes", rules.maxTotalBytes),
    redaction: readRedaction(section.section("redact")),
  };
  if (config.maxFileBytes * 2 > config.maxTotalBytes) {
    const half = Math.floor(config.maxTotalBytes / 2);
    throw section.invalid("maxFileBytes", config.maxFileBytes, `at most half of maxTotalBytes, ${half}`);
  }
  return config;
}

function readContents(section: Section): ReadonlySet<PayloadContent> {
  if (!section.has("record")) return new Set(payloadContents);
  const words = section.texts("record", payloadContents.length);
  return new Set(
    words.map((word) => {
      const content = payloadContents.find((known) => known === word);
      if (content === undefined) throw section.invalid("record", word, `a list of ${payloadContents.join(", ")}`);
      return content;
    }),
  );
}

function readRedaction(section: Section): Redaction {
  const columns = section.section("columns");
  const column = { min: 0, max: 1e9, isInteger: true };
  return {
    tensors: new Set(section.texts("tensors", maxRedactions)),
    columns: new Map(
      columns.keys().map((name) => {
        const hidden = columns.numbers(name, column, maxRedactions);
        if (hidden.length === 0) throw columns.invalid(name, undefined, "a list of columns");
        return [name, new Set(hidden)];
      }),
    ),
    parameters: new Set(section.texts("parameters", maxRedactions)),
    hasNoIds: section.flag("ids", false),
    hasNoTenant: section.flag("tenant", false),
  };
}

/**
 * Looks whether what is to be redacted exists: a name that is misspelt would let values into the log that must not be there.
 * @throws InferenceError "refused"
 */
export function checkRedaction({ tensors, columns }: Redaction, signature: Signature): void {
  const specs = new Map([...signature.inputs, ...signature.outputs].map((spec) => [spec.name, spec]));
  const names = [...specs.keys()].join(", ");
  for (const name of tensors) {
    if (!specs.has(name)) throw refused(`payloadLog.redact.tensors has '${name}', the model has ${names}`);
  }
  for (const [name, hidden] of columns) {
    const spec = specs.get(name);
    if (spec === undefined) throw refused(`payloadLog.redact.columns has '${name}', the model has ${names}`);
    if (hasLooseColumns(spec, signature.maxBatchSize > 0)) {
      throw refused(
        `payloadLog.redact.columns has '${name}', whose rows have no fixed shape, [${spec.dims}]: name it under payloadLog.redact.tensors`,
      );
    }
    const width = widthOf(spec);
    const beyond = [...hidden].find((column) => column >= width);
    if (beyond !== undefined) {
      throw refused(`payloadLog.redact.columns.${name} has column ${beyond}, a row has columns 0 to ${width - 1}`);
    }
  }
}

/** Whether a place in a row means another thing from request to request, so that no list of places hides what is meant. */
function hasLooseColumns({ dims }: TensorSpec, isBatched: boolean): boolean {
  return dims.some((dimension) => dimension < 0) && (!isBatched || dims.length > 1);
}

/** Values of a row; Infinity where that differs from request to request. */
function widthOf({ dims }: TensorSpec): number {
  return dims.some((dimension) => dimension < 0)
    ? Number.POSITIVE_INFINITY
    : dims.reduce((product, dimension) => product * dimension, 1);
}
