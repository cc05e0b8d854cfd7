import type { TestContext } from "node:test";
import type { MonitorReport } from "../../src/monitor/monitor-report.ts";
import { MonitorPage } from "../../src/monitor/page/monitor-page.ts";
import { HttpServer } from "../../src/server/http.ts";
import { silentLog } from "../../src/server/log.ts";

/** The HTTP side port with the page over a report that the test says. Resolves to its base, `http://127.0.0.1:1234`. */
export async function startPageServer(context: TestContext, report: () => MonitorReport): Promise<string> {
  let nowMs = 0;
  const page = new MonitorPage({ report, firingAlerts: () => 2, now: () => (nowMs += 1_000) });
  const http = new HttpServer({
    config: { host: "127.0.0.1", insecure: false },
    repository: { isServerReady: true, isReady: () => true },
    isStopping: () => false,
    metrics: undefined,
    page,
    log: silentLog,
  });
  const { port } = await http.start(0);
  context.after(() => http.stop());
  return `http://127.0.0.1:${port}`;
}
