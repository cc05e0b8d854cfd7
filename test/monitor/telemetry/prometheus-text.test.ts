import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ValueType } from "@opentelemetry/api";
import { AggregationTemporality, DataPointType, type MetricData } from "@opentelemetry/sdk-metrics";
import { metricText, prometheusName, targetInfo } from "../../../src/monitor/telemetry/prometheus-text.ts";

const base = { aggregationTemporality: AggregationTemporality.CUMULATIVE };
const times = { startTime: [0, 0] as [number, number], endTime: [1, 0] as [number, number] };

function descriptor(name: string, unit: string, description = "Words.") {
  return { name, unit, description, valueType: ValueType.DOUBLE };
}

function textOf(metric: MetricData): string {
  return [...metricText(metric)].join("");
}

describe("prometheusName", () => {
  const cases: readonly [string, string, boolean, string][] = [
    ["rpc.server.call.duration", "s", false, "rpc_server_call_duration_seconds"],
    ["sluice.batches", "{batch}", true, "sluice_batches_total"],
    ["process.memory.usage", "By", false, "process_memory_usage_bytes"],
    ["network.bytes", "By", true, "network_bytes_total"],
    ["disk.io", "By/s", false, "disk_io_bytes_per_s"],
    ["loop.utilization", "1", false, "loop_utilization"],
    ["already.total", "{x}", true, "already_total"],
    ["9.lives--left", "", false, "_9_lives_left"],
    ["drift.score", "{score}", false, "drift_score"],
  ];
  for (const [name, unit, isMonotonic, expected] of cases) {
    it(`${name} in ${unit || "nothing"} becomes ${expected}`, () =>
      assert.equal(prometheusName(name, unit, isMonotonic), expected));
  }
});

describe("metricText", () => {
  it("writes a counter", () => {
    const dataPoints = [{ ...times, attributes: { "a.b": 'quote " slash \\ line \n' }, value: 3 }];
    const metric: MetricData = {
      ...base,
      descriptor: descriptor("x.events", "{event}", "One \\ two\nthree"),
      dataPointType: DataPointType.SUM,
      isMonotonic: true,
      dataPoints,
    };
    assert.equal(
      textOf(metric),
      `${[
        "# HELP x_events_total One \\\\ two\\nthree",
        "# TYPE x_events_total counter",
        'x_events_total{a_b="quote \\" slash \\\\ line \\n"} 3',
      ].join("\n")}\n`,
    );
  });

  it("writes a gauge, and a sum that can fall as one", () => {
    const point = { ...times, attributes: { flag: true }, value: -0.5 };
    const gauge: MetricData = {
      ...base,
      descriptor: descriptor("x.level", "1"),
      dataPointType: DataPointType.GAUGE,
      dataPoints: [point],
    };
    const expected = '# HELP x_level Words.\n# TYPE x_level gauge\nx_level{flag="true"} -0.5\n';
    assert.equal(textOf(gauge), expected);
    assert.equal(textOf({ ...gauge, dataPointType: DataPointType.SUM, isMonotonic: false }), expected);
  });

  it("writes a histogram cumulatively, and one of signed values without a sum", () => {
    const buckets = { boundaries: [0.005, 1], counts: [2, 0, 1] };
    const metric = (value: { sum?: number }): MetricData => ({
      ...base,
      descriptor: descriptor("x.duration", "s"),
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: [{ ...times, attributes: {}, value: { buckets, count: 3, ...value } }],
    });
    const lines = [
      "# HELP x_duration_seconds Words.",
      "# TYPE x_duration_seconds histogram",
      'x_duration_seconds_bucket{le="0.005"} 2',
      'x_duration_seconds_bucket{le="1"} 2',
      'x_duration_seconds_bucket{le="+Inf"} 3',
      "x_duration_seconds_sum 2.5",
      "x_duration_seconds_count 3",
    ];
    assert.equal(textOf(metric({ sum: 2.5 })), `${lines.join("\n")}\n`);
    assert.equal(textOf(metric({})), `${lines.filter((line) => !line.includes("_sum")).join("\n")}\n`);
  });

  it("shows the resource as target_info", () => {
    assert.match(targetInfo({ "service.name": "sluice" }), /\ntarget_info\{service_name="sluice"\} 1\n$/);
  });
});
