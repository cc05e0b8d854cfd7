import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { InferenceClient } from "../../src/client/inference-client.ts";
import { assertAnswers, fileEnding, ReliabilitySubject, slowQuestion, until } from "../support/reliability-subject.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Batches mix tenants, so that a run which the machine holds up costs each of them by its rows: shares in rows stay exact. */
const tenantsFile = join(temporaryFolder(fileEnding), "tenants.yaml");
writeFileSync(tenantsFile, "tenants: { three: { weight: 3 }, one: , capped: { maxRequests: 1 }, long: }");
const subject = await ReliabilitySubject.start(
  fileEnding,
  { slow: { zoo: "loop_slow", config: "max_batch_size: 8 dynamic_batching { }" } },
  { tenants: tenantsFile },
);

const clientOf = (tenant: string): InferenceClient => subject.client({ metadata: { "sluice-tenant": tenant } });

/** Whose request each answer was for, in the order of the answers to what was queued while one long request ran. */
async function orderOf(queued: Readonly<Record<string, number>>, nameOf = (tenant: string, _index: number) => tenant) {
  const order: string[] = [];
  // Of another tenant: whoever had it would be behind the others until they have had as much.
  const long = clientOf("long").infer(slowQuestion(1_000_000).request); // well over a second
  await subject.isRunning("slow");
  const clients = new Map<string, InferenceClient>();
  const answers = Object.entries(queued).flatMap(([tenant, count]) =>
    Array.from({ length: count }, async (_, index) => {
      const name = nameOf(tenant, index);
      const client = clients.get(name) ?? clientOf(name);
      clients.set(name, client);
      const question = slowQuestion(3_000 + index);
      assertAnswers(question, await client.infer(question.request));
      order.push(tenant);
    }),
  );
  const size = 'sluice_queue_size{sluice_model_name="slow",sluice_model_version="1"}';
  await until(async () => (await subject.metrics()).get(size) === answers.length, "all are queued");
  await Promise.all([long, ...answers]);
  return order;
}

const shareOf = (order: readonly string[], tenant: string) => order.filter((name) => name === tenant).length;

test("answers come by weight while both tenants wait", async () => {
  const order = await orderOf({ one: 60, three: 60 });
  const ofThree = shareOf(order.slice(0, 60), "three");
  assert.ok(ofThree >= 42 && ofThree <= 48, `${ofThree} of 60`);
  await subject.isAtRest();
});

test("one request of a tenant does not wait behind a hundred of another", async () => {
  const order = await orderOf({ three: 100, one: 1 });
  assert.ok(order.indexOf("one") < 16, `${order.indexOf("one")}`);
});

test("names that nobody listed share the place of the default tenant", async () => {
  const order = await orderOf({ madeUp: 40, one: 40 }, (tenant, index) =>
    tenant === "madeUp" ? `made-up-${index % 10}` : tenant,
  );
  const ofMadeUp = shareOf(order.slice(0, 40), "madeUp");
  assert.ok(ofMadeUp >= 17 && ofMadeUp <= 23, `${ofMadeUp} of 40`);
});

test("a tenant at its limit is refused while others go on, and the metrics tell all of it", async () => {
  const capped = clientOf("capped");
  const long = capped.infer(slowQuestion(300_000).request);
  await subject.isRunning("slow");
  await assert.rejects(capped.infer(slowQuestion(1).request), {
    status: "RESOURCE_EXHAUSTED",
    message: /tenant 'capped'/,
  });
  const question = slowQuestion(7);
  assertAnswers(question, await clientOf("one").infer(question.request));
  await long;
  const metrics = await subject.metrics();
  assert.equal(metrics.get('sluice_tenant_requests_total{sluice_tenant="capped"}'), 1);
  assert.equal(metrics.get('sluice_tenant_rejected_total{sluice_tenant="capped",sluice_reason="quota"}'), 1);
  assert.equal(metrics.get('sluice_tenant_rows_total{sluice_tenant="three"}'), 160);
  assert.equal(metrics.get('sluice_tenant_queue_duration_seconds_count{sluice_tenant="three"}'), 160);
  assert.ok([...metrics.keys()].every((name) => !name.includes("made-up")));
});

test("a file that changes is in force without a restart", async () => {
  writeFileSync(tenantsFile, "tenants: { three: { weight: 1 }, one: { weight: 3 }, long: }");
  subject.server.reload();
  const order = await orderOf({ one: 60, three: 60 });
  const ofOne = shareOf(order.slice(0, 60), "one");
  assert.ok(ofOne >= 42 && ofOne <= 48, `${ofOne} of 60`);
});
