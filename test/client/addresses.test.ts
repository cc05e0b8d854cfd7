import assert from "node:assert/strict";
import { test } from "node:test";
import { authorityOf, hostOf, isLocal, resolveAddresses } from "../../src/client/addresses.ts";

test("one address, several, and a text with commas are the same", () => {
  assert.deepEqual(resolveAddresses("a:1"), ["a:1"]);
  assert.deepEqual(resolveAddresses("a:1, unix:/tmp/s"), ["a:1", "unix:/tmp/s"]);
  assert.deepEqual(resolveAddresses(["a:1", "dns:///b:2"]), ["a:1", "dns:///b:2"]);
});

test("unusable addresses are refused by name", () => {
  const refused: readonly (readonly [string | string[], RegExp])[] = [
    [[], /no address is given/],
    ["", /address '' is no gRPC address/],
    ["a:1,", /address '' is no gRPC address/],
    [["a:1", "http://b:2"], /'http:\/\/b:2' is no gRPC address.*host:port/],
    [["a:1,b:2"], /'a:1,b:2' is no gRPC address/],
    ["a:1,a:1", /'a:1' is given twice/],
  ];
  for (const [addresses, message] of refused) {
    assert.throws(() => resolveAddresses(addresses), { reason: "invalid", message });
  }
});

test("authority and host are those of the address without its scheme", () => {
  const parts = (address: string) => [authorityOf(address), hostOf(address), isLocal(address)];
  assert.deepEqual(parts("name:1"), ["name:1", "name", false]);
  assert.deepEqual(parts("dns:///name:1"), ["name:1", "name", false]);
  assert.deepEqual(parts("dns://8.8.8.8/name:1"), ["name:1", "name", false]);
  assert.deepEqual(parts("ipv6:[::1]:5"), ["[::1]:5", "[::1]", true]);
  assert.deepEqual(parts("127.0.0.1:1"), ["127.0.0.1:1", "127.0.0.1", true]);
  assert.deepEqual(parts("localhost.example:1"), ["localhost.example:1", "localhost.example", false]);
  assert.deepEqual(parts("unix:/tmp/s"), ["localhost", "localhost", true]);
});
