// Checks every screen with axe, in both themes at three widths, under the app's content security policy.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { forEachScreen } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let checked = 0;
let found = 0;

async function look(page, screen, theme, width) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  const titles = await page.locator("h1:visible, h1.sr").count();
  checked += 1;
  const where = `${screen.name} ${theme} ${width}`;
  for (const violation of violations) {
    found += 1;
    console.error(`${where}: ${violation.impact} ${violation.id}: ${violation.help}`);
    for (const node of violation.nodes.slice(0, 3)) console.error(`    ${node.html.slice(0, 160)}`);
  }
  const wrong = [wide > 0 && `${wide} px wider than the window`, titles !== 1 && `${titles} titles (h1)`].filter(Boolean);
  found += wrong.length;
  for (const what of wrong) console.error(`${where}: ${what}`);
}

const problems = await forEachScreen([1280, 800, 360], look, process.argv[2]);
for (const problem of problems) console.error(problem);
console.log(`${checked} views checked, ${found} findings, ${problems.length} errors in the page`);
process.exit(found + problems.length > 0 ? 1 : 0);
