import { type Datatype, datatypes } from "../tensor.ts";

/** The one datatype whose name in configurations is not its name on the wire. */
const stringType = "TYPE_STRING";

/** `FP32` -> `TYPE_FP32`, `BYTES` -> `TYPE_STRING`. */
export function configDatatype(datatype: Datatype): string {
  return datatype === "BYTES" ? stringType : `TYPE_${datatype}`;
}

/** `TYPE_FP32` -> `FP32`; undefined for what sluice does not serve (TYPE_INVALID, TYPE_BF16). */
export function servedDatatype(name: string): Datatype | undefined {
  return datatypes.find((datatype) => configDatatype(datatype) === name);
}
