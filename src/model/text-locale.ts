import { messageType } from "./definitions.ts";
import { domainOf, graphsOf } from "./onnx-graph.ts";
import type { OnnxAttribute, OnnxModel, OnnxNode } from "./onnx-proto.ts";

/** ONNX's AttributeProto.AttributeType.STRING. */
const stringAttribute = 3;

/** What ONNX Runtime takes where a file names no locale, in the spellings that exporters write. */
const englishLocale = /^en_US(\.utf-?8)?$/i;

/** Of every glibc since 2.35, and of Debian's before; maps letters to upper and lower case exactly as en_US.UTF-8 does. */
const neutralLocale = "C.UTF-8";

/**
 * Gives every StringNormalizer that asks for American English, by name or because it names no locale, one that needs no installed language
 * pack: ONNX Runtime looks the locale up in the operating system, where containers have none, and refuses the model. Both change the case of
 * letters alike, so answers stay the same. Other locales are left as they are, since some have rules of their own (Turkish: dotless i).
 *
 * @returns How many nodes it changed.
 */
export function useNeutralLocale(model: OnnxModel): number {
  const nodes = [...model.functions, ...graphsOf(model)].flatMap(({ node }) => node).filter(isEnglishNormalizer);
  for (const node of nodes) node.attribute = [...node.attribute.filter((item) => !isLocale(item)), createLocale()];
  return nodes.length;
}

function isEnglishNormalizer(node: OnnxNode): boolean {
  if (node.op_type !== "StringNormalizer" || domainOf(node) !== "ai.onnx") return false;
  const locale = node.attribute.find(isLocale)?.s;
  return locale === undefined || englishLocale.test(Buffer.from(locale).toString());
}

function isLocale(attribute: OnnxAttribute): boolean {
  return attribute.name === "locale";
}

function createLocale(): OnnxAttribute {
  const attribute = messageType("onnx.AttributeProto").create({
    name: "locale",
    type: stringAttribute,
    s: Buffer.from(neutralLocale),
  });
  return attribute as unknown as OnnxAttribute; // the protobuf edge
}
