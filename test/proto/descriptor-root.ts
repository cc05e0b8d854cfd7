import { readFileSync } from "node:fs";
import protobuf from "protobufjs";
// Adds Root.fromDescriptor to protobufjs.
import "protobufjs/ext/descriptor.js";

/** The committed descriptor set: all files of proto/ with their imports and comments. */
export const descriptorSet: Buffer = readFileSync(new URL("../../gen/descriptors.binpb", import.meta.url));

/** All types of the descriptor set. `keepCase` keeps the names of the .proto files; without it `model_name` is `modelName`. */
export const root: protobuf.Root = protobuf.Root.fromDescriptor(descriptorSet, { keepCase: true });
root.resolveAll();
