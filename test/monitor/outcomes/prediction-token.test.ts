import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { createPrediction } from "../../../src/monitor/outcomes/prediction-store.ts";
import {
  layoutMark,
  maxTokenBytes,
  maxTokenValues,
  readToken,
  TokenWriter,
} from "../../../src/monitor/outcomes/prediction-token.ts";
import { parseTokenKeys, randomTokenKey, signatureBytes, TokenKey } from "../../../src/monitor/outcomes/token-key.ts";
import type { PredictionLayout } from "../../../src/monitor/prediction.ts";
import { numbers, twoClasses } from "../../support/recording-sink.ts";

const key = new TokenKey(Buffer.alloc(32, 7));
const find = (id: Buffer) => (id.equals(key.id) ? key : undefined);
const life = Buffer.alloc(6, 1);

function tokenOf(
  layout: PredictionLayout,
  values: readonly number[],
  count = 0,
  model = { name: "m", version: "1" },
): Buffer {
  const prediction = createPrediction(layout);
  prediction.atMs = 1_700_000_000_123;
  prediction.predictedClass = layout.task === "regression" ? -1 : 1;
  prediction.values.set(values);
  const writer = new TokenWriter(key, model, layout, life);
  const token = Buffer.alloc(writer.byteLength);
  assert.equal(writer.write(prediction, count, token, 0), token.length);
  return token;
}

test("signatures are HMAC-SHA256 (RFC 2104), for keys and messages of any length", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }),
      (secret, message) => {
        const expected = createHmac("sha256", secret).update(message).digest().subarray(0, signatureBytes);
        assert.deepEqual(Buffer.from(new TokenKey(secret).sign(Buffer.from(message)), "latin1"), expected);
      },
    ),
  );
  // RFC 4231, test case 2
  const signed = new TokenKey(Buffer.from("Jefe")).sign(Buffer.from("what do ya want for nothing?"));
  assert.equal(Buffer.from(signed, "latin1").toString("hex"), "5bdcc146bf60754e6a042426089575c7");
});

test("a token says what it was made of, to the bit", () => {
  const token = readToken(tokenOf(twoClasses, [0.25, 0.75], 2 ** 47), find);
  assert.ok(typeof token === "object");
  assert.equal(token.modelName, "m");
  assert.equal(token.modelVersion, "1");
  assert.equal(token.atMs, 1_700_000_000_123);
  assert.equal(token.predictedClass, 1);
  assert.deepEqual(token.values, Float32Array.of(0.25, 0.75));
  assert.equal(token.layoutMark, layoutMark(twoClasses));
});

test("tokens differ by their count alone, and so does the key by which they are remembered", () => {
  const [one, other] = [tokenOf(twoClasses, [0, 1], 0), tokenOf(twoClasses, [0, 1], 1)].map((bytes) =>
    readToken(bytes, find),
  );
  assert.ok(typeof one === "object" && typeof other === "object");
  assert.notDeepEqual(one.key, other.key);
});

test("a token in which any one bit differs is none of ours", () => {
  const token = tokenOf(numbers(2), [1.5, -2]);
  for (let bit = 0; bit < token.length * 8; bit++) {
    const altered = Buffer.from(token);
    altered.writeUInt8((altered[bit >> 3] as number) ^ (1 << (bit & 7)), bit >> 3);
    const read = readToken(altered, find);
    assert.equal(read, bit < 8 ? "malformed" : bit < 40 ? "unknown_key" : "altered", `bit ${bit}`);
  }
});

test("a token that is cut short or prolonged is none of ours, nor is any noise", () => {
  const token = tokenOf(twoClasses, [0, 1]);
  for (let length = 0; length < token.length; length++) {
    assert.equal(typeof readToken(token.subarray(0, length), find), "string");
  }
  assert.equal(readToken(Buffer.concat([token, Buffer.alloc(1)]), find), "altered");
  assert.equal(readToken(Buffer.concat([token, Buffer.alloc(maxTokenBytes)]), find), "malformed");
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => typeof readToken(noise, find) === "string"));
});

test("a token signed by another key is refused, also when it names ours", () => {
  const writer = new TokenWriter(randomTokenKey(), { name: "m", version: "1" }, twoClasses, life);
  const token = Buffer.alloc(writer.byteLength);
  writer.write(createPrediction(twoClasses), 0, token, 0);
  assert.equal(readToken(token, find), "unknown_key");
  key.id.copy(token, 1);
  assert.equal(readToken(token, find), "altered");
});

test("the token of a row with very many classes carries the class alone", () => {
  const layout: PredictionLayout = { task: "multiclass", width: maxTokenValues + 1, labels: [] };
  const token = readToken(tokenOf(layout, []), find);
  assert.ok(typeof token === "object");
  assert.equal(token.predictedClass, 1);
  assert.equal(token.values.length, 0);
});

test("a key file has one key a line, in base64 or hex, and the first signs", () => {
  const [first, second] = [randomBytes(32), randomBytes(48)];
  const keys = parseTokenKeys(`# ours\n${first.toString("base64")}\r\n\n  ${second.toString("hex")}\n`);
  assert.deepEqual(
    keys.map(({ id }) => id),
    [new TokenKey(first).id, new TokenKey(second).id],
  );
});

test("a key file that is none is refused by line, and its content never shown", () => {
  const short = randomBytes(31).toString("base64");
  for (const [text, expected] of [
    ["", /has no key/],
    ["# nothing\n", /has no key/],
    [`\n${short}`, /line 2 .* 31 bytes, expected 32 to 1024/],
    ["not a key!", /line 1 .* neither base64 nor hex/],
    [`${"ab".repeat(32)}\n${"AB".repeat(32)}`, /same key twice/],
    [Array.from({ length: 17 }, () => randomBytes(32).toString("hex")).join("\n"), /17 keys, at most 16/],
  ] as const) {
    assert.throws(() => parseTokenKeys(text), expected);
    assert.throws(
      () => parseTokenKeys(text),
      ({ message }: Error) => text === "" || !message.includes(short),
    );
  }
});
