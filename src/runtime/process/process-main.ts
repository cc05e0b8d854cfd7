import { readSync, writeSync } from "node:fs";
import { InferenceError, toInferenceError } from "../../errors.ts";
import { type SequenceStates, StateTooLargeError } from "../sequence/sequence-state.ts";
import {
  bodyOf,
  decodeReference,
  decodeRun,
  encodeBody,
  encodeJson,
  encodeRan,
  encodeReference,
  type Failure,
  type Frame,
  FrameDecoder,
  frameKind,
  maxFrameBytes,
  type RanOutput,
  type Reference,
  type RunFrame,
} from "./frames.ts";
import { watchFront } from "./front-watch.ts";
import type {
  AnswerRange,
  BodyReference,
  BytesRange,
  ControlRequest,
  LoadedStates,
  LoadStatesRequest,
  SavedStates,
  SaveStatesRequest,
} from "./load-protocol.ts";
import { LoadedModel } from "./loaded-model.ts";
import { type Device, devices, OutputTooLargeError, Session } from "./session.ts";

/**
 * The runtime process: one blocking loop over the frames that the front process sends, and nothing else. Descriptor 3 carries frames both
 * ways, descriptor 4 is the arena. Ends when the front's end closes.
 */
const frameFd = 3;
const arenaFd = 4;

/** Runs between two measurements of resident memory. */
const runsPerMeasurement = 64;

const models = new Map<number, LoadedModel>();
let availableDevices: readonly Device[] | undefined;
let runs = 0;

async function serveFrames(): Promise<void> {
  const decoder = new FrameDecoder();
  const chunk = Buffer.allocUnsafe(4 * maxFrameBytes);
  for (;;) {
    const count = readSync(frameFd, chunk, 0, chunk.length, null);
    if (count === 0) return;
    for (const frame of decoder.push(Buffer.from(chunk.subarray(0, count)))) await answer(frame);
  }
}

async function answer(frame: Frame): Promise<void> {
  try {
    if (frame.kind === frameKind.run) await answerRun(frame.id, frame.body);
    else if (frame.kind === frameKind.longRun) await answerRun(frame.id, readArena(decodeReference(frame.body)));
    else await answerControl(frame);
  } catch (error) {
    send(encodeJson(frameKind.failed, frame.id, fitted(toFailure(error, frame.kind))));
  }
}

async function answerRun(id: number, body: Buffer): Promise<void> {
  const run = decodeRun(body);
  const model = models.get(run.sessionId);
  if (model === undefined)
    throw new InferenceError("internal", "internal error", { cause: new Error(`no session ${run.sessionId}`) });
  const result = await model.run(run, arenaFd);
  runs++;
  const residentBytes = runs % runsPerMeasurement === 1 ? process.memoryUsage.rss() : 0;
  const message = encodeRan(id, { ...result, residentBytes, isFinal: true });
  send(message.length <= maxFrameBytes ? message : placeInArena(id, message, result.outputs, run));
}

/** Puts the description of very many outputs behind them. */
function placeInArena(id: number, message: Buffer, outputs: readonly RanOutput[], run: RunFrame): Buffer {
  const body = bodyOf(message);
  let offset = run.outputOffset;
  for (const output of outputs) offset = Math.max(offset, output.offset + output.length);
  offset = Math.ceil(offset / 8) * 8;
  if (offset + body.length > run.outputOffset + run.outputLimit) {
    throw new OutputTooLargeError(`the outputs and their description exceed ${run.outputLimit} bytes`);
  }
  writeAll(arenaFd, body, offset);
  return encodeReference(frameKind.longRan, id, { offset, length: body.length });
}

async function answerControl(frame: Frame): Promise<void> {
  const request = readBody(frame.body);
  const result = Buffer.from(JSON.stringify(await control(request)));
  if (result.length + 64 <= maxFrameBytes) {
    send(encodeBody(frameKind.result, frame.id, result));
    return;
  }
  if (result.length > request.answerLimit)
    throw new InferenceError("refused", "the model's description exceeds the arena");
  writeAll(arenaFd, result, request.answerOffset);
  const reference: BodyReference = { arenaOffset: request.answerOffset, arenaLength: result.length };
  send(encodeJson(frameKind.result, frame.id, reference));
}

function readBody(body: Buffer): ControlRequest & AnswerRange {
  // The front process is trusted: it writes these messages from typed objects.
  const message = JSON.parse(body.toString()) as (ControlRequest & AnswerRange) | BodyReference;
  if (!("arenaLength" in message)) return message;
  const bytes = readArena({ offset: message.arenaOffset, length: message.arenaLength });
  return JSON.parse(bytes.toString()) as ControlRequest & AnswerRange;
}

function readArena({ offset, length }: Reference): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const count = readSync(arenaFd, bytes, done, length - done, offset + done);
    if (count === 0) throw new Error("the arena ends before the message");
    done += count;
  }
  return bytes;
}

async function control(request: ControlRequest): Promise<unknown> {
  switch (request.operation) {
    case "devices":
      return { devices: await findDevices() };
    case "load": {
      // A process that serves CPU models must not start a device: that takes time and the device's memory.
      const model = await LoadedModel.load(request, request.device === "auto" ? await findDevices() : []);
      await models.get(request.sessionId)?.release(); // a load that waited while the process was replaced is asked for again
      models.set(request.sessionId, model);
      return model.result;
    }
    case "try": {
      const model = modelOf(request.sessionId);
      await model.try();
      return model.result;
    }
    case "warm-up":
      return { runMs: await modelOf(request.sessionId).warmUp(request) };
    case "save-states":
      return saveStates(request, bytesRange(request));
    case "load-states":
      return loadStates(request, bytesRange(request));
    case "unload": {
      const model = models.get(request.sessionId);
      models.delete(request.sessionId);
      await model?.release();
      return {};
    }
  }
}

/** Where the bytes beside a request lie: `RuntimeProcess.exchange` wrote it. */
function bytesRange(request: ControlRequest): BytesRange {
  return request as ControlRequest & BytesRange;
}

function saveStates({ sessionId, slots }: SaveStatesRequest, { bytesOffset, bytesLimit }: BytesRange): SavedStates {
  const states = statesOf(sessionId);
  const lengths: number[] = [];
  let position = 0;
  for (const slot of slots) {
    const bytes = states.save(slot);
    if (bytes !== undefined && position + bytes.length > bytesLimit) break;
    if (bytes !== undefined) writeAll(arenaFd, bytes, bytesOffset + position);
    lengths.push(bytes?.length ?? 0);
    position += bytes?.length ?? 0;
  }
  return { lengths };
}

function loadStates({ sessionId, slots, lengths }: LoadStatesRequest, { bytesOffset }: BytesRange): LoadedStates {
  const states = statesOf(sessionId);
  let offset = bytesOffset;
  const stateShapes = slots.map((slot, i) => {
    const length = lengths[i] ?? 0;
    const stateShape = states.load(slot, readArena({ offset, length }));
    offset += length;
    return stateShape;
  });
  return { stateShapes };
}

function statesOf(sessionId: number): SequenceStates {
  const { states } = modelOf(sessionId);
  if (states === undefined) throw new Error(`session ${sessionId} keeps no states`);
  return states;
}

function modelOf(sessionId: number): LoadedModel {
  const model = models.get(sessionId);
  if (model === undefined) throw new Error(`no session ${sessionId}`);
  return model;
}

/** Execution providers that start here, best first: each is tried once with a model of one node. */
async function findDevices(): Promise<readonly Device[]> {
  if (availableDevices !== undefined) return availableDevices;
  const found: Device[] = [];
  for (const device of devices) {
    try {
      const session = await Session.create(oneNodeModel(), {
        device,
        deviceId: undefined,
        intraOpThreads: 1,
        forbidCpuFallback: false,
        hasDynamicShapes: false,
      });
      await session.release();
      found.push(device);
    } catch {
      // the provider's library or device is missing here
    }
  }
  availableDevices = found;
  return found;
}

/** A model of one node, y = x + x for one float, opset 17. */
function oneNodeModel(): Uint8Array {
  return Buffer.from(
    "CAg6OQoOCgF4CgF4EgF5IgNBZGQSBXByb2JlWg8KAXgSCgoICAESBAoCCAFiDwoBeRIKCggIARIECgIIAUIECgAQEQ==",
    "base64",
  );
}

function toFailure(error: unknown, kind: number): Failure {
  const detail = error instanceof Error ? detailOf(error) : String(error);
  if (error instanceof OutputTooLargeError || error instanceof StateTooLargeError)
    return { reason: "too_large", message: error.message, detail: "" };
  if (error instanceof InferenceError) {
    const known = toInferenceError(error);
    const reason = known.reason === "refused" || known.reason === "invalid" ? known.reason : "internal";
    return { reason, message: known.message, detail };
  }
  const isRun = kind === frameKind.run || kind === frameKind.longRun;
  const message = isRun ? "the model failed on this request" : "the model failed";
  return { reason: "runtime", message, detail };
}

/** A failure whose texts are short enough for a frame: a message may quote what a client wrote. */
function fitted(failure: Failure): Failure {
  const { reason, message, detail } = failure;
  if (Buffer.byteLength(JSON.stringify(failure)) + 64 <= maxFrameBytes) return failure;
  const half = Math.ceil(Math.max(message.length, detail.length) / 2);
  return fitted({ reason, message: message.slice(0, half), detail: detail.slice(0, half) });
}

function detailOf(error: Error): string {
  const text = error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
  return text.slice(0, 1500);
}

function send(frame: Buffer): void {
  writeAll(frameFd, frame, null);
}

function writeAll(fd: number, bytes: Uint8Array, offset: number | null): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset === null ? null : offset + done);
  }
}

// A terminal and systemd send their signals to every process of the server. Only the front answers them: it still has calls to finish.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});

watchFront();
await serveFrames();
process.exit(0);
