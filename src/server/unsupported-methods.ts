import { InferenceError } from "../errors.ts";

const sharedMemory =
  "Client shared memory is disabled: sluice maps no memory of its callers. Send tensors in the request, over a local connection if need be.";

const reasons: Readonly<Record<string, string>> = {
  SystemSharedMemoryStatus: sharedMemory,
  SystemSharedMemoryRegister: sharedMemory,
  SystemSharedMemoryUnregister: sharedMemory,
  CudaSharedMemoryStatus: sharedMemory,
  CudaSharedMemoryRegister: sharedMemory,
  CudaSharedMemoryUnregister: sharedMemory,
  TraceSetting:
    "Trace settings cannot be changed by calls: tracing follows the caller's traceparent and --trace-sample-ratio.",
  LogSettings: "Log settings cannot be changed by calls: start the server with --log-level and --log-format.",
};

/** Methods of the protocol that sluice does not offer, each answered UNIMPLEMENTED with the reason. */
export const unsupportedMethods: Readonly<Record<string, () => never>> = Object.fromEntries(
  Object.entries(reasons).map(([name, reason]) => [
    name,
    () => {
      throw new InferenceError("unsupported", reason);
    },
  ]),
);
