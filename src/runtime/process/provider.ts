import { InferenceError } from "../../errors.ts";
import type { PreparedModel } from "../../model/prepared-model.ts";
import type { ProviderInfo } from "../model.ts";
import type { LoadRequest } from "./load-protocol.ts";
import { type Device, Session, type SessionOptions } from "./session.ts";

/**
 * Loads a model on the device that was asked for, or under `auto` on the best that starts.
 *
 * ONNX Runtime puts graph nodes that a device cannot run on the CPU without a word. So a session on a GPU is first created with that
 * forbidden; if only the permitted way works, the model is `partial`, or refused where falling back is not allowed.
 *
 * @param available execution providers that start in this process, best first
 * @throws InferenceError "refused" when no allowed way works
 */
export async function createSession(
  model: PreparedModel,
  request: LoadRequest,
  available: readonly Device[],
): Promise<{ session: Session; provider: ProviderInfo }> {
  const candidates = request.device === "auto" ? available : [request.device];
  let failure: unknown;
  for (const device of candidates) {
    try {
      return await createOn(device, model, request);
    } catch (error) {
      failure ??= error;
      if (error instanceof InferenceError && request.device !== "auto") throw error;
    }
  }
  if (failure instanceof InferenceError) throw failure;
  throw new InferenceError("refused", `ONNX Runtime cannot load model '${request.name}'`, { cause: failure });
}

async function createOn(
  device: Device,
  model: PreparedModel,
  request: LoadRequest,
): Promise<{ session: Session; provider: ProviderInfo }> {
  const options: SessionOptions = {
    device,
    deviceId: request.deviceId,
    intraOpThreads: request.intraOpThreads,
    forbidCpuFallback: device !== "cpu",
    hasDynamicShapes: model.summary.inputs.some(
      ({ shape }) => shape === undefined || shape.some((dimension) => typeof dimension !== "number" || dimension < 0),
    ),
  };
  const provider = { requested: request.device, actual: device, isPartial: false, detail: "" };
  try {
    return { session: await Session.create(model.bytes, options), provider };
  } catch (whole) {
    if (device === "cpu") {
      throw new InferenceError("refused", `ONNX Runtime cannot load model '${request.name}': ${firstSentence(whole)}`, {
        cause: whole,
      });
    }
    const session = await createPartly(model, options, request, whole);
    return {
      session,
      provider: { ...provider, isPartial: true, detail: `some nodes run on the CPU because ${device} cannot run them` },
    };
  }
}

async function createPartly(
  model: PreparedModel,
  options: SessionOptions,
  request: LoadRequest,
  whole: unknown,
): Promise<Session> {
  let session: Session;
  try {
    session = await Session.create(model.bytes, { ...options, forbidCpuFallback: false });
  } catch (cause) {
    throw new InferenceError(
      "refused",
      `execution provider '${options.device}' cannot start for model '${request.name}': ${firstSentence(cause)}`,
      { cause },
    );
  }
  if (request.isFallbackAllowed) return session;
  await session.release();
  throw new InferenceError(
    "refused",
    `execution provider '${options.device}' cannot run every node of model '${request.name}', and the fallback to the CPU is switched off`,
    { cause: whole },
  );
}

/** Characters of ONNX Runtime's text that are looked at: it quotes names of the file, which may be crafted to take the patterns for ever. */
const maxErrorLength = 2_000;

/** The first line of ONNX Runtime's text without source location, function and condition in front of it, which mean nothing to a caller. */
function firstSentence(error: unknown): string {
  const [line = ""] = String(error instanceof Error ? error.message : error).split("\n");
  return line
    .slice(0, maxErrorLength)
    .replace(/\/\S+\.(cc|h|cpp):\d+\s.*?\)(::<lambda\(.*?\)>)?\s/g, "")
    .replace(/\S+ [=!]= \S+ was false\. /g, "")
    .replace(/\S*\/\S+/g, "")
    .trim()
    .slice(0, 300);
}
