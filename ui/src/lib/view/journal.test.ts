import { describe, expect, it } from "vitest";
import { JOURNAL, scenario } from "$lib/backend/samples";
import type { JournalRow } from "$lib/ipc/bindings";
import { filtered, journalLines, sentence, summary } from "./journal";
import { spokenWords, toCompare } from "./spoken";

const NOW = 1_800_000_000_000;
const confirmed = (n: number, name: string, atMs: number, epoch = 7): JournalRow => ({ n, atMs, epoch, event: { kind: "confirmed", name }, by: { kind: "member", name } });

describe("the full journal", () => {
  const { lines, counts } = journalLines(JOURNAL.rows);
  const texts = lines.map((l) => l.text);

  it("tells each step in a sentence, newest first", () => {
    expect(texts).toContain("Epoch 7 made and shared with 5: Leo joined");
    expect(texts).toContain("Epoch 1 made: Meeting started");
    expect(texts).toContain("Refused: a message that was sent before, or came too late");
    expect(texts.at(-1)).toBe("Connected");
    expect(sentence({ kind: "refused", cause: "not_authentic", count: 12 }, 0)).toBe("Refused 12 times: a message whose signature does not fit");
  });
  it("says whose step it was, a person’s or a device’s", () => {
    const by = (text: string) => lines.find((l) => l.text === text)?.by;
    expect(by("Leo let in from the lobby")).toBe("You");
    expect(by("Epoch 1 in use")).toBe("This device");
    expect(by("Minutes, a bot, asked to come in")).toBe("Minutes’s device");
    expect(by("Confirmed by all 4, after 0.2 s")).toBe("All");
  });
  it("says what it does not know", () => {
    expect(sentence({ kind: "epoch_made", reason: null, sharedWith: 2 }, 3)).toBe("Epoch 3 made and shared with 2: why is not kept");
    expect(sentence({ kind: "waits", name: "" }, 3)).toBe("A device without a name waits in the lobby");
  });
  it("gathers confirmations of one epoch within a second, in the order in which they came", () => {
    const rows = [confirmed(5, "Jonas", NOW + 2_000), confirmed(4, "Sana", NOW + 900), confirmed(3, "Mina", NOW), confirmed(2, "Leo", NOW - 10, 6)];
    expect(journalLines(rows).lines.map((l) => [l.text, l.by])).toEqual([
      ["Jonas confirmed", "Jonas’s device"],
      ["Mina and Sana confirmed", "Their devices"],
      ["Leo confirmed", "Leo’s device"],
    ]);
  });
  it("is filtered by what a step is about", () => {
    expect(counts).toEqual({ epochs: 5, people: 5, refused: 2 });
    expect(filtered(lines, "everything")).toHaveLength(lines.length);
    expect(filtered(lines, "refused").every((l) => l.kind === "refused")).toBe(true);
    expect(filtered(lines, "people").map((l) => l.text)).toContain("Jonas looks after Minutes");
  });
  it("says whether its chain is complete", () => {
    const said = (chain: typeof JOURNAL.chain, running = true) => summary({ ...JOURNAL, chain }, running, Date.now());
    expect(said(JOURNAL.chain)).toMatch(/^Today \d\d:\d\d to now\. Chain complete, 23 entries\. No keys are in it\.$/);
    expect(said({ kind: "broken", at: 12 })).toContain("Chain broken at entry 12.");
    expect(said({ kind: "unsigned" })).toContain("not signed as a whole");
    expect(said(null, false)).toMatch(/^Today \d\d:\d\d to \d\d:\d\d\. Only the key timeline was kept/);
  });
});

describe("the spoken code", () => {
  it("shows words only while they are there", () => {
    expect(spokenWords({ kind: "code", words: ["final", "pledge", "card"] })).toEqual(["final", "pledge", "card"]);
    expect([spokenWords(null), spokenWords({ kind: "running", have: 1, of: 2 })]).toEqual([null, null]);
  });
  it("is replaced by comparing with those never compared", () => {
    const { meeting } = scenario("spoken-instead");
    expect(meeting && toCompare(meeting).map((m) => m.name)).toEqual(["Leo"]);
  });
});
