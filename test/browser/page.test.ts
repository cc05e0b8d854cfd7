import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "puppeteer-core";
import type { MonitorReport } from "../../src/monitor/monitor-report.ts";
import { profileCommand } from "../../src/monitor/page/browser/advice.ts";
import { renderReportDocument } from "../../src/monitor/page/report-document.ts";
import { browserSkip, complaints, keepScreenshot, startBrowser } from "../support/browser.ts";
import { startPageServer } from "../support/page-server.ts";
import { hostileName, sampleReport } from "../support/sample-report.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** The page in a real browser over a report in which everything occurs. What live traffic makes of it: live-page.test.ts. */

const skip = browserSkip;
let browser: Browser;

before(async () => {
  if (skip === false) browser = await startBrowser();
});
after(() => browser?.close());

const cancer = "#/model/breast_cancer/3";
const views: Readonly<Record<string, string>> = {
  models: "#/",
  alerts: "#/alerts",
  server: "#/server",
  traffic: `${cancer}/traffic`,
  quality: `${cancer}/quality`,
  drift: `${cancer}/drift?signal=mean_radius`,
  anomalies: `${cancer}/anomalies`,
  "model-alerts": `${cancer}/alerts`,
  "quality-digits": "#/model/digits/1/quality",
  "quality-regression": "#/model/house_prices/12/quality",
  "quality-empty": "#/model/embedder/1/quality",
  "drift-empty": "#/model/embedder/1/drift",
};

/** Goes to a view and waits until its numbers are there. */
async function goTo(page: Page, fragment: string): Promise<void> {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, fragment);
  await page.waitForFunction(
    (hash) => location.hash === hash && document.querySelector("main:not([aria-busy])")?.hasChildNodes() === true,
    {},
    fragment,
  );
  // Two frames: uPlot draws in the one after its data was set.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

const text = (page: Page, selector: string) => page.$eval(selector, (element) => element.textContent ?? "");
const texts = (page: Page, selector: string) =>
  page.$$eval(selector, (elements) => elements.map((element) => element.textContent ?? ""));

const looks = [
  { name: "light", theme: "light", width: 1280, height: 800 },
  { name: "dark", theme: "dark", width: 1280, height: 800 },
  { name: "phone", theme: "dark", width: 360, height: 740 },
] as const;

for (const { name, theme, width, height } of looks) {
  test(`every view, ${name}: no complaint in the console, nothing wider than the window`, {
    skip,
    timeout: 120_000,
  }, async (context) => {
    const base = await startPageServer(context, sampleReport);
    const page = await browser.newPage();
    context.after(() => page.close());
    const found = complaints(page);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
    await page.setViewport({ width, height });
    await page.goto(`${base}/monitor/`);
    for (const [view, fragment] of Object.entries(views)) {
      await goTo(page, fragment);
      assert.deepEqual(found, [], view);
      const surplus = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(surplus <= 0, `${view} is ${surplus} px wider than the window`);
      await keepScreenshot(page, `page-${view}-${name}`);
    }
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const brightness = Number(/\d+/.exec(background)?.[0]);
    assert.ok(theme === "light" ? brightness > 200 : brightness < 60, background);
  });
}

test("what the views say", { skip, timeout: 60_000 }, async (context) => {
  const base = await startPageServer(context, sampleReport);
  const page = await browser.newPage();
  context.after(() => page.close());
  await page.goto(`${base}/monitor/`);
  await goTo(page, "#/");
  assert.deepEqual(await texts(page, "tbody .row-link"), [
    hostileName,
    "breast_cancer",
    "digits",
    "embedder",
    "house_prices",
  ]);
  assert.equal(await page.title(), "sluice", "a name is text, never markup");
  assert.equal(await page.$("main img"), null);

  await goTo(page, `${cancer}/quality`);
  const row = await page.$eval("tbody tr", (line) => [...line.children].map((cell) => cell.textContent));
  assert.deepEqual(row, ["Accuracy", "0.9528", "[0.9468, 0.9588]", "", "0.9589", "0.9649", "4,812"]);
  assert.deepEqual(await texts(page, ".matrix tbody tr:first-child td"), ["1,663", "127", "92.9\u00a0%"]);

  await goTo(page, `${cancer}/drift`);
  await page.waitForFunction(() => document.querySelector(".detail h3")?.textContent === "mean_radius");
  await page.click("input[type=checkbox]");
  await page.waitForFunction(() => document.querySelectorAll("main tbody .row-link").length === 2);
  assert.deepEqual(await texts(page, ".master tbody .row-link"), ["mean_radius", "worst_texture"]);

  await goTo(page, "#/model/embedder/1/drift");
  assert.equal(await text(page, ".command"), profileCommand("embedder"));
  await goTo(page, "#/model/gone/1/traffic");
  assert.match(await text(page, "main"), /There is no such model version/);
});

test("a page that broke its policy would be stopped, and noticed here", { skip, timeout: 60_000 }, async (context) => {
  const base = await startPageServer(context, sampleReport);
  const page = await browser.newPage();
  context.after(() => page.close());
  const found = complaints(page);
  await page.goto(`${base}/monitor/`);
  await goTo(page, "#/");
  assert.equal(found.length, 0);
  const refused = await page.evaluate(() => {
    document.body.setAttribute("style", "color: rgb(1, 2, 3)");
    const script = document.createElement("script");
    try {
      script.textContent = "document.title = 'run'";
      document.body.append(script);
    } catch {
      // trusted types refuse the text already
    }
    try {
      document.createElement("div").innerHTML = "<b>markup</b>";
      return false;
    } catch {
      return true; // trusted types
    }
  });
  assert.ok(refused);
  assert.equal(await page.title(), "sluice");
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).color), "rgb(1, 2, 3)");
  assert.ok(
    found.some((complaint) => complaint.includes("Content Security Policy")),
    found.join(),
  );
});

test("everything can be reached and read by keys alone", { skip, timeout: 60_000 }, async (context) => {
  const base = await startPageServer(context, sampleReport);
  const page = await browser.newPage();
  context.after(() => page.close());
  const found = complaints(page);
  await page.goto(`${base}/monitor/#/`);
  await page.waitForSelector("main .row-link");
  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");

  const order: string[] = [];
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press("Tab");
    order.push(await focused());
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle);
    assert.equal(outline, "solid", `the focus on '${order.at(-1)}' can be seen`);
  }
  assert.deepEqual(order, ["Skip to the view", "sluice", "Models", "Alerts2", "Server", "Pause", "Auto", "?"]);

  await page.keyboard.press("j");
  await page.keyboard.press("j");
  assert.equal(await focused(), "breast_cancer");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.hash.startsWith("#/model/breast_cancer/3/traffic"));
  await page.waitForSelector(".plot canvas");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main", "the focus follows to the new view");

  await page.focus(".plot");
  for (const key of ["ArrowLeft", "ArrowLeft"] as const) await page.keyboard.press(key);
  assert.match(await text(page, "figure [aria-live]"), /^\d\d:\d\d:\d\d: answered [\d.]+\u00a0\/s, failed /);
  assert.match(
    await page.$eval(".plot", (plot) => plot.getAttribute("aria-label") ?? ""),
    /^Requests\. 60 points, the last at /,
  );
  await page.$eval("figure details", (details) => ((details as HTMLDetailsElement).open = true));
  await page.waitForFunction(() => document.querySelectorAll("figure details tbody tr").length === 60);

  await page.keyboard.press("]");
  await page.waitForFunction(() => location.hash.endsWith("/quality"));
  await page.keyboard.press("a");
  await page.waitForFunction(() => location.hash === "#/alerts");
  await page.keyboard.press("m");
  await page.waitForFunction(() => location.hash === "#/");
  await page.waitForSelector("main .find");
  await page.keyboard.press("/");
  await page.keyboard.type("digits");
  await page.waitForFunction(() => document.querySelectorAll("main tbody .row-link").length === 1);
  await page.keyboard.press("Escape");
  await page.keyboard.press("t");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");
  await page.keyboard.press("t");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.keyboard.press("p");
  assert.equal(await text(page, ".freshness"), "paused");
  await page.keyboard.press("?");
  assert.ok(await page.$("dialog[open]"));
  await page.keyboard.press("Escape");
  assert.equal(await page.$("dialog[open]"), null);
  assert.deepEqual(found, []);
});

test("a table is sorted by its head, and says so", { skip, timeout: 60_000 }, async (context) => {
  const base = await startPageServer(context, sampleReport);
  const page = await browser.newPage();
  context.after(() => page.close());
  await page.goto(`${base}/monitor/`);
  await goTo(page, "#/");
  await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>(".sort")].find((head) => head.textContent === "Requests")?.click(),
  );
  assert.equal(
    await page.$eval("[aria-sort]", (head) => `${head.textContent} ${head.getAttribute("aria-sort")}`),
    "Requests descending",
  );
  assert.deepEqual((await texts(page, "tbody .row-link")).slice(0, 2), ["breast_cancer", "digits"]);
});

test("nothing moves where motion is unwelcome, and nothing jumps as numbers come", {
  skip,
  timeout: 60_000,
}, async (context) => {
  let seconds = 0;
  const base = await startPageServer(context, (): MonitorReport => {
    const report = sampleReport();
    seconds++;
    const models = report.models.map((model) => ({
      ...model,
      history: model.history.map((point) => ({
        ...point,
        requests: point.requests * 30 ** Math.min(2, seconds - 1),
        p99_seconds: 0.9 * seconds,
      })),
    }));
    return { ...report, models };
  });
  const page = await browser.newPage();
  context.after(() => page.close());
  await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
  await page.setViewport({ width: 1280, height: 800 });
  await page.evaluateOnNewDocument(() => {
    const shifts: number[] = [];
    Object.assign(globalThis, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.push((entry as unknown as { value: number }).value);
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(`${base}/monitor/${cancer}/traffic`);
  await page.waitForSelector(".plot canvas");
  const before = seconds;
  await page.waitForFunction(() => document.querySelector(".fact-value")?.textContent?.includes("k") === true, {
    timeout: 30_000,
  });
  assert.ok(seconds > before);
  const shifts = await page.evaluate(() => (globalThis as unknown as { shifts: number[] }).shifts);
  const sum = shifts.reduce((all, one) => all + one, 0);
  assert.ok(sum < 0.01, `layout shift ${sum}; below 0.1 counts as good`);
  assert.deepEqual(await page.evaluate(() => document.getAnimations().length), 0);
});

test("500 models and 5,000 signals stay usable", { skip, timeout: 120_000 }, async (context) => {
  const report = sampleReport({ extraModels: 495, signals: 5_000 });
  const base = await startPageServer(context, () => report);
  const page = await browser.newPage();
  context.after(() => page.close());
  const found = complaints(page);
  await page.goto(`${base}/monitor/`);
  await goTo(page, "#/");
  assert.equal((await texts(page, "main tbody tr")).length, 50);
  assert.equal(await text(page, ".pager-text"), "1 to 50 of 500");
  await page.type(".find", "model_49");
  assert.equal((await texts(page, "main tbody tr")).length, 5);

  await goTo(page, `${cancer}/drift`);
  await page.waitForFunction(() => document.querySelectorAll(".master tbody .row-link").length === 40);
  assert.equal(await text(page, ".master .pager-text"), "1 to 40 of 5,002");
  await page.evaluate(() =>
    [...document.querySelectorAll("button")].find((button) => button.textContent === "Next")?.click(),
  );
  await page.waitForFunction(() => document.querySelector(".master .pager-text")?.textContent === "41 to 80 of 5,002");
  await page.type(".find", "feature_4321");
  await page.waitForFunction(() => document.querySelectorAll(".master tbody .row-link").length === 1);
  await page.click(".master tbody .row-link");
  await page.waitForFunction(() => document.querySelector(".detail h3")?.textContent === "feature_4321");
  await page.waitForFunction(() => document.querySelector(".detail .plot canvas") !== null);
  assert.deepEqual(found, []);
});

test("a server that goes away is said, and found again", { skip, timeout: 60_000 }, async (context) => {
  let isBroken = false;
  const base = await startPageServer(context, () => {
    if (isBroken) throw new Error("broken");
    return sampleReport();
  });
  const page = await browser.newPage();
  context.after(() => page.close());
  await page.goto(`${base}/monitor/`);
  await goTo(page, "#/");
  isBroken = true;
  await page.waitForSelector(".freshness.lost", { timeout: 15_000 });
  assert.equal((await texts(page, "main tbody tr")).length, 5, "the last numbers stay");
  isBroken = false;
  await page.waitForSelector(".freshness.live", { timeout: 30_000 });
});

test("the report as a document works from a file, without a server and without a network", {
  skip,
  timeout: 60_000,
}, async (context) => {
  const file = join(temporaryFolder(context), "report.html");
  writeFileSync(file, await renderReportDocument(sampleReport()));
  const page = await browser.newPage();
  context.after(() => page.close());
  const found = complaints(page);
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(`${pathToFileURL(file)}`);
  for (const [view, fragment] of Object.entries(views)) {
    await goTo(page, fragment);
    assert.deepEqual(found, [], view);
  }
  await goTo(page, "#/");
  assert.deepEqual(await texts(page, "tbody .row-link"), [
    hostileName,
    "breast_cancer",
    "digits",
    "embedder",
    "house_prices",
  ]);
  assert.equal(await page.title(), "sluice");
  await goTo(page, views.drift ?? "");
  await keepScreenshot(page, "document-drift");
  assert.ok(
    requests.every((url) => url.startsWith("file:")),
    requests.join(),
  );
});
