import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import { maxTenants, maxTenantsFileBytes, parseTenants, plainSettings } from "../../src/server/tenants-file.ts";

function refusal(text: string): string {
  try {
    parseTenants(text);
  } catch (error) {
    assert.ok(error instanceof InferenceError && error.reason === "invalid");
    return error.message;
  }
  return assert.fail(`accepted: ${text}`);
}

describe("a tenants file", () => {
  it("gives each tenant its settings, and the rest of them their defaults", () => {
    const tenants = parseTenants(`
tenants:
  search: { weight: 3, maxRequests: 200 }
  reports:
    weight: 0.5
    maxRows: 10000
    maxBytes: 1000000
    highestPriority: 2
  default:
`);
    assert.deepEqual(
      [...tenants],
      [
        ["search", { ...plainSettings, weight: 3, maxRequests: 200 }],
        ["reports", { ...plainSettings, weight: 0.5, maxRows: 10_000, maxBytes: 1_000_000, highestPriority: 2 }],
        ["default", plainSettings],
      ],
    );
    assert.equal(parseTenants("tenants: {}").size, 0);
  });

  const faults: readonly (readonly [string, RegExp])[] = [
    ["tenants: { a: { wieght: 3 } }", /tenant 'a': unknown key 'wieght', did you mean 'weight'\?/],
    ["tenants: { a: { max_requests: 3 } }", /unknown key 'max_requests', did you mean 'maxRequests'\?/],
    ["tenant: { a: {} }", /the file: unknown key 'tenant', did you mean 'tenants'\?/],
    ["tenants: {}\nversion: 1", /unknown key 'version', expected tenants/],
    ["tenants: { a: { weight: 0 } }", /tenant 'a': weight is 0, expected a number from 0.001 to 1000/],
    ["tenants: { a: { weight: .nan } }", /weight is NaN/],
    ["tenants: { a: { weight: '3' } }", /weight is '3', expected a number/],
    ["tenants: { a: { maxRows: 1.5 } }", /maxRows is 1.5, expected an integer from 1/],
    ["tenants: { a: { maxBytes: 1e400 } }", /maxBytes is Infinity/],
    ["tenants: { a: 3 }", /tenant 'a' is 3, expected keys and values/],
    ["tenants: [a, b]", /'tenants' is a list, expected keys and values/],
    ["tenants:", /'tenants' is empty/],
    ["", /the file is empty/],
    ["tenants: { 42: {} }", /tenant name 42, expected a text of 1 to 128/],
    ["tenants: { 'a b': {} }", /tenant name 'a b'/],
    ["tenants: { a: {}, a: {} }", /Map keys must be unique/],
    ["tenants: { a: { weight: 1 }", /line 1/],
    ["tenants: { __proto__: { weight: 1 } }", /tenant name '__proto__'/],
  ];
  for (const [text, expected] of faults) {
    it(`is refused: ${text}`, () => assert.match(refusal(text), expected));
  }

  it("is bounded in size and names, and not blown up by aliases", () => {
    const names = (count: number) =>
      `tenants:\n${Array.from({ length: count }, (_, index) => `  t${index}:\n`).join("")}`;
    assert.equal(parseTenants(names(maxTenants)).size, maxTenants);
    assert.match(refusal(names(maxTenants + 1)), /lists 1001 names, at most 1000/);
    assert.match(refusal(`# ${"x".repeat(maxTenantsFileBytes)}`), /more than 524288/);
    const levels = Array.from({ length: 12 }, (_, level) => `k${level}: &a${level} [${`*a${level - 1},`.repeat(9)}]`);
    assert.match(refusal(`k: &a-1 [1]\n${levels.join("\n")}`), /alias/i);
  });
});
