import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import type { ModelIndexEntry, ModelMetadata } from "../../src/client/model-metadata.ts";
import type { RunningServer } from "../../src/serve.ts";
import type { Tensor } from "../../src/tensor.ts";
import {
  assertAnswers,
  type ExpectedCase,
  expectedModel,
  type FixtureEntry,
  fixtureFolder,
  fixtureIndex,
  tensorOf,
} from "../support/expected-cases.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

/** What the refusal of a model must name. */
const refusals: Readonly<Record<string, RegExp>> = {
  custom_operator: /custom operator 'Frobnicate' of domain 'example\.custom'/,
  custom_operator_in_branch: /custom operator 'Frobnicate' of domain 'example\.custom'/,
  unknown_operator: /No Op registered for Frobnicate/,
  identity_bf16: /input 'X' is a tensor of BFLOAT16/,
  identity_complex64: /input 'X' is a tensor of COMPLEX64/,
  identity_fp8: /input 'X' is a tensor of FLOAT8/,
  identity_int4: /input 'X' is a tensor of INT4/,
  map_input: /input 'X' is a map/,
  optional_output: /output 'Y' is of an optional type/,
  sequence_input: /input 'X' is a sequence/,
  sequence_output: /output 'Y' is a sequence/,
  zipmap_in_branch: /output 'Y' is a sequence/,
  external_data_absolute: /absolute path/,
  external_data_empty_location: /names no location/,
  external_data_folder: /outside the model's folder/,
  external_data_huge_dimensions: /dimensions need an impossible number/,
  external_data_length_beyond_end: /has 256 bytes, tensor 'W' reaches from 1 to 257/,
  external_data_length_too_short: /gives 252 bytes to tensor 'W', whose dimensions need 256/,
  external_data_memory_address: /names memory, not a file/,
  external_data_missing: /'model\.onnx\.data' does not exist/,
  external_data_negative_length: /length "-1"/,
  external_data_negative_offset: /offset "-256"/,
  external_data_nested_parent: /contains '\.\.'/,
  external_data_no_location: /names no location/,
  external_data_not_a_number: /offset "0x10"/,
  external_data_offset_beyond_end: /has 256 bytes, tensor 'W' reaches from 1024/,
  external_data_overflow: /offset "18446744073709551360"/,
  external_data_parent: /contains '\.\.'/,
  external_data_symbolic_link: /symbolic link/,
  external_data_unknown_key: /key '__class__'/,
};

/** Models that could share batches, but whose rows of the trial do not show it. */
const unshown: ReadonlySet<string> = new Set(["division_kills"]);

/** Strings that ONNX Runtime's binding would cut short are refused by the client already. */
const unsendable: ReadonlySet<string> = new Set(["identity_string_nul"]);

suite("the model zoo in one server", () => {
  let server: RunningServer;
  let client: InferenceClient;
  let index: ReadonlyMap<string, ModelIndexEntry>;
  const root = temporaryFolder({ after });
  const models = (["zoo", "torch"] as const).flatMap((set) => fixtureIndex(set).map((entry) => ({ set, entry })));

  before(async () => {
    for (const { set, entry } of models) {
      cpSync(join(fixtureFolder(set), entry.name), join(root, entry.name, "1"), {
        recursive: true,
        verbatimSymlinks: true, // one of the models is a link that must be refused
      });
    }
    server = await startTestServer(root);
    client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
    index = new Map((await client.repositoryIndex()).map((entry) => [entry.name, entry]));
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  for (const { set, entry } of models) {
    if (entry.expect === "refuse") test(`${entry.name} is refused: ${entry.why}`, () => assertRefused(entry));
    else test(`${entry.name} answers: ${entry.why}`, () => assertServed(set, entry));
  }

  test("nothing of that ended the server, and no refusal names a folder of this machine", async () => {
    assert.equal(await client.ready(), false, "start-up models that never came up keep it from being ready");
    assert.equal(await client.ready("identity_fp32"), true);
    for (const { name, reason } of index.values()) assert.doesNotMatch(reason, /\/(home|tmp|work|root|usr)\b/, name);
  });

  function assertRefused({ name }: FixtureEntry): void {
    const { state, reason } = index.get(name) ?? { state: "missing", reason: "" };
    assert.equal(state, "UNAVAILABLE");
    assert.match(reason, refusals[name] ?? /no expectation for this model/);
  }

  async function assertServed(set: "zoo" | "torch", entry: FixtureEntry): Promise<void> {
    assert.deepEqual(index.get(entry.name), { name: entry.name, version: "1", state: "READY", reason: "" });
    await assertBatching(entry);
    const metadata = await client.metadata(entry.name);
    const { cases, tolerance } = expectedModel(set, entry.name);
    for (const { name, inputs, outputs } of cases) {
      const request = { model: entry.name, id: name, inputs: asServed(inputs, metadata.inputs) };
      if (unsendable.has(entry.name)) await assert.rejects(client.infer(request), /NUL byte/);
      else if (outputs === undefined) await assert.rejects(client.infer(request), { status: "INTERNAL" });
      else {
        const answer = await client.infer(request);
        assert.equal(answer.id, name);
        assertAnswers(answer.outputs, asServed(outputs, metadata.outputs), tolerance);
      }
    }
  }

  async function assertBatching({ name, batchable }: FixtureEntry): Promise<void> {
    const { max_batch_size, parameters } = await client.configuration(name);
    const isBatching = batchable === true && !unshown.has(name);
    const why = parameters.sluice_batching?.string_value;
    assert.equal(max_batch_size, isBatching ? 64 : 0, why);
    assert.match(why ?? "", isBatching ? /^on: batches gave the same answers/ : /^off: ./);
  }
});

suite("files that are no model", () => {
  const folder = fixtureFolder("broken");
  const broken = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { file: string; why: string }[];
  const zooModel = join(fixtureFolder("zoo"), "identity_fp32", "model.onnx");

  test("each is refused with its reason, and a sound model beside them serves", async (context) => {
    const root = temporaryFolder(context);
    for (const { file } of broken) copyFileSync(join(folder, file), join(root, file));
    mkdirSync(join(root, "sound", "1"), { recursive: true });
    copyFileSync(zooModel, join(root, "sound", "1", "model.onnx"));
    const server = await startTestServer(root);
    const client = InferenceClient.connect(server.grpcAddress);
    context.after(async () => {
      client.close();
      await server.stop();
    });
    const index = new Map((await client.repositoryIndex()).map((entry) => [entry.name, entry]));
    for (const { file, why } of broken) {
      const { state, reason } = index.get(file.replace(/\.onnx$/, "")) ?? { state: "missing", reason: "" };
      assert.equal(state, "UNAVAILABLE", `${file}: ${why}`);
      assert.match(reason, /\w+ \w+/, `${file}: ${why}`);
      assert.doesNotMatch(reason, /internal error|the model failed|\/(home|tmp|work|root|usr)\b/, `${file}: ${why}`);
    }
    assert.equal(await client.ready("sound"), true);
  });
});

/**
 * Tensors as a server takes and gives them: config.pbtxt has no shape without dimensions, so a scalar and one number a row are announced, and
 * travel, with a dimension of 1 at the end, as Triton does it.
 */
function asServed(
  tensors: NonNullable<ExpectedCase["outputs"]>,
  announced: ModelMetadata["inputs"] | ModelMetadata["outputs"],
): Tensor[] {
  return tensors.map(tensorOf).map((tensor) => {
    const shape = announced.find(({ name }) => name === tensor.name)?.shape ?? [];
    const isLonger = shape.length === tensor.shape.length + 1 && shape.at(-1) === 1;
    return isLonger ? { ...tensor, shape: [...tensor.shape, 1] } : tensor;
  });
}
