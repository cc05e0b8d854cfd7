import type protobuf from "protobufjs/light.js";
import { InferenceError } from "../errors.ts";
import { messageType } from "./definitions.ts";
import type { ReferenceProfile, SignalProfile } from "./package-messages.ts";
import { validateProfile } from "./profile-rules.ts";
import { fromJsonForm, toJsonForm } from "./proto-json.ts";

/** The version of the format that is read and written. */
export const profileFormatVersion = 1;

/** Largest file of a profile: a thousand signals of fifty bins are 1 MB, a covariance of 512 features is 2 MB. */
export const maxProfileBytes = 16 * 1024 * 1024;

/** Names under which a profile is looked for beside a model when its monitor.yaml names none: the binary form, then the JSON form. */
export const profileFileNames = ["reference_profile.pb", "reference_profile.json"] as const;

const typeName = "sluice.model.v1.ReferenceProfile";

/**
 * Reads a profile in binary form, or in protobuf's JSON form, which begins with a brace.
 * @throws InferenceError "refused" for what is no profile, is of a newer format, or contradicts itself
 */
export function decodeProfile(bytes: Uint8Array): ReferenceProfile {
  if (bytes.byteLength > maxProfileBytes) {
    throw profileError(`it has ${bytes.byteLength} bytes, the limit is ${maxProfileBytes}`);
  }
  const first = bytes.find((byte) => byte > 0x20);
  const profile = first === 0x7b ? fromText(bytes) : fromBinary(bytes);
  if (profile.format_version !== profileFormatVersion) {
    throw profileError(`it is of format version ${profile.format_version}, this sluice reads ${profileFormatVersion}`);
  }
  validateProfile(profile);
  return profile;
}

function fromBinary(bytes: Uint8Array): ReferenceProfile {
  const type = messageType(typeName);
  try {
    return plain(type.decode(bytes));
  } catch (error) {
    throw profileError("it is neither the binary nor the JSON form of one", error);
  }
}

function fromText(bytes: Uint8Array): ReferenceProfile {
  const type = messageType(typeName);
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return plain(type.fromObject(fromJsonForm(type, value)));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw error instanceof InferenceError ? error : profileError(`it is no valid JSON form of one: ${why}`, error);
  }
}

/** A message with every field filled in and 64-bit integers as numbers. */
function plain(message: protobuf.Message): ReferenceProfile {
  const options = { longs: Number, enums: String, defaults: true, arrays: true, objects: true } as const;
  const found = messageType(typeName).toObject(message, options);
  const profile = withoutNulls(found) as unknown as ReferenceProfile; // the protobuf edge: package-messages.ts mirrors the definition
  return { ...profile, signals: profile.signals.map(withoutEmptyStatistic) };
}

/** The field is absent where the value of a column is meant. */
function withoutEmptyStatistic({ statistic = "", ...signal }: SignalProfile): SignalProfile {
  return statistic === "" ? signal : { ...signal, statistic };
}

/** An absent message or optional field is absent, not null. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(entries.map(([name, field]) => [name, withoutNulls(field)]));
}

/** A profile in binary form. @throws InferenceError "refused" when it contradicts itself */
export function encodeProfile(profile: ReferenceProfile): Uint8Array {
  validateProfile(profile);
  const type = messageType(typeName);
  return type.encode(type.fromObject(profile)).finish();
}

/** A profile in protobuf's JSON form, indented, ending with a line break. @throws InferenceError "refused" when it contradicts itself */
export function profileText(profile: ReferenceProfile): string {
  validateProfile(profile);
  return `${JSON.stringify(toJsonForm(messageType(typeName), profile), undefined, 1)}\n`;
}

function profileError(problem: string, cause?: unknown): InferenceError {
  return new InferenceError("refused", `the reference profile cannot be used: ${problem}`, { cause });
}
