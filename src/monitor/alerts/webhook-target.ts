import { validateHeaderName, validateHeaderValue } from "node:http";
import { InferenceError } from "../../errors.ts";
import { readSecretFile } from "../secret-file.ts";

/** Where alerts are sent, from the options of the server. */
export interface WebhookTarget {
  readonly url: URL;
  /** Further headers and the key of the signature, read anew for every delivery, so that tokens may be replaced while the server runs. */
  credentials(): WebhookCredentials;
}

/** What proves who sends. */
export interface WebhookCredentials {
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: deliveries are not signed. */
  readonly secret: Uint8Array | undefined;
}

/** Options of the server. */
export interface WebhookOptions {
  /** Empty: no webhook. */
  readonly alertWebhook: string;
  /** Lines of `Name: value`; empty: none. */
  readonly alertWebhookHeaderFile: string;
  /** Empty: not signed. */
  readonly alertWebhookSecretFile: string;
}

const minSecretBytes = 16;

/** Headers that say what the message is: these are ours. */
const ownHeaders = new Set(["content-type", "content-length", "transfer-encoding", "host", "connection", "expect"]);
const ownPrefix = "sluice-";

/**
 * Where alerts go; undefined: nowhere. Both files are read once here, so that a mistake shows at start.
 * @throws InferenceError "invalid" naming the option
 */
export function webhookTarget(options: WebhookOptions): WebhookTarget | undefined {
  const { alertWebhook, alertWebhookHeaderFile: headerFile, alertWebhookSecretFile: secretFile } = options;
  if (alertWebhook === "") {
    if (headerFile === "" && secretFile === "") return undefined;
    const lonely = headerFile === "" ? "--alert-webhook-secret-file" : "--alert-webhook-header-file";
    throw new InferenceError("invalid", `${lonely} needs --alert-webhook: there is nothing to send it with`);
  }
  const url = parseUrl(alertWebhook);
  const credentials = (): WebhookCredentials => ({
    headers: headerFile === "" ? {} : parseHeaders(read("--alert-webhook-header-file", headerFile)),
    secret: secretFile === "" ? undefined : parseSecret(read("--alert-webhook-secret-file", secretFile)),
  });
  credentials();
  return { url, credentials };
}

function read(what: string, path: string): string {
  return readSecretFile({ what, path, harm: "send alerts in this server's name" });
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new InferenceError("invalid", `--alert-webhook is no http or https URL`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new InferenceError(
      "invalid",
      "--alert-webhook has a password in its URL, where process lists show it: name a file with an authorization header by --alert-webhook-header-file",
    );
  }
  return url;
}

/** Lines of `Name: value`; empty lines and those that begin with # are skipped. No message repeats a value: it may be a token. */
function parseHeaders(text: string): Readonly<Record<string, string>> {
  const headers: [string, string][] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (!isHeader(name, value)) {
      throw new InferenceError(
        "invalid",
        `--alert-webhook-header-file: line ${index + 1} is no header of the form 'Name: value' that may be set`,
      );
    }
    headers.push([name, value]);
  }
  return Object.fromEntries(headers);
}

function isHeader(name: string, value: string): boolean {
  if (ownHeaders.has(name) || name.startsWith(ownPrefix)) return false;
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

/** The key of the signature: the file without the line break at its end. */
function parseSecret(text: string): Uint8Array {
  if (text.includes("\ufffd")) {
    // What is no UTF-8 was replaced: the key would be another one than the receiver's.
    throw new InferenceError("invalid", "--alert-webhook-secret-file: the secret is no UTF-8 text: write bytes in hex");
  }
  const secret = Buffer.from(text.replace(/\r?\n$/, ""), "utf8");
  if (secret.byteLength >= minSecretBytes) return secret;
  throw new InferenceError(
    "invalid",
    `--alert-webhook-secret-file: the secret has ${secret.byteLength} bytes, at least ${minSecretBytes} are needed`,
  );
}
