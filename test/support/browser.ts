import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, launch, type Page } from "puppeteer-core";

/** Where Debian's package chromium has it. */
const debianChromium = "/usr/bin/chromium";

/** The browser to test with: TEST_CHROMIUM, else Debian's; undefined: there is none. */
export function chromium(): string | undefined {
  const path = process.env.TEST_CHROMIUM ?? debianChromium;
  return existsSync(path) ? path : undefined;
}

/** Why a test in a browser cannot run here; false: it can. With TEST_REQUIRE_ALL it must. */
export const browserSkip: string | false =
  chromium() !== undefined || process.env.TEST_REQUIRE_ALL !== undefined
    ? false
    : "needs Chromium (.ci/install-tools installs it, TEST_CHROMIUM names another one)";

/** A browser without a window, that speaks to nothing but loopback. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = chromium();
  if (executablePath === undefined)
    throw new Error("there is no Chromium: run .ci/install-tools, or set TEST_CHROMIUM");
  return await launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox", // tests run as root in CI's container, where Chromium's own sandbox does not work
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
      "--font-render-hinting=none",
    ],
  });
}

/** What a page complained about: errors and warnings of its console, violations of its policy, failed requests, uncaught exceptions. */
export function complaints(page: Page): string[] {
  const found: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warn") found.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => found.push(`exception: ${error instanceof Error ? error.message : String(error)}`));
  page.on("requestfailed", (request) => {
    // The page ends a request itself when it asks for something else.
    if (request.failure()?.errorText !== "net::ERR_ABORTED") found.push(`request failed: ${request.url()}`);
  });
  return found;
}

/** Keeps a picture of a page where CI collects what its tests leave: TEST_ARTIFACTS, else artifacts/ of the checkout. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.TEST_ARTIFACTS ?? join(import.meta.dirname, "..", "..", "artifacts");
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
