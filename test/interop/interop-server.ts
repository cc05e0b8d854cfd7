import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServeConfig } from "../../src/config.ts";
import type { RunningServer } from "../../src/serve.ts";
import { sumModel, sumState, writeSequenceModel } from "../support/sequence-models.ts";
import { startTestServer } from "../support/test-server.ts";

/** The root of the checkout. */
export const root = join(import.meta.dirname, "..", "..");

/** Models of the zoo that the foreign clients call, beside the three of examples/repository. */
const zooModels = ["identity_fp32", "identity_int64", "identity_string", "two_inputs_two_outputs", "loop_slow"];

/** In the repository but not loaded at start: the clients load and unload it. */
const unloadedModel = "diabetes";

const exampleModels = ["breast_cancer", "diabetes", "digits"];

const decoupledModel = "decoupled_rows";

const sequenceModel = "sum";

/** Writes a Triton repository with the models that the foreign clients call into a folder. */
function writeInteropRepository(folder: string): void {
  for (const model of exampleModels) {
    cpSync(join(root, "examples", "repository", model), join(folder, model), { recursive: true });
  }
  // Its answers are cut: one row at a time.
  mkdirSync(join(folder, decoupledModel, "1"), { recursive: true });
  cpSync(
    join(root, "test", "fixtures", "zoo", "identity_fp32", "model.onnx"),
    join(folder, decoupledModel, "1", "model.onnx"),
  );
  writeFileSync(
    join(folder, decoupledModel, "config.pbtxt"),
    'parameters { key: "sluice_chunk_axis" value { string_value: "0" } }',
  );
  const batching = `sequence_batching { max_sequence_idle_microseconds: 60000000 direct { } ${sumState} }`;
  writeSequenceModel(folder, sequenceModel, sumModel(), `max_batch_size: 8\n${batching}`);
  for (const model of zooModels) {
    mkdirSync(join(folder, model, "1"), { recursive: true });
    cpSync(join(root, "test", "fixtures", "zoo", model, "model.onnx"), join(folder, model, "1", "model.onnx"));
  }
}

/** A server under explicit model control over a fresh repository in `folder`; every model but `diabetes` is loaded. */
export async function startInteropServer(folder: string, options: Partial<ServeConfig> = {}): Promise<RunningServer> {
  writeInteropRepository(folder);
  const loadModel = [...exampleModels, ...zooModels, decoupledModel, sequenceModel].filter(
    (model) => model !== unloadedModel,
  );
  return await startTestServer(folder, { modelControl: "explicit", loadModel, ...options });
}
