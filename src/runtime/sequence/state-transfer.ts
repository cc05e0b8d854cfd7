import type { LoadedStates, SavedStates } from "../process/load-protocol.ts";
import type { RuntimeProcess } from "../process/runtime-process.ts";

/** A session in a process that runs nothing else meanwhile. */
export interface StateEnd {
  readonly process: RuntimeProcess;
  readonly sessionId: number;
}

/** From which slot of the one session into which slot of the other. */
export interface SlotPair {
  readonly from: number;
  readonly to: number;
}

/** Slots that one request names: their numbers and lengths fit a frame. */
const slotsOfRequest = 64;

/**
 * Copies the states of sequences from one session to another, through the arenas of both, as many at a time as one slot of the arena takes. The source
 * keeps its own.
 * @returns for each pair the number of the shapes of its state at the target; undefined: there was nothing, or it exceeds a slot of the arena
 * @throws RuntimeProcessDied, or InferenceError when the target cannot take one
 */
export async function transferStates(
  source: StateEnd,
  target: StateEnd,
  pairs: readonly SlotPair[],
  limitMs: number,
): Promise<readonly (number | undefined)[]> {
  const shapes: (number | undefined)[] = [];
  while (shapes.length < pairs.length) {
    const asked = pairs.slice(shapes.length, shapes.length + slotsOfRequest);
    const { value, bytes } = await source.process.exchange<SavedStates>(
      { operation: "save-states", sessionId: source.sessionId, slots: asked.map(({ from }) => from) },
      [],
      limitMs,
      ({ lengths }) => lengths.reduce((sum, length) => sum + length, 0),
    );
    const { lengths } = value;
    if (lengths.length === 0) shapes.push(undefined); // larger than the arena: passed over
    const saved = lengths.flatMap((length, i) => (length > 0 ? [{ length, slot: asked[i]?.to ?? 0 }] : []));
    const loaded = saved.length === 0 ? [] : await load(target, saved, bytes, limitMs);
    let next = 0;
    for (const length of lengths) shapes.push(length > 0 ? loaded[next++] : undefined);
  }
  return shapes;
}

async function load(
  { process, sessionId }: StateEnd,
  saved: readonly { readonly length: number; readonly slot: number }[],
  bytes: Buffer,
  limitMs: number,
): Promise<readonly number[]> {
  const slots = saved.map(({ slot }) => slot);
  const lengths = saved.map(({ length }) => length);
  const request = { operation: "load-states", sessionId, slots, lengths } as const;
  const { value } = await process.exchange<LoadedStates>(request, [bytes], limitMs, () => 0);
  return value.stateShapes;
}
