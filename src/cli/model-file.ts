import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseConfigText } from "../model/config-text.ts";
import type { ModelConfig } from "../model/model-config.ts";
import { UsageError } from "./arguments.ts";

/** A model on disk: its file, and what its folder says about it. */
export interface ModelFile {
  readonly name: string;
  readonly file: string;
  /** Empty for a lone file. */
  readonly version: string;
  /** The written configuration; empty where there is none. */
  readonly config: ModelConfig;
  readonly hasConfig: boolean;
}

const configFile = "config.pbtxt";
const defaultFile = "model.onnx";

/**
 * Finds the model at a path: an .onnx file, or a model's folder, of which the highest version is taken.
 * @throws UsageError when the path is neither; InferenceError "refused" for a configuration that cannot be read.
 */
export function findModelFile(path: string): ModelFile {
  if (!statSync(path).isDirectory()) {
    return { name: basename(path).replace(/\.onnx$/, ""), file: path, version: "", config: {}, hasConfig: false };
  }
  const entries = readdirSync(path);
  const versions = entries.filter((entry) => /^[1-9]\d*$/.test(entry)).sort((a, b) => Number(a) - Number(b));
  const hasConfig = entries.includes(configFile);
  const version = versions.at(-1);
  if (version === undefined) {
    throw new UsageError(
      `${path} is no model's folder, which holds version folders such as 1/${defaultFile}${hasConfig ? "" : modelsInside(path, entries)}`,
    );
  }
  const config = hasConfig ? parseConfigText(readFileSync(join(path, configFile), "utf8")) : {};
  const file = join(path, version, config.default_model_filename || onlyModel(join(path, version)) || defaultFile);
  return { name: basename(resolve(path)), file, version, config, hasConfig };
}

/** The one .onnx file of a version folder, whatever its name; undefined: there are none or several. */
function onlyModel(folder: string): string | undefined {
  const models = readdirSync(folder).filter((name) => name.endsWith(".onnx"));
  return models.length === 1 ? models[0] : undefined;
}

function modelsInside(path: string, entries: readonly string[]): string {
  const inside = entries.filter((entry) => !entry.startsWith(".")).slice(0, 5);
  return inside.length === 0 ? "" : `; it holds ${inside.map((entry) => join(path, entry)).join(", ")}`;
}
