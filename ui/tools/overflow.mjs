// Looks for what runs out of its box, with the longest names: `npm run overflow [-- part-of-a-name]`.
// Pictures of what it finds land in shots/overflow/.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { reach, SCREENS, withBrowser } from "./browser.mjs";

const WIDTHS = [1280, 1150, 960, 800, 360];
const NAMES = ["joined", "spaced"];
const folder = fileURLToPath(new URL("../shots/overflow/", import.meta.url));
const only = process.argv[2];

/** Runs in the page: what is wrong with the view as it is drawn. */
function findings() {
  const SLACK = 1.5;
  const found = new Set();
  const called = (element) => {
    const hook = element.closest("[data-testid]")?.dataset.testid;
    return `<${element.tagName.toLowerCase()} class="${element.getAttribute("class") ?? ""}">${hook ? ` in ${hook}` : ""}`;
  };
  const styles = new Map();
  const style = (element) => styles.get(element) ?? (styles.set(element, getComputedStyle(element)), styles.get(element));
  const clipped = (element) => element !== null && (style(element).clipPath !== "none" || clipped(element.parentElement));
  const hidden = (element) => element.closest(".sr, [hidden]") !== null || clipped(element) || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const painted = (element) => {
    const { backgroundColor, borderInlineStartWidth, borderInlineStartColor } = style(element);
    const clear = (colour) => colour === "rgba(0, 0, 0, 0)" || colour.endsWith("/ 0)");
    return !clear(backgroundColor) || (parseFloat(borderInlineStartWidth) > 0 && !clear(borderInlineStartColor)) || element.matches("button, dialog");
  };
  const layer = (element) => element.closest("dialog, .drawer, .toasts, .dock, .top") ?? document.body;

  /** Follows a drawn rectangle outwards until a box holds it. */
  function contain(rect, from, what) {
    let { left, right, top, bottom } = rect;
    for (let box = from; box && box !== document.documentElement; box = box.parentElement) {
      if (box.matches("svg, select, input")) return null;
      const { overflowX, overflowY, textOverflow, position, display } = style(box);
      if (display === "contents" || display === "inline") continue;
      const edge = box.getBoundingClientRect();
      if (overflowX !== "visible") {
        if (textOverflow !== "ellipsis" && (left < edge.left - SLACK || right > edge.right + SLACK)) {
          found.add(`${what} is cut by ${called(box)}`);
          return null;
        }
        left = Math.max(left, edge.left);
        right = Math.min(right, edge.right);
      }
      if (overflowY !== "visible") {
        top = Math.max(top, edge.top);
        bottom = Math.min(bottom, edge.bottom);
        if (bottom <= top) return null; // scrolled out of sight
      }
      if (painted(box)) {
        const over = { left: edge.left - left, right: right - edge.right, top: edge.top - top, bottom: bottom - edge.bottom };
        for (const [side, by] of Object.entries(over)) {
          if (by > SLACK) found.add(`${what} leaves ${called(box)} by ${Math.round(by)} px (${side})`);
        }
        left = Math.max(left, edge.left);
        right = Math.min(right, edge.right);
      }
      if (position === "fixed") break;
    }
    if (left < -SLACK || right > innerWidth + SLACK) found.add(`${what} leaves the window`);
    return { left, right, top, bottom };
  }

  const drawn = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest("script, style, option, svg") || hidden(parent)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      if (rect.width < 1) continue;
      const seen = contain(rect, parent, `“${node.data.trim().slice(0, 30)}”`);
      if (seen) drawn.push({ node, seen, layer: layer(parent) });
    }
  }
  for (let i = 0; i < drawn.length; i++) {
    for (let j = i + 1; j < drawn.length; j++) {
      const [a, b] = [drawn[i], drawn[j]];
      if (a.node === b.node || a.layer !== b.layer) continue;
      const wide = Math.min(a.seen.right, b.seen.right) - Math.max(a.seen.left, b.seen.left);
      const high = Math.min(a.seen.bottom, b.seen.bottom) - Math.max(a.seen.top, b.seen.top);
      if (wide > 2 && high > 6) found.add(`“${a.node.data.trim().slice(0, 30)}” lies on “${b.node.data.trim().slice(0, 30)}”`);
    }
  }
  for (const element of document.body.querySelectorAll("*")) {
    if (element.closest("svg svg, svg *") || hidden(element)) continue;
    const { overflowX, overflowY, textOverflow } = style(element);
    const wide = element.scrollWidth - element.clientWidth;
    if (/auto|scroll/.test(overflowX) && wide > 0) found.add(`${called(element)} scrolls sideways by ${wide} px`);
    if (textOverflow === "ellipsis" && wide > 0 && element.clientWidth < 48) found.add(`${called(element)} is cut to ${element.clientWidth} px`);
    const high = element.scrollHeight - element.clientHeight;
    if (/auto|scroll/.test(overflowY) && high > 0 && high < 4) found.add(`${called(element)} scrolls by only ${high} px`);
    if (element.parentElement && element.matches("button, input, .card, .avatar, svg, .chip, .note") && !element.matches("dialog")) {
      contain(element.getBoundingClientRect(), element.parentElement, called(element));
    }
  }
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) found.add(`the page is ${page.scrollWidth - page.clientWidth} px wider than the window`);
  const more = page.scrollHeight - page.clientHeight;
  if (more > 0 && (more < 4 || document.querySelector(".app"))) found.add(`the page scrolls by ${more} px without need`);
  return [...found];
}

let views = 0;
let wrong = 0;
mkdirSync(folder, { recursive: true });
await withBrowser(async (browser, base) => {
  const page = await browser.newPage({ locale: "en-GB" });
  page.setDefaultTimeout(3000);
  for (const names of NAMES) {
    for (const screen of SCREENS.filter((s) => !only || s.name.includes(only))) {
      try {
        await page.setViewportSize({ width: WIDTHS[0], height: 800 });
        await reach(page, base, screen, "light", names);
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: width === 360 ? 720 : 800 });
          await page.waitForTimeout(60);
          views += 1;
          const list = await page.evaluate(findings);
          wrong += list.length;
          for (const what of list) console.error(`${screen.name} ${names} ${width}: ${what}`);
          if (list.length > 0) await page.screenshot({ path: `${folder}${screen.name}-${names}-${width}.png`, animations: "disabled" });
        }
      } catch (error) {
        wrong += 1;
        console.error(`${screen.name} ${names}: ${String(error.message).split("\n")[0]}`);
      }
    }
  }
});
console.log(`${views} views checked, ${wrong} findings`);
process.exit(wrong > 0 ? 1 : 0);
