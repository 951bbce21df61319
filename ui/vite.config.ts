import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Puts the icon set into the page once, so that `<use href="#…">` needs no request and no script. */
function icons(): Plugin {
  return {
    name: "icons",
    transformIndexHtml(html) {
      const file = readFileSync(path("src/lib/assets/icons.svg"), "utf8");
      const sprite = file.replace(/<!--.*?-->\s*/s, "")
        .replace("<svg ", '<svg hidden aria-hidden="true" ')
        .replaceAll('<symbol id="', '<symbol id="icon-');
      return html.replace("<!--icons-->", sprite);
    },
  };
}

export default defineConfig(({ mode }) => ({
  plugins: [svelte(), icons()],
  resolve: { alias: { $lib: path("src/lib") } },
  // The sample back end is only in builds of its own; the product never contains it.
  build: {
    outDir: mode === "fake" ? "dist-fake" : "dist",
    target: ["chrome125", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  clearScreen: false,
  test: { include: ["src/**/*.test.ts"] },
}));
