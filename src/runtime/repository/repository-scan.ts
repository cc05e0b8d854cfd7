import { type Dirent, readdirSync, readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { setImmediate } from "node:timers/promises";
import { InferenceError, toInferenceError } from "../../errors.ts";
import { defaultModelFilename } from "../../model/complete-config.ts";
import { maxConfigLength, parseConfigText } from "../../model/config-text.ts";
import type { ModelConfig } from "../../model/model-config.ts";
import type { ModelSource } from "./model-source.ts";
import { chosenVersions } from "./version-policy.ts";

/** A model as it lies in the repository. */
export interface ScannedModel {
  readonly name: string;
  /** The versions that the configuration's policy chooses, ascending; empty when something is wrong with all of them. */
  readonly versions: readonly ModelSource[];
  /** Why the model cannot be served at all; undefined: it can be tried. */
  readonly error: InferenceError | undefined;
}

const configFileName = "config.pbtxt";
const onnxExtension = ".onnx";

/** How long the event loop waits for a look at the repository that is not urgent, milliseconds; a single model may take longer. */
const sliceMs = 2;

/**
 * What a path holds: a Triton model repository (`<model>/[config.pbtxt]/<version>/model.onnx`), one model folder of it, a folder of .onnx
 * files, or a single .onnx file. Files and links that lead out of the path are refused.
 * @throws InferenceError "invalid" when the path does not exist or holds no model
 */
export class RepositoryFolder {
  readonly #root: string;
  readonly #single: string | undefined;

  constructor(path: string) {
    const stat = tryStat(path);
    if (stat === undefined) throw new InferenceError("invalid", `the model repository '${path}' does not exist`);
    const root = realpathSync(path);
    const isModelFolder =
      stat.isDirectory() && versionFolders(root).some((version) => hasOnnxFile(join(root, version)));
    this.#root = stat.isDirectory() && !isModelFolder ? root : dirname(root);
    this.#single = stat.isDirectory() && !isModelFolder ? undefined : basename(root);
    if (this.#single !== undefined && !isModelFolder && !this.#single.endsWith(onnxExtension)) {
      throw new InferenceError("invalid", `'${path}' is neither a folder nor an .onnx file`);
    }
  }

  /** Every model there is, by name. */
  scan(): ReadonlyMap<string, ScannedModel> {
    const models = new Map<string, ScannedModel>();
    for (const entry of this.#entries()) this.#scanInto(models, entry);
    return models;
  }

  /** As {@link scan}, a slice at a time: hundreds of models take a tenth of a second, in which nobody would be answered. */
  async scanInSlices(): Promise<ReadonlyMap<string, ScannedModel>> {
    const models = new Map<string, ScannedModel>();
    let sliceEndMs = performance.now() + sliceMs;
    for (const entry of this.#entries()) {
      this.#scanInto(models, entry);
      if (performance.now() < sliceEndMs) continue;
      await setImmediate();
      sliceEndMs = performance.now() + sliceMs;
    }
    return models;
  }

  #scanInto(models: Map<string, ScannedModel>, entry: Dirent): void {
    const model = this.#scanEntry(entry);
    if (model !== undefined) models.set(model.name, models.has(model.name) ? ambiguous(model.name) : model);
  }

  /** Names under which models may lie here, without looking into any folder. */
  names(): readonly string[] {
    return this.#entries().flatMap((entry) => {
      const isFolder = entry.isDirectory() || tryStat(join(this.#root, entry.name))?.isDirectory() === true;
      if (isFolder) return [entry.name];
      return entry.name.endsWith(onnxExtension) ? [entry.name.slice(0, -onnxExtension.length)] : [];
    });
  }

  /** One model by name; undefined: there is none. */
  find(name: string, config?: ModelConfig): ScannedModel | undefined {
    const found = this.#entries()
      .filter((entry) => entry.name === name || entry.name === name + onnxExtension)
      .map((entry) => this.#scanEntry(entry, config))
      .filter((model) => model?.name === name);
    return found.length > 1 ? ambiguous(name) : found[0];
  }

  /** What may be a model, by name; hidden files and folders are none. */
  #entries(): Dirent[] {
    return readdirSync(this.#root, { withFileTypes: true })
      .filter(({ name }) => !name.startsWith(".") && (this.#single === undefined || name === this.#single))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #scanEntry(entry: Dirent, config?: ModelConfig): ScannedModel | undefined {
    const path = join(this.#root, entry.name);
    const stat = tryStat(path);
    if (stat?.isDirectory() === true) return scanModelFolder(this.#root, path, entry.name, config);
    if (!entry.name.endsWith(onnxExtension)) return undefined;
    return this.#scanFile(path, entry.name.slice(0, -onnxExtension.length), config ?? {});
  }

  /** A lone model's own file, and what lies beside it under its name with something added: external data, as exporters name it. */
  #filesOf(fileName: string, folder: string): string[] {
    return readdirSync(folder)
      .filter((name) => name.startsWith(fileName))
      .map((name) => join(folder, name));
  }

  /** A lone .onnx file is version 1 of a model of its name. */
  #scanFile(path: string, name: string, config: ModelConfig): ScannedModel {
    try {
      const file = contained(this.#root, path);
      const files = this.#filesOf(basename(file), dirname(file));
      const byteLength = files.reduce((sum, each) => sum + (tryStat(each)?.size ?? 0), 0);
      return {
        name,
        versions: [
          {
            name,
            version: "1",
            file,
            folder: this.#root,
            config,
            byteLength,
            fingerprint: fingerprint(files, config),
          },
        ],
        error: undefined,
      };
    } catch (error) {
      return { name, versions: [], error: toInferenceError(error) };
    }
  }
}

function ambiguous(name: string): ScannedModel {
  const text = `model '${name}' is in the repository twice, as a folder and as a file '${name}${onnxExtension}'`;
  return { name, versions: [], error: new InferenceError("refused", text) };
}

/** A model folder with version folders in it. @param override replaces config.pbtxt */
export function scanModelFolder(
  root: string,
  folder: string,
  name: string,
  override?: ModelConfig,
): ScannedModel | undefined {
  try {
    const available = versionFolders(folder);
    const config = override ?? readConfig(folder);
    if (config === undefined && available.length === 0) return undefined; // not a model
    const chosen = chosenVersions(available, config?.version_policy);
    if (chosen.length === 0)
      throw new InferenceError("refused", `model '${name}' has no version that its version policy chooses`);
    const versions = chosen.map((version) => scanVersion(root, folder, name, version, config ?? {}));
    return { name, versions, error: undefined };
  } catch (error) {
    return { name, versions: [], error: toInferenceError(error) };
  }
}

function scanVersion(root: string, folder: string, name: string, version: string, config: ModelConfig): ModelSource {
  const versionFolder = join(folder, version);
  const fileName = config.default_model_filename || (onlyOnnxFile(versionFolder) ?? defaultModelFilename);
  if (fileName.includes("/") || fileName.includes("\\") || fileName === "..") {
    throw new InferenceError(
      "refused",
      `invalid default_model_filename '${fileName}', expected the name of a file in the version folder`,
    );
  }
  if (tryStat(join(versionFolder, fileName)) === undefined) {
    throw new InferenceError("refused", `model '${name}' version ${version} has no file '${fileName}'`);
  }
  const file = contained(root, join(versionFolder, fileName));
  const files = readdirSync(versionFolder).map((entry) => join(versionFolder, entry));
  const byteLength = files.reduce((sum, path) => sum + (tryStat(path)?.size ?? 0), 0);
  const others = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(folder, entry.name));
  return { name, version, file, folder, config, byteLength, fingerprint: fingerprint([...files, ...others], config) };
}

/** @throws InferenceError "refused" when a file cannot be read as a configuration */
function readConfig(folder: string): ModelConfig | undefined {
  const path = join(folder, configFileName);
  const stat = tryStat(path);
  if (stat === undefined) return undefined;
  if (!stat.isFile()) throw new InferenceError("refused", `${configFileName} is not a regular file`); // reading a pipe would never end
  if (stat.size > maxConfigLength) {
    throw new InferenceError(
      "refused",
      `${configFileName} has ${stat.size} bytes, at most ${maxConfigLength} are read`,
    );
  }
  return parseConfigText(readFileSync(path, "utf8"));
}

/** Folders that name a version: positive integers without leading zeros, as Triton takes them; ascending. */
function versionFolders(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /^[1-9]\d{0,17}$/.test(name) && tryStat(join(folder, name))?.isDirectory() === true)
    .sort((a, b) => Number(a) - Number(b));
}

function hasOnnxFile(folder: string): boolean {
  return readdirSync(folder).some((name) => name.endsWith(onnxExtension));
}

/** The name of the one .onnx file in a folder; undefined: there is none, or there are several. */
function onlyOnnxFile(folder: string): string | undefined {
  const names = readdirSync(folder).filter((name) => name.endsWith(onnxExtension));
  return names.length === 1 ? names[0] : undefined;
}

/** The canonical path of a file that must lie below the repository. @throws InferenceError "refused" */
function contained(root: string, path: string): string {
  const canonical = realpathSync(path);
  const below = join(resolve(root), sep); // ends with one separator, also for the root of the file system
  if (!canonical.startsWith(below)) {
    throw new InferenceError(
      "refused",
      `model file '${basename(path)}' is a link that leads out of the model repository`,
    );
  }
  return canonical;
}

function fingerprint(files: readonly string[], config: ModelConfig): string {
  const parts = files.map((path) => {
    const stat = tryStat(path);
    return stat === undefined ? path : `${path}:${stat.size}:${stat.mtimeMs}:${stat.ino}`;
  });
  return [...parts.sort(), JSON.stringify(config)].join("|");
}

function tryStat(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined; // absent, or a link that leads nowhere
  }
}
