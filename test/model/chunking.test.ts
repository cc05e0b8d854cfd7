import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { completeChunking, resolveChunking } from "../../src/model/chunking.ts";
import type { ModelConfig } from "../../src/model/model-config.ts";

const configOf = (parameters: Record<string, string>, more: ModelConfig = {}): ModelConfig => ({
  ...more,
  parameters: Object.fromEntries(Object.entries(parameters).map(([key, text]) => [key, { string_value: text }])),
});
const chunked = (axis: number, more: ModelConfig = {}) => configOf({ sluice_chunk_axis: String(axis) }, more);

describe("the chunking that a configuration asks for", () => {
  it("is an axis, and a size of one unless it says more", () => {
    assert.equal(resolveChunking({}), undefined);
    assert.deepEqual(resolveChunking(chunked(-1)), { axis: -1, size: 1 });
    assert.deepEqual(resolveChunking(configOf({ sluice_chunk_axis: "2", sluice_chunk_size: "16" })), {
      axis: 2,
      size: 16,
    });
  });

  it("is refused where it contradicts itself or the rest", () => {
    const refused = (config: ModelConfig, message: RegExp) =>
      assert.throws(() => resolveChunking(config), { reason: "refused", message });
    refused(configOf({ sluice_chunk_size: "4" }), /'sluice_chunk_size' is 4, but there is no sluice_chunk_axis/);
    refused(chunked(0, { model_transaction_policy: { decoupled: false } }), /policy says decoupled: false/);
    refused(configOf({ sluice_chunk_axis: "0", sluice_chunk_size: "0" }), /'sluice_chunk_size' is "0", expected an/);
  });

  it("shows the model as decoupled once its outputs are known", () => {
    const output = [
      { name: "a", dims: [-1, 4] },
      { name: "b", dims: [3] },
    ];
    assert.deepEqual(completeChunking({ output }), { output });
    assert.deepEqual(completeChunking(chunked(1, { output, max_batch_size: 8 })).model_transaction_policy, {
      decoupled: true,
    });
    assert.equal(completeChunking(chunked(0, { output })).model_transaction_policy?.decoupled, true);
  });

  it("is refused where an output lacks the axis, or two differ there", () => {
    const refused = (config: ModelConfig, message: RegExp) =>
      assert.throws(() => completeChunking(config), { reason: "refused", message });
    const output = [
      { name: "a", dims: [2, 4] },
      { name: "b", dims: [3] },
    ];
    refused(chunked(1, { output }), /is 1, but output 'b' has the shape \[3\], expected -1 to 0/);
    refused(
      chunked(-3, { output, max_batch_size: 1 }),
      /is -3, but output 'b' has the shape \[-1,3\], expected -2 to 1/,
    );
    refused(chunked(0, { output }), /output 'b' has 3 there and 'a' 2/);
    refused(chunked(0, { output: [{ name: "s", dims: [] }] }), /expected outputs with dimensions/);
    assert.ok(completeChunking(chunked(0, { output, max_batch_size: 1 })), "rows are cut");
  });
});
