import { createHash } from "node:crypto";
import { assert } from "../../errors.ts";
import type { MonitorReport } from "../monitor-report.ts";
import { bundleModules } from "./module-bundle.ts";
import { entryModule, loadPageFiles, type PageFiles } from "./page-files.ts";

/**
 * A report as one HTML document: the page itself with its scripts, styles and this report inside. It needs no server and no network, and its
 * content security policy allows none.
 */
export async function renderReportDocument(report: MonitorReport): Promise<string> {
  const files = await loadPageFiles();
  const style = [fileOf(files, "uplot.css"), fileOf(files, "style.css")].join("\n");
  const script = bundleModules(files, entryModule);
  for (const text of [style, script])
    assert(!/<\/(script|style)/i.test(text), "a part of the page ends its own element");
  const policy = [
    "default-src 'none'",
    `script-src '${integrity(script)}'`,
    `style-src '${integrity(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>sluice</title>
<style>${style}</style>
</head>
<body>
<script type="application/json" id="report">${embeddedJson(report)}</script>
<script type="module">${script}</script>
</body>
</html>
`;
}

/** JSON in which nothing ends a script element or begins a comment, whatever models are called. */
function embeddedJson(report: MonitorReport): string {
  return JSON.stringify(report).replaceAll("<", "\\u003c");
}

function fileOf(files: PageFiles, name: string): string {
  const text = files.get(name);
  assert(text !== undefined, `the page has no file ${name}`);
  return text;
}

function integrity(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
