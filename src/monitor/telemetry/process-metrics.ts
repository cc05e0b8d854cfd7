import { constants, monitorEventLoopDelay, PerformanceObserver, performance } from "node:perf_hooks";
import { getHeapSpaceStatistics } from "node:v8";
import { maxHeapSpaces, maxRuntimeProcesses } from "./attribute-values.ts";
import { instruments } from "./instruments.ts";
import type { HistogramSeries } from "./series.ts";
import type { SeriesRegistry } from "./series-registry.ts";

/** Collections closer together than this see the same event loop figures, so that two readers do not cut each other's time short. */
const shortestPeriodMs = 1000;

/** How often the delay of the event loop is sampled. */
const delayResolutionMs = 10;

/** A sample is the time between two turns of a timer, so an idle loop measures the timer's period: that much is no delay. */
function delaySeconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - delayResolutionMs / 1000);
}

const delayFields = [
  ["delayMin", (delay: DelayHistogram) => delaySeconds(delay.min)],
  ["delayMax", (delay: DelayHistogram) => delaySeconds(delay.max)],
  ["delayMean", (delay: DelayHistogram) => delaySeconds(delay.mean)],
  ["delayStddev", (delay: DelayHistogram) => delay.stddev / 1e9],
  ["delayP50", (delay: DelayHistogram) => delaySeconds(delay.percentile(50))],
  ["delayP90", (delay: DelayHistogram) => delaySeconds(delay.percentile(90))],
  ["delayP99", (delay: DelayHistogram) => delaySeconds(delay.percentile(99))],
] as const;

type DelayHistogram = ReturnType<typeof monitorEventLoopDelay>;

/** Resident memory of one runtime process. */
export interface RuntimeMemory {
  /** A lasting name such as its place among the processes, not a process id: each name is a series. */
  readonly name: string;
  readonly bytes: number;
}

/**
 * Event loop, memory and garbage collections of the front process: the loop's delay is the sign that this process is saturated.
 * Returns how to stop.
 */
export function observeProcess(registry: SeriesRegistry): () => void {
  const stopLoop = observeEventLoop(registry);
  const stopCollections = observeCollections(registry);
  registry.server.observe(instruments.processMemory, () => process.memoryUsage.rss());
  observeCpu(registry);
  observeHeap(registry);
  return () => {
    stopLoop();
    stopCollections();
  };
}

function observeEventLoop(registry: SeriesRegistry): () => void {
  const { server } = registry;
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
  delay.enable();
  const levels = delayFields.map(([name, read]) => ({ level: server.level(instruments[name]), read }));
  const utilization = server.level(instruments.loopUtilization);
  for (const state of ["active", "idle"] as const) {
    const attributes = { "nodejs.eventloop.state": state };
    server.observe(instruments.loopTime, () => performance.eventLoopUtilization()[state] / 1000, attributes);
  }
  let since = performance.now();
  let before = performance.eventLoopUtilization();
  registry.onCollect(() => {
    const now = performance.now();
    if (now - since < shortestPeriodMs || delay.count === 0) return;
    for (const { level, read } of levels) level.set(read(delay));
    const current = performance.eventLoopUtilization();
    utilization.set(performance.eventLoopUtilization(current, before).utilization);
    delay.reset();
    [since, before] = [now, current];
  });
  return () => delay.disable();
}

function observeCpu({ server }: SeriesRegistry): void {
  for (const mode of ["user", "system"] as const) {
    server.observe(instruments.cpuTime, () => process.cpuUsage()[mode] / 1e6, { "cpu.mode": mode });
  }
}

/** The spaces are those of this Node.js: which there are is V8's business. */
function observeHeap(registry: SeriesRegistry): void {
  let spaces = getHeapSpaceStatistics();
  registry.onCollect(() => {
    spaces = getHeapSpaceStatistics();
  });
  for (const [index, { space_name: name }] of spaces.slice(0, maxHeapSpaces).entries()) {
    const attributes = { "v8js.heap.space.name": name };
    registry.server.observe(instruments.heapUsed, () => spaces[index]?.space_used_size, attributes);
    registry.server.observe(instruments.heapLimit, () => spaces[index]?.space_size, attributes);
  }
}

function observeCollections(registry: SeriesRegistry): () => void {
  const create = (type: string): HistogramSeries =>
    registry.server.histogram(instruments.collectionDuration, { "v8js.gc.type": type });
  const byKind = new Map([
    [constants.NODE_PERFORMANCE_GC_MAJOR, create("major")],
    [constants.NODE_PERFORMANCE_GC_MINOR, create("minor")],
    [constants.NODE_PERFORMANCE_GC_INCREMENTAL, create("incremental")],
    [constants.NODE_PERFORMANCE_GC_WEAKCB, create("weakcb")],
  ]);
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      // Node documents `detail.kind` for entries of this type; its declarations leave it out.
      const { kind } = (entry as typeof entry & { readonly detail: { readonly kind: number } }).detail;
      byKind.get(kind)?.record(entry.duration / 1000);
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return () => observer.disconnect();
}

/** Shows the memory of runtime processes as `read` tells it, asked at each collection; returns how to give the source, again to replace it. */
export function observeRuntimeMemory(registry: SeriesRegistry): (read: () => readonly RuntimeMemory[]) => void {
  let read: () => readonly RuntimeMemory[] = () => [];
  let group = registry.openGroup({});
  registry.onCollect(() => {
    registry.closeGroup(group);
    group = registry.openGroup({});
    for (const { name, bytes } of read().slice(0, maxRuntimeProcesses)) {
      group.observe(instruments.runtimeMemory, () => bytes, { "sluice.runtime.process": name });
    }
  });
  return (source) => {
    read = source;
  };
}
