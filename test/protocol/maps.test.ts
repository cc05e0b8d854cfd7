import assert from "node:assert/strict";
import { test } from "node:test";
import { inferenceService } from "../../src/protocol/definitions.ts";

test("a map of a control RPC is an object by key, not a list of entries", () => {
  const method = inferenceService().ModelConfig;
  assert(method !== undefined);
  const config = { name: "m", parameters: { sluice_prefetch: { string_value: "1" } } };
  const decoded = method.responseDeserialize(method.responseSerialize({ config })) as { config: typeof config };
  assert.deepEqual(decoded.config.parameters, config.parameters);
});
