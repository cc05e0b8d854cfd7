import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { resolveConfig } from "../../src/config.ts";
import type { ReferenceProfile, SignalProfile } from "../../src/model/package-messages.ts";
import { decodeProfile } from "../../src/model/reference-profile.ts";
import { startServer } from "../../src/serve.ts";
import { describeNumbers } from "../../src/statistics/row-statistics.ts";
import { runCommand } from "../support/command-fake.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const mixed = ["age,colour,level,target", "30,red,1,yes", "40,green,2,no", "nan,red,2,yes", "50,red,1,yes", ""].join(
  "\n",
);

async function profileOf(argv: readonly string[], input = ""): Promise<ReferenceProfile> {
  const { code, out, err } = await runCommand(["profile", ...argv], input);
  assert.equal(code, 0, err);
  return decodeProfile(Buffer.from(out));
}

const byName = ({ signals }: ReferenceProfile, name: string): SignalProfile => {
  const signal = signals.find((candidate) => candidate.name === name);
  assert.ok(signal, `${name} is not among ${signals.map((known) => known.name)}`);
  return signal;
};

test("a table with text: each column is an input of its name", async () => {
  const profile = await profileOf(
    ["-", "--target", "target", "--categorical", "level", "--model-name", "m", "--labels", "no,yes"],
    mixed,
  );
  assert.deepEqual([profile.row_count, profile.model_name, profile.labels], [4, "m", ["no", "yes"]]);
  assert.deepEqual(
    profile.signals.map(({ name, tensor, datatype }) => [name, tensor, datatype]),
    [
      ["age", "age", "FP32"],
      ["colour", "colour", "BYTES"],
      ["level", "level", "FP32"],
    ],
  );
  const { numeric } = byName(profile, "age");
  assert.deepEqual([numeric?.count, numeric?.null_count, numeric?.mean], [3, 1, 40]);
  assert.deepEqual(byName(profile, "colour").categorical?.categories, [
    { text: "green", count: 1 },
    { text: "red", count: 3 },
  ]);
  assert.deepEqual(byName(profile, "level").categorical?.categories, [
    { code: 1, count: 2 },
    { code: 2, count: 2 },
  ]);
});

test("a table of numbers is one input, and the same table gives the same profile", async () => {
  const table = ["a,b", ...Array.from({ length: 300 }, (_, i) => `${i},${(i * 37) % 101}`), ""].join("\n");
  const argv = ["-", "--tensor", "x", "--datatype", "FP64", "--bins", "5"];
  const profile = await profileOf(argv, table);
  assert.deepEqual(
    profile.signals.map(({ name, tensor, column, datatype }) => [name, tensor, column, datatype]),
    [
      ["a", "x", 0, "FP64"],
      ["b", "x", 1, "FP64"],
    ],
  );
  assert.deepEqual(byName(profile, "a").numeric?.counts, [60, 60, 60, 60, 60]);
  assert.deepEqual(profile.anomaly?.signals, ["a", "b"]);
  assert.deepEqual(await profileOf(argv, table), profile);
});

test("numbers are taken as the input takes them, so that a value at an edge is in the same bin when it comes again", async () => {
  const profile = await profileOf(["-"], "a\n0.1\n0.1\n0.2\n");
  assert.equal(byName(profile, "a").numeric?.minimum, Math.fround(0.1));
});

test("a model's folder: outputs, scores, calibration and what scikit-learn says of these rows", async (t) => {
  const out = join(temporaryFolder(t), "profile.pb");
  const argv = [
    "profile",
    "examples/data/breast_cancer.csv",
    "--target",
    "target",
    "--model",
    "examples/repository/breast_cancer",
    "--out",
    out,
    "--json",
  ];
  const { code, out: told, err } = await runCommand(argv);
  assert.equal(code, 0, err);
  assert.deepEqual(JSON.parse(told), { file: out, rows: 171, signals: 33, calibrations: 1, notes: [] });
  const profile = decodeProfile(readFileSync(out));
  assert.equal(profile.model_name, "breast_cancer");
  assert.deepEqual(profile.labels, ["0", "1"]);
  assert.deepEqual(byName(profile, "output_label").categorical?.categories, [
    { code: 0, count: 62 },
    { code: 1, count: 109 },
  ]);
  assert.equal(byName(profile, "output_probability[1]").score?.count, 171);
  const metric = (name: string) => profile.expected.find((found) => found.name === name && found.label === "")?.value;
  assert.ok(Math.abs(metric("accuracy")! - 165 / 171) < 1e-12);
  const [calibration] = profile.calibrations;
  assert.ok(calibration!.calibration_error_after < calibration!.calibration_error_before);
  assert.equal(profile.anomaly?.signals.length, 30);
});

test("labels that are words take a target that counts the classes", async () => {
  const profile = await profileOf([
    "examples/data/digits.csv",
    "--target",
    "target",
    "--model",
    "examples/repository/digits",
  ]);
  assert.equal(profile.labels[3], "three");
  const accuracy = profile.expected.find(({ name, label }) => name === "accuracy" && label === "");
  assert.equal(accuracy?.value.toFixed(3), "0.974");
  assert.equal(byName(profile, "pixel_0_0").numeric?.counts.length, 1, "a pixel that is always white");
});

test("the profiles of the demo models are what the command makes of their rows", async () => {
  for (const model of ["breast_cancer", "digits", "diabetes"]) {
    const folder = `examples/repository/${model}`;
    const committed = decodeProfile(readFileSync(join(folder, "reference_profile.pb")));
    const made = await profileOf([`examples/data/${model}.csv`, "--target", "target", "--model", folder]);
    const inputs = ({ signals }: ReferenceProfile) => signals.filter(({ role }) => role === "SIGNAL_ROLE_INPUT");
    assert.deepEqual(inputs(made), inputs(committed), model);
    // The answers may differ in their last bits from machine to machine.
    assert.deepEqual(
      made.signals.map(({ name }) => name),
      committed.signals.map(({ name }) => name),
    );
    assert.deepEqual(made.labels, committed.labels);
  }
});

test("a model on a server, and a regression", async (t) => {
  const server = await startServer(
    "examples/repository",
    resolveConfig({ grpcPort: 0, httpPort: 0, metrics: false, logLevel: "error" }),
  );
  t.after(() => server.stop());
  await server.started;
  const profile = await profileOf([
    "examples/data/diabetes.csv",
    "--target",
    "target",
    "--model",
    `${server.grpcAddress}/diabetes`,
  ]);
  const metrics = new Map(profile.expected.map(({ name, value }) => [name, value]));
  assert.equal(metrics.get("r2")?.toFixed(3), "0.457");
  assert.equal(byName(profile, "variable").role, "SIGNAL_ROLE_OUTPUT");
});

test("tensors of many columns are described as a whole", async (t) => {
  const file = join(temporaryFolder(t), "wide.jsonl");
  const rows = Array.from({ length: 50 }, (_, i) => Array.from({ length: 300 }, (_, k) => ((i + 1) * k) % 7));
  writeFileSync(file, rows.map((row) => `${JSON.stringify({ image: row })}\n`).join(""));
  const profile = await profileOf([file, "--tensor", "image"]);
  assert.deepEqual(
    profile.signals.map(({ name, statistic }) => `${name} ${statistic}`),
    [
      "image.mean mean",
      "image.deviation deviation",
      "image.minimum minimum",
      "image.maximum maximum",
      "image.zeros zeros",
    ],
  );
  const means = rows.map((row) => describeNumbers(row, 0, row.length).mean);
  assert.ok(
    Math.abs(byName(profile, "image.mean").numeric!.mean - means.reduce((a, b) => a + b) / means.length) < 1e-6,
  );
});

test("what cannot be done is said", async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["-", "--target", "truth"], /--target 'truth': no such column, the table has age, colour/],
    [["-", "--categorical", "levels"], /--categorical 'levels'/],
    [["-", "--model", "nowhere"], /'nowhere' is no file, no model's folder, and no address/],
    [["-", "--categorical", "age"], /--categorical 'age'|is no integer/],
    [["-", "--model", "examples/repository/diabetes"], /model 'diabetes' takes 'features'/],
  ];
  const input = mixed.replace("30", "30.5");
  for (const [argv, message] of cases) {
    const { code, err } = await runCommand(["profile", ...argv], input);
    assert.equal(code, 2, err);
    assert.match(err, message);
  }
  const { code, err } = await runCommand(["profile", "-"], "a,b\n");
  assert.equal(code, 2);
  assert.match(err, /no rows/);
});
