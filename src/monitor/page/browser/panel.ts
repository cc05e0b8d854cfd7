import { type Child, element } from "./element.ts";

/** A part of a view under a heading. */
export function panel(title: string, ...children: readonly Child[]): HTMLElement {
  return element("section", { class: "panel" }, element("h3", {}, title), ...children);
}

/** What is missing, and what to do so that it will be there. @param command to be typed, where there is one */
export function emptyState(title: string, advice: string, command?: string): HTMLElement {
  const shown = command === undefined ? undefined : element("pre", { class: "command" }, element("code", {}, command));
  return element(
    "div",
    { class: "empty" },
    element("p", { class: "empty-title" }, title),
    element("p", {}, advice),
    shown,
  );
}
