import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createLog, type LogLevel } from "../../src/server/log.ts";

function record(format: "text" | "json", level: LogLevel = "info") {
  const lines: string[] = [];
  const now = () => new Date("2026-01-02T03:04:05.678Z");
  return { lines, log: createLog({ level, format, now, write: (line) => void lines.push(line) }) };
}

test("a line names time, level, message and fields", () => {
  const text = record("text");
  text.log.warn("model refused", { model: "seed", bytes: 12, why: "too many nodes", nothing: undefined });
  assert.deepEqual(text.lines, [
    '2026-01-02T03:04:05.678Z WARN  model refused model=seed bytes=12 why="too many nodes"\n',
  ]);
  const json = record("json");
  json.log.error("failed", { model: "seed", bytes: 12, isLast: true });
  assert.deepEqual(JSON.parse(json.lines[0] ?? ""), {
    time: "2026-01-02T03:04:05.678Z",
    level: "error",
    message: "failed",
    fields: { model: "seed", bytes: 12, isLast: true },
  });
});

test("what is less severe than the level is not written", () => {
  const { lines, log } = record("text", "warn");
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  assert.equal(lines.length, 2);
});

test("somebody else hears what is written, as it was given, and nothing else", () => {
  const heard: unknown[] = [];
  const also = (...line: readonly unknown[]) => void heard.push(line);
  const log = createLog({ level: "warn", format: "text", write: () => {}, also });
  const error = new Error("why");
  log.info("too little");
  log.warn("careful", { error });
  log.error("bad");
  assert.deepEqual(heard, [
    ["warn", "careful", { error }],
    ["error", "bad", {}],
  ]);
});

test("errors come with their stack and causes", () => {
  const { lines, log } = record("text");
  log.error("failed", { error: new Error("outer", { cause: new Error("inner") }) });
  assert.match(lines[0] ?? "", /Error: outer.*caused by: Error: inner/);
  assert.equal(lines[0]?.trim().includes("\n"), false);
});

test("no name can forge a line, drive a terminal or break the JSON", () => {
  const evil = ["a\nINFO forged", "\u001b[2J", '", "level":"error', "\u2028", "\u202egnp.exe", "\ud800", "a\r\u0000b"];
  for (const name of evil) {
    for (const format of ["text", "json"] as const) {
      const { lines, log } = record(format);
      log.info(`request ${name}`, { name, [name]: 1 });
      const line = lines[0] ?? "";
      assert.equal(line.split("\n").length, 2, format);
      assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\u2028\u2029]/u);
      assert.ok(line.isWellFormed());
      if (format === "json") assert.equal(JSON.parse(line).level, "info");
    }
  }
});

test("any text at all stays one line", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const { lines, log } = record("json");
      log.info(text, { text });
      JSON.parse(lines[0] ?? "");
      assert.doesNotMatch((lines[0] ?? "").slice(0, -1), /[\p{Cc}\u2028\u2029]/u);
    }),
  );
});

test("long values are cut, and what cannot be printed does not throw", () => {
  const { lines, log } = record("text");
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  log.info("x".repeat(100_000), { long: "y".repeat(100_000), circular, big: { n: 1n } });
  assert.ok((lines[0]?.length ?? 0) < 10_000);
});
