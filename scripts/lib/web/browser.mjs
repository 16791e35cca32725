// Chromium with a guard on every page: no console error, no violation of the policy, no request to another host, no
// violation that axe finds; and screenshots of each page, wide and narrow, light and dark.
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import assert from "node:assert/strict";
import path from "node:path";
import { here } from "./programs.mjs";

const require = createRequire(path.join(process.env.VERITALLY_WEB ?? import.meta.dirname, "package.json"));
const { chromium } = require("playwright-core");
const axe = require.resolve("axe-core/axe.min.js");
const shots = path.join(here, "target/web-screenshots");
const flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--no-first-run"];
const only = process.env.VERITALLY_SHOTS !== "0";

export async function launch() {
  mkdirSync(shots, { recursive: true });
  const browser = await chromium.launch({ executablePath: process.env.VERITALLY_CHROMIUM ?? "/usr/bin/chromium", args: flags });
  return {
    close: () => browser.close(),
    /** A reader of their own; `faults` collects what must not happen. */
    async reader(board, options = {}) {
      const context = await browser.newContext({ baseURL: board.url, locale: "en-GB", viewport: { width: 1280, height: 900 }, ...options });
      const page = await context.newPage();
      const faults = [];
      page.on("console", (m) => { if (m.type() === "error" && !m.text().includes(`status of ${page.expected}`)) faults.push(`console: ${m.text()}`); });
      page.on("pageerror", (error) => faults.push(`page error: ${error.message}`));
      page.on("request", (r) => { if (!r.url().startsWith(board.url) && !r.url().startsWith("data:") && !r.url().startsWith("blob:")) faults.push(`another host: ${r.url()}`); });
      await context.addInitScript(() => addEventListener("securitypolicyviolation",
        (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`)));
      page.faults = faults;
      return page;
    },
  };
}

/** The page as it stands: axe, overflow, and four pictures. */
export async function inspect(page, name) {
  await page.waitForLoadState("load");
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${name} is ${overflow} px wider than a screen of ${width}`);
      if (only) await page.screenshot({ path: path.join(shots, `${name}-${width}-${scheme}.png`), fullPage: true });
    }
    await judge(page, `${name} (${scheme})`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 900 });
  assert.deepEqual(page.faults, [], name);
}

/** What axe says. Evaluated through the debugger, which the policy does not concern. */
async function judge(page, name) {
  if (!(await page.evaluate(() => "axe" in window))) {
    const { readFileSync } = await import("node:fs");
    await page.evaluate(readFileSync(axe, "utf8"));
  }
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const said = violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.html} ${n.any.map((a) => a.message)}`).join(" | ")}`);
  assert.deepEqual(said, [], `axe: ${name}`);
}
