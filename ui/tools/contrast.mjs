// Checks every colour pair the design uses: `node contrast.mjs`. Exit code 1 if one fails.
import { readFileSync } from "node:fs";

const css = readFileSync(new URL("../src/styles/tokens.css", import.meta.url), "utf8");
const tokens = Object.fromEntries(
  [...css.matchAll(/--([\w-]+):\s*light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name, light, dark]) => [name, { light, dark }]),
);

const channel = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const luminance = (hex) =>
  [1, 3, 5].map((i) => channel(parseInt(hex.slice(i, i + 2), 16) / 255))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const ratio = (a, b) => {
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (hi + 0.05) / (lo + 0.05);
};

const grounds = ["bg", "surface", "sunken"];
const tints = Object.keys(tokens).filter((name) => name.startsWith("tint-"));
const pairs = [
  ...["ink", "ink-2", "ink-3", "accent", "caution", "alarm"].flatMap((fg) => grounds.map((bg) => [fg, bg, 4.5])),
  ...["accent", "caution", "alarm"].flatMap((hue) =>
    [`${hue}-ink`, "ink", "ink-2"].map((fg) => [fg, `${hue}-soft`, 4.5])),
  ["on-accent", "accent", 4.5], ["on-alarm", "alarm", 4.5], ["bg", "ink", 4.5],
  ...tints.map((tint) => ["ink", tint, 4.5]),
  ...["control", "accent"].flatMap((edge) => grounds.map((bg) => [edge, bg, 3])),
  ...["accent", "caution", "alarm"].map((hue) => [hue, `${hue}-soft`, 3]),
];

let failed = 0;
for (const [fg, bg, least] of pairs) {
  const [light, dark] = ["light", "dark"].map((theme) => ratio(tokens[fg][theme], tokens[bg][theme]));
  const ok = Math.min(light, dark) >= least;
  failed += !ok;
  console.log(`${ok ? "ok  " : "FAIL"} ${`${fg} on ${bg}`.padEnd(28)} light ${light.toFixed(2).padStart(5)}  dark ${dark.toFixed(2).padStart(5)}  needs ${least}`);
}
console.log(`${pairs.length - failed} of ${pairs.length} pairs pass`);
process.exit(failed ? 1 : 0);
