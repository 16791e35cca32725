// Accounts of the dashboard: authenticator codes (RFC 6238), joining, signing in.
import { createHmac } from "node:crypto";

/** The code of a base32 secret, `ahead` steps from now. */
export function code(secret, ahead = 0) {
  const bits = [...secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac("sha1", key).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

export const PASSWORD = "correct horse battery staple";

/** Makes an account with an invitation; returns its secret. */
export async function join(page, link, name) {
  await page.goto(link);
  const secret = (await page.locator("#secret").textContent()).trim();
  await page.getByLabel("Account", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Code of six digits").fill(code(secret));
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.getByText("The account is made").waitFor();
  return secret;
}

/** Signs in; the joining used up this step's code, so the next one's is taken. */
export async function signIn(page, name, secret, ahead = 1) {
  await page.goto("/admin/sign-in");
  await page.getByLabel("Account", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  const used = code(secret, ahead);
  await page.getByLabel("Code of six digits").fill(used);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  return used;
}
