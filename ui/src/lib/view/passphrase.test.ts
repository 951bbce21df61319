import { describe, expect, it } from "vitest";
import { scenario } from "$lib/backend/samples";
import { w } from "$lib/words";
import { entering } from "./entering";
import { screen } from "./screen";
import { strength } from "./strength";

describe("how hard a passphrase is to guess", () => {
  it("is easy for short ones, few characters and rows of the keyboard", () => {
    for (const text of ["a", "1234567", "aaaaaaaaaaaaaaaaaaaa", "abababababab", "qwertyuiop", "987654321", "  zxc  "]) expect(strength(text), text).toBe("easy");
  });
  it("is never called hard for one word, whatever is appended", () => {
    for (const text of ["password1234", "Lighthouse!", "lighthouse lighthouse lighthouse lighthouse", "go to the sea"]) expect(strength(text), text).toBe("fair");
  });
  it("is hard for four words and for what a generator writes", () => {
    for (const text of ["lighthouse keeper orange waltz", "Leuchtturm Apfel Walzer Ölkanne", "k3v9x2mq7tzp4wra"]) expect(strength(text), text).toBe("hard");
  });
  it("sees nothing in white space", () => {
    expect(strength(" \u00a0\n")).toBe("empty");
  });
});

describe("a meeting with a passphrase", () => {
  it("asks for it, and says when it is another", () => {
    expect(entering({ kind: "passphrase", given: false })).toMatchObject({ title: "This meeting has a passphrase.", over: true });
    expect(entering({ kind: "passphrase", given: false }).text).toContain("Ask your team for it.");
    expect(entering({ kind: "passphrase", given: true })).toMatchObject({ title: w.passphrase.wrong, over: true });
  });
  it("asks before the meeting, not inside it", () => {
    expect(screen(scenario("passphrase-wrong"), []).kind).toBe("entering");
  });
});
