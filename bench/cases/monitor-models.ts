import type { BenchCase, Line } from "../bench-case.ts";
import { MonitoredModel } from "../monitored-model.ts";
import { measurePrimitive } from "../primitive.ts";

/** What watching a model's quality, data and anomalies costs beside telemetry, in CPU time. Blocks end and windows are compared meanwhile. */
export const monitorModelsCase: BenchCase = {
  name: "monitor/models",
  summary: "CPU time of quality, data and anomaly monitors in a request, with all of them on and with none",
  async run(options) {
    const lines: Line[] = [];
    const measure = (what: string, perSecond: number, batch: number, budget?: number) => {
      using all = new MonitoredModel(perSecond, batch);
      using none = new MonitoredModel(perSecond, batch, []);
      const limit = { name: "no monitors", turn: none.turn };
      const bound = budget === undefined ? {} : { budget: { bound: "at most", value: budget } as const };
      lines.push(measurePrimitive({ what, turn: all.turn, limit, ...bound }, options));
    };
    measure("unary call at 25,000/s, 1,000 rows/s looked at", 25_000, 1, 3000);
    measure("stream message at 60,000/s, 1,000 rows/s looked at", 60_000, 32, 1000);
    measure("unary call at 900/s, every row looked at", 900, 1);
    return lines;
  },
};
