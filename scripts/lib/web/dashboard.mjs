// An election run by mouse and keyboard in the browser, from an empty database to a published, verified result, with
// trustees' and voters' programs beside it; then what must not be possible.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { run, startBoard, startSink, trusteeKey, Election, sleep } from "./programs.mjs";
import { launch, inspect } from "./browser.mjs";
import { code, join, signIn, PASSWORD } from "./accounts.mjs";

const work = process.argv[2];
const evil = `<img src=x onerror=alert(1)>"'&{{7*7}}`;
const chromium = await launch();
const sink = await startSink(work);
const board = await startBoard(work, "--mail-server", `smtp://127.0.0.1:${sink.port}`, "--mail-from", "Elections <elections@example.org>");
const link = (await waitFor(() => board.log().match(/http:\S+\/admin\/join\?token=\S+/)))[0];
const page = await chromium.reader(board);
page.expected = 422; // What a form that is refused answers.
page.on("dialog", (dialog) => { throw new Error(`a script ran: ${dialog.message()}`); });

// The first account; signing in.
await page.goto("/admin");
await page.waitForURL("**/admin/sign-in");
await inspect(page, "admin-sign-in");
await page.goto(link);
await inspect(page, "admin-join");
const secret = await join(page, link, "ada");
const used = await signIn(page, "ada", secret);
const cookies = await page.context().cookies();
const session = cookies.find((cookie) => cookie.name === "__Host-session");
assert.ok(session.secure && session.httpOnly && session.sameSite === "Strict");
await inspect(page, "admin-home-empty");

// The token and the code work once.
const again = await post("/admin/sign-in", { name: "ada", password: PASSWORD, code: used });
assert.equal(again.status, 422, "a code that was used is refused");
const other = await chromium.reader(board);
await other.goto(link);
const otherSecret = (await other.locator("#secret").textContent()).trim();
const twice = await post("/admin/join", { token: new URL(link).searchParams.get("token"), name: "eve", password: PASSWORD, secret: otherSecret, code: code(otherSecret) });
assert.equal(twice.status, 422, "an invitation holds once");

// A draft, by keyboard where it is natural.
await page.goto("/admin");
await page.getByRole("button", { name: "New election" }).focus();
await page.keyboard.press("Enter");
await page.getByLabel("German", { exact: false }).count();
await page.getByLabel("Deutsch").check();
await page.getByRole("button", { name: "Save", exact: true }).click();
await page.getByLabel("Name (en)").fill(`Council ${evil}`);
await page.getByLabel("Name (de)").fill(`Rat ${evil}`);
await page.getByLabel("Description (en)").fill(evil);
await page.getByLabel("Id in the address").fill("council");
await page.getByLabel("Name of the administrator").fill(`Ada ${evil}`);
const utc = (ms) => new Date(ms).toISOString().slice(0, 16);
await page.getByLabel("Voting begins (UTC)").fill(utc(Date.now() - 120_000));
await page.getByLabel("Voting ends (UTC)").fill(utc(Date.now() + 3_600_000));
await page.getByLabel("Minutes that trustees wait").fill("0");
await inspect(page, "admin-draft-basics");
await page.getByRole("button", { name: "Save and go on" }).click();
for (const i of [1, 2, 3, 4, 5, 6]) await page.getByRole("button", { name: "Add a contest" }).click();
await page.locator("#c0_name_en").fill(`Members ${evil}`);
await page.locator("#c0_options").fill(`ada: Ada ${evil} | Ada (de)\nalan: Alan\ngrace: Grace`);
await page.locator("#c0_max").fill("2");
await page.locator("#c0_seats").fill("2");
await page.locator("#c0_blank").check();
await page.locator("#c1_name_en").fill(`Chair ${evil}`);
await page.locator("#c1_kind").selectOption("condorcet");
await page.locator("#c1_options").fill(`a: A ${evil}\nb: B\nc: C`);
for (const [i, kind, name] of [[2, "score", "Meals"], [3, "quadratic", "Projects"], [4, "borda", "Speakers"]]) {
  await page.locator(`#c${i}_name_en`).fill(`${name} ${evil}`);
  await page.locator(`#c${i}_kind`).selectOption(kind);
  await page.locator(`#c${i}_options`).fill(`x: X ${evil}\ny: Y\nz: Z`);
}
await page.locator("#c4_last_is_nothing").check();
await page.locator("#c5_name_en").fill("To be removed");
await page.getByRole("button", { name: "Remove: Contest 6" }).click();
await page.locator("#c4_options").waitFor();
assert.equal(await page.locator("#c5_options").count(), 0);
assert.ok(await page.locator("#c4_last_is_nothing").isChecked());
await inspect(page, "admin-draft-contests");
await page.getByRole("button", { name: "Save and go on" }).click();
await page.getByLabel("Groups").fill(`north: North ${evil}\nsouth: South`);
// The name has signs of its own in it; the last one counts.
await page.getByLabel("Ballot styles").fill(`members: Members ${evil} = contest-1, contest-2, contest-3, contest-4, contest-5\nguests: Guests = contest-1, contest-2`);
await page.getByLabel("Fewest voters").fill("2");
await run("veritally-registrar", ["init", "--name", `Registrar ${evil}`, "--key", path.join(work, "registrar.key"), "--public", path.join(work, "registrar.json")]);
await page.getByLabel("registrar.json").setInputFiles({ name: "x.json", mimeType: "application/json", buffer: Buffer.from("{}") });
await page.getByRole("button", { name: "Save and go on" }).click();
await page.getByText("That is no registrar’s public file").waitFor();
await page.getByLabel("registrar.json").setInputFiles(path.join(work, "registrar.json"));
await inspect(page, "admin-draft-voters");
await page.getByRole("button", { name: "Save and go on" }).click();

// The ballots are shown before the trustees' keys are in; the election can't be made yet. Blank is worded as in the app.
await page.getByRole("link", { name: "5. Preview" }).click();
await page.getByText("Still missing").waitFor();
assert.equal(await page.locator(".ballot").count(), 2);
assert.deepEqual(await page.locator(".ballot").evaluateAll((all) => all.map((one) => one.querySelectorAll("fieldset").length)), [5, 2]);
await page.locator(".ballot").first().getByText("Blank vote: none of these").waitFor();
assert.equal(await page.getByRole("button", { name: "Make the election" }).count(), 0);
await inspect(page, "admin-draft-early-preview");
await page.getByRole("link", { name: "4. Trustees" }).click();

// Trustees by invitation link; the fingerprints that both sides see are the same.
for (const i of [1, 2, 3]) {
  await page.getByLabel("Name of a trustee").fill(`Trustee ${i} ${i === 1 ? evil : ""}`);
  await page.getByRole("button", { name: "Invite" }).click();
  await page.locator(".invitation").nth(i - 1).waitFor();
}
const links = await page.locator(".invitation").allTextContents();
for (const [i, invitation] of links.entries()) {
  const trustee = await chromium.reader(board);
  trustee.expected = 422;
  await trustee.goto(invitation);
  if (i === 0) {
    await trustee.locator("#keys").setInputFiles(path.join(work, "registrar.json"));
    await trustee.getByRole("button", { name: "Upload" }).click();
    await trustee.getByText("That is no trustee’s public file").waitFor();
  }
  await trustee.locator("#keys").setInputFiles(await trusteeKey(work, i + 1, `Trustee ${i + 1} ${evil}`));
  await trustee.getByRole("button", { name: "Upload" }).click();
  const shown = await trustee.locator("#keyprint").textContent();
  if (i === 0) await inspect(trustee, "admin-invitation");
  await page.reload();
  assert.equal(await page.locator(".keyprint").nth(i).textContent(), shown);
  await trustee.context().close();
}
await page.getByLabel("Trustees that must agree first").fill("2");
await inspect(page, "admin-draft-trustees");
await page.getByRole("button", { name: "Save and go on" }).click();
await page.locator(".ballot").first().waitFor();
await inspect(page, "admin-draft-review");
await page.getByRole("link", { name: "de", exact: true }).last().click();
await page.locator(".ballot", { hasText: "Ada (de)" }).first().waitFor();
await page.getByRole("button", { name: "Make the election" }).click();
await page.getByText("Tick the box").waitFor();
await page.goBack();
await page.locator("#sure").check();
await page.getByRole("button", { name: "Make the election" }).click();
await page.getByText("The election is made").waitFor();
const e = new Election(work, (await page.locator("#link").textContent()).trim());

// Key ceremony and voter list; a wrong list is reported line by line, and nothing of it kept.
const ceremony = e.ceremony(1, 2, 3);
const upload = async (csv) => {
  await page.locator("#list").setInputFiles({ name: "voters.csv", mimeType: "text/csv", buffer: Buffer.from(csv) });
  await page.locator("form", { has: page.locator("#list") }).getByRole("button", { name: "Upload" }).click();
};
const header = "id,name,email,group,weight,style";
await upload(`${header}\nv1,A,a@example.org,north,1,guests\nv1,B,b@example.org,east,0,guests\n"v3",C\n`);
await page.locator(".problems li").nth(3).waitFor();
const said = (await page.locator(".problems li").allTextContents()).join("\n");
assert.match(said, /line 3: .*on line 2 already[\s\S]*line 4: 2 fields instead of 6/);
await inspect(page, "admin-voters-refused");
// Markup in every cell: in what is wrong with a list, and in what is shown of a good one.
const cell = `"${evil.replaceAll('"', '""')}"`;
await page.goto("/admin/e/council");
await upload(`${header}\n${cell},${cell},${cell},${cell},${cell},${cell}\n`);
await page.locator(".problems li").nth(2).waitFor();
assert.equal(await page.locator("img").count(), 0);
await page.goto("/admin/e/council");
await upload(`${header}\n${cell},${cell},${cell},north,1,members\n`);
await page.getByText("The list is kept").waitFor();
assert.equal(await page.locator("#voters td", { hasText: evil }).count(), 3);
assert.equal(await page.locator("img").count(), 0);
const voters = Array.from({ length: 12 }, (_, i) => `v${i},Voter ${i} ${i === 0 ? "<b>x</b>" : ""},v${i}@example.org,${i < 6 ? "north" : "south"},1,${i ? "guests" : "members"}`);
await page.goto("/admin/e/council");
await page.getByRole("link", { name: "Ask for confirmation by mail" }).click();
await inspect(page, "admin-ask-mail");
await page.locator("#sure").check();
await page.getByRole("button", { name: "Ask for confirmation by mail" }).click();
await page.getByText("Some voters of the list have no mail address").waitFor();
await inspect(page, "admin-refused");
await page.goto("/admin/e/council");
await upload(`${header}\n${voters.join("\n")}\n=cmd(),=evil,=x@example.org,south,1,guests\n`);
await page.getByText("The list is kept").waitFor();
await act("Ask for confirmation by mail", "Voters must now confirm by mail.");
// Too large: the bound is said, also to a browser that is still sending.
page.expected = 413;
await page.locator("#list").setInputFiles({ name: "voters.csv", mimeType: "text/csv", buffer: Buffer.alloc(33 << 20, "x") });
await page.locator("form", { has: page.locator("#list") }).getByRole("button", { name: "Upload" }).click();
await page.getByText("files have at most 32 MiB").waitFor();
await inspect(page, "admin-too-large");
page.expected = 422;
await page.goto("/admin/e/council");
const [list] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download", exact: true }).click()]);
await list.saveAs(e.at("voters.csv"));
assert.doesNotMatch(readFileSync(e.at("voters.csv"), "utf8"), /(^|,)"?[=@+-]/m, "no cell is a formula");
writeFileSync(e.at("manifest.json"), Buffer.from(await (await fetch(`${board.url}/e/council/manifest`)).arrayBuffer()));
await run("veritally-registrar", ["issue", "--manifest", e.at("manifest.json"), "--fingerprint", e.fingerprint, "--voters", e.at("voters.csv"),
  "--key", e.at("registrar.key"), "--roll", e.at("roll.jsonl"), "--codes", e.at("codes.csv")]);
await ceremony;
await page.locator("#roll").setInputFiles(e.at("voters.csv"));
await page.locator("form", { has: page.locator("#roll") }).getByRole("button", { name: "Upload" }).click();
await page.getByText("this is no entry of a roll").waitFor();
await page.goto("/admin/e/council");
await inspect(page, "admin-election-setup");
await page.getByRole("link", { name: "Open voting" }).click();
await inspect(page, "admin-ask-open");
await page.locator("#sure").check();
await page.getByRole("button", { name: "Open voting" }).click();
await page.getByText("The key ceremony or the roll is not complete").waitFor();
await page.goto("/admin/e/council");
await page.locator("#roll").setInputFiles(e.at("roll.jsonl"));
await page.locator("form", { has: page.locator("#roll") }).getByRole("button", { name: "Upload" }).click();
await page.getByText("The roll is logged").waitFor();

// The announced beginning has come: the board opens by itself. Vote, extend; the dashboard follows by itself, and keeps a
// file that was chosen meanwhile.
await page.locator("#list").setInputFiles(e.at("voters.csv"));
await page.locator("[data-phase=open]").waitFor({ timeout: 30_000 });
await page.getByRole("link", { name: "Extend voting" }).waitFor();
assert.equal(await page.locator("#list").evaluate((input) => input.files.length), 1, "what was chosen stays chosen");
const codes = e.codes();
// One member only: what members alone vote on stays encrypted.
const choices = (i) => [`contest-1=${i < 7 ? "ada" : "ada,grace"}`, "contest-2=a>b>c",
  ...(i === 0 ? ["contest-3=x:3,y:1", "contest-4=x:4,y:3", "contest-5=z>x"] : [])];
// Without the mailed code a ballot is not taken; the program says where to confirm.
const told = await e.cast(codes[0].code, ...choices(0)).then(() => "", (error) => error.message);
const where = told.match(/http:\S+\/confirm\/council\/[0-9a-f]{64}/)?.[0];
assert.ok(where, told);
const voter = await chromium.reader(board);
voter.expected = 422;
await voter.goto(where);
await voter.getByText(codes[0].public_id).waitFor();
await inspect(voter, "confirm-ask");
await confirm(voter, "v0@example.org", async () => {
  await voter.getByLabel("Code of six digits").fill("000000");
  await voter.getByRole("button", { name: "Confirm by mail" }).click();
  await voter.getByText("That code does not hold").waitFor();
  await inspect(voter, "confirm-code");
});
await inspect(voter, "confirm-done");
await voter.goto(where.replace(/.{4}$/, "0000"));
await voter.getByText("This address belongs to no voter").waitFor();
await inspect(voter, "confirm-nobody");
for (const language of ["de", "fr", "es"]) {
  await voter.goto(`${where}?lang=${language}`);
  await inspect(voter, `confirm-${language}`);
}
await voter.goto(`${where}?lang=en`);
const castBy = async (i, code) => {
  const refused = await e.cast(code, ...choices(i)).then(() => "", (error) => error.message);
  if (!refused) return;
  const address = refused.match(/http:\S+\/confirm\/council\/[0-9a-f]{64}/)?.[0];
  if (!address) throw new Error(refused);
  await voter.goto(address);
  await confirm(voter, codes[i].email);
  await e.cast(code, ...choices(i));
};
for (const i of [0, 1, 2, 6, 7, 8]) await castBy(i, codes[i].code);
await page.locator("[data-live=ballots_counted]").filter({ hasText: /^6$/ }).waitFor({ timeout: 30_000 });
const voted = (await get("/admin/e/council/voted.csv", session.value)).text.trim().split("\n");
assert.equal(voted.length, 7);
assert.ok(voted.includes(codes[0].public_id) && !voted.includes(codes[9].public_id));
// Statistics, live: by group and time, refusals by reason, latency, queue, storage. What is refused is no entry, and shows.
await page.goto("/admin/e/council");
const rows = (table) => page.locator(`${table} tbody tr`).evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent.trim())));
await page.locator("#by-group tr", { hasText: "South" }).filter({ hasText: "3" }).waitFor({ timeout: 15_000 });
assert.deepEqual((await rows("#by-group")).map(([name, voted, on]) => [name.slice(0, 5), voted, on]), [["North", "3", "6"], ["South", "3", "7"]]);
assert.deepEqual(await rows("#refused"), [["confirmation-needed", "6"]]);
await fetch(`${board.url}/e/council/ballots`, { method: "POST", body: "{}" });
await page.locator("#refused tr", { hasText: "canonical" }).waitFor({ timeout: 15_000 });
assert.ok(Number(await page.locator("#accepted").textContent()) > 20);
assert.match(await page.locator("#latency").textContent(), /^≤ \d+ (µs|ms) \/ ≤ \d+ (µs|ms) \/ ≤ \d+ (µs|ms)$/);
assert.equal(await page.locator("#queued").textContent(), "0");
assert.match(await page.locator("#storage").textContent(), /^\d+\.\d MB$/);
await page.locator("#turnout-table summary").click();
assert.equal((await rows("#turnout-table")).at(-1)[1], "6");
await inspect(page, "admin-election-open");
await page.getByRole("link", { name: "Extend voting" }).click();
await page.getByLabel("New end (UTC)").fill(utc(Date.now() + 7_200_000));
await inspect(page, "admin-ask-extend");
await sure("Extend voting", "Voting is extended.");
await page.getByRole("link", { name: "Abandon the election" }).click();
await inspect(page, "admin-ask-abandon");
await page.goto("/admin/e/council");
await page.getByRole("link", { name: "Close voting" }).click();
await page.getByText("This is before the announced end").waitFor();
await inspect(page, "admin-ask-close");
await sure("Close voting", "Voting is closed.");
await e.decrypt(1, 3);
await page.locator("[data-phase=decrypted]").waitFor({ timeout: 30_000 });
await page.goto("/admin/e/council");
await act("Publish the result", "The result is published.", "admin-ask-publish");
await inspect(page, "admin-election-published");
console.log((await e.verify()).split("\n").filter((line) => /pass|holds|verdict/i.test(line)).slice(-1)[0] ?? "verified");
const report = JSON.parse(readFileSync(e.at("report.json")));
assert.equal(report.verdict, "pass");
assert.equal(report.contests[0].selections[0].count, 6);
assert.equal(report.contests[0].selections[2].count, 2);
for (const tab of ["", "/result", "/trustees", "/ballots"]) {
  await page.goto(`/e/council${tab}`);
  assert.equal(await page.locator("img").count(), 0);
}
// A report is put up; another election's, or what is none, is not.
await page.goto("/admin/e/council");
await page.locator("#report").setInputFiles({ name: "r.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify({ ...report, fingerprint: "0".repeat(64) })) });
const putUp = () => page.locator("form", { has: page.locator("#report") }).getByRole("button", { name: "Upload" }).click();
await putUp();
await page.getByText("That is no report of this election").waitFor();
await page.goto("/admin/e/council");
const marked = { ...report, checks: report.checks.map((check, i) => (i === 0 ? { ...check, message: evil } : check)) };
await page.locator("#report").setInputFiles({ name: "r.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(marked)) });
await putUp();
await page.getByText("The report is on the public pages.").waitFor();
await page.goto("/e/council/result");
assert.equal(await page.getByText("Withheld: too few people voted").count(), 3);
await inspect(page, "result-of-dashboard");
await page.getByRole("link", { name: "Verification report" }).click();
await page.locator("#verdict", { hasText: "Pass: no check failed." }).waitFor();
assert.equal(await page.locator("img").count(), 0);
await inspect(page, "report");
const result = await (await fetch(`${board.url}/e/council/result.csv`)).text();
assert.doesNotMatch(result, /^[=+@-]/m);

// Afterwards: the list goes, the election is put away, copied, and everything is in the activity log.
await page.goto("/admin/e/council");
await act("Delete the voter list", "The voter list is deleted.", "admin-ask-delete");
assert.equal(readFileSync(path.join(board.data, "admin.db")).includes("v11@example.org"), false, "erased from the file");
await act("Archive", "The election is archived.", "admin-ask-archive");
await act("Take out of the archive", "The election is out of the archive.", "admin-ask-unarchive");
await act("Archive", "The election is archived.");
await page.goto("/admin");
await inspect(page, "admin-home");
await page.getByLabel("Copy of").selectOption("council");
await page.getByRole("button", { name: "New election" }).click();
await page.getByRole("link", { name: "2. Contests" }).click();
assert.match(await page.locator("#c0_options").inputValue(), /^ada: Ada/);
assert.ok(await page.locator("#c4_last_is_nothing").isChecked());
await page.getByRole("link", { name: "5. Preview" }).click();
await page.getByText("Still missing").waitFor();
await inspect(page, "admin-draft-missing");
await page.goto("/admin/activity");
await inspect(page, "admin-activity");
const csv = await get("/admin/activity.csv", session.value);
for (const noted of ["create", "voters-refused", "roll", "extend", "close", "publish", "delete-voters", "archive", "sign-in-failed"]) {
  assert.match(csv.text, new RegExp(`,${noted},`), noted);
}

// Every act needs its role and its form's token.
await page.goto("/admin/accounts");
await page.getByLabel("Role").selectOption("observer");
await page.getByRole("button", { name: "Invite" }).click();
const invitation = (await page.locator("#invitation").textContent()).trim();
await inspect(page, "admin-accounts");
// Session fixation: Mallory, who may look, puts the cookie of a living session of hers into Olga's browser.
const mallory = await chromium.reader(board);
await page.getByLabel("Role").selectOption("observer");
await page.getByRole("button", { name: "Invite" }).click();
await signIn(mallory, "mallory", await join(mallory, (await page.locator("#invitation").textContent()).trim(), "mallory"));
const theirs = (await mallory.context().cookies()).find((c) => c.name === "__Host-session");
assert.equal((await get("/admin", theirs.value)).status, 200, "it lives");
const observer = await chromium.reader(board);
observer.expected = 403;
await observer.context().addCookies([theirs]);
await observer.goto("/admin/sign-in");
await observer.getByText("mallory (observer)").waitFor();
await signIn(observer, "olga", await join(observer, invitation, "olga"));
const olga = (await observer.context().cookies()).find((c) => c.name === "__Host-session").value;
assert.notEqual(olga, theirs.value);
assert.equal((await get("/admin", theirs.value)).status, 303, "the planted session has ended");
await observer.getByText("olga (observer)").waitFor();
await observer.goto("/admin/e/council");
assert.equal(await observer.locator("main form").count(), 1, "an observer can only sign out");
const token = await observer.locator("input[name=csrf]").first().inputValue();
const acts = ["open", "extend", "close", "publish", "abandon", "archive", "unarchive", "delete-voters", "roll", "voters"].map((a) => `/admin/e/council/${a}`);
for (const target of [...acts, "/admin/new", "/admin/accounts", "/admin/d/0123456789abcdef/basics"]) {
  assert.equal((await post(target, { sure: "on", csrf: token }, olga)).status, 403, `${target} as an observer`);
  assert.equal((await post(target, { sure: "on" }, session.value)).status, 403, `${target} without the form's token`);
  assert.equal((await post(target, { sure: "on", csrf: token }, session.value)).status, 403, `${target} with another session's token`);
  assert.equal((await post(target, { sure: "on" })).status, 303, `${target} by a stranger`);
}
for (const target of ["/admin/accounts", "/admin/e/council/voters.csv", "/admin/e/council/close"]) {
  assert.equal((await get(target, olga)).status, 403, target);
}
const ours = await (async () => { await page.goto("/admin"); return page.locator("input[name=csrf]").first().inputValue(); })();
assert.equal((await post("/admin/sign-out", { csrf: ours }, session.value, { origin: "https://evil.example" })).status, 403, "another site's form");
assert.equal((await post("/admin/sign-out", { csrf: ours }, session.value, { "sec-fetch-site": "cross-site" })).status, 403);

// Oversized forms, paths that climb (unaltered by a client: bulletin-board/tests/dashboard/routes.rs).
assert.equal((await post("/admin/sign-in", { name: "x".repeat(40_000) })).status, 413);
for (const climbing of ["/admin/e/..%2f..%2fetc%2fpasswd", "/admin/d/..%2f/basics", "/assets/../../board.db", "/assets/x/..%2fboard.css", "/e/..%2fx/record.tar", "/invitation/..%2f"]) {
  const found = await get(climbing, session.value);
  assert.ok([404, 303].includes(found.status) && !found.text.includes("root:"), climbing);
}
// Disabling an account ends its session.
await page.goto("/admin/accounts");
await page.getByRole("button", { name: "Disable: olga" }).click();
await page.getByText("Saved.").waitFor();
assert.equal((await get("/admin", olga)).status, 303);
// Guessing: after some failures nobody from this address gets in, not even with the right words.
for (let i = 0; i < 8; i++) await post("/admin/sign-in", { name: "ada", password: `guess ${i}`, code: "000000" });
assert.equal((await post("/admin/sign-in", { name: "ada", password: PASSWORD, code: code(secret, 1) })).status, 429);
await page.getByRole("button", { name: "Sign out" }).click();
await page.waitForURL("**/admin/sign-in");
assert.equal((await get("/admin", session.value)).status, 303, "signed out is signed out");
await chromium.close();
await board.stop();
await sink.stop();
console.log("dashboard: an election run in the browser, and nothing else possible");

async function waitFor(look) {
  for (let i = 0; i < 100; i++) {
    const found = look();
    if (found) return found;
    await sleep(100);
  }
  throw new Error("not seen in time");
}
/** Confirms on the page where `voter` is, with the code that was mailed; `before` it is typed. */
async function confirm(voter, address, before = async () => {}) {
  const known = sink.mails().length;
  await voter.getByLabel("Your mail address").fill(address);
  await voter.getByRole("button", { name: "Mail me a code" }).click();
  const mail = await waitFor(() => sink.mails()[known]);
  assert.deepEqual(mail.to, [address]);
  await before();
  await voter.getByLabel("Code of six digits").fill(mail.body.match(/^Code: (\d{6})/m)[1]);
  await voter.getByRole("button", { name: "Confirm by mail" }).click();
  await voter.getByText("Confirmed. Go back").waitFor();
}
async function act(name, done, shot) {
  await page.getByRole("link", { name, exact: true }).click();
  await page.locator("#sure").waitFor();
  if (shot) await inspect(page, shot);
  await sure(name, done);
}
async function sure(name, done) {
  await page.locator("#sure").check();
  await page.getByRole("button", { name, exact: true }).click();
  await page.getByText(done, { exact: true }).waitFor();
}
function headers(cookie, more = {}) {
  return { ...(cookie ? { cookie: `__Host-session=${cookie}` } : {}), ...more };
}
function post(target, fields, cookie, more = {}) {
  return fetch(board.url + target, { method: "POST", body: new URLSearchParams(fields), headers: headers(cookie, more), redirect: "manual" });
}
async function get(target, cookie) {
  const answer = await fetch(board.url + target, { headers: headers(cookie), redirect: "manual" });
  return { status: answer.status, text: await answer.text() };
}
