import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type AST, parse } from "svelte/compiler";
import { expect, it } from "vitest";

const SRC = join(import.meta.dirname);
const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".svelte"));
/** Names of keys are the same in every language that the keyboard is labelled in. */
const KEYS = new Set(["Space", "Ctrl D"]);
const SPOKEN = new Set(["aria-label", "title", "placeholder", "alt"]);

/** Findings in one component: words that are not in the language files, and style attributes, which the
    content security policy forbids. */
function findings(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(findings);
  if (typeof node !== "object" || node === null) return [];
  const known = node as Partial<AST.SvelteNode>;
  if (known.type === "Text") return /\p{L}{2}/u.test(known.data ?? "") && !KEYS.has(known.data?.trim() ?? "") ? [known.data?.trim() ?? ""] : [];
  if (known.type === "Attribute" && known.name === "style") return ["style attribute"];
  // Classes, ids and the like are not spoken.
  if (known.type === "Attribute" && !SPOKEN.has(known.name ?? "")) return [];
  return Object.values(node).flatMap(findings);
}
const check = (source: string) => findings(parse(source, { modern: true }).fragment);

it.each(files)("%s has no words and no styles of its own", (name) => {
  expect(check(readFileSync(join(SRC, name), "utf8"))).toEqual([]);
});

it("would find them", () => {
  expect(check("<p>Hello</p>")).toEqual(["Hello"]);
  expect(check('<p style="color: red"></p>')).toContain("style attribute");
});
