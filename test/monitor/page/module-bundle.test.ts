import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { bundleModules } from "../../../src/monitor/page/module-bundle.ts";
import { entryModule, loadPageFiles } from "../../../src/monitor/page/page-files.ts";

const modules = (texts: Readonly<Record<string, string>>) => new Map(Object.entries(texts));

test("modules become one script that runs each of them once, what is needed first", () => {
  const script = bundleModules(
    modules({
      "main.js": `import { double, log as said } from "./a.js";\nimport {\n  Box,\n  limit,\n} from "./views/b.js";\nimport plot from "./plot.js";\nsaid.push(double(limit), new Box().value, plot);`,
      "a.js": `export const log = result;\nlog.push("a");\nexport function double(x) {\n  return x * 2;\n}\n`,
      "views/b.js": `import { log } from "../a.js";\nlog.push("b");\nexport const limit = 21;\nexport class Box {\n  value = "box";\n}\n`,
      "plot.js": `var plot = "plot";\nexport { plot as default };\n`,
    }),
    "main.js",
  );
  const result: unknown[] = [];
  runInNewContext(script, { result });
  assert.deepEqual(result, ["a", "b", 42, "box", "plot"]);
});

test("a circle and a missing module are bugs that say where", () => {
  const circle = modules({ "main.js": `import { a } from "./a.js";`, "a.js": `import { b } from "./main.js";` });
  const missing = modules({ "main.js": `import { a } from "./a.js";` });
  const cause = (message: RegExp) => (error: Error) => message.test(String(error.cause));
  assert.throws(() => bundleModules(circle, "main.js"), cause(/main\.js -> a\.js -> main\.js/));
  assert.throws(() => bundleModules(missing, "main.js"), cause(/no module a\.js/));
});

test("the page's own modules are all found, and nothing of an import or an export is left", async () => {
  const files = await loadPageFiles();
  const script = bundleModules(files, entryModule);
  assert.doesNotMatch(script, /^\s*(import|export)\b/m);
  for (const [name, text] of files)
    if (name.endsWith(".js")) assert.doesNotMatch(text, /from "[^"]*\.ts"|from "uplot"/, name);
  assert.doesNotThrow(() => new Function(script));
});
