import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { MonitorReport } from "../monitor-report.ts";
import { parseQuery, queryText, type ReportQuery, selectReport } from "./browser/page-report.ts";
import { loadPageFiles } from "./page-files.ts";

/** What a page is made from. */
export interface MonitorPageOptions {
  /** What is known at this moment of a model version; both empty: of all of them. */
  report(modelName: string, modelVersion: string): MonitorReport | Promise<MonitorReport>;
  /** Alerts that fire now, of all models. */
  firingAlerts(): number;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
}

/** One thing that can be sent. */
interface Answer {
  readonly type: string;
  readonly etag: string;
  readonly body: Buffer;
  /** Absent: too small to be worth it. */
  readonly gzipped: Buffer | undefined;
}

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const headers: Readonly<Record<string, string>> = {
  "content-security-policy": policy,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "cache-control": "no-cache", // kept, but asked for again: `etag` answers in a line
};

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml; charset=utf-8",
};

const reportPath = "report.json";
/** Below this many bytes compressing costs more than it saves. */
const leastGzipBytes = 1024;
/** Several readers who ask for the same within this time get the same answer. */
const reportAgeMs = 900;
/** Answers that are kept for that. */
const maxKeptReports = 16;

const compress = promisify(gzip);

/**
 * The monitor's page: the files that a browser runs, and the report behind it as JSON. Read-only. Files are read when somebody looks for the first
 * time and looked up by name from then on, so that no request reaches the file system.
 */
export class MonitorPage {
  readonly #options: MonitorPageOptions;
  readonly #reports = new Map<string, { readonly atMs: number; readonly answer: Promise<Answer> }>();
  #files: Promise<ReadonlyMap<string, Answer>> | undefined;

  constructor(options: MonitorPageOptions) {
    this.#options = options;
  }

  /**
   * Answers a GET or HEAD request.
   * @param path below the page, decoded; a single empty segment is the page itself
   * @param query what follows the question mark
   */
  async answer(
    path: readonly string[],
    query: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const found = await this.#find(path.join("/"), query);
    if (found === undefined) {
      response.statusCode = 404;
      response.end();
    } else send(found, request, response);
  }

  async #find(name: string, query: string): Promise<Answer | undefined> {
    if (name === reportPath) return await this.#report(query);
    this.#files ??= loadPageFiles().then(answers);
    this.#files.catch(() => (this.#files = undefined));
    return (await this.#files).get(name === "" ? "index.html" : name);
  }

  #report(text: string): Promise<Answer> {
    const query = parseQuery(new URLSearchParams(text));
    const key = queryText(query);
    const nowMs = this.#options.now();
    for (const [old, { atMs }] of this.#reports) if (nowMs - atMs > reportAgeMs) this.#reports.delete(old);
    const kept = this.#reports.get(key);
    if (kept !== undefined) return kept.answer;
    const answer = this.#createAnswer(query);
    if (this.#reports.size < maxKeptReports) this.#reports.set(key, { atMs: nowMs, answer });
    return answer;
  }

  async #createAnswer(query: ReportQuery): Promise<Answer> {
    const report = await this.#options.report(query.model, query.model === "" ? "" : query.version);
    return await reportAnswer(selectReport(report, query, this.#options.firingAlerts()));
  }
}

async function answers(files: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, Answer>> {
  const modules = [...files.keys()].filter((name) => name.endsWith(".js"));
  const preload = modules.map((name) => `    <link rel="modulepreload" href="${name}">\n`).join("");
  const made = [...files].map(async ([name, text]) => {
    // Without these a browser learns of a module only from those that import it, one round trip after the other.
    const body = name === "index.html" ? text.replace("  </head>", `${preload}  </head>`) : text;
    const type = types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream";
    return [name, await createAnswer(type, Buffer.from(body), tagOf(body))] as const;
  });
  return new Map(await Promise.all(made));
}

/** A report's tag leaves out the moment that it was made at: what has not changed otherwise has not changed. */
async function reportAnswer({ at, ...rest }: MonitorReport): Promise<Answer> {
  const text = JSON.stringify(rest);
  const body = Buffer.from(`{"at":${JSON.stringify(at)},${text.slice(1)}`);
  return await createAnswer("application/json; charset=utf-8", body, tagOf(text));
}

async function createAnswer(type: string, body: Buffer, etag: string): Promise<Answer> {
  const gzipped = body.length < leastGzipBytes ? undefined : await compress(body, { level: 4 });
  return { type, etag, body, gzipped };
}

function tagOf(text: string): string {
  return `"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
}

function send({ type, etag, body, gzipped }: Answer, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("etag", etag);
  response.setHeader("vary", "accept-encoding");
  const known = request.headers["if-none-match"]?.split(/\s*,\s*/).map((tag) => tag.replace(/^W\//, ""));
  if (known?.includes(etag) === true) {
    response.statusCode = 304;
    response.end();
    return;
  }
  const isGzipped =
    gzipped !== undefined &&
    /(^|[\s,])gzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(String(request.headers["accept-encoding"] ?? ""));
  if (isGzipped) response.setHeader("content-encoding", "gzip");
  const bytes = isGzipped ? gzipped : body;
  response.setHeader("content-type", type);
  response.setHeader("content-length", bytes.length);
  response.end(request.method === "HEAD" ? undefined : bytes);
}
