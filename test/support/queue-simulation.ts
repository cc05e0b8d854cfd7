import { countWithinStretch } from "../../src/runtime/batching/batch-stretch.ts";
import { batchPolicy, decideBatch } from "../../src/runtime/batching/batcher.ts";
import type { QueueEntry } from "../../src/runtime/queue/queue-entry.ts";
import { queuePolicy } from "../../src/runtime/queue/queue-policy.ts";
import { RequestQueue } from "../../src/runtime/queue/request-queue.ts";
import type { TenantShare, TenantShares } from "../../src/tenant.ts";
import { entryOf } from "./runtime-requests.ts";

/** A tenant that always has so many requests under way: each answer brings the next request. */
export interface SimulatedTenant {
  readonly name: string;
  readonly inFlight: number;
  readonly weight?: number;
  /** Rows of a request. */
  readonly rows?: number;
  /** When it begins. */
  readonly fromMs?: number;
  /** From an answer to the next request: the network, and the caller. */
  readonly returnMs?: number;
}

/** What a tenant had in the time that was simulated. */
export interface SimulatedService {
  rows: number;
  /** From the arrival of a request to its answer, in the order of the answers. */
  readonly latenciesMs: number[];
}

/** The model that they share, and for how long. */
export interface SimulatedModel {
  readonly forMs: number;
  readonly maxRows?: number;
  readonly fixedMs?: number;
  readonly rowMs?: number;
  readonly stretch?: number;
}

/** Shares that say for each name what the test says, 1 for all others. */
export function sharesOf(weights: Readonly<Record<string, number>>): TenantShares {
  const shares = new Map<string, TenantShare>();
  return {
    find(name) {
      let share = shares.get(name);
      if (share === undefined) {
        share = { name, weight: weights[name] ?? 1, highestPriority: 1 };
        shares.set(name, share);
      }
      return share;
    },
  };
}

/**
 * One instance that runs batches of one queue, one after another, in virtual time: a batch of n rows takes `fixedMs + n * rowMs`. No process,
 * no timer, no chance: what comes out is exact. With a `stretch` rows of tenants with a backlog are kept out of the batches of others.
 */
export function simulate(
  tenants: readonly SimulatedTenant[],
  { forMs, maxRows = 8, fixedMs = 4, rowMs = 1, stretch = Number.POSITIVE_INFINITY }: SimulatedModel,
): ReadonlyMap<string, SimulatedService> {
  const config = { max_batch_size: maxRows, dynamic_batching: {} };
  const weights = Object.fromEntries(tenants.map(({ name, weight = 1 }) => [name, weight]));
  const queue = new RequestQueue(queuePolicy(config), () => {}, { shares: sharesOf(weights) });
  const policy = batchPolicy(config);
  const services = new Map(tenants.map(({ name }) => [name, { rows: 0, latenciesMs: [] as number[] }]));
  const tenantOf = new Map(tenants.map((tenant) => [tenant.name, tenant]));
  /** Requests on their way, in the order of their arrival. */
  const coming: { readonly atMs: number; readonly tenant: string }[] = [];
  const send = (tenant: string, atMs: number) => {
    const index = coming.findLastIndex((other) => other.atMs <= atMs) + 1;
    coming.splice(index, 0, { atMs, tenant });
  };
  for (const { name, inFlight, fromMs = 0 } of tenants) {
    for (let request = 0; request < inFlight; request++) send(name, fromMs);
  }
  let now = 0;
  while (now < forMs) {
    while ((coming[0]?.atMs ?? Number.POSITIVE_INFINITY) <= now) {
      const { tenant, atMs } = coming.shift()!;
      queue.push(entryOf({ tenant, queuedMs: atMs, rows: tenantOf.get(tenant)?.rows ?? 1 }), 1);
    }
    const decision = decideBatch(queue, policy, now, 1e9, 0);
    if (decision.kind !== "batch") {
      now = coming[0]?.atMs ?? forMs;
      continue;
    }
    const count = countWithinStretch(queue.first(decision.count, now, now), {
      limit: stretch,
      predictMs: (rows) => fixedMs + rows * rowMs,
      waitingOf: (tenant) => queue.requestsOf(tenant),
    });
    const entries: readonly QueueEntry[] = queue.take(count);
    const taken = entries.reduce((sum, { rows }) => sum + rows, 0);
    const costMs = fixedMs + taken * rowMs;
    now += costMs;
    queue.learn(taken, costMs);
    for (const entry of entries) {
      queue.settle(entry, (costMs * entry.rows) / taken);
      const service = services.get(entry.context.tenant);
      if (service === undefined) continue;
      service.rows += entry.rows;
      service.latenciesMs.push(now - entry.queuedMs);
    }
    for (const { context } of entries) send(context.tenant, now + (tenantOf.get(context.tenant)?.returnMs ?? 0));
  }
  return services;
}
