/** What an attribute may be: false and undefined leave it out, true writes it without a value. */
type AttributeValue = string | number | boolean | undefined;
/** What an element may hold. Texts become text nodes, never markup: names of models and features come from strangers. */
export type Child = Node | string | undefined;

/**
 * Makes an element. Attributes are set by name; `style` and handlers are no attributes here, since the page's content security policy forbids both.
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

const svgSpace = "http://www.w3.org/2000/svg";

/** As {@link element}, of SVG. */
export function svgElement<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS(svgSpace, tag);
  setAttributes(made, attributes);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

function setAttributes(made: Element, attributes: Readonly<Record<string, AttributeValue>>): void {
  for (const [name, value] of Object.entries(attributes)) setAttribute(made, name, value);
}

/** Sets or removes one attribute, and leaves it alone when it is so already. */
export function setAttribute(made: Element, name: string, value: AttributeValue): void {
  if (value === undefined || value === false) made.removeAttribute(name);
  else {
    const text = value === true ? "" : String(value);
    if (made.getAttribute(name) !== text) made.setAttribute(name, text);
  }
}

/** Sets the text of an element, and leaves it alone when it is so already: selections and focus stay. */
export function setText(made: Element, text: string): void {
  if (made.childElementCount > 0 || made.textContent !== text) made.textContent = text;
}
