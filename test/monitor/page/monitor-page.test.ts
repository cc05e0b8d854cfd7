import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { MonitorReport } from "../../../src/monitor/monitor-report.ts";
import { startPageServer } from "../../support/page-server.ts";
import { sampleReport } from "../../support/sample-report.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** A request whose path is sent as it stands: `fetch` would tidy up dots and slashes. */
function ask(base: string, path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const call = request({ hostname, port, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    call.on("error", reject);
    call.end();
  });
}

test("the page and everything that it names are there, under a policy that lets in nothing else", async (context) => {
  const base = await startPageServer(context, sampleReport);
  const page = await ask(base, "/monitor/");
  assert.equal(page.status, 200);
  assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
  const text = page.body.toString();
  assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|https?:/i);
  const named = [...text.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, name]) => name as string);
  assert.ok(named.includes("main.js") && named.includes("views/drift-view.js") && named.includes("uplot.js"));
  for (const name of named) {
    const { status, headers } = await ask(base, `/monitor/${name}`);
    assert.equal(status, 200, name);
    const type = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" }[name.split(".").at(-1) ?? ""];
    assert.equal(headers["content-type"], `${type}; charset=utf-8`, name);
    assert.equal(headers["x-content-type-options"], "nosniff", name);
    assert.match(
      String(headers["content-security-policy"]),
      /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';/,
    );
    assert.doesNotMatch(String(headers["content-security-policy"]), /unsafe|https?:|\*/);
  }
});

test("a folder without its slash leads to the page, also below a path that a proxy adds", async (context) => {
  const base = await startPageServer(context, sampleReport);
  const { status, headers } = await ask(base, "/monitor");
  assert.deepEqual([status, headers.location], [308, "monitor/"]);
});

test("nothing but the page's own files can be read", async (context) => {
  const base = await startPageServer(context, sampleReport);
  const paths = [
    "/monitor/../package.json",
    "/monitor/..%2f..%2f..%2fpackage.json",
    "/monitor/%2e%2e/http.ts",
    "/monitor/views/../../page-files.ts",
    "/monitor//etc/passwd",
    "/monitor/main.ts",
    "/monitor/tsconfig.json",
    "/monitor/views",
    "/monitor/views/",
    "/monitor/index.html/",
    "/monitor/main.js%00.css",
    "/monitor/__proto__",
    "/monitor/constructor",
    "/Monitor/",
  ];
  for (const path of paths) assert.equal((await ask(base, path)).status, 404, path);
  assert.equal((await ask(base, "/monitor/%zz")).status, 400);
});

test("it is read-only", async (context) => {
  const base = await startPageServer(context, sampleReport);
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
    const { status, headers } = await ask(base, "/monitor/report.json", {}, method);
    assert.deepEqual([status, headers.allow], [405, "GET, HEAD"], method);
  }
  const head = await ask(base, "/monitor/report.json", {}, "HEAD");
  assert.deepEqual([head.status, head.body.length], [200, 0]);
  assert.ok(Number(head.headers["content-length"]) > 10_000);
});

test("the report comes as JSON, compressed for those who can read it", async (context) => {
  const base = await startPageServer(context, sampleReport);
  const plain = await ask(base, "/monitor/report.json");
  assert.equal(plain.headers["content-type"], "application/json; charset=utf-8");
  const report = JSON.parse(plain.body.toString()) as MonitorReport;
  assert.deepEqual(report.at, sampleReport().at);
  assert.equal(report.models.length, 5);
  const small = await ask(base, "/monitor/report.json", { "accept-encoding": "br, gzip" });
  assert.equal(small.headers["content-encoding"], "gzip");
  assert.deepEqual(gunzipSync(small.body), plain.body);
  assert.ok(small.body.length < plain.body.length / 3);
  const refused = await ask(base, "/monitor/report.json", { "accept-encoding": "gzip;q=0" });
  assert.equal(refused.headers["content-encoding"], undefined);
});

test("what has not changed does not travel again; the moment of the report alone is no change", async (context) => {
  let seconds = 100;
  let uptime = 0;
  const base = await startPageServer(context, () => ({
    ...sampleReport(),
    at: { seconds: seconds++, nanos: 0 },
    server_version: `1.${uptime}`,
  }));
  const first = await ask(base, "/monitor/report.json?model=digits&version=1");
  const etag = String(first.headers.etag);
  const again = await ask(base, "/monitor/report.json?model=digits&version=1", { "if-none-match": etag });
  assert.deepEqual([again.status, again.body.length], [304, 0]);
  uptime = 1;
  const changed = await ask(base, "/monitor/report.json?model=digits&version=1", { "if-none-match": etag });
  assert.equal(changed.status, 200);
  assert.notEqual(changed.headers.etag, etag);
  const file = await ask(base, "/monitor/main.js");
  assert.equal((await ask(base, "/monitor/main.js", { "if-none-match": `W/${file.headers.etag}` })).status, 304);
});

test("a report that fails is an error of this request only", async (context) => {
  let isBroken = true;
  const base = await startPageServer(context, () => {
    if (isBroken) throw new Error("a monitor is broken");
    return sampleReport();
  });
  assert.equal((await ask(base, "/monitor/report.json")).status, 500);
  isBroken = false;
  assert.equal((await ask(base, "/monitor/report.json")).status, 200);
});
