import { dashboardRange, labelOf, Queries } from "./query.ts";

/** What the rows of the native dashboard have in common: which series they look at, and how they call them. */

/** A model's name and version: what most panels show apart. */
export const name = "sluice.model.name";
export const version = "sluice.model.version";
export const model = [name, version] as const;
export const modelLegend = `{{${labelOf(name)}}} {{${labelOf(version)}}}`;
/** Attributes as a legend. */
export const legendOf = (...keys: readonly string[]) => keys.map((key) => `{{${labelOf(key)}}}`).join(" ");

/** Queries of what the dashboard's variables choose. */
export const queries = new Queries({
  server: 'job=~"$job",instance=~"$instance"',
  model: `${labelOf(name)}=~"$model",${labelOf(version)}=~"$version"`,
  range: dashboardRange,
});
