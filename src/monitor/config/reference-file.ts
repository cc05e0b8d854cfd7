import { readContainedFile } from "../../model/contained-file.ts";
import type { ReferenceProfile } from "../../model/package-messages.ts";
import { checkProfileFits } from "../../model/profile-rules.ts";
import { maxProfileBytes, profileFileNames } from "../../model/reference-profile.ts";
import type { ModelDescription } from "../../runtime/model.ts";
import { type FoundFile, findMonitorFile, type ModelPlace } from "./monitor-files.ts";
import { readProfile } from "./profile-file.ts";
import { refused } from "./section.ts";

/** A reference profile and where it comes from. */
export interface FoundProfile {
  readonly profile: ReferenceProfile;
  /** Name of its file. */
  readonly source: string;
}

/**
 * The reference profile beside a model: the file that monitor.yaml names, else one of the usual names; undefined: there is none.
 * @throws InferenceError "refused" when it is named and not there, cannot be read, or does not belong to the model
 */
export async function readReferenceFile(
  place: ModelPlace,
  reference: string | undefined,
  model: Pick<ModelDescription, "name" | "version" | "signature">,
): Promise<FoundProfile | undefined> {
  const found = findReference(place, reference);
  if (found === undefined) return undefined;
  const rule = { what: "reference profile", maxBytes: maxProfileBytes };
  const profile = await readProfile(readContainedFile(found.folder, found.name, rule));
  checkProfileFits(profile, model);
  return { profile, source: found.name };
}

function findReference(place: ModelPlace, reference: string | undefined): FoundFile | undefined {
  if (reference === undefined) {
    for (const name of profileFileNames) {
      const found = findMonitorFile(place, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const found = findMonitorFile(place, reference);
  if (found === undefined) throw refused(`reference is '${reference}', but there is no such file beside the model`);
  return found;
}
