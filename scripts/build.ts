import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Compiles src/ to dist/src/ with declarations, for the published package: Node refuses to strip types under node_modules. A checkout needs
 * none of it.
 */

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const project = join(dist, "tsconfig.json");

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
writeFileSync(
  project,
  JSON.stringify({
    extends: "../tsconfig.json",
    compilerOptions: { noEmit: false, noEmitOnError: true, rootDir: "..", outDir: ".", declaration: true },
    include: ["../src"],
  }),
);

const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const compiler = spawnSync(process.execPath, [tsc, "--project", project], { cwd: root, stdio: "inherit" });
if (compiler.status !== 0) process.exit(compiler.status ?? 1);
rmSync(project);

chmodSync(join(dist, "src", "main.js"), 0o755); // gen/ and proto/ travel beside dist/, where the compiled code looks for them too
