import { modelMetadata, modelStatistics } from "../protocol/model-messages.ts";
import { reportedConfig } from "../runtime/model.ts";
import type { Repository } from "../runtime/repository/repository.ts";

/** Names a model version; an empty version is left to the server. */
interface ModelRequest {
  readonly name: string;
  readonly version: string;
}

/** ModelReady, ModelMetadata, ModelConfig and ModelStatistics. */
export function modelMethods(repository: Repository) {
  return {
    ModelReady: ({ name, version }: ModelRequest) => ({ ready: repository.isReady(name, version) }),
    ModelMetadata: ({ name, version }: ModelRequest) => {
      const { config, signature } = repository.find(name, version).description;
      return modelMetadata(name, repository.versions(name), signature, config.platform || undefined);
    },
    ModelConfig: ({ name, version }: ModelRequest) => ({
      config: reportedConfig(repository.find(name, version).description),
    }),
    ModelStatistics: ({ name, version }: ModelRequest) => ({
      model_stats: repository.statistics(name, version).map(modelStatistics),
    }),
  };
}
