// Screenshots of every screen: `npm run shots [-- part-of-a-name]`. They land in shots/.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { forEachScreen } from "./browser.mjs";

const folder = fileURLToPath(new URL("../shots/", import.meta.url));
mkdirSync(folder, { recursive: true });
const problems = await forEachScreen(
  [1280, 800, 360],
  (page, screen, theme, width) => page.screenshot({ path: `${folder}${screen.name}-${theme}-${width}.png`, animations: "disabled" }),
  process.argv[2],
);
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
