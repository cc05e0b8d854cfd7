import { createAlertPart } from "./alerts/alert-part.ts";
import { createAnomalyPart } from "./evaluate/anomaly/anomaly-part.ts";
import { createChangePart } from "./evaluate/changes/change-part.ts";
import { createDriftPart } from "./evaluate/create-drift-part.ts";
import { createDataPart } from "./evaluate/data-part.ts";
import { createQualityPart } from "./evaluate/quality/create-quality-part.ts";
import type { CreateModelPart } from "./model-part.ts";
import { createPayloadPart } from "./payload/payload-part.ts";

/** Everything that is watched about a model version, in the order of the report. A new part is a line here. */
export const modelParts: readonly CreateModelPart[] = [
  createQualityPart,
  createDataPart,
  createDriftPart,
  createAnomalyPart,
  createChangePart,
  createAlertPart,
  createPayloadPart,
];
