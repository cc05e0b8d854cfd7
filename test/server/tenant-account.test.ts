import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { TenantAccount } from "../../src/server/tenant-account.ts";
import { plainSettings } from "../../src/server/tenants-file.ts";

function account(settings: Partial<typeof plainSettings>): TenantAccount {
  const tenant = new TenantAccount("a");
  tenant.settings = { ...plainSettings, ...settings };
  return tenant;
}

const one = { rows: 1, bytes: 10 };

describe("a tenant's account", () => {
  it("lets requests in up to each of its limits, and again when one has left", () => {
    for (const limit of [{ maxRequests: 2 }, { maxRows: 2 }, { maxBytes: 20 }]) {
      const tenant = account(limit);
      assert.deepEqual(
        [1, 2, 3].map(() => tenant.tryEnter(one)),
        [true, true, false],
        JSON.stringify(limit),
      );
      tenant.leave(one, 5);
      assert.equal(tenant.tryEnter(one), true);
    }
  });

  it("names the limit that was met, and when to come again", () => {
    const tenant = account({ maxRequests: 1, maxRows: 3, maxBytes: 100 });
    tenant.tryEnter(one);
    const full = tenant.refusal(one);
    assert.match(
      full.message,
      /tenant 'a' has 1 requests in the server, and no room for this request \(maxRequests 1\)/,
    );
    assert.ok((full.retryAfterMs ?? -1) >= 10);
    tenant.settings = { ...tenant.settings, maxRequests: 9 };
    assert.match(tenant.refusal({ rows: 3, bytes: 1 }).message, /has 1 rows in the server.*maxRows 3/);
    assert.match(tenant.refusal({ rows: 1, bytes: 95 }).message, /has 10 bytes in the server.*maxBytes 100/);
    const never = tenant.refusal({ rows: 4, bytes: 1 });
    assert.match(never.message, /4 rows in one request are more than tenant 'a' may have \(maxRows 3\)/);
    assert.deepEqual([never.reason, never.retryAfterMs], ["quota", -1]);
    assert.match(tenant.refusal({ rows: 1, bytes: 101 }).message, /maxBytes 100/);
  });

  it("asks to come again after about the time that its requests stay", () => {
    const tenant = account({ maxRequests: 1 });
    for (let count = 0; count < 100; count++) {
      tenant.tryEnter(one);
      tenant.leave(one, 500);
    }
    tenant.tryEnter(one);
    const { retryAfterMs = 0 } = tenant.refusal(one);
    assert.ok(retryAfterMs >= 400 && retryAfterMs <= 600, `${retryAfterMs}`);
  });

  it("wakes those that wait in their order, and lets none pass one that finds no room yet", () => {
    const tenant = account({ maxRows: 3 });
    tenant.tryEnter({ rows: 3, bytes: 0 });
    const entered: number[] = [];
    const wait = (rows: number) => {
      const listener = () => {
        if (!tenant.tryEnter({ rows, bytes: 0 })) return false;
        tenant.forget(listener);
        entered.push(rows);
        return true;
      };
      tenant.whenRoom(listener);
      return listener;
    };
    wait(2);
    const gone = wait(1);
    wait(3);
    wait(1);
    tenant.forget(gone);
    tenant.leave({ rows: 3, bytes: 0 }, 1);
    assert.deepEqual(entered, [2]);
    tenant.leave({ rows: 2, bytes: 0 }, 1);
    assert.deepEqual(entered, [2, 3]);
    tenant.leave({ rows: 3, bytes: 0 }, 1);
    assert.deepEqual(entered, [2, 3, 1]);
    assert.equal(tenant.waitingCount, 0);
  });

  it("goes on waking when what it let in ends at once", () => {
    const tenant = account({ maxRequests: 1 });
    tenant.tryEnter(one);
    let entered = 0;
    for (let count = 0; count < 1_000; count++) {
      const listener = () => {
        if (!tenant.tryEnter(one)) return false;
        tenant.forget(listener);
        entered++;
        tenant.leave(one, 0);
        return true;
      };
      tenant.whenRoom(listener);
    }
    tenant.leave(one, 0);
    assert.deepEqual([entered, tenant.requests, tenant.waitingCount], [1_000, 0, 0]);
  });

  it("is back to nothing when all has ended, whatever its limits were in between, and never above them", () => {
    const anAction = fc.record({
      kind: fc.constantFrom("enter", "leave", "limit"),
      rows: fc.integer({ min: 1, max: 9 }),
      bytes: fc.integer({ min: 0, max: 99 }),
      which: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.array(anAction, { maxLength: 100 }), (actions) => {
        const tenant = account({ maxRequests: 4, maxRows: 20, maxBytes: 200 });
        const inside: { rows: number; bytes: number }[] = [];
        for (const { kind, rows, bytes, which } of actions) {
          if (kind === "enter") {
            if (tenant.tryEnter({ rows, bytes })) inside.push({ rows, bytes });
            else assert.equal(tenant.refusal({ rows, bytes }).reason, "quota");
          } else if (kind === "leave" && inside.length > 0) {
            tenant.leave(inside.splice(which % inside.length, 1)[0]!, 1);
          } else if (kind === "limit") {
            tenant.settings = { ...plainSettings, maxRequests: 1 + which, maxRows: rows * 5, maxBytes: bytes + 1 };
          }
          const sum = (of: (charge: { rows: number; bytes: number }) => number) =>
            inside.reduce((total, charge) => total + of(charge), 0);
          assert.deepEqual(
            [tenant.requests, tenant.rows, tenant.bytes],
            [inside.length, sum(({ rows }) => rows), sum(({ bytes }) => bytes)],
          );
        }
        for (const charge of inside) tenant.leave(charge, 1);
        assert.deepEqual([tenant.requests, tenant.rows, tenant.bytes], [0, 0, 0]);
      }),
    );
  });
});
