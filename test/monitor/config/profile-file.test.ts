import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError } from "../../../src/errors.ts";
import { decodeProfile, encodeProfile, profileText } from "../../../src/model/reference-profile.ts";
import { maxInlineBytes, readProfile } from "../../../src/monitor/config/profile-file.ts";
import { createRandomSource } from "../../../src/statistics/random.ts";
import { profileOf, type World } from "../../support/drift-subject.ts";

/** A profile of several hundred numbers and texts, more than is decoded where it is read. */
const world: World = Object.fromEntries(
  Array.from({ length: 400 }, (_, i) => [
    `x${i}`,
    i % 40 === 0 ? (random) => `colour ${Math.floor(random() * 300)}` : (random) => random() * i,
  ]),
);
const large = profileOf(world, 1000, createRandomSource(1));

/** How many turns the event loop had meanwhile. */
async function turnsOf(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work().catch(() => {});
  isOver = true;
  return turns;
}

async function refusal(bytes: Buffer): Promise<string> {
  try {
    await readProfile(bytes);
  } catch (error) {
    assert.ok(error instanceof InferenceError && error.reason === "refused", String(error));
    return error.message;
  }
  assert.fail("not refused");
}

test("a large profile, binary or JSON, is the same whichever thread decodes it", async () => {
  for (const bytes of [Buffer.from(encodeProfile(large)), Buffer.from(profileText(large))]) {
    assert.ok(bytes.length > maxInlineBytes);
    assert.deepEqual(await readProfile(Buffer.from(bytes)), decodeProfile(bytes));
  }
});

test("the event loop goes on while a large profile is decoded, and while one is refused", async () => {
  const valid = Buffer.from(profileText(large));
  assert.ok((await turnsOf(() => readProfile(valid))) > 10);
  assert.ok((await turnsOf(() => readProfile(Buffer.alloc(300_000, "{")))) > 10);
});

test("what is wrong with a large profile is told as with a small one", async () => {
  const text = JSON.stringify({ ...JSON.parse(profileText(large)), formatVersion: 7 });
  assert.ok(text.length > maxInlineBytes);
  assert.match(await refusal(Buffer.from(text)), /it is of format version 7/);
  assert.match(await refusal(Buffer.from('{"formatVersion": 7}')), /it is of format version 7/);
});

test("a file of two hundred thousand empty entries is refused with the limit", async () => {
  const emptyMetric = [(8 << 3) | 2, 0];
  const header = [(1 << 3) | 0, 1, (5 << 3) | 0, 1];
  const bytes = Buffer.from([...header, ...Array.from({ length: 200_000 }, () => emptyMetric).flat()]);
  assert.match(await refusal(bytes), /it has 200000 metrics, at most 10000 are allowed/);
});
