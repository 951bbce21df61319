import { describe, expect, it } from "vitest";
import type { MeetingView, Split } from "$lib/ipc/bindings";
import { scenario } from "$lib/backend/samples";
import { panelSentence, securityLine } from "./line";

const NOW = 1_800_000_000_000;

/** A settled meeting of five people and a bot, in which the given parts are so. */
function meeting(part: Partial<MeetingView> = {}): MeetingView {
  const sample = scenario("settled").meeting;
  if (!sample) throw new Error("the sample has a meeting");
  return { ...sample, epoch: { number: 7, madeAtMs: NOW - 4_000, confirmed: 6, members: 6 }, ...part };
}
const said = (part: Partial<MeetingView>) => {
  const { first, second, seal } = securityLine(meeting(part), NOW);
  return [first, second, seal.state];
};

const split: Split = { fromMs: NOW - 120_000, toMs: NOW - 50_000, epoch: 9, read: false };
const takeover = { name: "Mina", before: "Jonas", gone: true, epoch: 8, atMs: NOW - 60_000, settled: false };
const pending = { number: 8, reason: { kind: "left" as const, names: ["Leo"] }, leavers: ["Leo"], confirmed: 2, members: 5 };
const stale = { generator: "Jonas", here: false, lastAtMs: NOW - 7_200, stale: true };

describe("the security line says", () => {
  it("that the microphone is closed, before anything else", () => {
    const all = { microphone: { kind: "closed_no_heartbeat" as const }, phase: { kind: "reconnecting" as const, sinceMs: NOW }, heartbeat: stale };
    expect(said(all)).toEqual(["Microphone closed", "Nobody looks after the key. Reconnecting", "closed"]);
  });
  it("that it reconnects", () => {
    expect(said({ phase: { kind: "reconnecting", sinceMs: NOW }, heartbeat: stale }).slice(0, 2)).toEqual(["Reconnecting", "Microphone closed meanwhile"]);
  });
  it("stale, with whose sign is missing and for how long", () => {
    expect(said({ heartbeat: stale, split, pending })).toEqual(["Stale", "No sign from Jonas’s device for 7 s", "stale"]);
  });
  it("who took over", () => {
    const there = { generator: "Mina", here: false, lastAtMs: NOW, stale: false };
    expect(said({ takeover, split, heartbeat: there }).slice(0, 2)).toEqual(["Mina looks after the key", "Jonas is gone · epoch 8"]);
    const here = { generator: "Ines", here: true, lastAtMs: NOW, stale: false };
    expect(said({ takeover: { ...takeover, name: "Ines" }, heartbeat: here })[0]).toBe("You look after the key");
  });
  it("of nobody that they are gone while they are there", () => {
    expect(said({ takeover: { ...takeover, name: "Jonas", before: "Mina", gone: false } })[1]).toBe("Mina did before · epoch 8");
  });
  it("of a takeover until its key is confirmed, and for half a minute", () => {
    const state = (part: Partial<typeof takeover>) => securityLine(meeting({ takeover: { ...takeover, ...part } }), NOW).state;
    expect(state({})).toBe("takeover");
    expect(state({ settled: true })).toBe("settled");
    expect(state({ settled: true, atMs: NOW - 29_000 })).toBe("takeover");
  });
  it("that there was a split", () => {
    const [first, second, state] = said({ split, pending });
    expect(first).toMatch(/^Split from \d\d:\d\d to \d\d:\d\d$/);
    expect([second, state]).toEqual(["Joined again, epoch 9 for everyone", "split"]);
  });
  it("of a split until it is read, and for a minute", () => {
    const state = (part: Partial<typeof split>) => securityLine(meeting({ split: { ...split, ...part } }), NOW).state;
    expect(state({ toMs: NOW - 3_600_000 })).toBe("split");
    expect(state({ read: true })).toBe("split");
    expect(state({ read: true, toMs: NOW - 60_000 })).toBe("settled");
  });
  it("of a split that lasts, since when", () => {
    const [first, second] = said({ split: { ...split, toMs: null, epoch: null, read: true } });
    expect(first).toMatch(/^Split since \d\d:\d\d$/);
    expect(second).toBe("Two parts, each with its own key");
  });
  it("why there is a new key, and who can still hear", () => {
    expect(said({ pending }).slice(0, 2)).toEqual(["New key: Leo left", "Leo can hear until epoch 8 is in use"]);
    expect(securityLine(meeting({ pending }), NOW).seal).toMatchObject({ number: 8, confirmed: 2, members: 5 });
  });
  it("how far a new key is when nobody leaves", () => {
    const byIt = { ...pending, reason: { kind: "requested" as const, by: "Ines" }, leavers: [] };
    expect(said({ pending: byIt }).slice(0, 2)).toEqual(["New key: by Ines", "Epoch 8 confirmed 2 of 5, not in use yet"]);
  });
  it("who has confirmed, of how many, and how old the epoch is", () => {
    const epoch = { number: 7, madeAtMs: NOW - 4_000, confirmed: 5, members: 6 };
    expect(said({ epoch }).slice(0, 2)).toEqual(["Confirmed 5 of 6", "5 people, 1 bot · epoch 7, 4 s old"]);
    expect(securityLine(meeting({ epoch }), NOW).state).toBe("waiting");
  });
  it("that all is well", () => {
    expect(said({})).toEqual(["Confirmed 6 of 6", "5 people, 1 bot · epoch 7, 4 s old", "normal"]);
    expect(securityLine(meeting(), NOW).state).toBe("settled");
  });
  it("nothing about a key while connecting", () => {
    expect(said({ phase: { kind: "connecting" } })[0]).toBe("Connecting");
    expect(said({ epoch: null })[0]).toBe("Connecting");
  });
  it("that every key is erased", () => {
    const ended = (erasedAtMs: number | null) => ({ phase: { kind: "ended" as const, atMs: NOW, erasedAtMs, why: "ended" as const } });
    expect(said(ended(NOW))[0]).toBe("Erased");
    expect(said(ended(null))[0]).toBe("Erasing");
    expect(securityLine(meeting(ended(NOW)), NOW).seal.number).toBeNull();
  });
});

describe("the panel names", () => {
  it("the one device that is missing", () => {
    const one = scenario("meeting").meeting;
    if (!one) throw new Error("the sample has a meeting");
    expect(panelSentence(one, securityLine(one, NOW))).toEqual({
      first: "Waiting for Leo’s device",
      second: "Five of six have confirmed epoch 7. Leo may not hear you yet.",
    });
  });
});
