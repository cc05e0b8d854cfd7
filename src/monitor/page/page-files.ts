import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join, sep } from "node:path";
import { Worker } from "node:worker_threads";

/** The files of the page by their path below it, as a browser takes them; modules end in `.js`. */
export type PageFiles = ReadonlyMap<string, string>;

/** The module that the page begins with. */
export const entryModule = "main.js";
/** uPlot as a module of the page. */
const plotModule = "uplot.js";

const folder = join(import.meta.dirname, "browser");
/** In a checkout modules are TypeScript, in the package what it was compiled to. */
const moduleExtension = extname(import.meta.filename);

let loading: Promise<PageFiles> | undefined;

/** Reads the files of the page, once: a few hundred kilobytes that lie beside this module and in uPlot's package. Never at a request's own path. */
export function loadPageFiles(): Promise<PageFiles> {
  loading ??= readPageFiles().catch((error: unknown) => {
    loading = undefined; // out of file descriptors, perhaps: the next one who asks may have more luck
    throw error;
  });
  return loading;
}

async function readPageFiles(): Promise<PageFiles> {
  const paths = (await readdir(folder, { recursive: true })).map((path) => path.split(sep).join("/"));
  const modules = paths.filter((path) => path.endsWith(moduleExtension) && !path.endsWith(".d.ts"));
  const texts = await Promise.all(modules.map((path) => readFile(join(folder, path), "utf8")));
  const plain = moduleExtension === ".ts" ? await withoutTypes(texts) : texts;
  const assets = paths.filter((path) => /\.(html|css|svg)$/.test(path));
  const assetTexts = await Promise.all(assets.map((path) => readFile(join(folder, path), "utf8")));
  return new Map([
    ...modules.map((path, i) => [path.replace(/\.ts$/, ".js"), browserImports(path, plain[i] ?? "")] as const),
    ...assets.map((path, i) => [path, assetTexts[i] ?? ""] as const),
    ...(await plotFiles()),
  ]);
}

/** uPlot as its package has it: the small build, which is a script, made a module. */
async function plotFiles(): Promise<readonly (readonly [string, string])[]> {
  const dist = dirname(createRequire(import.meta.url).resolve("uplot/dist/uPlot.iife.min.js"));
  const [script, style] = await Promise.all(
    ["uPlot.iife.min.js", "uPlot.min.css"].map((name) => readFile(join(dist, name), "utf8")),
  );
  return [
    [plotModule, `${script}\nexport { uPlot as default };\n`],
    ["uplot.css", style ?? ""],
  ];
}

async function withoutTypes(texts: readonly string[]): Promise<readonly string[]> {
  const worker = new Worker(new URL(`./type-stripper${moduleExtension}`, import.meta.url), {
    workerData: texts,
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const [stripped] = await once(worker, "message");
  return stripped as readonly string[]; // what the worker posts
}

/** A module whose imports a browser finds: files by their name here, packages by the file that has them. */
function browserImports(path: string, text: string): string {
  const up = "../".repeat(path.split("/").length - 1) || "./";
  return text
    .replaceAll(/(^\s*(?:import|\})[^;"]*from\s+")(\.[^"]*)\.ts(";)/gm, "$1$2.js$3")
    .replaceAll(/from\s+"uplot";/g, `from "${up}${plotModule}";`);
}
