// The registrar's mail through a real mail server: 1,000 voters, killed half-way and resumed, each got exactly one code;
// refusals reported; nothing in a voter list becomes a header; letters with QR codes.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { here, run, startBoard, startSink, election, sleep } from "./programs.mjs";

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

const { port, mails, stop } = await startSink(work);
const about = ["--codes", e.at("codes.csv"), "--manifest", e.at("manifest.json"), "--link", e.link, "--help-contact", "help@example.org"];
const by = ["--server", "127.0.0.1", "--port", port, "--tls", "none", "--from", "Elections <elections@example.org>", "--per-minute", "60000"];
const send = ["send", ...about, ...by];

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

// Mail that comes back is noted once, whoever reads it again; the addresses are written to again only on request.
const returned = (id) => {
  const mail = mails().find((mail) => mail.to[0] === `${id}@example.org`);
  const messageId = mail.headers.find(([name]) => name === "message-id")[1];
  return `From: MAILER-DAEMON@example.org\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n` +
    `--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n` +
    `Final-Recipient: rfc822; somebody-else@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 gone\r\n\r\n` +
    `--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: ${messageId}\r\n\r\nbody\r\n--b--\r\n`;
};
const maildir = path.join(work, "maildir");
mkdirSync(path.join(maildir, "new"), { recursive: true });
for (const id of ["v20", "v21"]) writeFileSync(path.join(maildir, "new", id), returned(id));
const bounces = ["bounces", "--codes", e.at("codes.csv"), "--manifest", e.at("manifest.json"), maildir];
const noted = await run("veritally-registrar", bounces);
assert.match(noted, /^came back: v20: 5\.1\.1 550 gone$/m);
assert.match(await run("veritally-registrar", bounces), /^0 came back, 2 were noted before/m);
assert.match(await run("veritally-registrar", send), /^came back: v21: /m);
assert.equal(mails().length, seen.size);

// Another code for v20: the board takes the entry, the mail has the new code; reminders go to who has not voted, without any.
const again = ["--new-codes", e.at("again.csv"), "--entry", e.at("reissue.jsonl")];
await run("veritally-registrar", ["reissue", "--voter", "v20", "--codes", e.at("codes.csv"), "--manifest", e.at("manifest.json"), "--key", e.at("registrar.key"), ...again]);
await run("veritally-board", ["post", "--link", e.link, e.at("reissue.jsonl")]);
const anew = about.map((word) => (word === e.at("codes.csv") ? e.at("again.csv") : word));
await run("veritally-registrar", ["send", ...anew, ...by]);
assert.equal(mails().length, seen.size + 1);
const newCode = readFileSync(e.at("again.csv"), "utf8").trim().split("\n")[1].split(",")[3];
assert.ok(mails().at(-1).to[0] === "v20@example.org" && mails().at(-1).body.includes(newCode) && newCode !== codes.get("v20"));
const publicIds = new Map(e.codes().map((line) => [line.id, line.public_id]));
const voted = [...publicIds.keys()].filter((id) => id !== "v20" && id !== "v30" && id !== "v31").map((id) => publicIds.get(id));
writeFileSync(path.join(work, "voted.csv"), `public_id\n${voted.join("\n")}\n`);
const before = mails().length;
const remind = ["remind", ...about, "--codes", e.at("again.csv"), "--voted", path.join(work, "voted.csv"), ...by];
await run("veritally-registrar", remind);
await run("veritally-registrar", remind);
const reminders = mails().slice(before);
assert.deepEqual(reminders.map((mail) => mail.to[0]).sort(), ["v20@example.org", "v30@example.org", "v31@example.org"]);
assert.ok(reminders.every((mail) => ![...codes.values(), newCode].some((code) => mail.body.includes(code)) && mail.body.includes(e.fingerprint)));
console.log("mail: bounces noted, a code re-issued, reminders to who has not voted");

await run("veritally-registrar", ["letters", ...about, "--out", path.join(work, "letters.html")]);
const letters = readFileSync(path.join(work, "letters.html"), "utf8");
assert.equal(letters.match(/<article/g).length, 1000);
assert.equal(letters.match(/<svg/g).length, 1000);
// Each has one voter's code, public number, the fingerprint, and whom to ask.
const pages = new Map(letters.split("<article").slice(1).map((page) => [page.match(/\((v\d+)\)<\/p>/)[1], page]));
assert.equal(pages.size, 1000);
for (const line of e.codes()) {
  const page = pages.get(line.id);
  for (const text of [codes.get(line.id), line.public_id, e.fingerprint, "help@example.org", e.link.replaceAll("&", "&amp;")]) {
    assert.ok(page.includes(`<dd>${text}</dd>`), `${line.id}: ${text}`);
  }
  for (const label of ["Code (secret)", "Public number", "Fingerprint of the election", "Help"]) assert.ok(page.includes(`<dt>${label}</dt>`), `${line.id}: ${label}`);
}
assert.equal(statSync(path.join(work, "letters.html")).mode & 0o077, 0);

// STARTTLS: what goes to a server by another name than its certificate's, or to one without TLS, does not go at all.
const [certificate, key] = [path.join(work, "sink.pem"), path.join(work, "sink.key")];
execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=sink",
  "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", certificate], { stdio: "ignore" });
const tls = await startSink(path.join(work, "tls"), certificate, key);
const three = readFileSync(e.at("codes.csv"), "utf8").split("\n").slice(0, 4).join("\n") + "\n";
const over = async (name, host, to, trusted) => {
  const codes = e.at(`${name}.csv`);
  writeFileSync(codes, three, { mode: 0o600 });
  const args = ["send", ...about.map((word) => (word === e.at("codes.csv") ? codes : word)), "--server", host, "--port", to, "--tls", "starttls",
    "--from", "Elections <elections@example.org>", "--per-minute", "60000"];
  return run("veritally-registrar", args, { env: { ...process.env, ...(trusted ? { SSL_CERT_FILE: certificate } : {}) } }).then(() => "", (error) => error.message);
};
const plainBefore = mails().length;
const [unknown, misnamed, without] = await Promise.all([over("unknown", "localhost", tls.port), over("misnamed", "127.0.0.1", tls.port, true), over("without", "localhost", port, true)]);
assert.match(unknown, /certificate/i);
assert.match(misnamed, /certificate|name/i);
assert.match(without, /starttls/i);
assert.equal(tls.mails().length + mails().length, plainBefore, "nothing went out");
assert.equal(await over("trusted", "localhost", tls.port, true), "");
assert.deepEqual(tls.mails().map((mail) => [mail.tls, mail.to[0]]), three.trim().split("\n").slice(1).map((line) => [true, line.split(",")[2]]));
console.log("mail: over STARTTLS to who proves its name, and to nobody else");
await tls.stop();
await board.stop();
await stop();
console.log("letters: 1,000 pages with QR codes");
