import assert from "node:assert/strict";
import { test } from "node:test";
import { maxMonitorFileLength, Section } from "../../../src/monitor/config/section.ts";

const refusal = (text: string) => ({ name: "InferenceError", reason: "refused", message: `monitor.yaml: ${text}` });

function read(text: string): unknown {
  const root = Section.parse(text);
  const inner = root.section("inner");
  const values = {
    count: root.number("count", { default: 5, min: 1, max: 10, isInteger: true }),
    list: root.numbers("list", { min: 0, max: 1 }, 3),
    flag: root.flag("flag", true),
    word: root.choice("word", ["red", "green"]),
    name: inner.text("name"),
    rules: root.sections("rules", 2).map((rule) => rule.text("metric")),
  };
  root.end();
  return values;
}

test("what is not written has its default", () => {
  const defaults = { count: 5, list: [], flag: true, word: undefined, name: undefined, rules: [] };
  assert.deepEqual(read(""), defaults);
  assert.deepEqual(read("inner:\nrules:\ncount:\n"), defaults);
  assert.deepEqual(read("count: 7\nlist: [0.5]\nflag: false\nword: red\ninner: {name: 3}\nrules: [{metric: f1}, {}]"), {
    count: 7,
    list: [0.5],
    flag: false,
    word: "red",
    name: "3",
    rules: ["f1", undefined],
  });
});

for (const [text, message] of [
  ["cuont: 3", "unknown key 'cuont', did you mean 'count'?"],
  ["inner: {nmae: x}", "inner: unknown key 'nmae', did you mean 'name'?"],
  ["rules: [{metric: f1}, {metirc: f1}]", "rules[1]: unknown key 'metirc', did you mean 'metric'?"],
  ["zebra: 3", "unknown key 'zebra', expected inner, count, list, flag, word, rules"],
  ["3: 3", "unknown key 3, expected inner, count, list, flag, word, rules"],
  ["count: 11", "count is 11, expected an integer from 1 to 10"],
  ["count: 1.5", "count is 1.5, expected an integer from 1 to 10"],
  ["count: many", "count is 'many', expected an integer from 1 to 10"],
  ["count: .nan", "count is NaN, expected an integer from 1 to 10"],
  ["list: 3", "list is 3, expected a list"],
  ["list: [0, 2]", "list[1] is 2, expected a number from 0 to 1"],
  ["list: [0, 0, 0, 0]", "list has 4 entries, at most 3 are allowed"],
  ["flag: 1", "flag is 1, expected true or false"],
  ["word: gren", "word is 'gren', expected red, green, did you mean 'green'?"],
  ["inner: 3", "inner is 3, expected keys and values"],
  ["inner: {name: ''}", "inner.name is '', expected a text of 1 to 1024 characters"],
  ["rules: [3]", "rules[0] is 3, expected keys and values"],
  ["[1]", "the file is a list, expected keys and values"],
] as const) {
  test(`refused: ${text}`, () => assert.throws(() => read(text), refusal(message)));
}

test("what is no YAML, too long, or multiplies itself is refused", () => {
  assert.throws(() => read("a: [1"), { reason: "refused" });
  assert.throws(() => read("a: 1\na: 2"), { reason: "refused" });
  assert.throws(() => read("#".repeat(maxMonitorFileLength + 1)), {
    message: `monitor.yaml: the file has ${maxMonitorFileLength + 1} characters, at most ${maxMonitorFileLength} are read`,
  });
  const bomb = ["a: &a [1,1,1,1,1,1,1,1,1,1]"];
  for (const [name, before] of ["ba", "cb", "dc", "ed", "fe", "gf"]) {
    bomb.push(`${name}: &${name} [${new Array(10).fill(`*${before}`).join(",")}]`);
  }
  assert.throws(() => read(bomb.join("\n")), { reason: "refused" });
});
