import type { BenchCase, Line } from "../bench-case.ts";
import { MonitoredModel, type MonitoredModelOptions } from "../monitored-model.ts";
import { measurePrimitive } from "../primitive.ts";

/** A detector that learns from every row looked at. */
const allOn = "anomaly: {detector: half_space_trees}\n";

/** What watching a model's quality, data and anomalies costs beside telemetry, in CPU time. Blocks end and windows are compared meanwhile. */
export const monitorModelsCase: BenchCase = {
  name: "monitor/models",
  summary: "CPU time of quality, data and anomaly monitors in a request, with all of them on and with none",
  async run(options) {
    const lines: Line[] = [];
    const measure = async (what: string, load: MonitoredModelOptions, budget?: number) => {
      using all = await MonitoredModel.load({ ...load, yaml: allOn });
      using none = await MonitoredModel.load({ ...load, parts: [] });
      const limit = { name: "no monitors", turn: none.turn };
      const bound = budget === undefined ? {} : { budget: { bound: "at most", value: budget } as const };
      lines.push(measurePrimitive({ what, turn: all.turn, limit, ...bound }, options));
    };
    const unary = { requestsPerSecond: 25_000, batch: 1 };
    const stream = { requestsPerSecond: 60_000, batch: 32 };
    await measure("unary call at 25,000/s, 30 features", unary, 3000);
    await measure("unary call at 25,000/s, 1,000 features", { ...unary, features: 1000 }, 3000);
    await measure("stream message at 60,000/s, 30 features", stream, 1000);
    await measure("stream message at 60,000/s, 1,000 features", { ...stream, features: 1000 }, 1000);
    await measure("unary call at 900/s, every row looked at", { requestsPerSecond: 900, batch: 1 });
    return lines;
  },
};
