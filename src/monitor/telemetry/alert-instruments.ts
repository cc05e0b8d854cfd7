import { maxAlertRules } from "../alerts/alert-rule.ts";
import { modelAttributes } from "./attribute-values.ts";
import type { Instrument } from "./instrument.ts";

/** Instruments of the alerts that the server evaluates itself. */
export const alertInstruments = {
  alertState: {
    name: "sluice.alert.state",
    kind: "gauge",
    unit: "1",
    description:
      "How an alert of the model's rules stands: -1 unknown (too few samples), 0 ok, 1 pending, 2 firing. The maximum over replicas is the worst.",
    attributes: [...modelAttributes, { key: "sluice.alert", values: maxAlertRules }],
  },
} as const satisfies Record<string, Instrument>;
