/**
 * Tags (field number << 3 | wire type) of the inference messages, as proto/inference/grpc_service.proto numbers them.
 */

/** Tags of ModelInferRequest. */
export const requestTags = {
  modelName: 0x0a,
  modelVersion: 0x12,
  id: 0x1a,
  parameters: 0x22,
  input: 0x2a,
  output: 0x32,
  rawContents: 0x3a,
} as const;
/** Tags of InferInputTensor; `shapeItem` is one dimension that is not packed. */
export const inputTags = {
  name: 0x0a,
  datatype: 0x12,
  shape: 0x1a,
  shapeItem: 0x18,
  parameters: 0x22,
  contents: 0x2a,
} as const;
/** Tags of InferRequestedOutputTensor. */
export const outputTags = { name: 0x0a, parameters: 0x12 } as const;

/** Tags of ModelInferResponse. */
export const responseTags = {
  modelName: 0x0a,
  modelVersion: 0x12,
  id: 0x1a,
  parameters: 0x22,
  output: 0x2a,
  rawContents: 0x32,
} as const;
/** Tags of InferOutputTensor; `shapeItem` is one dimension that is not packed. */
export const outputTensorTags = {
  name: 0x0a,
  datatype: 0x12,
  shape: 0x1a,
  shapeItem: 0x18,
  parameters: 0x22,
  contents: 0x2a,
} as const;
/** Tags of ModelStreamInferResponse. */
export const streamTags = { errorMessage: 0x0a, response: 0x12 } as const;
