// The real programs, run beside the browser: board, registrar, trustees, voters, verifier.
import { spawn, execFile } from "node:child_process";
import { readFileSync, writeFileSync, existsSync, mkdirSync, rmSync, chmodSync, copyFileSync } from "node:fs";
import { promisify } from "node:util";
import path from "node:path";

export const here = path.resolve(import.meta.dirname, "../../..");
const bin = process.env.VERITALLY_BIN ?? path.join(here, "target/release");
const running = new Set();
process.env.VERITALLY_PASSPHRASE = "a passphrase for tests";

/** Runs a program to its end; what it printed. */
export async function run(name, args, options = {}) {
  try {
    const { stdout } = await promisify(execFile)(path.join(bin, name), args, { maxBuffer: 64 << 20, ...options });
    return stdout;
  } catch (error) {
    throw new Error(`${name} ${args[0]}: ${error.stderr || error.stdout || error.message}`);
  }
}

/** Starts a board in a folder and waits until it listens. */
export async function startBoard(folder, ...more) {
  mkdirSync(folder, { recursive: true });
  const ready = path.join(folder, "ready.json");
  rmSync(ready, { force: true });
  const data = path.join(folder, "board");
  const child = spawn(
    path.join(bin, "veritally-board"),
    ["serve", "--data", data, "--listen", "127.0.0.1:0", "--name", "demo.example", "--ready-file", ready, ...more],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  child.stdout.on("data", (data) => { output += data; });
  child.stderr.on("data", (data) => { output += data; });
  running.add(child);
  child.on("exit", () => running.delete(child));
  for (let i = 0; i < 300 && !existsSync(ready); i++) {
    if (child.exitCode !== null) throw new Error(`the board did not start: ${output}`);
    await sleep(100);
  }
  const url = JSON.parse(readFileSync(ready, "utf8")).url;
  return { url, data, stop: () => stop(child), log: () => output };
}

/** Who does not stop what was started here never ends. */
async function stop(child) {
  child.kill("SIGTERM");
  while (running.has(child)) await sleep(20);
}

/** A real mail server that keeps what it gets, over TLS only if it has a certificate; its port, and all mails so far. */
export async function startSink(folder, ...certificate) {
  mkdirSync(folder, { recursive: true });
  const received = path.join(folder, "received.jsonl");
  const child = spawn(path.join(here, "target/web-venv/bin/python"), [path.join(here, "scripts/lib/web/sink.py"), received, ...certificate], { stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  child.on("exit", () => running.delete(child));
  const port = await new Promise((resolve) => child.stdout.once("data", (data) => resolve(String(data).trim())));
  const mails = () => (existsSync(received) ? readFileSync(received, "utf8").trim().split("\n").filter(Boolean).map((line) => JSON.parse(line)) : []);
  return { port, mails, stop: () => stop(child) };
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const stopAll = () => running.forEach((child) => child.kill("SIGKILL"));
process.on("exit", stopAll);

/** Key files of the officials, in a folder of the election. */
export async function keys(folder, trustees = 3) {
  mkdirSync(folder, { recursive: true });
  const at = (name) => path.join(folder, name);
  await run("veritally-board", ["keygen", "--out", at("administrator.key")]);
  await run("veritally-registrar", ["init", "--name", "Registrar", "--key", at("registrar.key"), "--public", at("registrar.json")]);
  for (let i = 1; i <= trustees; i++) await trusteeKey(folder, i);
}

export async function trusteeKey(folder, i, name = `Trustee ${i}`) {
  mkdirSync(folder, { recursive: true });
  const [key, file] = [path.join(folder, `trustee-${i}.key`), path.join(folder, `trustee-${i}.json`)];
  await run("veritally-trustee", ["init", "--name", name, "--key", key, "--public", file, "--work-factor", "10"]);
  return file;
}

/** An election made by command, up to the opening; an object with its acts. */
export async function election(board, folder, config, issue) {
  await keys(folder);
  const at = (name) => path.join(folder, name);
  copyFileSync(config, at("election.toml"));
  const made = await run("veritally-board", ["create", "--url", board.url, "--token-file", path.join(board.data, "operator.token"),
    "--config", at("election.toml"), "--trustee", at("trustee-1.json"), at("trustee-2.json"), at("trustee-3.json"),
    "--registrar", at("registrar.json"), "--admin-key", at("administrator.key"), "--out", at("manifest.json")]);
  const link = made.match(/^link +(\S+)/m)[1];
  return new Election(folder, link, issue);
}

export class Election {
  constructor(folder, link, issue = []) {
    Object.assign(this, { folder, link, issue });
    this.id = link.match(/\/([^/?]+)\?/)[1];
    this.fingerprint = link.split("fp=")[1];
  }
  at(name) { return path.join(this.folder, name); }
  ceremony(...trustees) {
    return Promise.all(trustees.map((i) => run("veritally-trustee",
      ["ceremony", "--key", this.at(`trustee-${i}.key`), "--link", this.link, "--work-factor", "10", "--wait", "300"])));
  }
  async roll() {
    await run("veritally-registrar", ["issue", "--manifest", this.at("manifest.json"), "--fingerprint", this.fingerprint,
      ...this.issue, "--key", this.at("registrar.key"), "--roll", this.at("roll.jsonl"), "--codes", this.at("codes.csv")]);
    await run("veritally-board", ["post", "--link", this.link, this.at("roll.jsonl")]);
  }
  administer(command, ...more) {
    return run("veritally-board", [command, "--link", this.link, "--admin-key", this.at("administrator.key"), ...more]);
  }
  castMany(ballots, limit, name = "codes.csv") {
    return run("veritally-voter", ["cast-many", "--link", this.link, "--ballots", ballots, "--credentials", this.at(name),
      "--journal", this.at("journal"), "--totals", this.at("totals.json"), ...(limit ? ["--limit", String(limit)] : [])]);
  }
  /** One ballot of the voter with this code; what the program printed. */
  async cast(code, ...choices) {
    const file = this.at(`code-${Math.random().toString(36).slice(2)}`);
    writeFileSync(file, `${code}\n`);
    chmodSync(file, 0o600);
    const state = this.at(`state-${path.basename(file)}`);
    return run("veritally-voter", ["cast", "--link", this.link, "--code-file", file, "--state", state, "--yes",
      ...choices.flatMap((choice) => ["--choose", choice])]);
  }
  /** The file of codes; fields in quotation marks may hold commas and line breaks. */
  codes() {
    const text = readFileSync(this.at("codes.csv"), "utf8");
    const rows = [[]];
    for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\n"]*))(,|\r?\n|$)/g)) {
      rows.at(-1).push(quoted?.replaceAll('""', '"') ?? bare);
      if (end !== ",") rows.push([]);
    }
    const [header, ...lines] = rows.filter((row) => row.length > 1);
    return lines.map((line) => Object.fromEntries(header.map((name, i) => [name, line[i]])));
  }
  decrypt(...trustees) {
    return Promise.all(trustees.map((i) => run("veritally-trustee", ["decrypt", "--key", this.at(`trustee-${i}.key`),
      "--link", this.link, "--record", this.at(`trustee-${i}.record`), "--yes", "--accept-early-closing", "--wait", "300"])));
  }
  verify(source = this.link) {
    return run("veritally-verifier", [source, "--fingerprint", this.fingerprint, "--json", this.at("report.json")]);
  }
}
