import { createHmac } from "node:crypto";
import { toEpochMs } from "../../model/package-messages.ts";
import type { Alert } from "../monitor-report.ts";

/** Form of the body; a receiver may refuse another number. Fields may be added without changing it. */
export const webhookVersion = 1;

/** Who sends. */
export interface WebhookSender {
  /** `service.instance.id` of the server's telemetry. */
  readonly serverInstance: string;
  readonly serverVersion: string;
}

/** The JSON body of one delivery, as docs/monitoring.md describes it. */
export function webhookBody(sender: WebhookSender, alerts: readonly Alert[], nowMs: number): string {
  return JSON.stringify({
    version: webhookVersion,
    server_instance: sender.serverInstance,
    server_version: sender.serverVersion,
    sent_at: new Date(nowMs).toISOString(),
    alerts: alerts.map(({ since, state, ...alert }) => ({
      ...alert,
      state: state.replace("ALERT_STATE_", "").toLowerCase(),
      ...(since !== undefined && { since: new Date(toEpochMs(since)).toISOString() }),
    })),
  });
}

/**
 * The value of `sluice-signature`: `t=<unix seconds>,v1=<hex>`, the HMAC-SHA-256 of `<unix seconds>.<body>`. With the time in it a receiver can refuse
 * what was recorded and sent again.
 */
export function webhookSignature(secret: Uint8Array, body: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  const code = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
  return `t=${seconds},v1=${code}`;
}
