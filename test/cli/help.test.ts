import assert from "node:assert/strict";
import { test } from "node:test";
import { renderModelSettingsTable, renderOptionsTable } from "../../src/cli/options-table.ts";
import { describeRange, environmentName, flagName, type Option, serveOptions } from "../../src/config.ts";
import { modelParameters } from "../../src/model/model-parameters.ts";
import { runCommand } from "../support/command-fake.ts";

const commands = ["serve", "infer", "models", "inspect", "health"];

test("help of every command names its arguments, options and examples, within 100 columns", async () => {
  for (const command of commands) {
    const { code, out, err } = await runCommand([command, "--help"]);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, new RegExp(`^Usage: sluice ${command} <`));
    assert.match(out, /\nArguments:\n {2}</);
    assert.match(out, /\nExamples:\n {2}/);
    assert.equal(out, (await runCommand(["help", command])).out);
    const long = out.split("\n").find((line) => line.length > 100 && !/^ {2}(sluice|echo|SLUICE)/.test(line));
    assert.equal(long, undefined);
  }
});

test("help of serve shows every option with its range, default and variable", async () => {
  const { out } = await runCommand(["serve", "--help"]);
  const text = out.replace(/\s+/g, " ");
  for (const [key, option] of Object.entries<Option>(serveOptions)) {
    assert.ok(text.includes(`${flagName(key)} `), key);
    assert.ok(text.includes(environmentName(key)), key);
    assert.ok(text.includes(option.description), key);
    if (option.kind === "integer") assert.ok(text.includes(describeRange(option)), key);
  }
  assert.match(
    text,
    /--grpc-port INTEGER Port of the gRPC server; 0 takes a free one\. \[an integer from 0 to 65535; default: 8001; SLUICE_GRPC_PORT\]/,
  );
  assert.match(text, /--\[no-\]reflection .* \[default: on; SLUICE_REFLECTION\]/);
  assert.doesNotMatch(text, /SLUICE_JSON/);
});

test("sluice alone is wrong use, --help and --version are not", async () => {
  const alone = await runCommand([]);
  assert.deepEqual([alone.code, alone.out], [2, ""]);
  const help = await runCommand(["--help"]);
  assert.deepEqual([help.code, help.out], [0, alone.err]);
  for (const command of commands) assert.match(help.out, new RegExp(`\\n {2}${command} +\\w`));
  const version = await runCommand(["--version"]);
  assert.match(version.out, /^\d+\.\d+\.\d+\n$/);
});

test("misspelt commands, options and variables end with 2 and the nearest name", async () => {
  const cases: readonly (readonly [string, RegExp, Record<string, string>?])[] = [
    ["srve x", /^sluice: unknown command 'srve', did you mean 'serve'\?.*\nTry 'sluice --help'\.\n$/],
    ["--versoin", /unknown option '--versoin'/],
    ["help infr", /did you mean 'infer'/],
    ["serve x --grpc-prot 1", /^sluice serve: .*did you mean '--grpc-port'\?\nTry 'sluice serve --help'\.\n$/],
    ["serve x --grpc-port 70000", /"70000" for --grpc-port, expected an integer from 0 to 65535/],
    [
      "serve x",
      /unknown environment variable SLUICE_GRPC_PROT, did you mean SLUICE_GRPC_PORT/,
      { SLUICE_GRPC_PROT: "1" },
    ],
    ["serve x", /"a" for SLUICE_GRPC_PORT/, { SLUICE_GRPC_PORT: "a" }],
    ["serve", /missing argument <path>/],
  ];
  for (const [line, message, environment] of cases) {
    const { code, out, err } = await runCommand(line.split(" "), "", environment);
    assert.deepEqual([code, out], [2, ""], line);
    assert.match(err, message, line);
  }
});

test("the options table has a row for every option and no value of this machine", () => {
  const table = renderOptionsTable();
  for (const [key, option] of Object.entries<Option>(serveOptions)) {
    assert.ok(table.includes(`${flagName(key)}\`<br>\`${environmentName(key)}\``), key);
    if (option.defaultText !== undefined) assert.ok(table.includes(`\` | ${option.defaultText} | `), key);
  }
  const rows = table.split("\n").filter((line) => line.startsWith("| `"));
  assert.equal(rows.length, Object.keys(serveOptions).length);
  assert.ok(rows.every((line) => line.split(/(?<!\\)\|/).length === 6));
});

test("the table of a model's settings has a line of four cells for each", () => {
  const lines = renderModelSettingsTable().trimEnd().split("\n").slice(2);
  assert.equal(lines.length, Object.keys(modelParameters).length);
  for (const line of lines) assert.match(line, /^\| `sluice_\w+` \| [^|]+ \| [^|]+ \| [^|]+ \|$/);
});
