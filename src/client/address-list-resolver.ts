import { type ChannelOptions, experimental } from "@grpc/grpc-js";
import { authorityOf } from "./addresses.ts";

/** Scheme of targets that name several addresses. */
const scheme = "sluice-list";

type Resolution = Parameters<experimental.ResolverListener>[0];
type Endpoints = (Resolution & { readonly ok: true })["value"];

let isRegistered = false;

/**
 * The gRPC target of several addresses of any form, so that gRPC's own load balancing policies choose among them. gRPC itself has lists of
 * IP addresses only.
 */
export function listTarget(addresses: readonly string[]): string {
  if (!isRegistered) experimental.registerResolver(scheme, AddressListResolver);
  isRegistered = true;
  return `${scheme}:///${addresses.join(",")}`;
}

function addressesOf({ path }: experimental.GrpcUri): readonly string[] {
  return path.split(",");
}

/** Resolves every address by gRPC's own resolver for its form and offers what they found together; those that fail are left out. */
class AddressListResolver implements experimental.Resolver {
  readonly #listener: experimental.ResolverListener;
  readonly #resolvers: readonly experimental.Resolver[];
  readonly #found: (Resolution | undefined)[];

  constructor(target: experimental.GrpcUri, listener: experimental.ResolverListener, options: ChannelOptions) {
    this.#listener = listener;
    const addresses = addressesOf(target);
    this.#found = addresses.map(() => undefined);
    this.#resolvers = addresses.map((address, i) =>
      experimental.createResolver(uriOf(address), (resolution) => this.#onFound(i, resolution), options),
    );
  }

  static getDefaultAuthority(target: experimental.GrpcUri): string {
    return authorityOf(addressesOf(target)[0] ?? "");
  }

  updateResolution(): void {
    for (const resolver of this.#resolvers) resolver.updateResolution();
  }

  destroy(): void {
    for (const resolver of this.#resolvers) resolver.destroy();
    this.#found.fill(undefined);
  }

  #onFound(index: number, resolution: Resolution): boolean {
    this.#found[index] = resolution;
    const all: Endpoints = [];
    for (const found of this.#found) {
      if (found === undefined) return true; // the others are still asked
      if (found.ok) all.push(...found.value);
    }
    if (all.length === 0) return this.#listener(resolution, {}, null, "");
    return this.#listener(experimental.statusOrFromValue(all), {}, null, "");
  }
}

/** As gRPC reads a target: an address without a scheme is a DNS name or an IP address. */
function uriOf(address: string): experimental.GrpcUri {
  const [, named, authority, path] = /^(?:(unix|dns|ipv4|ipv6):)?(?:\/\/([^/]*)\/)?(.+)$/.exec(address) ?? [];
  return {
    scheme: named ?? "dns",
    ...(authority === undefined ? {} : { authority }),
    path: path ?? address,
  };
}
