import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readContainedFile } from "../../model/contained-file.ts";
import { maxMonitorFileLength } from "./section.ts";

/** Where a model version lies. */
export interface ModelPlace {
  readonly name: string;
  readonly version: string;
  /** The model file. */
  readonly file: string;
  /** The model's folder. */
  readonly folder: string;
}

/** A file beside a model, and what it is called from there. */
export interface FoundFile {
  readonly folder: string;
  readonly name: string;
}

/** Name of the monitor's configuration. */
export const monitorFileName = "monitor.yaml";

/**
 * A file of the monitor by its name: in the version's folder, else in the model's. A lone .onnx file has neither; what belongs to it has its
 * name in front, `model.onnx.monitor.yaml`. Undefined: there is none.
 */
export function findMonitorFile({ file, folder }: ModelPlace, name: string): FoundFile | undefined {
  const versionFolder = dirname(file);
  const isLone = versionFolder === folder;
  const places: readonly FoundFile[] = isLone
    ? [{ folder, name: `${basename(file)}.${name}` }]
    : [
        { folder: versionFolder, name },
        { folder, name },
      ];
  return places.find((place) => existsSync(join(place.folder, place.name)));
}

/** The text of the model's monitor.yaml; empty: it has none. @throws InferenceError "refused" when it cannot be read */
export function readMonitorFile(place: ModelPlace): string {
  const found = findMonitorFile(place, monitorFileName);
  if (found === undefined) return "";
  const rule = { what: "monitor configuration", maxBytes: maxMonitorFileLength };
  return readContainedFile(found.folder, found.name, rule).toString("utf8");
}
