import assert from "node:assert/strict";
import { test } from "node:test";
import {
  asksForHelp,
  type CommandOption,
  parseArguments,
  resolveOptions,
  UsageError,
} from "../../src/cli/arguments.ts";

const table = {
  batchSize: { kind: "integer", default: 8, min: 0, max: 64, unit: "rows", group: "Request", description: "Rows." },
  ratio: { kind: "number", default: 0.5, min: -1, max: 1, group: "Request", description: "Ratio." },
  output: { kind: "string", default: "-", group: "Request", description: "File." },
  ignore: { kind: "list", default: [], group: "Request", description: "Columns." },
  format: { kind: "choice", choices: ["table", "json"], default: "table", group: "Request", description: "Form." },
  reflection: { kind: "boolean", default: true, group: "Request", description: "On." },
  json: { kind: "boolean", default: false, group: "Request", description: "Off." },
} as const satisfies Record<string, CommandOption>;

const path = [{ name: "path", description: "A file." }] as const;

test("arguments are read in every way they can be written", () => {
  const cases: readonly (readonly [line: string, given: object, positionals?: readonly string[]])[] = [
    ["p", {}],
    ["--batch-size 5 p", { batchSize: 5 }],
    ["p --batch-size=5", { batchSize: 5 }],
    ["p --batch-size 5 --batch-size 6", { batchSize: 6 }],
    ["p --ratio -0.25", { ratio: -0.25 }],
    ["p --output=a=b", { output: "a=b" }],
    ["p --output -", { output: "-" }],
    ["p --ignore a --ignore b,c", { ignore: ["a", "b,c"] }],
    ["p --format json", { format: "json" }],
    ["p --json", { json: true }],
    ["--json p", { json: true }],
    ["p --json=false", { json: false }],
    ["p --no-reflection", { reflection: false }],
    ["-", {}, ["-"]],
    ["--json -- --json", { json: true }, ["--json"]],
  ];
  for (const [line, given, positionals = ["p"]] of cases) {
    assert.deepEqual(parseArguments(line.split(" "), table, path), { positionals, given }, line);
  }
});

test("wrong use is refused with what is allowed and the nearest name", () => {
  const cases: readonly (readonly [line: string, message: RegExp])[] = [
    ["", /missing argument <path>: A file/],
    ["p q", /unexpected argument 'q', expected <path> and options/],
    ["p --bach-size 5", /unknown option '--bach-size', did you mean '--batch-size'\?/],
    ["p --zzzzzzzzz", /unknown option '--zzzzzzzzz'$/],
    ["p -x", /unknown option '-x'/],
    ["p -json", /unknown option '-json', did you mean '--json'\?/],
    ["p --batch-size", /--batch-size needs a value/],
    ["p --batch-size 65", /"65" for --batch-size, expected an integer from 0 to 64 rows/],
    ["p --batch-size 1.5", /expected an integer/],
    ["p --batch-size=", /expected an integer/],
    ["p --ratio two", /"two" for --ratio, expected a number from -1 to 1/],
    ["p --format jsn", /expected one of table, json; did you mean 'json'\?/],
    ["p --json=maybe", /"maybe" for --json, expected true or false/],
    ["p --no-output", /unknown option '--no-output'/],
    ["p --no-json=true", /unknown option '--no-json=true'/],
  ];
  for (const [line, message] of cases) {
    const argv = line === "" ? [] : line.split(" ");
    assert.throws(
      () => parseArguments(argv, table, path),
      (error) => error instanceof UsageError && message.test(error.message),
      line,
    );
  }
});

test("a flag wins over the environment, and that over the default", () => {
  const options = resolveOptions(table, { batchSize: 1 }, { batchSize: 2, output: "e" });
  assert.deepEqual(options, {
    batchSize: 1,
    ratio: 0.5,
    output: "e",
    ignore: [],
    format: "table",
    reflection: true,
    json: false,
  });
});

test("help is asked for before the end of the flags", () => {
  assert.deepEqual(
    [["x", "--help"], ["-h"], ["x"], ["--", "--help"]].map((argv) => asksForHelp(argv)),
    [true, true, false, false],
  );
});
