/** The views of a server, and those of one model version. */
export type ServerView = "models" | "alerts" | "server";
export type ModelView = (typeof modelViews)[number];

/** In the order of their tabs. */
export const modelViews = ["traffic", "quality", "drift", "anomalies", "alerts"] as const;

/** What is looked at. It stands in the address, so that it can be kept, sent and gone back to. */
export type Route =
  | { readonly view: ServerView }
  | {
      readonly view: "model";
      readonly tab: ModelView;
      readonly model: string;
      readonly version: string;
      readonly signal: string;
    };

/** The route of an address' fragment; whatever is no route is the list of models. */
export function parseRoute(fragment: string): Route {
  const [path = "", query = ""] = fragment.replace(/^#\/?/, "").split("?");
  const [view, model, version, tab] = path.split("/").map(decode);
  if (view === "alerts" || view === "server") return { view };
  if (view !== "model" || model === undefined || model === "" || version === undefined) return { view: "models" };
  return {
    view: "model",
    tab: modelViews.find((known) => known === tab) ?? "traffic",
    model,
    version,
    signal: new URLSearchParams(query).get("signal") ?? "",
  };
}

/** The fragment of a route, `#/model/digits/1/quality`. */
export function routeFragment(route: Route): string {
  if (route.view !== "model") return route.view === "models" ? "#/" : `#/${route.view}`;
  const { model, version, tab, signal } = route;
  const query = signal === "" ? "" : `?signal=${encodeURIComponent(signal)}`;
  return `#/model/${encodeURIComponent(model)}/${encodeURIComponent(version)}/${tab}${query}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a broken percent escape names nothing that exists
  }
}
