// Checks a ballot's inclusion proof in the browser, from the files of the log: specs/verification.md, for one entry.
// fingerprint: the manifest; code: the ballot's bytes; path: RFC 6962 inclusion; signature: the checkpoint (Ed25519).
const box = document.getElementById("proof");

const bytesOf = (text) => new TextEncoder().encode(text);
const base64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const hex = (bytes) => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer()));
const u64 = (value) => { const b = new Uint8Array(8); new DataView(b.buffer).setBigUint64(0, BigInt(value), true); return b; };

async function get(path) {
  const answer = await fetch(`${box.dataset.election}/${path}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** hash(label, items…) of specs/protocol.md section 1; `lengthed` items are preceded by their length. */
function framed(label, items) {
  const domain = bytesOf(`veritally/v1/${label}`);
  return sha256(u64(domain.length), domain, ...items);
}
const lengthed = (bytes) => [u64(bytes.length), bytes];

/** Confirmation code: specs/protocol.md section 4.2. */
function confirmationCode(ballot, fingerprint) {
  const data = ballot.data.map(base64);
  return framed("confirmation-code", [
    unhex(fingerprint), ...lengthed(bytesOf(ballot.style)), base64(ballot.credential), u64(ballot.counter),
    unhex(ballot.previous), base64(ballot.pad), u64(data.length), ...data, base64(ballot.bits),
  ]);
}

/** Root of the tree of `size` entries in which `leaf` is entry `index`: RFC 9162 section 2.1.3.2. */
async function rootFrom(leaf, index, size, path) {
  let fn = BigInt(index);
  let sn = BigInt(size) - 1n;
  let hash = await sha256(new Uint8Array([0]), leaf);
  if (fn > sn) throw new Error("the entry lies beyond the tree");
  for (const other of path) {
    if (sn === 0n) throw new Error("the path is too long");
    if ((fn & 1n) === 1n || fn === sn) {
      hash = await sha256(new Uint8Array([1]), other, hash);
      while ((fn & 1n) === 0n && fn !== 0n) { fn >>= 1n; sn >>= 1n; }
    } else {
      hash = await sha256(new Uint8Array([1]), hash, other);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  if (sn !== 0n) throw new Error("the path is too short");
  return hash;
}

/** The n-th entry of a bundle (C2SP tlog-tiles): 16-bit lengths before the entries. */
function entryOf(bundle, n) {
  const view = new DataView(bundle.buffer);
  let at = 0;
  for (let i = 0; ; i++) {
    const length = view.getUint16(at);
    if (i === n) return bundle.slice(at + 2, at + 2 + length);
    at += 2 + length;
  }
}

const tileNumber = (n) => {
  let path = String(n % 1000).padStart(3, "0");
  for (let rest = Math.floor(n / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, "0")}/${path}`;
  }
  return path;
};

async function signed(note, key) {
  const [text, signatures] = [note.slice(0, note.lastIndexOf("\n\n") + 1), note.slice(note.lastIndexOf("\n\n") + 2)];
  const origin = text.split("\n")[0];
  const line = signatures.split("\n").find((l) => l.startsWith(`— ${origin} `));
  if (!line) return false;
  // Four bytes name the key.
  const signature = base64(line.slice(line.lastIndexOf(" ") + 1)).slice(4);
  const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, bytesOf(text));
}

function tell(check, verdict) {
  const line = box.querySelector(`[data-check="${check}"]`);
  line.className = verdict === true ? "ok" : verdict === false ? "bad" : "";
  line.querySelector("b").textContent =
    verdict === true ? `✓ ${box.dataset.yes}` : verdict === false ? `✗ ${box.dataset.no}` : box.dataset.unknown;
}

async function run() {
  const { index, code, fingerprint } = box.dataset;
  const manifest = await get("manifest");
  tell("fingerprint", hex(await sha256(manifest)) === fingerprint);
  const key = JSON.parse(new TextDecoder().decode(manifest)).log.key;

  const receipt = new TextDecoder().decode(await get(`receipts/${code}`));
  const cut = receipt.indexOf("\n\n");
  const lines = receipt.slice(0, cut).split("\n").slice(1).filter((line) => !line.startsWith("extra "));
  const note = receipt.slice(cut + 2);
  const [, size, root] = note.split("\n");
  const proven = Number(lines[0].replace("index ", ""));

  const bundle = Math.floor(proven / 256);
  const width = Math.min(256, Number(size) - bundle * 256);
  const tile = `tile/entries/${tileNumber(bundle)}${width < 256 ? `.p/${width}` : ""}`;
  const leaf = entryOf(await get(tile), proven % 256);
  const ballot = JSON.parse(new TextDecoder().decode(leaf));
  tell("code", proven === Number(index) && hex(await confirmationCode(ballot, fingerprint)) === code);
  try {
    const reached = await rootFrom(leaf, proven, Number(size), lines.slice(1).map(base64));
    tell("path", hex(reached) === hex(base64(root)));
  } catch {
    tell("path", false);
  }
  try {
    tell("signature", await signed(note, base64(key)));
  } catch (error) {
    // A browser without Ed25519.
    tell("signature", error.name === "NotSupportedError" ? null : false);
  }
}

if (box && globalThis.crypto?.subtle) {
  document.getElementById("proof-without").hidden = true;
  box.hidden = false;
  run().catch(() => { for (const check of ["code", "path", "signature"]) tell(check, false); });
}
