import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
// The extension adds Root.fromDescriptor to protobufjs' own light build, the only one that model uses.
import "protobufjs/ext/descriptor.js";
import protobuf from "protobufjs/light.js";
import { assert } from "../errors.ts";

/** The descriptor set that `npm run generate` builds from proto/, below the package's root folder. */
const descriptorFile = join("gen", "descriptors.binpb");

let root: protobuf.Root | undefined;

/**
 * A message type of proto/ by its full name, such as `onnx.ModelProto`. Field names are those of the .proto file (snake_case).
 * The descriptor set is read once, at the first call.
 */
export function messageType(fullName: string): protobuf.Type {
  root ??= loadRoot();
  return root.lookupType(fullName);
}

function loadRoot(): protobuf.Root {
  const loaded = protobuf.Root.fromDescriptor(readFileSync(join(packageFolder(), descriptorFile)), { keepCase: true });
  loaded.resolveAll();
  return loaded;
}

/** The nearest folder upwards that holds gen/: this file runs from src/model and, compiled, from dist/src/model. */
function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, descriptorFile))) {
    const parent = dirname(folder);
    assert(parent !== folder, `${descriptorFile} is missing: run \`npm run generate\``);
    folder = parent;
  }
  return folder;
}
