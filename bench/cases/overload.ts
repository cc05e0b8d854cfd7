import type { BenchCase, BenchOptions, Line } from "../bench-case.ts";
import type { Child } from "../child.ts";
import { estimate, median } from "../estimate.ts";
import { heavy } from "../models.ts";
import type { OpenLoopRequest, OpenLoopResult, PhaseResult } from "../open-loop.ts";
import { alternate, combine } from "../pairs.ts";
import { Stage, type Target } from "../stage.ts";

const modes = ["off", "fixed", "adaptive"] as const;
type Mode = (typeof modes)[number];

/** Offered load, as a multiple of what the model can do. */
const loads = [1, 2, 5] as const;

/** Few large requests, so that what the callers and the front process take of the machine's cores does not decide. */
const rowsPerMessage = 8;
/** In closed loop: three batches of 32 rows. */
const inFlight = 12;
const timeoutMs = 1000;
/** Before and after the overload, as a share of capacity. */
const calmLoad = 0.4;

/** One overload, and what the model could do right before it. */
interface Trial {
  readonly capacity: number;
  readonly result: OpenLoopResult;
}

/** What admission is for: answers in time when far more is asked than the model can do, and nothing lost when it is not. */
export const overloadCase: BenchCase = {
  name: "serve/overload",
  summary: "admission off, fixed, adaptive: goodput of the 54 MB model at 1 to 5 times its capacity; closed loops",
  async run(options) {
    await using stage = Stage.create(heavy);
    const generator = stage.child("open-loop-process.ts");
    const targets = new Map<Mode, Target>();
    for (const mode of modes) targets.set(mode, await stage.serve({ args: [`--admission=${mode}`] }));
    const lines: Line[] = [];
    for (const load of loads) lines.push(...(await measureOverload(load, targets, generator, stage, options)));
    lines.push(...(await measureClosedLoops(targets, options)));
    return lines;
  },
};

/** The modes in turns, so that what else the machine does falls on all of them. */
async function measureOverload(
  load: number,
  targets: ReadonlyMap<Mode, Target>,
  generator: Child,
  stage: Stage,
  { pairs, seconds }: BenchOptions,
): Promise<Line[]> {
  const rounds = Math.ceil(pairs / 3);
  const trials = new Map<Mode, Trial[]>(modes.map((mode) => [mode, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [mode, target] of targets) {
      const { callsPerSecond } = await target.load({ kind: "unary", inFlight, rowsPerMessage, seconds });
      const request: OpenLoopRequest = {
        address: target.server.grpcAddress,
        pid: target.server.pid,
        model: heavy.name,
        samplesPath: stage.models.samplesPath(heavy.name),
        rowsPerMessage,
        connections: 4,
        timeoutMs,
        phases: [
          { perSecond: calmLoad * callsPerSecond, seconds: 1.5 },
          { perSecond: load * callsPerSecond, seconds: 4 * seconds },
          { perSecond: calmLoad * callsPerSecond, seconds: 3.5 },
        ],
      };
      const result = await generator.ask<OpenLoopRequest, OpenLoopResult>(request);
      trials.get(mode)?.push({ capacity: callsPerSecond, result });
    }
  }
  return [...trials].flatMap(([mode, found]) => describe(mode, load, found));
}

function describe(mode: Mode, load: number, trials: readonly Trial[]): Line[] {
  const overload = trials.map(({ result }) => result.phases[1]!);
  const of = (value: (phase: PhaseResult) => number) => median(overload.map(value));
  const recoveries = trials.map(({ result }) => result.phases[2]!.abnormalUntilMs / 1000);
  const growths = trials.map(({ result }) => (result.peakBytes - result.firstBytes) / 2 ** 20);
  const isJudged = mode === "adaptive";
  const shares = `refused ${percent(of(({ refused, sent }) => refused / sent))}, expired ${percent(of(({ expired, sent }) => expired / sent))}`;
  const waits = `p50 ${Math.round(of(({ p50Ms }) => p50Ms))} ms, p99 ${Math.round(of(({ p99Ms }) => p99Ms))} ms`;
  const latest = Math.max(...overload.map(({ latestMs }) => latestMs));
  const what = `${load}x, admission ${mode}`;
  return [
    {
      what: `${what}: answers in time`,
      measured: of(({ goodPerSecond }) => goodPerSecond * rowsPerMessage),
      unit: "rows/s",
      limit: { name: "closed loop", value: median(trials.map(({ capacity }) => capacity * rowsPerMessage)) },
      estimate: estimate(trials.map(({ capacity, result }) => result.phases[1]!.goodPerSecond / capacity)),
      estimateUnit: "x",
      ...(isJudged ? { budget: { bound: "at least", value: 0.9 } as const } : {}),
      note: `${waits}; ${shares}; latest answer ${Math.round(latest)} ms after its deadline of ${timeoutMs} ms`,
    },
    {
      what: `${what}: time until latency is normal again`,
      measured: median(recoveries),
      unit: "s",
      estimate: estimate(recoveries),
      estimateUnit: "s",
      ...(isJudged ? { budget: { bound: "at most", value: 2 } as const } : {}),
      note: `front process grew by ${Math.round(median(growths))} MB`,
    },
  ];
}

/** Callers that wait for their answers and streams must lose nothing. */
async function measureClosedLoops(
  targets: ReadonlyMap<Mode, Target>,
  { pairs, seconds }: BenchOptions,
): Promise<Line[]> {
  const [off, adaptive] = [targets.get("off")!, targets.get("adaptive")!];
  const loops = [
    { what: "64 in flight", kind: "unary", inFlight: 64 },
    { what: "96 in flight", kind: "unary", inFlight: 96 },
    { what: "256 in flight", kind: "unary", inFlight: 256 },
    { what: "4 streams, 256 messages", kind: "stream", inFlight: 256 },
    { what: "4 streams of 32 rows a message, 64 messages", kind: "stream", inFlight: 64, rowsPerMessage: 32 },
  ] as const;
  const lines: Line[] = [];
  for (const { what, ...loop } of loops) {
    const found = await alternate(
      pairs,
      () => adaptive.load({ ...loop, seconds }),
      () => off.load({ ...loop, seconds }),
    );
    lines.push({
      what: `${what}, admission adaptive`,
      measured: median(found.tested.map(({ callsPerSecond }) => callsPerSecond)),
      unit: "/s",
      limit: { name: "admission off", value: median(found.limit.map(({ callsPerSecond }) => callsPerSecond)) },
      estimate: estimate(combine(found, (tested, limit) => tested.callsPerSecond / limit.callsPerSecond)),
      estimateUnit: "x",
      budget: { bound: "at least", value: 0.97 },
    });
  }
  return lines;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
