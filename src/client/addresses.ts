import { InferenceError } from "../errors.ts";

/**
 * The addresses that a caller names: one, several, or several in one text separated by commas.
 * @throws InferenceError "invalid" for none, for one that is no gRPC address, and for one that is named twice.
 */
export function resolveAddresses(addresses: string | readonly string[]): readonly string[] {
  const named = typeof addresses === "string" ? addresses.split(",") : addresses;
  const resolved = named.map((address) => address.trim());
  if (resolved.length === 0) {
    throw new InferenceError("invalid", "no address is given, expected host:port such as 127.0.0.1:8001");
  }
  for (const [i, address] of resolved.entries()) {
    if (/^https?:|,/.test(address) || !/^(unix|dns|ipv4|ipv6):|:\d+$/.test(address)) {
      throw new InferenceError(
        "invalid",
        `address '${address}' is no gRPC address, expected host:port such as 127.0.0.1:8001`,
      );
    }
    if (resolved.indexOf(address) !== i) throw new InferenceError("invalid", `address '${address}' is given twice`);
  }
  return resolved;
}

/** What stands in an address as gRPC's authority: host and port without the scheme; `localhost` for a socket in the file system. */
export function authorityOf(address: string): string {
  if (address.startsWith("unix:")) return "localhost";
  return address.replace(/^(dns|ipv4|ipv6):(\/\/[^/]*\/)?/, "");
}

/** The host alone, as it stands in a certificate. */
export function hostOf(address: string): string {
  return authorityOf(address).replace(/:\d+$/, "");
}

/** Whether an address is on this machine, where no proxy is asked for it. */
export function isLocal(address: string): boolean {
  return /^(127\.|localhost$|\[::1\]$)/.test(hostOf(address));
}
