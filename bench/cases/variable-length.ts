import type { BenchCase, Line } from "../bench-case.ts";
import { Child } from "../child.ts";
import { estimate, median } from "../estimate.ts";
import type { LengthLoadRequest, LengthLoadResult } from "../length-load.ts";
import { lengthModel } from "../length-model.ts";
import { MetricsPage } from "../metrics.ts";
import { ModelFolder } from "../models.ts";
import { ServerProcess } from "../server-process.ts";

const sizes = { vocabulary: 1000, width: 64, hidden: 128 };
const maxLength = 512;
const inFlight = 64;
const maxBatchSize = 32;

const parameter = (key: string, value: string) => `parameters { key: "${key}" value { string_value: "${value}" } }\n`;

/** The same model under three configurations. */
const variants = {
  alone: "",
  exact: "dynamic_batching { }\n",
  padded: `dynamic_batching { }\n${parameter("sluice_length_buckets", "32,64,128,192,256,320,384,448,512")}${parameter("sluice_mask_input", "mask")}`,
} as const;
type Variant = keyof typeof variants;
const names = Object.keys(variants) as readonly Variant[]; // the keys of the record above

type Results = Readonly<Record<Variant, LengthLoadResult[]>>;

/** Rows of lengths from 1 to 512: what padding to buckets costs and gains, beside running each row alone and batching equal lengths only. */
export const variableLengthCase: BenchCase = {
  name: "serve/variable-length",
  summary:
    "rows per second and p99 of lengths from 1 to 512 padded to nine buckets, beside no batching and batches of equal length",
  async run({ pairs, seconds, profileFolder }) {
    using models = new ModelFolder();
    const bytes = lengthModel(sizes);
    for (const name of names) models.addFile(name, bytes, `max_batch_size: ${maxBatchSize}\n${variants[name]}`);
    await using server = await ServerProcess.start(models.repository, { profileFolder });
    await using load = new Child("length-load.ts");
    const ask = (model: Variant) =>
      load.ask<LengthLoadRequest, LengthLoadResult>({
        address: server.grpcAddress,
        model,
        reference: "alone",
        vocabulary: sizes.vocabulary,
        maxLength,
        inFlight,
        seconds,
      });
    const results: Results = { alone: [], exact: [], padded: [] };
    for (let pair = -1; pair < pairs; pair++) {
      // In turns, each time in the other order, as in pairs.ts; the first round only warms up.
      for (const name of pair % 2 === 0 ? names : names.toReversed()) {
        const result = await ask(name);
        if (pair >= 0) results[name].push(result);
      }
    }
    const page = await MetricsPage.read(server);
    return [
      rateLine(results, "alone", "no batching"),
      rateLine(results, "exact", "batches of equal length"),
      latencyLine(results, "alone", "no batching"),
      latencyLine(results, "exact", "batches of equal length"),
      wasteLine(page),
    ];
  },
};

function rateLine(results: Results, beside: "alone" | "exact", name: string): Line {
  const rates = (variant: Variant) => results[variant].map(({ rowsPerSecond }) => rowsPerSecond);
  const ratios = rates("padded").map((rate, i) => rate / (rates(beside)[i] ?? Number.NaN));
  return {
    what: "rows per second, padded",
    measured: median(rates("padded")),
    unit: "/s",
    limit: { name, value: median(rates(beside)) },
    estimate: estimate(ratios),
    estimateUnit: "x",
  };
}

function latencyLine(results: Results, beside: "alone" | "exact", name: string): Line {
  const latencies = (variant: Variant) => results[variant].map(({ p99Ms }) => p99Ms);
  const ratios = latencies("padded").map((latency, i) => latency / (latencies(beside)[i] ?? Number.NaN));
  return {
    what: `p99 at ${inFlight} in flight, padded`,
    measured: median(latencies("padded")),
    unit: "ms",
    limit: { name, value: median(latencies(beside)) },
    estimate: estimate(ratios),
    estimateUnit: "x",
  };
}

function wasteLine(page: MetricsPage): Line {
  const padding = page.value("sluice_batch_elements_total", 'sluice_content="padding"');
  const share = (100 * padding) / page.value("sluice_batch_elements_total");
  const rows = names.map((name) => {
    const labels = `sluice_model_name="${name}"`;
    const mean = page.value("sluice_batch_size_sum", labels) / page.value("sluice_batch_size_count", labels);
    return `${mean.toFixed(1)} ${name}`;
  });
  return {
    what: "padded waste, of all elements run",
    measured: share,
    unit: "%",
    estimate: estimate([share]),
    estimateUnit: "%",
    note: `rows a batch: ${rows.join(", ")}`,
  };
}
