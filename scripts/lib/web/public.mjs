// The public pages in a browser: every page in its phases, a ballot that appears on an open page, 500 ballots, proofs.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { here, run, startBoard, election, sleep } from "./programs.mjs";
import { launch, inspect } from "./browser.mjs";

const work = process.argv[2];
const sample = (name) => path.join(here, "scripts/sample", name);
const chromium = await launch();
const board = await startBoard(path.join(work, "public"));
const page = await chromium.reader(board);

await page.goto("/");
await inspect(page, "elections-empty");

// Setup: the ceremony's progress, then everything that is voted on.
const many = await election(board, path.join(work, "public/many"), sample("committee.toml"), ["--count", "520"]);
const all = await election(board, path.join(work, "public/all"), sample("assembly.toml"), ["--voters", sample("assembly-voters.csv")]);
await page.goto(`/e/${many.id}/trustees`);
await inspect(page, "trustees-setup");
const ceremony = many.ceremony(1, 2, 3);
await page.locator("text=Complete: the election’s keys stand.").waitFor({ timeout: 60_000 });
await ceremony;
await Promise.all([all.ceremony(1, 2, 3), many.roll(), all.roll()]);
await many.administer("open");
await all.administer("open");

// Live: one ballot by the headless voter; the page was opened before.
await page.goto(`/e/${many.id}`);
await page.locator("[data-live=ballots_counted]").filter({ hasText: /^0$/ }).waitFor();
const codes = many.codes();
const cast = many.cast(codes[519].code, "committee=amara");
const sent = new Promise((resolve) => {
  const ask = async () => {
    const status = await (await fetch(`${board.url}/e/${many.id}/status`)).json();
    if (status.counts.ballots_cast > 0) resolve(Date.now()); else setTimeout(ask, 5);
  };
  ask();
});
await page.locator("[data-live=ballots_counted]").filter({ hasText: /^1$/ }).waitFor({ timeout: 60_000 });
const delay = Date.now() - (await sent);
console.log(`live: a ballot appeared on an open page ${Math.max(0, delay)} ms after the board had logged it`);
assert.ok(delay < 5_000);
const code = (await cast).match(/confirmation code: (\S+)/)[1];

// 500 ballots later the page still responds, and has followed.
writeFileSync(path.join(work, "ballots.csv"), "count,committee\n250,amara\n150,bruno;chiara\n100,blank\n");
await many.castMany(path.join(work, "ballots.csv"), 500);
await page.locator("[data-live=ballots_counted]").filter({ hasText: /^501$/ }).waitFor({ timeout: 30_000 });
const before = Date.now();
await page.evaluate(() => new Promise(requestAnimationFrame));
await page.getByRole("link", { name: "Ballots", exact: true }).click();
await page.locator("#code").waitFor();
console.log(`live: after 500 ballots the page answered in ${Date.now() - before} ms`);
assert.ok(Date.now() - before < 3_000);

// A ballot is found by its code, and the proof holds in the browser; without scripts the page says how to check.
await page.locator("#code").fill(code.toLowerCase());
await page.locator("#code").press("Enter");
await page.locator(".checks .ok").nth(3).waitFor();
assert.equal(await page.locator(".checks .bad").count(), 0);
await inspect(page, "ballots-found");
for (const [typed, said] of [["00000-00000-00000-00000", "No ballot has this code"], ["abc", "A code has 20"]]) {
  await page.locator("#code").fill(typed);
  await page.getByRole("button", { name: "Look up" }).click();
  await page.locator("[role=alert]").filter({ hasText: said }).waitFor();
}
await inspect(page, "ballots-not-found");

// A board that lies is caught by the page's own checks: another ballot's receipt, an altered entry.
const other = await chromium.reader(board);
await other.route(/\/receipts\/[0-9a-f]{64}$/, async (route) => {
  const answer = await route.fetch();
  await route.fulfill({ body: (await answer.text()).replace(/^index \d+/m, "index 12") });
});
await other.goto(`/e/${many.id}/ballots?code=${code}`);
await other.locator(".checks .bad").nth(1).waitFor();
await other.unroute(/\/receipts\/[0-9a-f]{64}$/);
await other.route(/\/receipts\/[0-9a-f]{64}$/, async (route) => {
  const answer = await route.fetch();
  await route.fulfill({ body: (await answer.text()).replace(/\n([^\n]{40,})\n$/, "\n$1".replace(/.$/, "") + "AAAA\n") });
});
await other.goto(`/e/${many.id}/ballots?code=${code}`);
await other.locator("[data-check=signature].bad").waitFor();
await other.close();

// Without JavaScript everything is there.
const plain = await chromium.reader(board, { javaScriptEnabled: false });
await plain.goto(`/e/${many.id}`);
assert.equal(await plain.locator("[data-live=ballots_counted]").textContent(), "501");
assert.equal(await plain.locator("svg.line .curve").count(), 1);
await plain.goto(`/e/${many.id}/ballots?code=${code}`);
await plain.locator("#proof-without").waitFor();
await plain.context().close();

await page.goto(`/e/${many.id}`);
await inspect(page, "overview-open");
await all.castMany(sample("assembly.csv"));
for (const language of ["de", "fr", "es", "en"]) {
  await page.goto(`/e/${all.id}?lang=${language}`);
  assert.equal(await page.locator("html").getAttribute("lang"), language);
  await inspect(page, `overview-${language}`);
}
await page.goto("/");
await inspect(page, "elections");

// Closed, decrypted, published; progress is live.
for (const e of [many, all]) await e.administer("close", "--early");
await page.goto(`/e/${all.id}/result`);
await page.getByText("There is no result yet").waitFor();
await inspect(page, "result-none-yet");
await page.goto(`/e/${all.id}/trustees`);
await all.decrypt(1, 3);
await page.locator("[data-phase=decrypted]").waitFor({ timeout: 30_000 });
await inspect(page, "trustees-decrypted");
await all.administer("publish");
await page.goto(`/e/${all.id}/result`);
await inspect(page, "result");
await page.locator("h2", { hasText: "Chair" }).waitFor();
await page.goto(`/e/${all.id}/verify`);
await inspect(page, "verify");
const [tar] = await Promise.all([page.waitForEvent("download"), page.getByText("The whole record (tar)").click()]);
await tar.saveAs(path.join(work, "record.tar"));
await run("veritally-verifier", [path.join(work, "record.tar"), "--fingerprint", all.fingerprint]);
console.log("downloads: the record as offered by the page verifies");
const csv = await (await fetch(`${board.url}/e/${all.id}/result.csv`)).text();
assert.match(csv, /^board,.*,north,Ada,\d+$/m);
await many.administer("abandon", "--reason", "a test <script>alert(1)</script>");
await page.goto(`/e/${many.id}/result`);
await inspect(page, "result-abandoned");
await page.goto(`/e/${many.id}`);
await inspect(page, "overview-abandoned");

page.expected = 404;
for (const lost of ["/e/nobody", "/e/nobody/result", `/e/${many.id}/result.csv`]) {
  const answer = await page.goto(lost);
  assert.equal(answer.status(), 404);
}
await inspect(page, "not-found");
await sleep(200);
assert.deepEqual(page.faults, []);
await chromium.close();
await board.stop();
console.log("public pages: all as they should be");
