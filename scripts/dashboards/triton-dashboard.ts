import type { Dashboard } from "./dashboard.ts";
import { timeseries } from "./panel.ts";
import { dashboardRange } from "./query.ts";

const matchers = '{job=~"$job",instance=~"$instance",model=~"$model",version=~"$version"}';
const legend = "{{model}} {{version}}";

/** How much a counter of Triton's grows a second. */
function rate(family: string, by = "model, version"): string {
  return `sum by (${by}) (rate(nv_inference_${family}${matchers}[${dashboardRange}]))`;
}

/** Mean of a duration in a request answered, seconds. */
function mean(family: string): string {
  return `${rate(`${family}_duration_us`)} / ${rate("request_success")} / 1e6`;
}

const stages = ["queue", "compute_input", "compute_infer", "compute_output"] as const;

/** The same for whoever has Triton and sluice side by side: only the families of `--metrics-compat triton`. */
export const tritonDashboard: Dashboard = {
  uid: "sluice-nv",
  title: "sluice and Triton",
  description:
    "What Triton's metrics tell, for servers of either kind; sluice shows them with --metrics-compat triton. Generated: see scripts/dashboards.",
  variables: [
    { name: "job", label: "Job", query: "label_values(nv_inference_count, job)" },
    { name: "instance", label: "Server", query: 'label_values(nv_inference_count{job=~"$job"}, instance)' },
    { name: "model", label: "Model", query: 'label_values(nv_inference_count{job=~"$job"}, model)' },
    {
      name: "version",
      label: "Version",
      query: 'label_values(nv_inference_count{job=~"$job",model=~"$model"}, version)',
    },
  ],
  annotations: [],
  rows: [
    {
      title: "Traffic and errors",
      panels: [
        timeseries("Requests answered", [{ expr: rate("request_success"), legend }], { unit: "reqps" }),
        timeseries("Rows", [{ expr: rate("count"), legend }], { unit: "rowsps" }),
        timeseries(
          "Failures by reason",
          [{ expr: rate("request_failure", "model, reason"), legend: "{{model}} {{reason}}" }],
          { unit: "reqps" },
        ),
      ],
    },
    {
      title: "Latency",
      panels: [
        timeseries("Mean duration of a request", [{ expr: mean("request"), legend }], { unit: "s", width: 12 }),
        timeseries(
          "Mean time by stage",
          stages.map((stage) => ({ expr: mean(stage), legend: `${stage} ${legend}` })),
          { unit: "s", width: 12, isStacked: true },
        ),
      ],
    },
    {
      title: "Batching",
      panels: [
        timeseries("Executions", [{ expr: rate("exec_count"), legend }], { unit: "cps" }),
        timeseries("Mean rows of an execution", [{ expr: `${rate("count")} / ${rate("exec_count")}`, legend }]),
        timeseries("Requests waiting", [
          { expr: `sum by (model, version) (nv_inference_pending_request_count${matchers})`, legend },
        ]),
      ],
    },
  ],
};
