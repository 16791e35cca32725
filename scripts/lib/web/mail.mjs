// The registrar's mail through a real mail server: 1,000 voters, killed half-way and resumed, each got exactly one code;
// refusals reported; nothing in a voter list becomes a header; letters with QR codes.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { here, run, startBoard, election, sleep } from "./programs.mjs";

const work = process.argv[2];
const board = await startBoard(work);
const voters = Array.from({ length: 1000 }, (_, i) => `v${i},Voter ${i},${i % 100 === 7 ? "refused" : i % 500 === 3 ? "later" : "v"}${i}@example.org`);
// A name that would like to be a header, an address that would like to be two, and one that is none.
voters[10] = `v10,"Eve\nBcc: eve@example.org",v10@example.org`;
voters[11] = `v11,Mallory,"v11@example.org, eve@example.org"`;
voters[12] = `v12,Trent,"v12@example.org>\nBcc: eve@example.org"`;
voters[13] = "v13,No Mail,";
writeFileSync(path.join(work, "voters.csv"), `id,name,email\n${voters.join("\n")}\n`);
const config = path.join(here, "scripts/sample/committee.toml");
const e = await election(board, path.join(work, "e"), config, ["--voters", path.join(work, "voters.csv")]);
await e.roll();

const received = path.join(work, "received.jsonl");
const sink = spawn(path.join(here, "target/web-venv/bin/python"), [path.join(here, "scripts/lib/web/sink.py"), received], { stdio: ["ignore", "pipe", "inherit"] });
process.on("exit", () => sink.kill("SIGKILL"));
const port = await new Promise((resolve) => sink.stdout.once("data", (data) => resolve(String(data).trim())));
const about = ["--codes", e.at("codes.csv"), "--manifest", e.at("manifest.json"), "--link", e.link, "--help-contact", "help@example.org"];
const send = ["send", ...about, "--server", "127.0.0.1", "--port", port, "--tls", "none", "--from", "Elections <elections@example.org>", "--per-minute", "60000"];
const mails = () => (existsSync(received) ? readFileSync(received, "utf8").trim().split("\n").filter(Boolean).map((line) => JSON.parse(line)) : []);

const bin = path.join(process.env.VERITALLY_BIN ?? path.join(here, "target/release"), "veritally-registrar");
const first = spawn(bin, send, { stdio: "ignore" });
while (mails().length < 450) await sleep(20);
first.kill("SIGKILL");
await new Promise((resolve) => first.once("exit", resolve));
const half = mails().length;
assert.ok(half < 900, `${half} mails before the interruption`);

let said = await run("veritally-registrar", send);
let uncertain = [...said.matchAll(/^may have arrived.*: (v\d+)$/gm)].map((m) => m[1]);
assert.ok(uncertain.length <= 1, "at most the message under way is in doubt");
// The registrar looks into the doubt: here the server's own list tells.
const arrived = new Set(mails().map((mail) => mail.to[0].match(/\d+/)[0]));
if (uncertain.some((id) => !arrived.has(id.slice(1)))) said = await run("veritally-registrar", [...send, "--again"]);

const codes = new Map(e.codes().map((line) => [line.id, line.code]));
const seen = new Map();
for (const mail of mails()) {
  assert.equal(mail.to.length, 1);
  const id = `v${mail.to[0].match(/\d+/)[0]}`;
  seen.set(id, (seen.get(id) ?? 0) + 1);
  assert.ok(mail.body.includes(`Code (secret): ${codes.get(id)}`), `${id} got their own code`);
  assert.ok(mail.body.includes(e.fingerprint) && mail.body.includes("help@example.org"));
  const names = mail.headers.map(([name]) => name);
  assert.ok(!names.includes("bcc") && !names.includes("cc"), `${id}: no header out of a voter list`);
  assert.ok(names.includes("message-id"));
}
assert.ok(mails().every((mail) => !mail.to.includes("eve@example.org")));
const refused = [...said.matchAll(/^refused: (v\d+):/gm)].map((m) => m[1]);
assert.equal(refused.length, 12, said);
assert.ok(refused.includes("v11") && refused.includes("v12"));
assert.match(said, /^no address, needs a letter: v13$/m);
assert.equal(seen.size, 1000 - 12 - 1);
assert.ok([...seen.values()].every((n) => n === 1), "nobody got two");
console.log(`mail: ${half} before the interruption, ${seen.size} voters in all, each exactly one code; 12 refusals reported`);
// Once more: nothing is sent again.
await run("veritally-registrar", send);
assert.equal(mails().length, seen.size);

await run("veritally-registrar", ["letters", ...about, "--out", path.join(work, "letters.html")]);
const letters = readFileSync(path.join(work, "letters.html"), "utf8");
assert.equal(letters.match(/<article/g).length, 1000);
assert.equal(letters.match(/<svg/g).length, 1000);
assert.ok(letters.includes(codes.get("v13")));
assert.equal(statSync(path.join(work, "letters.html")).mode & 0o077, 0);
await board.stop();
console.log("letters: 1,000 pages with QR codes");
process.exit(0);
