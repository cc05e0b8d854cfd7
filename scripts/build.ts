import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Compiles src/ to dist/src/ with declarations, for the published package: Node refuses to strip types under node_modules. A checkout needs
 * none of it.
 */

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const project = join(dist, "tsconfig.json");

/** What a browser runs is a project of its own, with a browser's types; beside it lie files that are no code. */
const browserFolder = join("src", "monitor", "page", "browser");

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
compile("../tsconfig.json", "../src", true);
compile(join("..", browserFolder, "tsconfig.json"), join("..", browserFolder), false);
for (const name of readdirSync(join(root, browserFolder)).filter((name) => /\.(html|css|svg)$/.test(name))) {
  copyFileSync(join(root, browserFolder, name), join(dist, browserFolder, name));
}

/** Compiles a folder as its project says, to the same place below dist/. */
function compile(base: string, include: string, declaration: boolean): void {
  const compilerOptions = { noEmit: false, noEmitOnError: true, rootDir: "..", outDir: ".", declaration };
  writeFileSync(project, JSON.stringify({ extends: base, compilerOptions, include: [include] }));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const compiler = spawnSync(process.execPath, [tsc, "--project", project], { cwd: root, stdio: "inherit" });
  if (compiler.status !== 0) process.exit(compiler.status ?? 1);
  rmSync(project);
}

chmodSync(join(dist, "src", "main.js"), 0o755); // gen/ and proto/ travel beside dist/, where the compiled code looks for them too
