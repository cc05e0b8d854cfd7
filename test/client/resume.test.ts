import assert from "node:assert/strict";
import { test } from "node:test";
import { Metadata } from "@grpc/grpc-js";
import { decideResume, type Loss, type Outage, type ResumeLimits } from "../../src/client/resume.ts";

const limits: ResumeLimits = { resumeAttempts: 3, resumeTimeoutMs: 10_000, backoffMs: 100, maxBackoffMs: 300 };

function loss(
  code: number,
  changed: Partial<Loss> & { readonly details?: string; readonly pushback?: string } = {},
): Loss {
  const metadata = new Metadata();
  if (changed.pushback !== undefined) metadata.set("grpc-retry-pushback-ms", changed.pushback);
  return { status: { code, details: changed.details ?? "", metadata }, wasTaken: true, isKnown: true, ...changed };
}

const decide = (outage: Outage | undefined, what: Loss, nowMs = 0, random = 0.5) =>
  decideResume(outage, what, limits, nowMs, random);

test("the first attempt is made at once, later ones wait longer and longer, up to the limit", () => {
  const waits: number[] = [];
  let outage: Outage | undefined;
  for (let i = 0; i < 5; i++) {
    const decision = decide(outage, loss(14, { wasTaken: false }));
    assert.ok(decision.outage !== undefined);
    waits.push(decision.delayMs);
    outage = decision.outage;
  }
  assert.deepEqual(waits, [0, 100, 200, 300, 300]);
  const spread = [0, 1].map((random) => decide({ sinceMs: 0, losses: 1, attempts: 1 }, loss(14), 0, random));
  assert.deepEqual(
    spread.map((decision) => decision.outage && Math.round(decision.delayMs)),
    [80, 120],
  );
});

test("connections that servers took and ended without an answer are counted, those that could not be made are not", () => {
  const tried = { sinceMs: 0, losses: 9, attempts: 3 };
  assert.equal(decide(tried, loss(14, { wasTaken: false })).outage?.attempts, 3);
  const refused = decide(tried, loss(14));
  assert.match(
    refused.outage === undefined ? String(refused.reason) : "",
    /4 connections in a row .*resumeAttempts is 3/,
  );
});

test("a server that was never there is given up after as many attempts", () => {
  const never = loss(14, { wasTaken: false, isKnown: false });
  assert.equal(decide({ sinceMs: 0, losses: 2, attempts: 2 }, never).outage?.attempts, 3);
  assert.equal(decide({ sinceMs: 0, losses: 3, attempts: 3 }, never).outage, undefined);
});

test("without any server it ends when its time is up, after one attempt at the very end", () => {
  const gone = loss(14, { wasTaken: false });
  const late = decide({ sinceMs: 0, losses: 9, attempts: 1 }, gone, 9_900);
  assert.ok(late.outage !== undefined);
  assert.equal(late.delayMs, 100);
  const over = decide({ sinceMs: 0, losses: 9, attempts: 1 }, gone, 10_000);
  assert.match(over.outage === undefined ? String(over.reason) : "", /no server answered for 10000 ms/);
});

test("the server's pushback is waited for; a negative one forbids", () => {
  const decision = decide(undefined, loss(14, { pushback: "250" }));
  assert.ok(decision.outage !== undefined);
  assert.equal(decision.delayMs, 250);
  assert.deepEqual(decide(undefined, loss(14, { pushback: "-1" })), { reason: undefined });
});

test("only what says that a connection is lost is resumed", () => {
  const resumed: readonly Loss[] = [
    loss(14),
    loss(1, { details: "Call cancelled" }),
    loss(13, { details: "Received RST_STREAM with code 2 triggered by internal client error: write EPIPE" }),
  ];
  for (const what of resumed) assert.ok(decide(undefined, what).outage !== undefined);
  for (const code of [2, 3, 4, 5, 7, 8, 9, 12, 13, 15, 16]) {
    assert.deepEqual(decide(undefined, loss(code)), { reason: undefined }, `code ${code}`);
  }
  assert.deepEqual(decideResume(undefined, loss(14), { ...limits, resumeAttempts: 0 }, 0, 0), { reason: undefined });
});
