import { createAlertPart } from "./alerts/alert-part.ts";
import type { CreateModelPart } from "./model-part.ts";

/** Everything that is watched about a model version, in the order of the report. A new part is a line here. */
export const modelParts: readonly CreateModelPart[] = [createAlertPart];
