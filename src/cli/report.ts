import { writeFile } from "node:fs/promises";
import type { MonitorReport } from "../monitor/monitor-report.ts";
import { renderReportDocument } from "../monitor/page/report-document.ts";
import type { CommandOption } from "./arguments.ts";
import { type CommandContext, defineCommand, write } from "./command.ts";
import { addressPositional, connectionOptions, jsonOption, withClient } from "./connection.ts";
import { formatJson } from "./json-text.ts";
import { renderReport } from "./report/report-text.ts";

const options = {
  model: {
    kind: "string",
    default: "",
    valueName: "NAME",
    group: "Request",
    description: "Only this model. Without it: all of them.",
  },
  modelVersion: {
    kind: "string",
    default: "",
    valueName: "VERSION",
    group: "Request",
    description: "Only this version. Without it: all of them.",
  },
  json: { ...jsonOption, description: "Print the whole report as JSON for programs instead of tables for people." },
  html: {
    kind: "string",
    default: "",
    valueName: "FILE",
    group: "Input and output",
    description:
      "Write the report as one HTML file, with the charts of the server's own page, that needs no server and no network; - is standard output.",
  },
  ...connectionOptions,
} as const satisfies Record<string, CommandOption>;

/** `sluice report`: what a server's monitor knows, in a terminal or as a document. */
export const reportCommand = defineCommand(
  {
    name: "report",
    summary: "Show latency, quality and drift of the models of a server",
    description: [
      "Asks the server's monitor for its report and prints it: traffic and latency of every model, quality with intervals, drift against the reference profile, anomalies, alerts.",
      "With --model everything about that model, without it the models in short and whatever asks for attention. In a terminal it has colours and small lines of traffic over time; NO_COLOR switches the colours off.",
      "Exit code 1: the report could not be had. That an alert fires is no failure of this command.",
    ],
    positionals: [addressPositional],
    options,
    examples: [
      { command: "sluice report 127.0.0.1:8001", explanation: "All models in short, with their alerts." },
      { command: "sluice report 127.0.0.1:8001 --model digits", explanation: "Everything about one model." },
      { command: "sluice report 127.0.0.1:8001 --html report.html", explanation: "A document to keep or to send." },
    ],
  },
  async ({ positionals: [address = ""], options: given }, context) => {
    const report = await withClient(address, given.timeout, async (client) => {
      const message = await client.monitorReport(given.model, given.modelVersion);
      return message as MonitorReport; // the message with all of its fields, as its .proto has them
    });
    if (given.html !== "") await writeDocument(report, given.html, context);
    if (given.json) await write(context.stdout, `${formatJson(report)}\n`);
    else if (given.html === "") await write(context.stdout, renderReport(report, styleOf(given.model !== "", context)));
    return 0;
  },
);

async function writeDocument(report: MonitorReport, file: string, context: CommandContext): Promise<void> {
  const document = await renderReportDocument(report);
  if (file === "-") await write(context.stdout, document);
  else {
    await writeFile(file, document);
    await write(context.stderr, `wrote ${file}\n`);
  }
}

function styleOf(isFull: boolean, { stdout, environment }: CommandContext) {
  const isTerminal = "isTTY" in stdout && stdout.isTTY === true;
  return { isFull, hasLines: isTerminal, hasColors: isTerminal && (environment.NO_COLOR ?? "") === "" };
}
