import { posix } from "node:path";
import { assert } from "../../errors.ts";

/**
 * Modules as one script, for a document that stands alone: each becomes a function that returns what it exports, called in the order in which
 * they need each other. Knows the forms that the page's own modules have: named imports, one default import, exported declarations.
 * @param modules texts by path
 * @param entry the path of the module that imports the others
 */
export function bundleModules(modules: ReadonlyMap<string, string>, entry: string): string {
  const names = new Map<string, string>();
  const parts: string[] = [];
  const add = (path: string, trail: readonly string[]): string => {
    const known = names.get(path);
    if (known !== undefined) return known;
    assert(
      !trail.includes(path),
      `modules of the page import each other in a circle: ${[...trail, path].join(" -> ")}`,
    );
    const text = modules.get(path);
    assert(text !== undefined, `the page has no module ${path}, which ${trail.at(-1)} imports`);
    const body = text.replaceAll(importPattern, (_statement, what: string, from: string) => {
      return `const ${destructured(what)} = ${add(posix.join(posix.dirname(path), from), [...trail, path])};`;
    });
    const name = `module${names.size}`;
    names.set(path, name);
    parts.push(`const ${name} = (() => {\n${withReturn(body)}\n})();`);
    return name;
  };
  add(entry, []);
  return `${parts.join("\n")}\n`;
}

const importPattern = /^import\s+([\w$]+|\{[^}]*\})\s+from\s+"([^"]+)";/gm;
const declarationPattern = /^export\s+((?:async\s+)?function\*?|class|const|let)\s+([\w$]+)/gm;
const defaultPattern = /^export \{ ([\w$]+) as default \};/gm;

function destructured(what: string): string {
  return what.startsWith("{") ? what.replaceAll(/\s+as\s+/g, ": ") : `{ default: ${what} }`;
}

function withReturn(body: string): string {
  const exported: string[] = [];
  const text = body
    .replaceAll(declarationPattern, (_statement, kind: string, name: string) => {
      exported.push(name);
      return `${kind} ${name}`;
    })
    .replaceAll(defaultPattern, (_statement, name: string) => {
      exported.push(`default: ${name}`);
      return "";
    });
  return `${text}\nreturn { ${exported.join(", ")} };`;
}
