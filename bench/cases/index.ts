import type { BenchCase } from "../bench-case.ts";
import { concatCase, splitCase, takeBatchCase } from "./batching.ts";
import { bulkCase } from "./bulk.ts";
import { streamCase, unaryCase } from "./calls.ts";
import { clientStreamCase } from "./client.ts";
import { decodeCase, encodeCase } from "./codec.ts";
import { heavyCase } from "./heavy.ts";
import { latencyCase } from "./latency.ts";
import { loopDelayCase } from "./loop-delay.ts";
import { manyStreamsCase } from "./many-streams.ts";
import { monitorAnomalyCase } from "./monitor-anomaly.ts";
import { monitorModelsCase } from "./monitor-models.ts";
import { monitorOutcomesCase } from "./monitor-outcomes.ts";
import { monitorOverheadCase } from "./monitor-overhead.ts";
import { monitorPayloadLogCase } from "./monitor-payload-log.ts";
import { monitorRecordCase } from "./monitor-record.ts";
import { overloadCase } from "./overload.ts";
import { startCase } from "./start.ts";
import { csvCase } from "./table.ts";
import { tenantsCase } from "./tenants.ts";
import { tritonCase } from "./triton.ts";
import { variableLengthCase } from "./variable-length.ts";

/** Every case, in the order in which they run: primitives, then the whole server. */
export const benchCases: readonly BenchCase[] = [
  decodeCase,
  encodeCase,
  concatCase,
  splitCase,
  takeBatchCase,
  monitorRecordCase,
  monitorModelsCase,
  monitorAnomalyCase,
  monitorOutcomesCase,
  csvCase,
  unaryCase,
  streamCase,
  bulkCase,
  manyStreamsCase,
  clientStreamCase,
  latencyCase,
  heavyCase,
  tenantsCase,
  variableLengthCase,
  overloadCase,
  monitorOverheadCase,
  monitorPayloadLogCase,
  loopDelayCase,
  startCase,
  tritonCase,
];
