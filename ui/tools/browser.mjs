// Serves the sample build under the app's own content security policy and opens it in Chromium.
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build } from "vite";

const root = fileURLToPath(new URL("../dist-fake/", import.meta.url));
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-src 'none'; object-src 'none'";
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

/** What is looked at: a scenario of the samples, and the clicks that lead to the screen. */
export const SCREENS = [
  { name: "first-run", fake: "first-run", fill: ["first-run-name", "Ines"] },
  { name: "first-run-making", fake: "first-run-making" },
  { name: "keychain-locked", fake: "keychain-locked" },
  { name: "keychain-asking", fake: "keychain-asking" },
  { name: "keychain-no-answer", fake: "keychain-no_answer" },
  { name: "keychain-absent", fake: "keychain-absent_first_run" },
  { name: "keychain-passphrase", fake: "keychain-absent_first_run", click: ["choose-passphrase"] },
  { name: "keychain-gone", fake: "keychain-entry_gone" },
  { name: "keychain-unlock", fake: "keychain-passphrase_wrong" },
  { name: "home", fake: "home" },
  { name: "home-empty", fake: "home-empty" },
  { name: "home-link-error", fake: "home", fill: ["link-field", "standfast://relay"], click: ["join-link"] },
  { name: "new-standup", fake: "home", click: ["new-standup"] },
  { name: "standup-ready", fake: "home", click: ["new-standup"], fill: ["standup-title", "Release circle"], then: ["create"] },
  { name: "new-standup-passphrase", fake: "home", click: ["new-standup", "with-passphrase"], fills: [["meeting-passphrase", "lighthouse"]] },
  { name: "standup-ready-passphrase", fake: "home", click: ["new-standup", "with-passphrase", "show-passphrase"], fills: [["standup-title", "Release circle"], ["meeting-passphrase", "lighthouse keeper orange waltz"]], then: ["create"] },
  { name: "standup-asked", fake: "standup-asked", click: ["open-standup"] },
  { name: "standup-remembered", fake: "standup-remembered", click: ["open-standup"] },
  { name: "choose-passphrase", fake: "standup-remembered", click: ["open-standup", "choose-passphrase-open"] },
  { name: "standup", fake: "home", click: ["open-standup"] },
  { name: "prejoin-link", fake: "home", fill: ["link-field", "standfast://relay.example/4f1d9c02ab7e43d8#1.1.fp.secret"], click: ["join-link"] },
  { name: "contact", fake: "home", click: ["open-contact"] },
  { name: "journal", fake: "home", click: ["open-journal"] },
  { name: "journal-refused", fake: "home", click: ["open-journal", "filter-refused"] },
  { name: "journal-export", fake: "home", click: ["open-journal", "export"] },
  { name: "journal-live", fake: "settled", click: ["open-security", "full-journal"] },
  { name: "journal-ended", fake: "ended", click: ["full-journal"] },
  { name: "entering-lobby", fake: "entering" },
  { name: "entering-waiting", fake: "waiting" },
  { name: "entering-may-open", fake: "may-open" },
  { name: "entering-passphrase", fake: "passphrase-missing" },
  { name: "entering-passphrase-wrong", fake: "passphrase-wrong" },
  { name: "entering-removed", fake: "removed-before" },
  { name: "entering-refused", fake: "refused" },
  { name: "meeting", fake: "meeting", click: ["open-security"] },
  { name: "meeting-plain", fake: "settled" },
  { name: "meeting-alone", fake: "alone" },
  { name: "meeting-lobby", fake: "meeting-lobby" },
  { name: "meeting-pending", fake: "pending" },
  { name: "meeting-stale", fake: "stale" },
  { name: "meeting-closed", fake: "closed" },
  { name: "meeting-reconnecting", fake: "reconnecting", click: ["open-security"] },
  { name: "meeting-split", fake: "split" },
  { name: "meeting-hint", fake: "hint" },
  { name: "person", fake: "meeting", tile: 4 },
  { name: "spoken-running", fake: "settled", click: ["open-security", "compare-code", "spoken-start"] },
  { name: "spoken-code", fake: "spoken-code", click: ["open-security", "compare-code"] },
  { name: "spoken-toast", fake: "spoken-code" },
  { name: "spoken-failed", fake: "spoken-failed", click: ["open-security", "compare-code"] },
  { name: "spoken-instead", fake: "spoken-instead", click: ["open-security", "compare-code"] },
  { name: "evidence", fake: "evidence", click: ["open-security"] },
  { name: "timeline-details", fake: "settled", click: ["open-security", "timeline-more"] },
  { name: "code", fake: "meeting", click: ["open-security", "compare-code"] },
  { name: "sound", fake: "settled", click: ["connection"] },
  { name: "leave", fake: "meeting", click: ["leave"] },
  { name: "leave-next", fake: "handover", click: ["leave"] },
  { name: "meeting-takeover", fake: "takeover", click: ["open-security"] },
  { name: "meeting-split-lasts", fake: "split-lasts", click: ["open-security"] },
  { name: "bot-off", fake: "bot-off" },
  { name: "bot-on", fake: "bot-off", click: ["record"] },
  { name: "bot-mine", fake: "bot-mine" },
  { name: "bot-lobby", fake: "bot-lobby", click: ["open-lobby"] },
  { name: "bot-asks", fake: "bot-asks" },
  { name: "bot-owner-leaving", fake: "bot-owner-leaving" },
  { name: "bot-person", fake: "settled", tile: 5 },
  { name: "new-device", fake: "new-device" },
  { name: "new-device-person", fake: "new-device", tile: 4 },
  { name: "own-person", fake: "settled", tile: 3 },
  { name: "device-code", fake: "settled", tile: 3, click: ["other-device"] },
  { name: "device-asked", fake: "device-asked", tile: 3, click: ["other-device"] },
  { name: "device-refused", fake: "device-asked", tile: 3, click: ["other-device", "device-no"] },
  { name: "device-yes", fake: "device-asked", tile: 3, click: ["other-device", "device-yes"] },
  { name: "device-join", fake: "home", fill: ["link-field", "standfast-device:1.mJtq0mC3v1Jr0nq5c2l8y6s4w2b0d1f3h5kpl0s9d8f7..standfast://relay.example/4f1d9c02ab7e43d8#1.1.fp.secret"], click: ["join-link"] },
  { name: "device-wait", fake: "entering-device" },
  { name: "locked", fake: "locked", click: ["open-security"] },
  { name: "lobby-locked", fake: "locked", click: ["open-security", "door-lobby"] },
  { name: "lobby-host", fake: "host", click: ["open-lobby"] },
  { name: "remove", fake: "meeting", tile: 4, click: ["remove"] },
  { name: "lobby", fake: "lobby", click: ["open-lobby"] },
  { name: "lobby-ask", fake: "lobby", click: ["open-lobby", "alarm-let-in"] },
  { name: "compare", fake: "meeting", tile: 4, click: ["compare"], rows: 3 },
  { name: "compare-digits", fake: "meeting", tile: 4, click: ["compare", "by-digits"] },
  { name: "compare-from-drawer", fake: "meeting", click: ["open-security"], thenTile: 4, then: ["compare"] },
  { name: "compare-over", fake: "meeting", tile: 4, click: ["compare", "open-security"] },
  { name: "compare-paste", fake: "meeting", tile: 4, click: ["compare", "paste-open"] },
  { name: "compare-lobby", fake: "lobby", click: ["open-lobby", "alarm-compare", "differs"] },
  { name: "compare-home", fake: "home", click: ["compare"] },
  { name: "compare-stop", fake: "meeting", tile: 4, click: ["compare", "differs"] },
  { name: "protects", fake: "meeting", click: ["open-security", "protects"] },
  { name: "ended", fake: "ended" },
  { name: "ended-removed", fake: "ended-removed" },
  { name: "ended-replaced", fake: "ended-replaced" },
  { name: "settings-audio", fake: "home", click: ["settings"] },
  { name: "settings-you", fake: "home", click: ["you"] },
  { name: "settings-appearance", fake: "home", click: ["settings", "settings-appearance"] },
  { name: "settings-relay", fake: "home", click: ["settings", "settings-relay"] },
  { name: "settings-shortcuts", fake: "home", click: ["settings", "settings-shortcuts"] },
  { name: "settings-about", fake: "home", click: ["settings", "settings-about"] },
  { name: "settings-meeting", fake: "meeting", click: ["settings"] },
];

function serve() {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, "http://localhost").pathname);
    const file = join(root, path === "/" ? "index.html" : path);
    if (!file.startsWith(root) || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-security-policy": CSP });
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** Goes to a screen as a user would. */
export async function reach(page, base, screen, theme, names = "") {
  await page.goto(`${base}/?fake=${screen.fake}&theme=${theme}&names=${names}&still`);
  const hook = (id) => page.locator(`[data-testid="${id}"]`).first();
  if (screen.tile !== undefined) await page.locator('[data-testid="open-tile"]').nth(screen.tile).click();
  if (screen.fill && !screen.then) await hook(screen.fill[0]).fill(screen.fill[1]);
  for (const id of screen.click ?? []) await hook(id).click();
  if (screen.thenTile !== undefined) await page.locator('[data-testid="open-tile"]').nth(screen.thenTile).dispatchEvent("click"); // the drawer may lie over it
  for (const [id, text] of screen.fills ?? []) await hook(id).fill(text);
  if (screen.fill && screen.then) await hook(screen.fill[0]).fill(screen.fill[1]);
  for (const id of screen.then ?? []) await hook(id).click();
  for (let i = 0; i < (screen.rows ?? 0); i++) await page.keyboard.press("Space");
  await page.waitForTimeout(150);
}

/** Builds and serves the samples, opens Chromium, calls `work(browser, base)`, and cleans up. */
export async function withBrowser(work) {
  await build({ mode: "fake", logLevel: "error" });
  const server = await serve();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  });
  try {
    return await work(browser, `http://127.0.0.1:${server.address().port}`);
  } finally {
    await browser.close();
    server.close();
  }
}

/** Calls `look(page, screen, theme, width)` for every screen, theme and width. */
export async function forEachScreen(widths, look, only) {
  const problems = [];
  await withBrowser(async (browser, base) => {
    for (const theme of ["light", "dark"]) {
      for (const width of widths) {
        const page = await browser.newPage({ viewport: { width, height: width === 360 ? 720 : 800 }, locale: "en-GB" });
        page.setDefaultTimeout(3000);
        let name = "";
        page.on("console", (message) => message.type() === "error" && problems.push(`${name} ${theme} ${width}: ${message.text()}`));
        page.on("pageerror", (error) => problems.push(`${name} ${theme} ${width}: ${error.message}`));
        for (const screen of SCREENS.filter((s) => !only || s.name.includes(only))) {
          name = screen.name;
          try {
            await reach(page, base, screen, theme);
            await look(page, screen, theme, width);
          } catch (error) {
            problems.push(`${name} ${theme} ${width}: ${String(error.message).split("\n")[0]}`);
          }
        }
        await page.close();
      }
    }
  });
  return problems;
}
