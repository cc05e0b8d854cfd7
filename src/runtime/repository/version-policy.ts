import type { ModelConfig } from "../../model/model-config.ts";

/** Which of the versions that are there are served: the latest one unless the policy says otherwise (Triton's ModelVersionPolicy). */
export function chosenVersions(available: readonly string[], policy: ModelConfig["version_policy"]): string[] {
  const ascending = [...available].sort((a, b) => Number(a) - Number(b));
  if (policy?.all !== undefined) return ascending;
  if (policy?.specific !== undefined) {
    const wanted = new Set((policy.specific.versions ?? []).map(String));
    return ascending.filter((version) => wanted.has(version));
  }
  const count = Math.max(1, policy?.latest?.num_versions ?? 1);
  return ascending.slice(-count);
}
