import { describe, expect, it } from "vitest";
import { scenario } from "$lib/backend/samples";
import type { MemberView } from "$lib/ipc/bindings";
import { admissible, lobbySentence, losingOwner, mayLookAfter, record } from "./bots";
import { deviceStep } from "./device";
import { entering } from "./entering";
import { lobbyTitle } from "./lobby";
import { removable, tileLabel, vouched } from "./tile";

function of(name: string) {
  const { meeting } = scenario(name);
  if (!meeting) throw new Error("the sample has a meeting");
  return meeting;
}
const settled = of("settled");
function named(name: string, members: MemberView[] = settled.members): MemberView {
  const member = members.find((m) => m.name === name);
  if (!member) throw new Error(`no ${name}`);
  return member;
}
const HOST = { host: true, organizer: false, end: false };
const NONE = { host: false, organizer: false, end: false };

describe("a bot’s record chip", () => {
  const bot = named("Minutes");
  const mine = { ...bot, owner: { name: "Ines", me: true } };
  it("is for bots only", () => {
    expect(record(named("Leo"), HOST)).toBeNull();
  });
  it("is taken off by a host or the owner, and put on by a host", () => {
    expect(record(bot, HOST)).toEqual({ on: true, mayChange: true });
    expect(record(bot, NONE)).toEqual({ on: true, mayChange: false });
    expect(record(mine, NONE)).toEqual({ on: true, mayChange: true });
    expect(record({ ...mine, presence: "off" }, NONE)).toEqual({ on: false, mayChange: false });
    expect(record({ ...bot, presence: "off" }, HOST)).toEqual({ on: false, mayChange: true });
  });
  it("stands still while the bot leaves", () => {
    expect(record({ ...bot, presence: "leaving" }, HOST)?.mayChange).toBe(false);
  });
});

describe("a bot’s owner", () => {
  it("is asked before anybody can let the bot in", () => {
    const [owned, unowned, mine] = of("bot-lobby").lobby;
    if (!owned || !unowned || !mine) throw new Error("three bots wait");
    expect(lobbySentence(owned)).toMatch(/^Minutes is a bot\. Jonas brings it\./);
    expect(lobbySentence(unowned)).toContain("Jonas has not confirmed that");
    expect(lobbySentence(mine)).toContain("says that you bring it");
    expect([owned, unowned, mine].map(admissible)).toEqual([true, false, false]);
    expect(lobbySentence({ ...owned, role: "person", owner: null })).toBeNull();
  });
  it("and the lobby’s title count bots apart", () => {
    const bots = of("bot-lobby").lobby;
    const people = of("lobby").lobby;
    expect(lobbyTitle(bots)).toBe("Three bots are in the lobby");
    expect(lobbyTitle(people)).toBe("Two people are in the lobby");
    expect(lobbyTitle([...people, ...bots.slice(1)])).toBe("2 people and 2 bots are in the lobby");
    expect(lobbyTitle([])).toBe("The lobby is empty.");
  });
  it("can be followed by somebody else", () => {
    const bot = named("Minutes");
    expect(mayLookAfter(bot)).toBe(true);
    expect(mayLookAfter({ ...bot, standby: true })).toBe(false);
    expect(mayLookAfter({ ...bot, owner: { name: "Ines", me: true } })).toBe(false);
    expect(losingOwner(settled)).toEqual([]);
    expect(losingOwner(of("bot-owner-leaving")).map((m) => m.name)).toEqual(["Minutes"]);
  });
});

describe("a tile", () => {
  it("says everything that it shows", () => {
    expect(tileLabel(named("Minutes"), { kind: "live" })).toBe("Minutes, Jonas’s bot, Verified, On the record, Listens only");
    expect(tileLabel(named("Ines"), { kind: "live" })).toBe("Ines you, This device, organizer, Muted");
  });
  it("offers a host to remove everyone but the organizer and oneself", () => {
    const who = settled.members.filter((m) => removable({ ...m, organizer: m.name === "Jonas" }, HOST)).map((m) => m.name);
    expect(who).toEqual(["Sana", "Mina", "Leo", "Minutes"]);
    expect(settled.members.some((m) => removable(m, NONE))).toBe(false);
  });
  it("says who vouched for a new device", () => {
    const leo = named("Leo", of("new-device").members);
    expect(vouched(leo)).toBe("Same person, new device: vouched for by Leo’s other device.");
    expect(vouched({ ...leo, replaces: "Sana" })).toBe("New device: vouched for by Sana’s device.");
    expect(vouched(named("Leo"))).toBeNull();
  });
});

describe("another device of the same user", () => {
  const NOW = 1_800_000_000_000;
  const offer = { code: "A-B-C-D", qr: "", link: "", untilMs: NOW + 1, request: null };
  const request = { id: "d1", fingerprint: named("Leo").fingerprint };
  const step = (of: typeof offer | null, shown: boolean, answer: "yes" | "no" | null = null) => deviceStep(of, { shown, answer }, NOW).kind;
  it("is shown a code until it is used, taken back or too old", () => {
    expect(step(null, false)).toBe("making");
    expect(step(offer, true)).toBe("code");
    expect(step({ ...offer, untilMs: NOW }, true)).toBe("over");
    expect(step(null, true)).toBe("over");
  });
  it("is vouched for only by an answer", () => {
    const asked = { ...offer, request };
    expect(deviceStep(asked, { shown: true, answer: null }, NOW)).toMatchObject({ kind: "asked", request });
    expect(deviceStep(asked, { shown: true, answer: "no" }, NOW).kind).toBe("refused");
    expect(deviceStep(null, { shown: true, answer: "yes" }, NOW).kind).toBe("handing");
  });
  it("waits for the word of the first one", () => {
    expect(entering({ kind: "lobby", organizer: "Ines" }, true).title).toBe("Confirm on your other device");
    expect(entering({ kind: "lobby", organizer: "Ines" }).title).toBe("You are in the lobby");
  });
});
