import { WireReader } from "../protocol/wire-reader.ts";

/** One file of a descriptor set. */
export interface DescriptorFile {
  readonly name: string;
  /** The FileDescriptorProto exactly as the compiler wrote it, comments included. */
  readonly bytes: Uint8Array;
  readonly dependencies: readonly string[];
}

/** Field numbers of google/protobuf/descriptor.proto, by message, as far as names and extensions need them. */
const inSet = { file: 1 } as const;
const inFile = { name: 1, package: 2, dependency: 3, message: 4, enum: 5, service: 6, extension: 7 } as const;
const inMessage = { name: 1, field: 2, nested: 3, enum: 4, extension: 6, oneof: 8 } as const;
const inField = { name: 1, extendee: 2, number: 3 } as const;
const inEnum = { name: 1, value: 2 } as const;
const inService = { name: 1, method: 2 } as const;
const inNamed = { name: 1 } as const;

const lengthDelimited = 2;

/** What reflection looks things up in: files by name, by symbol and by extension. */
export class DescriptorIndex {
  readonly #files = new Map<string, DescriptorFile>();
  readonly #bySymbol = new Map<string, DescriptorFile>();
  readonly #byExtension = new Map<string, Map<number, DescriptorFile>>();

  /** @throws InferenceError when the bytes are no serialized FileDescriptorSet. */
  constructor(descriptorSet: Buffer) {
    eachField(new WireReader(descriptorSet, "FileDescriptorSet", "internal"), {
      [inSet.file]: (reader) => this.#addFile(reader),
    });
  }

  file(name: string): DescriptorFile | undefined {
    return this.#files.get(name);
  }

  /** The file that defines a package's message, field, oneof, enum, enum value, service, method or extension, by its full name. */
  fileOfSymbol(symbol: string): DescriptorFile | undefined {
    return this.#bySymbol.get(symbol);
  }

  fileOfExtension(extendee: string, fieldNumber: number): DescriptorFile | undefined {
    return this.#byExtension.get(extendee)?.get(fieldNumber);
  }

  /** Numbers of all extensions of a message, ascending; undefined when there is no such message. */
  extensionNumbers(extendee: string): readonly number[] | undefined {
    const extensions = this.#byExtension.get(extendee);
    if (extensions === undefined) return this.#bySymbol.has(extendee) ? [] : undefined;
    return [...extensions.keys()].sort((a, b) => a - b);
  }

  /** A file followed by everything that it imports, directly or not, each once. */
  withDependencies(file: DescriptorFile): readonly DescriptorFile[] {
    const closure = new Set([file]);
    for (const { dependencies } of closure) {
      for (const name of dependencies) {
        const dependency = this.#files.get(name);
        if (dependency !== undefined) closure.add(dependency); // a Set is iterated to what was added meanwhile
      }
    }
    return [...closure];
  }

  #addFile(set: WireReader): void {
    const bytes = set.bytes.subarray(set.position, set.end);
    let name = "";
    let packageName = "";
    const dependencies: string[] = [];
    // Names need the package, which may stand behind them: two passes.
    eachField(new WireReader(bytes, "FileDescriptorProto", "internal"), {
      [inFile.name]: (reader) => (name = text(reader)),
      [inFile.package]: (reader) => (packageName = text(reader)),
      [inFile.dependency]: (reader) => dependencies.push(text(reader)),
    });
    const file: DescriptorFile = { name, bytes, dependencies };
    this.#files.set(name, file);
    const scope = packageName === "" ? "" : `${packageName}.`;
    eachField(new WireReader(bytes, "FileDescriptorProto", "internal"), {
      [inFile.message]: (reader) => this.#addMessage(reader, scope, file),
      [inFile.enum]: (reader) => this.#addEnum(reader, scope, file),
      [inFile.service]: (reader) => this.#addService(reader, scope, file),
      [inFile.extension]: (reader) => this.#addField(reader, scope, file),
    });
  }

  #addMessage(reader: WireReader, scope: string, file: DescriptorFile): void {
    const name = this.#addNamed(reader, scope, file);
    const inner = `${scope}${name}.`;
    eachField(reader, {
      [inMessage.field]: (field) => this.#addField(field, inner, file),
      [inMessage.nested]: (nested) => this.#addMessage(nested, inner, file),
      [inMessage.enum]: (nested) => this.#addEnum(nested, inner, file),
      [inMessage.extension]: (field) => this.#addField(field, inner, file),
      [inMessage.oneof]: (oneof) => this.#addNamed(oneof, inner, file),
    });
  }

  /** Values are siblings of their enum, not its members. */
  #addEnum(reader: WireReader, scope: string, file: DescriptorFile): void {
    this.#addNamed(reader, scope, file);
    eachField(reader, { [inEnum.value]: (value) => this.#addNamed(value, scope, file) });
  }

  #addService(reader: WireReader, scope: string, file: DescriptorFile): void {
    const name = this.#addNamed(reader, scope, file);
    eachField(reader, { [inService.method]: (method) => this.#addNamed(method, `${scope}${name}.`, file) });
  }

  #addField(reader: WireReader, scope: string, file: DescriptorFile): void {
    this.#addNamed(reader, scope, file);
    let extendee = "";
    let number = 0;
    eachField(reader, {
      [inField.extendee]: (value) => (extendee = text(value)),
      [inField.number]: (value) => (number = Number(value.int64())),
    });
    if (extendee === "") return;
    const type = extendee.replace(/^\./, "");
    const extensions = this.#byExtension.get(type) ?? new Map<number, DescriptorFile>();
    this.#byExtension.set(type, extensions.set(number, file));
  }

  /** Adds the symbol whose name is field 1 of a descriptor and returns that name; the reader is back at the start. */
  #addNamed(reader: WireReader, scope: string, file: DescriptorFile): string {
    let name = "";
    eachField(reader, { [inNamed.name]: (value) => (name = text(value)) });
    this.#bySymbol.set(scope + name, file);
    return name;
  }
}

/** Field 1 of the messages above is a string that stands alone in its window. */
function text(reader: WireReader): string {
  return reader.bytes.toString("utf8", reader.position, reader.end);
}

/**
 * Calls back for each field of a message that has a visitor, with the reader at the field's value and, for length-delimited ones, ending
 * where it ends; leaves the reader at the start of the message again.
 */
function eachField(reader: WireReader, visitors: Readonly<Record<number, (reader: WireReader) => unknown>>): void {
  const start = reader.position;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    const visit = visitors[tag >>> 3];
    if (visit === undefined) {
      reader.skip(tag, 0);
    } else if ((tag & 7) === lengthDelimited) {
      const outer = reader.enter();
      const end = reader.end;
      visit(reader);
      reader.position = end;
      reader.leave(outer);
    } else {
      visit(reader);
    }
  }
  reader.position = start;
}
