// Draws every icon that the bundles need from icon.svg: `npm --prefix ui run icons`.
// The results are committed, so that building the app needs neither node nor this script.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../ui/package.json", import.meta.url));
const { Resvg } = require("@resvg/resvg-js");
const here = (name) => new URL(name, import.meta.url);

const full = readFileSync(here("icon.svg"), "utf8");
const small = readFileSync(here("icon-small.svg"), "utf8");
const draw = (svg, size) => new Resvg(svg, { fitTo: { mode: "width", value: size } }).render().asPng();
/** At 16 and 24 px the ring would blur. */
const icon = (size) => draw(size <= 24 ? small : full, size);

/** Windows: a directory of PNG images. */
function ico(sizes) {
  const images = sizes.map((size) => ({ size, png: icon(size) }));
  const head = Buffer.alloc(6 + 16 * images.length);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(images.length, 4);
  let offset = head.length;
  images.forEach(({ size, png }, i) => {
    const at = 6 + 16 * i;
    head.writeUInt8(size % 256, at); // 0 stands for 256
    head.writeUInt8(size % 256, at + 1);
    head.writeUInt16LE(1, at + 4);
    head.writeUInt16LE(32, at + 6);
    head.writeUInt32LE(png.length, at + 8);
    head.writeUInt32LE(offset, at + 12);
    offset += png.length;
  });
  return Buffer.concat([head, ...images.map(({ png }) => png)]);
}

/** macOS: tagged PNG images. */
function icns(entries) {
  const blocks = entries.map(([tag, size]) => {
    const png = icon(size);
    const head = Buffer.alloc(8);
    head.write(tag, "latin1");
    head.writeUInt32BE(png.length + 8, 4);
    return Buffer.concat([head, png]);
  });
  const head = Buffer.alloc(8);
  head.write("icns", "latin1");
  head.writeUInt32BE(8 + blocks.reduce((sum, b) => sum + b.length, 0), 4);
  return Buffer.concat([head, ...blocks]);
}

/** The tray: the figure alone, in one colour; a slash when muted, a full dot when live. */
function tray(state, colour) {
  const figure =
    '<circle cx="256" cy="212" r="40"/><path d="M242 240h28c6 0 11 4 12.5 9.7l19.5 76.3c2.5 9.7-4.8 19-14.8 19h-62.4c-10 0-17.3-9.3-14.8-19l19.5-76.3c1.5-5.7 6.5-9.7 12.5-9.7z"/>';
  const body = `<g transform="translate(16 16) scale(0.16) translate(-256 -259)">${figure}</g>`;
  const marks = {
    idle: body,
    live: `${body}<circle cx="26" cy="6" r="5"/>`,
    muted:
      `<mask id="m"><rect width="32" height="32" fill="#fff"/><path d="M5 5l22 22" stroke="#000" stroke-width="7"/></mask>` +
      `<g mask="url(#m)">${body}</g><path d="M5 5l22 22" stroke="${colour}" stroke-width="2.6" stroke-linecap="round"/>`,
  };
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="${colour}">${marks[state]}</svg>`;
}

for (const [name, size] of [["32x32", 32], ["128x128", 128], ["128x128@2x", 256], ["icon", 512]]) {
  writeFileSync(here(`${name}.png`), icon(size));
}
writeFileSync(here("icon.ico"), ico([16, 24, 32, 48, 64, 256]));
writeFileSync(here("icon.icns"), icns([["icp4", 16], ["icp5", 32], ["ic11", 32], ["ic12", 64], ["ic07", 128], ["ic13", 256], ["ic08", 256], ["ic14", 512], ["ic09", 512]]));
mkdirSync(here("tray"), { recursive: true });
for (const state of ["idle", "muted", "live"]) {
  for (const [shade, colour] of [["dark", "#000000"], ["light", "#ffffff"]]) {
    writeFileSync(here(`tray/${state}-${shade}.png`), draw(tray(state, colour), 64));
  }
}
