import { dropReasons, maxHeapSpaces, maxRuntimeProcesses, monitors, restartReasons } from "./attribute-values.ts";
import { collectionBoundaries } from "./boundaries.ts";
import type { Instrument } from "./instrument.ts";

/** The front process, by the conventions of Node.js and V8, the runtime processes, and the monitor itself. */
export const processInstruments = {
  runtimeProcesses: {
    name: "sluice.runtime.processes",
    kind: "updown",
    unit: "{process}",
    description: "Runtime processes alive.",
    attributes: [],
  },
  runtimeRestarts: {
    name: "sluice.runtime.restarts",
    kind: "counter",
    unit: "{restart}",
    description: "Runtime processes that ended unasked, by reason.",
    attributes: [{ key: "sluice.reason", values: restartReasons }],
  },
  runtimeMemory: {
    name: "sluice.runtime.memory.usage",
    kind: "updown",
    unit: "By",
    description: "Resident memory of a runtime process.",
    attributes: [{ key: "sluice.runtime.process", values: maxRuntimeProcesses }],
  },
  monitorDropped: {
    name: "sluice.monitor.dropped",
    kind: "counter",
    unit: "{record}",
    description: "What the monitor could not record or export.",
    attributes: [
      { key: "sluice.monitor", values: monitors },
      { key: "sluice.reason", values: dropReasons },
    ],
  },
  processMemory: {
    name: "process.memory.usage",
    kind: "updown",
    unit: "By",
    description: "Resident memory of the front process.",
    attributes: [],
  },
  delayMin: eventLoopDelay("min", "Minimum"),
  delayMax: eventLoopDelay("max", "Maximum"),
  delayMean: eventLoopDelay("mean", "Mean"),
  delayStddev: eventLoopDelay("stddev", "Standard deviation"),
  delayP50: eventLoopDelay("p50", "Median"),
  delayP90: eventLoopDelay("p90", "90th percentile"),
  delayP99: eventLoopDelay("p99", "99th percentile"),
  loopUtilization: {
    name: "nodejs.eventloop.utilization",
    kind: "gauge",
    unit: "1",
    description: "Share of the time since the last collection in which the front process's event loop was busy.",
    attributes: [],
  },
  loopTime: {
    name: "nodejs.eventloop.time",
    kind: "counter",
    unit: "s",
    description: "Time that the front process's event loop was active and idle.",
    attributes: [{ key: "nodejs.eventloop.state", values: ["active", "idle"] }],
  },
  cpuTime: {
    name: "process.cpu.time",
    kind: "counter",
    unit: "s",
    description: "Processor time of the front process; the runtime processes have theirs.",
    attributes: [{ key: "cpu.mode", values: ["user", "system"] }],
  },
  heapUsed: {
    name: "v8js.memory.heap.used",
    kind: "updown",
    unit: "By",
    description: "Heap in use in the front process, by space.",
    attributes: [{ key: "v8js.heap.space.name", values: maxHeapSpaces }],
  },
  heapLimit: {
    name: "v8js.memory.heap.limit",
    kind: "updown",
    unit: "By",
    description: "Heap that the front process has reserved, by space.",
    attributes: [{ key: "v8js.heap.space.name", values: maxHeapSpaces }],
  },
  collectionDuration: {
    name: "v8js.gc.duration",
    kind: "histogram",
    unit: "s",
    description: "Garbage collections of the front process by kind.",
    attributes: [{ key: "v8js.gc.type", values: ["major", "minor", "incremental", "weakcb"] }],
    boundaries: collectionBoundaries,
  },
} as const satisfies Record<string, Instrument>;

function eventLoopDelay<const S extends string>(statistic: S, word: string) {
  return {
    name: `nodejs.eventloop.delay.${statistic}`,
    kind: "gauge",
    unit: "s",
    description: `${word} of the front process's event loop delay since the last collection.`,
    attributes: [],
  } as const satisfies Instrument;
}
