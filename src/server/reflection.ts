import { descriptorSet, reflectionService } from "../protocol/definitions.ts";
import { statusCodes } from "../protocol/status.ts";
import { type Call, type CallHandler, type CallListener, okStatus } from "./call.ts";
import { type DescriptorFile, DescriptorIndex } from "./descriptor-index.ts";
import type { ServiceHandlers } from "./method-table.ts";

/** v1 and v1alpha have the same messages. `message_request` names the field that is set. */
interface ReflectionRequest {
  readonly host: string;
  readonly message_request?: string;
  readonly file_by_filename?: string;
  readonly file_containing_symbol?: string;
  readonly file_containing_extension?: { readonly containing_type: string; readonly extension_number: number };
  readonly all_extension_numbers_of_type?: string;
}

/** Server reflection in both versions that clients ask for, over the descriptor set that the services are made from. */
export function reflectionServices(serviceNames: readonly string[]): readonly ServiceHandlers[] {
  const definitions = [reflectionService("v1"), reflectionService("v1alpha")];
  const own = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
  const reflection = new Reflection(new DescriptorIndex(descriptorSet()), [...serviceNames, ...own].sort());
  const handler: CallHandler<ReflectionRequest, object> = (call) => new ReflectionStream(call, reflection);
  return definitions.map((definition) => ({ definition, handlers: { ServerReflectionInfo: handler } }));
}

class ReflectionStream implements CallListener<ReflectionRequest> {
  readonly #call: Call<object>;
  readonly #reflection: Reflection;

  constructor(call: Call<object>, reflection: Reflection) {
    this.#call = call;
    this.#reflection = reflection;
    call.read();
  }

  get isIdle(): boolean {
    return true; // every question is answered at once
  }

  /** One question at a time: the next is read when its answer was taken. */
  onMessage(request: ReflectionRequest): void {
    this.#call.write(this.#reflection.answer(request), () => this.#call.read());
  }

  onHalfClose(): void {
    this.#call.end(okStatus);
  }

  onClosed(): void {}
}

/** Questions and answers of the reflection protocol. */
export class Reflection {
  readonly #index: DescriptorIndex;
  readonly #serviceNames: readonly string[];

  constructor(index: DescriptorIndex, serviceNames: readonly string[]) {
    this.#index = index;
    this.#serviceNames = serviceNames;
  }

  /** The response to one request; a name that is not there is an `error_response` with code NOT_FOUND. */
  answer(request: ReflectionRequest): object {
    return { valid_host: request.host, original_request: request, ...this.#body(request) };
  }

  #body(request: ReflectionRequest): object {
    switch (request.message_request) {
      case "list_services":
        return { list_services_response: { service: this.#serviceNames.map((name) => ({ name })) } };
      case "file_by_filename": {
        const name = request.file_by_filename ?? "";
        return this.#files(this.#index.file(name), `file '${name}'`);
      }
      case "file_containing_symbol": {
        const symbol = request.file_containing_symbol ?? "";
        return this.#files(this.#index.fileOfSymbol(symbol), `symbol '${symbol}'`);
      }
      case "file_containing_extension": {
        const { containing_type: type = "", extension_number: number = 0 } = request.file_containing_extension ?? {};
        return this.#files(this.#index.fileOfExtension(type, number), `extension ${number} of '${type}'`);
      }
      case "all_extension_numbers_of_type": {
        const type = request.all_extension_numbers_of_type ?? "";
        const numbers = this.#index.extensionNumbers(type);
        if (numbers === undefined) return notFound(`type '${type}'`);
        return { all_extension_numbers_response: { base_type_name: type, extension_number: numbers } };
      }
      default:
        return errorResponse(
          statusCodes.INVALID_ARGUMENT,
          "the request asks for nothing: set one field of message_request",
        );
    }
  }

  #files(file: DescriptorFile | undefined, what: string): object {
    if (file === undefined) return notFound(what);
    const files = this.#index.withDependencies(file);
    return { file_descriptor_response: { file_descriptor_proto: files.map(({ bytes }) => bytes) } };
  }
}

function notFound(what: string): object {
  return errorResponse(statusCodes.NOT_FOUND, `${what} not found`);
}

function errorResponse(code: number, message: string): object {
  return { error_response: { error_code: code, error_message: message } };
}
