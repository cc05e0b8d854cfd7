import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openTable } from "../../src/training/table-file.ts";
import { runCommand } from "../support/command-fake.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const x = (data: unknown, more: object = {}) => ({ name: "x", datatype: "FP32", shape: [2, 2], data, ...more });
const y = (data: unknown) => ({ name: "y", datatype: "BYTES", shape: [2], data });
const request = (more: object = {}) => ({
  time: "2026-01-02T03:04:05.678Z",
  model: "m",
  version: "1",
  id: "a",
  prediction_id: "p",
  rows: 2,
  status: "OK",
  inputs: [
    x([
      [1, 0.1],
      ["NaN", 4],
    ]),
  ],
  outputs: [y(["no", { b64: "/w==" }])],
  ...more,
});

/** A folder with files of lines. */
function logOf(context: TestContext, files: Readonly<Record<string, readonly (object | string)[]>>): string {
  const folder = join(temporaryFolder(context), "payloads");
  mkdirSync(folder);
  for (const [name, lines] of Object.entries(files)) {
    const text = lines.map((line) => (typeof line === "string" ? line : `${JSON.stringify(line)}\n`)).join("");
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

test("rows of requests become rows of a table, with what joins them in front", async (context) => {
  const folder = logOf(context, { "m@1@2.jsonl": [request({ id: "b" })], "m@2@1.jsonl": [request()] });
  const { code, out, err } = await runCommand(["payloads", folder]);
  const time = "2026-01-02T03:04:05.678Z";
  assert.equal(
    out,
    `time,id,prediction_id,row,x_0,x_1,y\n${["a", "b"].map((id) => `${time},${id},p,0,1,0.1,no\n${time},${id},p,1,NaN,4,base64:/w==\n`).join("")}`,
  );
  assert.deepEqual([code, err], [0, "4 rows of 2 requests\n"]);
});

test("JSON Lines and Parquet hold the same, and files get their name when they are complete", async (context) => {
  const folder = logOf(context, { "m@1@1.jsonl": [request()] });
  for (const name of ["t.jsonl", "t.parquet"]) {
    const output = join(folder, "..", name);
    assert.equal((await runCommand(["payloads", folder, "--output", output, "--tensor", "x", "--no-keys"])).code, 0);
    const table = await openTable(output, process.stdin);
    assert.equal(table.rowCount ?? readFileSync(output, "utf8").trim().split("\n").length, 2, name);
    assert.equal(statSync(output).mode & 0o077, 0, "as closed to others as the log");
    assert.ok(!existsSync(`${output}.partial`));
  }
  assert.equal(readFileSync(join(folder, "..", "t.jsonl"), "utf8"), '{"x":[1,0.1]}\n{"x":["NaN",4]}\n');
});

test("requests that cannot be rows are left out and counted; of those that were cut the kept rows stay", async (context) => {
  const lines = [
    request(),
    request({ status: "runtime", outputs: undefined }),
    request({ inputs: [x(undefined, { cut: true, head: [1] })] }),
    request({ inputs: [x([[7, 8]], { cut: true })] }),
    request({ inputs: [x(undefined, { redacted: true })] }),
    request({ inputs: [x([[1], [2]], { shape: [2, 1] })] }),
    request({ inputs: 5 }),
    '{"time": "2026-01-0',
  ];
  const folder = logOf(context, { "m@1@1.jsonl": lines });
  const { out, err } = await runCommand(["payloads", folder, "--tensor", "x", "--no-keys"]);
  assert.equal(out, "x_0,x_1\n1,0.1\nNaN,4\n1,0.1\nNaN,4\n7,8\n");
  assert.equal(err, "5 rows of 8 requests; requests left out: 2 broken, 1 cut, 1 redacted, 1 different\n");
  const all = await runCommand(["payloads", folder]);
  assert.match(all.err, /1 failed/);
});

test("redacted columns are NaN or empty, redacted tensors no columns", async (context) => {
  const line = request({
    inputs: [
      x([
        [null, 1],
        [null, 2],
      ]),
    ],
    outputs: [y([null, "b"]), { ...y(undefined), name: "z", redacted: true }],
  });
  const folder = logOf(context, { "m@1@1.jsonl": [line] });
  assert.equal((await runCommand(["payloads", folder, "--no-keys"])).out, "x_0,x_1,y\nNaN,1,\nNaN,2,b\n");
});

test("integers beyond 2^53 stay what they are", async (context) => {
  const long = { name: "x", datatype: "INT64", shape: [1], data: [1] };
  const folder = logOf(context, {
    "m@1@1.jsonl": [request({ rows: 1, inputs: [long], outputs: [] })],
    "m@1@2.jsonl": [
      `${JSON.stringify(request({ rows: 1, inputs: [long], outputs: [] })).replace('"data":[1]', '"data":[9007199254740993]')}\n`,
    ],
  });
  assert.equal((await runCommand(["payloads", folder, "--no-keys"])).out, "x\n1\n9007199254740993\n");
});

test("what cannot be meant is told", async (context) => {
  const folder = logOf(context, { "m@1@1.jsonl": [request()], "n@1@2.jsonl": [request({ model: "n" })] });
  const several = await runCommand(["payloads", folder]);
  assert.equal(several.code, 2);
  assert.match(several.err, /requests of 'm' and of 'n': choose one with --model-name/);
  assert.match((await runCommand(["payloads", folder, "--model-name", "n"])).err, /^2 rows of 1 requests/);
  const none = await runCommand(["payloads", folder, "--model-name", "x", "--output", join(folder, "o.csv")]);
  assert.deepEqual([none.code, none.err, existsSync(join(folder, "o.csv"))], [1, "0 rows of 0 requests\n", false]);
  assert.match((await runCommand(["payloads", join(folder, "absent")])).err, /there is no such file or folder/);
  assert.match((await runCommand(["payloads", logOf(context, {})])).err, /has no \.jsonl files/);
});
