import type { ServeConfig } from "../config.ts";
import { InferenceError } from "../errors.ts";
import { packageVersion } from "../version.ts";
import { AlertWebhook } from "./alerts/webhook.ts";
import { type WebhookTarget, webhookTarget } from "./alerts/webhook-target.ts";
import type { AskModel } from "./ask-model.ts";
import { ModelMonitors } from "./model-monitors.ts";
import { systemMonitorClock } from "./monitor-clock.ts";
import { Outcomes } from "./outcomes/outcomes.ts";
import { type TokenKeyLog, TokenKeys } from "./outcomes/token-keys.ts";
import { MonitorPage } from "./page/monitor-page.ts";
import { PayloadFolder } from "./payload/payload-folder.ts";
import { PayloadLogs } from "./payload/payload-logs.ts";
import type { RuntimeMemory } from "./telemetry/process-metrics.ts";
import type { Telemetry } from "./telemetry/telemetry.ts";
import type { ModelStanding } from "./unwatched-models.ts";

/** The options of the server that concern its models' monitors. */
export type ServerMonitorConfig = Pick<
  ServeConfig,
  | "metrics"
  | "monitorPage"
  | "alertWebhook"
  | "alertWebhookHeaderFile"
  | "alertWebhookSecretFile"
  | "payloadLogFolder"
  | "tokenKeyFile"
  | "maxPredictionBytes"
  | "maxMessageBytes"
>;

/** What the options name, read and opened. */
export interface MonitorResources {
  readonly keys: TokenKeys;
  /** Undefined: alerts are not sent. */
  readonly webhook: WebhookTarget | undefined;
  /** Undefined: no payloads are logged. */
  readonly payloadLogs: PayloadLogs | undefined;
}

/**
 * Reads and opens what the options name, so that a mistake shows before anything was started. Undefined: nothing is watched.
 * @throws InferenceError "invalid" naming the option
 */
export function openMonitorResources(config: ServerMonitorConfig, log: TokenKeyLog): MonitorResources | undefined {
  const { metrics, payloadLogFolder, tokenKeyFile } = config;
  const webhook = webhookTarget(config);
  if (!metrics) {
    if (webhook !== undefined) throw needsMetrics("--alert-webhook", "without them there are no alerts");
    if (payloadLogFolder !== "") throw needsMetrics("--payload-log-folder", "the monitor writes the logs");
    return undefined;
  }
  return {
    keys: new TokenKeys(tokenKeyFile, log),
    webhook,
    payloadLogs:
      payloadLogFolder === "" ? undefined : new PayloadLogs(PayloadFolder.open(payloadLogFolder), systemMonitorClock),
  };
}

function needsMetrics(option: string, why: string): InferenceError {
  return new InferenceError("invalid", `${option} needs --metrics: ${why}`);
}

/** What the monitor of a server stands on. */
export interface ServerMonitorSurroundings {
  readonly resources: MonitorResources;
  readonly telemetry: Pick<Telemetry, "registry" | "instanceId">;
  readonly ask: AskModel;
  /** For the log. */
  readonly report: (
    level: "info" | "warn" | "error",
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ) => void;
}

/** What is watched of the models of one server, and how that leaves it: the monitors of all versions, outcomes, alerts, payload logs, the page. */
export class ServerMonitor {
  /** Observes the runtime, and answers for every model version. */
  readonly models: ModelMonitors;
  /** What a browser sees; undefined: it is switched off. */
  readonly page: MonitorPage | undefined;
  readonly #webhook: AlertWebhook | undefined;
  readonly #payloadLogs: PayloadLogs | undefined;

  constructor(config: ServerMonitorConfig, { resources, telemetry, ask, report }: ServerMonitorSurroundings) {
    const { registry, instanceId: serverInstance } = telemetry;
    const { keys, webhook, payloadLogs } = resources;
    const { maxPredictionBytes, maxMessageBytes } = config;
    const clock = systemMonitorClock;
    const sender = { serverInstance, serverVersion: packageVersion() };
    const outcomes = new Outcomes({ registry, keys, maxPredictionBytes, maxMessageBytes, clock });
    this.models = new ModelMonitors({ registry, payloadLogs, outcomes, ask, ...sender, report });
    this.#payloadLogs = payloadLogs;
    const drop = (reason: string, count: number) => registry.dropped("alert_webhook", reason).add(count);
    this.#webhook =
      webhook && new AlertWebhook({ target: webhook, board: this.models.alerts, sender, clock, drop, report });
    this.page = config.monitorPage ? createPage(this.models) : undefined;
  }

  /** Gives the sources of what is known elsewhere: the memory of runtime processes and the states of all model versions. */
  setSources(runtimeMemory: () => readonly RuntimeMemory[], index: () => readonly ModelStanding[]): void {
    this.models.setIndex(index);
    this.models.setRuntimeBytes(() => runtimeMemory().reduce((sum, { bytes }) => sum + bytes, 0));
  }

  /** Reads the token keys again; a file that is broken is reported and changes nothing. */
  reload(): void {
    this.models.outcomes?.reload();
  }

  /** Evaluates nothing more; delivers alerts and writes payloads that wait, within `timeoutMs`. Never rejects. */
  async stop(timeoutMs: number): Promise<void> {
    this.models.stop();
    await Promise.all([this.#webhook?.stop(timeoutMs), this.#payloadLogs?.stop(timeoutMs)]);
  }
}

function createPage(models: ModelMonitors): MonitorPage {
  return new MonitorPage({
    report: (name, version) => models.report(name, version),
    firingAlerts: () => models.alerts.firingCount,
    now: () => performance.now(),
  });
}
