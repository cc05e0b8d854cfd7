import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { modelViews, parseRoute, type Route, routeFragment } from "../../../../src/monitor/page/browser/routes.ts";

test("a route comes back from its fragment, whatever models and signals are called", () => {
  const name = fc.string({ minLength: 1, unit: "grapheme" });
  const route: fc.Arbitrary<Route> = fc.oneof(
    fc.constantFrom<Route>({ view: "models" }, { view: "alerts" }, { view: "server" }),
    fc.record(
      {
        view: fc.constant("model" as const),
        tab: fc.constantFrom(...modelViews),
        model: name,
        version: name,
        signal: fc.string({ unit: "grapheme" }),
      },
      { noNullPrototype: true },
    ),
  );
  fc.assert(fc.property(route, (one) => assert.deepEqual(parseRoute(routeFragment(one)), one)));
});

test("what is no route is the list of models", () => {
  for (const fragment of ["", "#", "#/", "#/nothing", "#/model", "#/model/a"]) {
    assert.deepEqual(parseRoute(fragment), { view: "models" });
  }
  assert.deepEqual(parseRoute("#/model/%E0%A4%A/1/nonsense"), {
    view: "model",
    tab: "traffic",
    model: "%E0%A4%A",
    version: "1",
    signal: "",
  });
});
