import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { startTestServer } from "../../support/test-server.ts";
import { Comparison, type Difference, type Item } from "../comparison.ts";
import { differences } from "../differences.ts";
import { writeRepository } from "../models.ts";
import { Recording } from "../recording.ts";
import { isTritonInstalled, startTriton } from "../triton-server.ts";
import { decoupledScenarios } from "./decoupled-scenarios.ts";
import { decoupledModels, raggedModels, sequenceModels } from "./models.ts";
import { type Heard, Player } from "./player.ts";
import { raggedScenarios } from "./ragged-scenarios.ts";
import { scenarioDifferences } from "./scenario-differences.ts";
import { sequenceScenarios } from "./sequence-scenarios.ts";

const models = [...decoupledModels, ...sequenceModels, ...raggedModels];
const scenarios = [...decoupledScenarios, ...sequenceScenarios, ...raggedScenarios];

const recording = new Recording<readonly Heard[]>("scenarios/recorded.jsonl");
const isRecording = process.env.TEST_RECORD === "1";
const isRequired = process.env.TEST_REQUIRE_ALL === "1" || isRecording;
const noTriton = !isTritonInstalled && !isRequired && "Triton is not installed: run .ci/install-triton";

type Story = ReadonlyMap<string, readonly Heard[]>;

async function playAll(address: string): Promise<Story> {
  const story = new Map<string, readonly Heard[]>();
  for (const { id, play } of scenarios) {
    const player = new Player(address);
    try {
      await play(player);
    } finally {
      player.close();
    }
    story.set(id, JSON.parse(JSON.stringify(player.heard)));
  }
  return story;
}

function itemOf({ code = 0, message = "", response }: Heard): Item {
  if (response?.error_message === undefined) return { code, message, response };
  const { error_message, ...rest } = response;
  return { code: -1, message: error_message, response: rest };
}

/** Compares what two servers said. */
function compare(one: Story, other: Story, allowed: readonly Difference[]): Comparison {
  const comparison = new Comparison(allowed);
  for (const [id, ours] of other) {
    const theirs =
      one.get(id) ?? assert.fail(`'${id}' is not recorded: TEST_RECORD=1 with an installed Triton does it`);
    const count = Math.max(theirs.length, ours.length);
    for (let i = 0; i < count; i++) {
      const name = `${id}, ${i}: ${theirs[i]?.from ?? ours[i]?.from}`;
      comparison.compareItem(name, itemOf(theirs[i] ?? { from: "nothing" }), itemOf(ours[i] ?? { from: "nothing" }));
    }
  }
  return comparison;
}

function assertExplained({ mismatches }: Comparison, what: string): void {
  const show = ({ name, triton, sluice }: Comparison["mismatches"][number]) =>
    `${name}\n  Triton: ${JSON.stringify(triton)}\n  sluice: ${JSON.stringify(sluice)}`;
  assert.equal(mismatches.length, 0, `${what}:\n${mismatches.slice(0, 20).map(show).join("\n")}`);
}

describe("Triton's answers in scenarios", () => {
  const explained = [...scenarioDifferences, ...differences];
  let sluice: Story;

  before(async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-scenarios-"));
    writeRepository(folder, "onnxruntime", models);
    const server = await startTestServer(folder);
    try {
      assert.deepEqual(await server.started, []);
      sluice = await playAll(server.grpcAddress);
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("live: as recorded, and as sluice's", { skip: noTriton, timeout: 300_000 }, async () => {
    const script = join(import.meta.dirname, "python", "scheduled_model.py");
    const triton = await startTriton(models, script);
    let live: Story;
    try {
      live = await playAll(triton.address);
    } finally {
      await triton.stop();
    }
    if (isRecording) recording.write(live);
    assertExplained(compare(recording.read(), live, []), "the recording is stale, TEST_RECORD=1 renews it");
    assertExplained(compare(live, sluice, explained), "undocumented differences from the running Triton");
  });

  test("recorded: as sluice's but for the documented differences, each of which occurs", () => {
    const comparison = compare(recording.read(), sluice, explained);
    assertExplained(comparison, "undocumented differences");
    const missing = comparison.missing.filter((id) => scenarioDifferences.some((difference) => difference.id === id));
    assert.deepEqual(missing, [], "differences that do not occur any more");
  });

  test("every scenario is recorded", () => {
    const ids = scenarios.map(({ id }) => id);
    assert.deepEqual([...recording.read().keys()], ids);
  });

  test("an undocumented difference is found", () => {
    const changed = [...sluice].map(([id, heard]): [string, readonly Heard[]] => [id, heard.toReversed()]);
    assert.ok(compare(recording.read(), new Map(changed), explained).mismatches.length > 10);
    const shorter = [...sluice].map(([id, heard]): [string, readonly Heard[]] => [id, heard.slice(1)]);
    assert.ok(compare(recording.read(), new Map(shorter), explained).mismatches.length > 10);
  });
});
