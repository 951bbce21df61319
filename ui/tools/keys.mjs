// Walks through a first day by keyboard alone: `npm run keys`. Fails where the focus is not where it should be.
import assert from "node:assert/strict";
import { withBrowser } from "./browser.mjs";

await withBrowser(async (browser, base) => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: "en-GB" });
  page.setDefaultTimeout(3000);
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const shown = (id) => page.locator(`[data-testid="${id}"]`).first().waitFor();
  const gone = (id) => page.locator(`[data-testid="${id}"]`).first().waitFor({ state: "detached" });
  const focused = (id) => page.waitForFunction((name) => document.activeElement?.dataset.testid === name || document.activeElement?.id === name, id)
    .catch(async () => assert.equal(await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 120)), id, "focus"));
  const attribute = (id, name) => page.locator(`[data-testid="${id}"]`).first().getAttribute(name);
  /** Tab until the element has the focus: it must be reachable. */
  async function tabTo(id) {
    for (let i = 0; i < 40; i++) {
      if (await page.evaluate((name) => document.activeElement?.dataset.testid === name, id)) return;
      await press("Tab");
    }
    assert.fail(`${id} cannot be reached with Tab`);
  }

  await page.goto(`${base}/?fake=first-run`);
  await focused("first-run-name");
  await page.keyboard.type("Ines");
  await press("Enter");
  await focused("new-standup");
  await press("Enter");
  await focused("standup-title");
  await press("Escape");
  await focused("new-standup"); // Esc closes the dialog, the focus is where it was
  await press("Enter");
  await focused("standup-title");
  await page.keyboard.type("Release circle");
  await press("Enter");
  await focused("copy-link");
  await tabTo("join-now");
  await press("Enter");
  await shown("gathering");

  await page.goto(`${base}/?fake=meeting&still`);
  await shown("gathering");
  assert.equal(await attribute("mute", "data-microphone"), "muted");
  await press("Control+d");
  await page.locator('[data-testid="mute"][data-microphone="open"]').waitFor();
  await press("Control+d", "Control+Shift+S");
  await focused("security-title");
  await press("Escape");
  await gone("security");
  await focused("security-line");
  await tabTo("open-tile");
  await press("ArrowRight", "ArrowLeft", "ArrowDown"); // four in a row: the one below the first
  assert.equal(await page.evaluate(() => document.activeElement?.dataset.idx), "4");
  await press("Enter");
  await shown("person");
  await tabTo("compare");
  await press("Enter");
  await shown("compare-screen");
  await page.waitForFunction(() => document.activeElement?.matches("[data-testid='heard-row'] input"));
  await press("Space", "Space", "Backspace", "Space", "Space", "Space", "Control+Enter");
  await shown("gathering");
  assert.equal(await attribute("tile", "data-idx"), "1");
  await page.locator('[data-testid="tile"][data-idx="4"] [data-testid="trust"][data-trust="verified"]').waitFor();
  await tabTo("leave");
  await press("Enter");
  await focused("stay");
  await press("Escape");
  await gone("leave-dialog");
  await focused("leave");
  await press("Enter");
  await tabTo("end-for-all");
  await press("Enter");
  await focused("go-home");
  await press("Enter");
  await shown("home");

  await page.goto(`${base}/?fake=lobby&still`);
  await shown("gathering");
  await press("Control+Shift+L");
  await focused("alarm-keep-out"); // the safe answer is the easy one
  await press("Escape");
  await shown("gathering"); // Esc never admits
  assert.equal(await page.locator('[data-testid="tile"]').count(), 6);

  await page.goto(`${base}/?fake=settled&still`);
  await shown("gathering");
  await tabTo("open-tile");
  await press("End", "Tab");
  await focused("record"); // a bot's chip follows its tile
  await press("Enter");
  await page.locator('[data-testid="record"][data-on="false"]').waitFor(); // off the record at once
  await press("Enter");
  await shown("record-dialog");
  await press("Escape");
  await focused("record"); // Esc never gives the key
  await press("Shift+Tab", "Home", "Enter");
  await shown("person");
  await tabTo("remove");
  await press("Enter");
  await focused("remove-keep");
  await press("Escape");
  await shown("person");
  await press("Escape");
  await gone("person");
  assert.equal(await page.locator('[data-presence="leaving"]').count(), 0);
  await press("Enter");
  await tabTo("remove");
  await press("Enter");
  await tabTo("remove-confirm");
  await press("Enter");
  await page.locator('[data-presence="leaving"]').waitFor();
  await focused("open-tile"); // not lost with the dialog
  await press("End");
  await tabTo("record");
  await press("Enter");
  await tabTo("record-confirm");
  await press("Enter");
  await page.locator('[data-testid="record"][data-on="true"]').waitFor();
  await press("Control+Shift+S");
  await tabTo("lock");
  await press("Space");
  await page.locator('[data-testid="lock-state"][data-locked="true"]').waitFor();

  await page.goto(`${base}/?fake=device-asked&still`);
  await shown("gathering");
  await tabTo("open-tile");
  await press("ArrowRight", "ArrowRight", "ArrowRight", "Enter");
  await tabTo("other-device");
  await press("Enter");
  await focused("device-no");
  await press("Escape");
  await shown("device-again"); // refused, and said so
  console.log("The first day can be walked by keyboard alone.");
});
