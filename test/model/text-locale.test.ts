import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeModel, encodeModel } from "../../src/model/onnx-file.ts";
import { prepareModel } from "../../src/model/prepared-model.ts";
import { useNeutralLocale } from "../../src/model/text-locale.ts";
import { buildModel, node, subgraph } from "./build-model.ts";
import { fixtureModel, wideLimits } from "./fixtures.ts";

const change = { name: "case_change_action", type: 3, s: Buffer.from("LOWER") };
const locale = (name: string) => ({ name: "locale", type: 3, s: Buffer.from(name) });

function normalizer(...attribute: object[]): object {
  return node("StringNormalizer", ["X"], ["Y"], { attribute: [change, ...attribute] });
}

/** The attributes of the only node, after encoding and decoding, as text. */
function attributesAfter(...attribute: object[]): readonly (readonly [string | undefined, string])[] {
  const model = buildModel({ node: [normalizer(...attribute)] });
  useNeutralLocale(model);
  const [changed] = decodeModel(encodeModel(model)).graph?.node ?? [];
  return (changed?.attribute ?? []).map(({ name, s }) => [name, Buffer.from(s ?? []).toString()]);
}

test("a normalizer without a locale, or with the exporters' English one, gets C.UTF-8", () => {
  const expected = [
    ["case_change_action", "LOWER"],
    ["locale", "C.UTF-8"],
  ];
  assert.deepEqual(attributesAfter(), expected);
  for (const name of ["en_US", "en_US.UTF-8", "en_US.utf8"]) assert.deepEqual(attributesAfter(locale(name)), expected);
});

test("other locales and other operators stay", () => {
  assert.deepEqual(attributesAfter(locale("tr_TR.UTF-8"))[1], ["locale", "tr_TR.UTF-8"]);
  assert.equal(useNeutralLocale(buildModel()), 0);
  const foreign = node("StringNormalizer", ["X"], ["Y"], { domain: "example.text" });
  assert.equal(useNeutralLocale(buildModel({ node: [foreign] })), 0);
});

test("normalizers in branches and functions are found", () => {
  const branch = node("If", ["X"], ["Y"], { attribute: [subgraph("then_branch", [normalizer()], ["Y"])] });
  const functions = [{ name: "Lower", domain: "local", node: [normalizer()], input: ["X"], output: ["Y"] }];
  assert.equal(useNeutralLocale(buildModel({ node: [branch] }, { functions })), 2);
});

test("an export at its defaults is rewritten", (context) => {
  if (process.platform !== "linux") return context.skip("locales have other names here");
  const rewritten = prepareModel(fixtureModel("sklearn_text_default_locale").file, wideLimits);
  assert.ok(Buffer.from(rewritten.bytes).includes("C.UTF-8"));
  const model = decodeModel(rewritten.bytes);
  assert.equal(useNeutralLocale(model), 0, "nothing is left to replace");
});
