import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { resolveConfig } from "../../../src/config.ts";
import { type Criticality, criticalities } from "../../../src/inference.ts";
import {
  type AdmissionPolicy,
  admissionPolicy,
  ModelAdmission,
  openAdmission,
} from "../../../src/runtime/admission/model-admission.ts";
import { contextOf } from "../../support/runtime-requests.ts";

const adaptive: AdmissionPolicy = {
  mode: "adaptive",
  limitRows: 1000,
  minLimitRows: 16,
  maxLimitRows: 10_000,
  targetMs: 100,
  intervalMs: 100,
};
const fixed: AdmissionPolicy = { ...adaptive, mode: "fixed", limitRows: 100 };
const batch = { maxRows: 1, windowMs: 0 };

/** Which criticalities are let in beside so many rows. */
function admitted(admission: ModelAdmission, rows: number): Criticality[] {
  admission.enter(rows, false);
  const found = criticalities.filter((criticality) => admission.admits(contextOf({ criticality })));
  admission.leave(rows, false);
  return found;
}

/** Runs batches of one row that take a millisecond and have waited so long, for a time. */
function run(admission: ModelAdmission, fromMs: number, untilMs: number, waitMs: number): void {
  for (let now = fromMs; now < untilMs; now++) {
    admission.onTaken(waitMs, waitMs, now);
    admission.rate.record(1, now, now + 1, true);
    admission.onRan(1, now + 1);
  }
}

describe("off", () => {
  test("lets everything in, keeps no stream waiting, sheds nothing", () => {
    const admission = new ModelAdmission(openAdmission, batch);
    run(admission, 0, 1000, 10_000);
    assert.equal(admission.limitRows, Number.POSITIVE_INFINITY);
    assert.deepEqual(admitted(admission, 1e9), [...criticalities]);
    admission.enter(1e9, true);
    assert.equal(admission.gate.isFull, false);
    assert.equal(admission.isShed(contextOf(), 1e9), false);
  });
});

describe("fixed", () => {
  test("refuses what is sheddable first, and lets the most critical in a little beyond", () => {
    const admission = new ModelAdmission(fixed, batch);
    assert.deepEqual(admitted(admission, 49), [...criticalities]);
    assert.deepEqual(admitted(admission, 50), ["SHEDDABLE_PLUS", "CRITICAL", "CRITICAL_PLUS"]);
    assert.deepEqual(admitted(admission, 75), ["CRITICAL", "CRITICAL_PLUS"]);
    assert.deepEqual(admitted(admission, 100), ["CRITICAL_PLUS"]);
    assert.deepEqual(admitted(admission, 111), []);
  });

  test("who says nothing is CRITICAL; messages of streams are never refused", () => {
    const admission = new ModelAdmission(fixed, batch);
    admission.enter(99, false);
    assert.equal(admission.admits(contextOf()), true);
    admission.enter(1, false);
    assert.equal(admission.admits(contextOf()), false);
    assert.equal(admission.admits(contextOf({ isStreamed: true })), true);
  });

  test("streams wait at half of the limit, whatever unary requests take", () => {
    const admission = new ModelAdmission(fixed, batch);
    admission.enter(200, false);
    assert.equal(admission.gate.isFull, false);
    admission.enter(50, true);
    assert.equal(admission.gate.isFull, true);
    admission.leave(1, true);
    assert.equal(admission.gate.isFull, false);
  });

  test("stays whatever requests wait", () => {
    const admission = new ModelAdmission(fixed, batch);
    run(admission, 0, 1000, 10_000);
    assert.equal(admission.limitRows, 100);
    assert.equal(admission.isShedding, false);
  });
});

describe("adaptive", () => {
  test("begins with 512 rows or 20 batches, within its bounds", () => {
    assert.equal(new ModelAdmission(adaptive, { maxRows: 8, windowMs: 0 }).limitRows, 512);
    assert.equal(new ModelAdmission(adaptive, { maxRows: 64, windowMs: 0 }).limitRows, 1280);
    assert.equal(new ModelAdmission({ ...adaptive, minLimitRows: 5000 }, batch).limitRows, 5000);
    assert.equal(new ModelAdmission({ ...adaptive, maxLimitRows: 50 }, { maxRows: 8, windowMs: 0 }).limitRows, 50);
  });

  test("always has room for what is worked off within the target", () => {
    const admission = new ModelAdmission(adaptive, batch);
    for (let now = 0; now < 10; now++) {
      admission.rate.record(50, now, now + 1, true);
      admission.onRan(1, now + 1);
    }
    assert.equal(Math.round(admission.limitRows), 5000, "50 rows a millisecond for 100 ms");
  });

  test("has room for eight batches of each instance", () => {
    const admission = new ModelAdmission(adaptive, { maxRows: 8, windowMs: 0 });
    admission.instances = 20;
    assert.equal(admission.limitRows, 1280);
  });

  test("shrinks to that while requests wait longer, grows while they do not", () => {
    const admission = new ModelAdmission(adaptive, batch);
    admission.enter(1000, false);
    run(admission, 0, 2000, 0);
    const grown = admission.limitRows;
    assert.ok(grown > 512, `${grown}`);
    run(admission, 2000, 8000, 500);
    assert.equal(Math.round(admission.limitRows), 100);
  });

  test("counts no wait that the batch window makes", () => {
    const admission = new ModelAdmission(adaptive, { maxRows: 1, windowMs: 400 });
    admission.enter(1000, false);
    run(admission, 0, 1000, 500);
    assert.equal(admission.isShedding, false);
    assert.ok(admission.limitRows >= 512);
  });

  test("sheds what has waited for a multiple of the target by criticality, and only while the queue stands", () => {
    const admission = new ModelAdmission(adaptive, batch);
    const shed = (waitMs: number) =>
      criticalities.filter((criticality) => admission.isShed(contextOf({ criticality }), waitMs));
    assert.deepEqual(shed(1000), []);
    run(admission, 0, 250, 150);
    assert.equal(admission.isShedding, true);
    assert.deepEqual(shed(100), []);
    assert.deepEqual(shed(101), ["SHEDDABLE"]);
    assert.deepEqual(shed(151), ["SHEDDABLE", "SHEDDABLE_PLUS"]);
    assert.deepEqual(shed(201), ["SHEDDABLE", "SHEDDABLE_PLUS", "CRITICAL"]);
    assert.deepEqual(shed(401), [...criticalities]);
    assert.equal(admission.isShed(contextOf({ isStreamed: true }), 1e6), false, "a message of a stream");
    run(admission, 250, 500, 1);
    assert.deepEqual(shed(1000), []);
  });

  test("time in which no instance was there is no wait", () => {
    const admission = new ModelAdmission(adaptive, batch);
    assert.equal(admission.waitOf(100, 5000), 4900);
    admission.onResumed(4990);
    assert.equal(admission.waitOf(100, 5000), 10);
    assert.equal(admission.waitOf(4995, 5000), 5);
  });

  test("waits of streams alone, which they make themselves, shed nobody", () => {
    const admission = new ModelAdmission(adaptive, batch);
    for (let now = 0; now < 500; now++) admission.onTaken(Number.POSITIVE_INFINITY, 10_000, now);
    assert.equal(admission.isShedding, false);
  });

  test("bears no longer waits than half of the time that callers give", () => {
    const admission = new ModelAdmission(adaptive, batch);
    assert.equal(admission.allowedWaitMs, 100);
    for (let i = 0; i < 2000; i++) admission.onArrived(60);
    assert.ok(Math.abs(admission.allowedWaitMs - 30) < 0.01);
    for (let i = 0; i < 2000; i++) admission.onArrived(Number.POSITIVE_INFINITY);
    assert.ok(Math.abs(admission.allowedWaitMs - 100) < 0.01);
  });
});

test("a model's own settings win over the server's", () => {
  const config = resolveConfig({ admission: "adaptive", admissionTargetMs: 50 });
  const { mode, targetMs, limitRows } = admissionPolicy(config, { admission: "fixed", admissionLimit: 7 });
  assert.deepEqual([mode, targetMs, limitRows], ["fixed", 50, 7]);
});
