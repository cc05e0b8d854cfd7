import type { ModelDescription } from "../model.ts";
import type { ModelSource } from "./model-source.ts";

/**
 * Asked about every version that has been loaded, before it becomes ready.
 * @throws InferenceError "refused" when what lies beside the model cannot be used: the version then never serves, and what served before
 *   goes on
 */
export type LoadCheck = (source: ModelSource, description: ModelDescription) => void | Promise<void>;
