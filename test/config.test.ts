import assert from "node:assert/strict";
import { test } from "node:test";
import {
  configFromEnvironment,
  describeRange,
  environmentName,
  flagName,
  nearest,
  type Option,
  parseOption,
  resolveConfig,
  type ServeConfig,
  serveOptions,
} from "../src/config.ts";

const options = Object.entries<Option>(serveOptions);

test("every option explains itself and its default is in its range", () => {
  const defaults = resolveConfig();
  for (const [key, option] of options) {
    assert.match(option.description, /^[\w.]+ .*\.$/, key);
    assert.notEqual(describeRange(option), "", key);
    if (option.kind === "integer" || option.kind === "number") {
      assert.ok(option.min < option.max && option.default >= option.min && option.default <= option.max, key);
    }
    assert.deepEqual(resolveConfig({ [key]: option.default }), defaults, key);
  }
});

test("a number's unit stands in its name or explains itself", () => {
  for (const [key, option] of options) {
    if (key.endsWith("Ms")) assert.equal(option.unit, "milliseconds", key);
    if (key.endsWith("Bytes")) assert.equal(option.unit, "bytes", key);
  }
});

test("flags and variables are distinct and follow from the key", () => {
  assert.equal(flagName("runTimeoutMs"), "run-timeout-ms");
  assert.equal(environmentName("grpcPort"), "SLUICE_GRPC_PORT");
  assert.equal(new Set(options.map(([key]) => flagName(key))).size, options.length);
});

test("missing values come from the table, given ones win", () => {
  const config = resolveConfig({ grpcPort: 0, loadModel: ["a"] });
  assert.deepEqual([config.grpcPort, config.httpPort, config.loadModel], [0, 8000, ["a"]]);
  assert.equal(resolveConfig({ grpcPort: undefined } as never as Partial<ServeConfig>).grpcPort, 8001);
});

test("unknown keys and values out of range are refused with what is allowed", () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ grpcPrt: 1 }, /unknown option 'grpcPrt', did you mean 'grpcPort'\?/],
    [{ constructor: 1 }, /unknown option 'constructor'/],
    [{ grpcPort: 65536 }, /65536 for option 'grpcPort', expected an integer from 0 to 65535/],
    [{ grpcPort: 1.5 }, /expected an integer/],
    [{ grpcPort: "8001" }, /expected an integer/],
    [{ traceSampleRatio: Number.NaN }, /expected a number from 0 to 1/],
    [{ device: "gpu" }, /"gpu" for option 'device', expected one of auto, cpu, webgpu, cuda/],
    [{ insecure: "yes" }, /expected true or false/],
    [{ loadModel: "a" }, /expected text, repeatable/],
  ];
  for (const [partial, message] of cases) {
    assert.throws(() => resolveConfig(partial), { reason: "invalid", message });
  }
});

test("the environment is parsed, and variables that no option knows are refused", () => {
  assert.deepEqual(
    configFromEnvironment({
      SLUICE_GRPC_PORT: "9",
      SLUICE_LOAD_MODEL: "a,b",
      SLUICE_METRICS: "0",
      HOME: "/",
      SLUICE_HOST: undefined,
    }),
    { grpcPort: 9, loadModel: ["a", "b"], metrics: false },
  );
  assert.throws(() => configFromEnvironment({ SLUICE_GRPC_PORTS: "9" }), /did you mean SLUICE_GRPC_PORT\?/);
  assert.throws(() => configFromEnvironment({ SLUICE_GRPC_PORT: "" }), /"" for SLUICE_GRPC_PORT/);
});

test("what Kubernetes sets for a Service of our name is no option and no error", () => {
  const links = {
    SLUICE_SERVICE_HOST: "10.0.0.1",
    SLUICE_SERVICE_PORT: "8001",
    SLUICE_SERVICE_PORT_GRPC: "8001",
    SLUICE_PORT: "tcp://10.0.0.1:8001",
    SLUICE_PORT_8001_TCP: "tcp://10.0.0.1:8001",
    SLUICE_PORT_8001_TCP_PROTO: "tcp",
    SLUICE_PORT_8001_TCP_PORT: "8001",
    SLUICE_PORT_8001_TCP_ADDR: "10.0.0.1",
    SLUICE_CANARY_SERVICE_HOST: "10.0.0.2",
    SLUICE_GRPC_PORT: "tcp://10.0.0.2:8001", // a Service named sluice-grpc
  };
  assert.deepEqual(configFromEnvironment(links), {});
  assert.throws(() => configFromEnvironment({ SLUICE_HTP_PORT: "8000" }), /did you mean SLUICE_HTTP_PORT\?/);
});

test("numbers are read as numbers only", () => {
  for (const text of ["", " ", "1x", "0x", "NaN", "-1"]) {
    assert.throws(() => parseOption(serveOptions.grpcPort, text, "--grpc-port"), { reason: "invalid" }, text);
  }
  assert.equal(parseOption(serveOptions.maxModelBytes, "1e9", "--max-model-bytes"), 1e9);
});

test("the nearest name is one that can be meant", () => {
  assert.equal(nearest("grpc-prot", ["http-port", "grpc-port"]), "grpc-port");
  assert.equal(nearest("xyzzy", ["http-port", "grpc-port"]), undefined);
});
