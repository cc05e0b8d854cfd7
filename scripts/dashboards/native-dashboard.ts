import { instruments } from "../../src/monitor/telemetry/instruments.ts";
import type { Dashboard } from "./dashboard.ts";
import { modelLegend, name, queries, version } from "./native-scope.ts";
import { qualityRows } from "./quality-rows.ts";
import { labelOf, nameOf } from "./query.ts";
import { trafficRows } from "./traffic-rows.ts";

const status = nameOf(instruments.modelStatus);
const states = (state: string) => `${queries.samples(instruments.modelStatus, { "sluice.state": state })} == 1`;

/** Everything that sluice measures, row by row. */
export const nativeDashboard: Dashboard = {
  uid: "sluice",
  title: "sluice",
  description: "Latency and quality of the models that sluice serves. Generated: see scripts/dashboards.",
  variables: [
    { name: "job", label: "Job", query: `label_values(${status}, job)` },
    { name: "instance", label: "Server", query: `label_values(${status}{job=~"$job"}, instance)` },
    { name: "model", label: "Model", query: `label_values(${status}{job=~"$job"}, ${labelOf(name)})` },
    {
      name: "version",
      label: "Version",
      query: `label_values(${status}{job=~"$job",${labelOf(name)}=~"$model"}, ${labelOf(version)})`,
    },
    {
      name: "feature",
      label: "Feature",
      query: `label_values(${nameOf(instruments.driftScore)}{${labelOf(name)}=~"$model"}, ${labelOf("sluice.feature")})`,
    },
  ],
  annotations: [
    { name: "Loads", expr: states("loading"), title: `${modelLegend} is loading` },
    { name: "Unloads", expr: states("unloading"), title: `${modelLegend} is unloading` },
  ],
  rows: [...trafficRows, ...qualityRows],
};
