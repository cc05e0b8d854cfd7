import type { Dropped } from "../../../monitor-report.ts";
import { Chart } from "../chart.ts";
import { DataTable, textCell } from "../data-table.ts";
import { element } from "../element.ts";
import { FactStrip } from "../fact-strip.ts";
import { bytesText, countText, durationText, secondsText } from "../number-text.ts";
import { emptyState, panel } from "../panel.ts";
import type { PageTheme } from "../theme.ts";
import { clockText, epochSeconds } from "../time-text.ts";
import type { View } from "../view.ts";

interface DroppedRow extends Dropped {
  readonly model: string;
}

/** The server itself: how busy its event loop is, its memory, and what its monitor had to leave out. */
export function createServerView(theme: PageTheme): View {
  const strip = new FactStrip();
  const shared = { group: "server", xTitle: "Time", formatX: (x: number) => clockText(x) };
  const loop = new Chart(
    {
      ...shared,
      title: "Event loop delay",
      note: "99th percentile in the front process",
      format: secondsText,
      series: [{ label: "p99", color: "series-1" }],
    },
    theme,
  );
  const memory = new Chart(
    {
      ...shared,
      title: "Memory",
      note: "resident, one on top of the other",
      isStacked: true,
      format: bytesText,
      increments: Array.from({ length: 30 }, (_, i) => 2 ** (i + 12)),
      series: [
        { label: "front", color: "series-1", look: "area" },
        { label: "runtime processes", color: "series-2", look: "area" },
      ],
    },
    theme,
  );
  const dropped = createDroppedTable();
  const grid = element("div", { class: "charts" }, loop.root, memory.root);
  const nothing = emptyState(
    "No numbers yet",
    "They appear with the first interval that has ended: within a minute after the start.",
  );
  return {
    root: element(
      "div",
      {},
      element("h2", {}, "Server"),
      strip.root,
      nothing,
      grid,
      panel("Left out by the monitor", dropped.root),
    ),
    update(report) {
      const { history, models } = report;
      const last = history.at(-1);
      strip.update([
        { name: "Version", value: report.server_version },
        {
          name: "Running for",
          value: durationText(epochSeconds(report.at) - epochSeconds(report.started_at)),
          detail: `since ${clockText(epochSeconds(report.started_at), true)}`,
        },
        { name: "Event loop delay, p99", value: secondsText(last?.loop_delay_p99_seconds) },
        { name: "Memory, front", value: bytesText(last?.front_bytes) },
        { name: "Memory, runtime processes", value: bytesText(last?.runtime_bytes) },
        { name: "Instance", value: report.server_instance.slice(0, 8), detail: report.server_instance },
      ]);
      nothing.hidden = history.length > 0;
      grid.hidden = history.length === 0;
      const x = history.map(({ at }) => epochSeconds(at));
      loop.update({ x, series: [history.map((point) => point.loop_delay_p99_seconds)] });
      memory.update({
        x,
        series: [history.map(({ front_bytes }) => front_bytes), history.map(({ runtime_bytes }) => runtime_bytes)],
      });
      dropped.update(
        models.flatMap((model) =>
          model.dropped.map((one) => ({ ...one, model: `${model.model_name} ${model.model_version}` })),
        ),
      );
    },
    destroy() {
      loop.destroy();
      memory.destroy();
    },
  };
}

function createDroppedTable(): DataTable<DroppedRow> {
  return new DataTable<DroppedRow>({
    caption: "What the monitor had to leave out",
    keyOf: ({ model, monitor, reason }) => JSON.stringify([model, monitor, reason]),
    order: { key: "count", isDescending: true },
    perPage: 40,
    empty: "Nothing was left out.",
    columns: [
      { key: "model", title: "Model", sortValue: ({ model }) => model, cell: textCell(({ model }) => model) },
      {
        key: "monitor",
        title: "Monitor",
        sortValue: ({ monitor }) => monitor,
        cell: textCell(({ monitor }) => monitor),
      },
      {
        key: "reason",
        title: "Reason",
        sortValue: ({ reason }) => reason,
        cell: textCell(({ reason }) => reason.replaceAll("_", " ")),
      },
      {
        key: "count",
        title: "Records",
        isNumber: true,
        sortValue: ({ count }) => count,
        cell: textCell(({ count }) => countText(count)),
      },
    ],
  });
}
