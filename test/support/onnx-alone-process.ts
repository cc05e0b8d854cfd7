/**
 * The child of onnx-alone.ts: runs a model file with onnxruntime-node and nothing of sluice in between. Answers each message
 * {file, fetches, runs} with {outputs} or {error}.
 */

// The binding takes and gives 16-bit floats as Uint16Array; with the global its Tensor class would turn them into Float16Array.
Reflect.deleteProperty(globalThis, "Float16Array");
const { default: ort } = await import("onnxruntime-node");

interface Feed {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayLike<unknown>;
}
type Run = Readonly<Record<string, Feed>>;

type Session = Awaited<ReturnType<typeof ort.InferenceSession.create>>;
const sessions = new Map<string, Promise<Session>>();

function sessionOf(file: string): Promise<Session> {
  const session =
    sessions.get(file) ?? ort.InferenceSession.create(file, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  sessions.set(file, session);
  return session;
}

process.on("message", async ({ file, fetches, runs }: { file: string; fetches?: string[]; runs: Run[] }) => {
  try {
    const session = await sessionOf(file);
    const outputs = [];
    for (const feeds of runs) {
      const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => {
        return [name, new ort.Tensor(type as "float32", data as Float32Array, dims)] as const; // every type with its own array
      });
      const results = await session.run(Object.fromEntries(tensors), fetches ?? session.outputNames);
      outputs.push(
        Object.fromEntries(Object.entries(results).map(([name, { type, data, dims }]) => [name, { type, data, dims }])),
      );
    }
    process.send?.({ outputs });
  } catch (error) {
    process.send?.({ error: String(error) });
  }
});
