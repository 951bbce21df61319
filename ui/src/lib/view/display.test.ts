import { describe, expect, it } from "vitest";
import type { KeyPhase, TimelineEntry } from "$lib/ipc/bindings";
import { scenario } from "$lib/backend/samples";
import { announcements } from "./announce";
import { checkScan, digitRows, groups, wordRows } from "./codes";
import { keychainScreen } from "./keychain";
import { leaving } from "./leaving";
import { looksLikeLink, placeOf } from "./links";
import { ordered } from "./lobby";
import { levelWord } from "./meter";
import { brief } from "./names";
import { ringed, tint } from "./people";
import { reason } from "./reasons";
import { screen } from "./screen";
import { rings } from "./seal";
import { startCorner } from "./tile";
import { bar, details, how } from "./timeline";
import { age, clock, elapsed } from "./times";
import { titleOf } from "./title";

const NOW = 1_800_000_000_000;
const live = scenario("settled");

describe("ages and lengths", () => {
  it("are seconds below 60, then minutes, then hours", () => {
    expect([0, 59_999, 60_000, 7_199_000, 7_200_000, -5].map(age)).toEqual(["0 s", "59 s", "1 min", "119 min", "2 h", "0 s"]);
  });
  it("are read as on a clock", () => {
    expect([16_000, 256_000, 3_725_000].map(elapsed)).toEqual(["0:16", "4:16", "1:02:05"]);
  });
});

describe("the seal", () => {
  const seal = (confirmed: number, members: number, state: "normal" | "stale" | "closed" = "normal") => rings({ state, number: 7, confirmed, members });
  it("has a segment for each member, as drawn in the design", () => {
    expect(seal(5, 6)).toEqual({ open: "16.8 3.2", shut: "16.8 3.2 16.8 3.2 16.8 3.2 16.8 3.2 16.8 120" });
    expect(seal(2, 5)).toEqual({ open: "20.8 3.2", shut: "20.8 3.2 20.8 120" });
  });
  it("is whole when everyone has confirmed, and thin when nobody has", () => {
    expect(seal(6, 6).shut).toBe("16.8 3.2");
    expect(seal(0, 6).shut).toBeNull();
    expect(seal(1, 1).shut).toBe("120 0");
  });
  it("is one arc above sixteen members", () => {
    expect(seal(10, 20)).toEqual({ open: "120", shut: "60 120" });
  });
  it("never fills more than there is", () => {
    expect(seal(9, 6)).toEqual(seal(6, 6));
  });
  it("shows no confirmation while stale or closed", () => {
    expect(seal(5, 6, "stale")).toEqual({ open: null, shut: "0.01 6" });
    expect(seal(5, 6, "closed")).toEqual({ open: "16.8 3.2", shut: null });
  });
});

describe("the key timeline", () => {
  const entry: TimelineEntry = { epoch: 6, reason: { kind: "started" as const }, madeBy: "Jonas", madeHere: false, sharedWith: ["Sana", "Mina"], confirmations: [{ name: "Mina", atMs: NOW }, { name: "Sana", atMs: NOW + 1000 }], confirmed: 5, members: 5, phase: "in_use", madeAtMs: NOW, inUseAtMs: NOW, retiredAtMs: null, erasedAtMs: null };
  it("says who made a key and how many confirmed", () => {
    expect(how(entry, NOW)).toBe("Made by Jonas’s device, confirmed 5 of 5");
    expect(how({ ...entry, madeHere: true }, NOW)).toBe("Made by this device, confirmed 5 of 5");
  });
  it("counts down to the erasing and then says when it was", () => {
    expect(how({ ...entry, phase: "retiring", erasedAtMs: NOW + 2_400 }, NOW)).toBe("Confirmed 5 of 5. Erased in 3 s");
    expect(how({ ...entry, phase: "erased", erasedAtMs: NOW }, NOW)).toMatch(/^Confirmed 5 of 5\. Erased \d\d:\d\d:\d\d$/);
  });
  it("tells everything about an epoch", () => {
    const told = Object.fromEntries(details(entry, NOW).map((d) => [d.label, d.text]));
    const [first, second] = [clock(NOW), clock(NOW + 1000)];
    expect(told).toEqual({ "Made by": "Jonas’s device", "Shared with": "Sana and Mina", Confirmed: `Mina ${first}, Sana ${second}`, "In use": `Since ${first}`, Erased: "Not yet" });
  });
  it("says what it does not know, and what never was", () => {
    const texts = (part: Partial<typeof entry>, phase: KeyPhase) => details({ ...entry, ...part, phase }, NOW).map((d) => d.text);
    expect(texts({ sharedWith: [], confirmations: [], madeHere: true }, "in_use").slice(0, 3)).toEqual(["This device", "Nobody else", "5 of 5"]);
    expect(texts({ confirmations: [], confirmed: 0 }, "shared")[2]).toBe("Nobody yet");
    expect(texts({ inUseAtMs: null, erasedAtMs: NOW }, "erased").slice(3)).toEqual(["Never", clock(NOW)]);
    expect(texts({ erasedAtMs: NOW + 2_400, retiredAtMs: NOW + 1000 }, "retiring").slice(3)).toEqual([`${clock(NOW)} to ${clock(NOW + 1000)}`, "In 3 s"]);
  });
  it("shows the phase that was reached", () => {
    expect(bar("in_use").map((p) => p.state)).toEqual(["done", "done", "now", "open"]);
    expect(bar("erased").map((p) => p.state)).toEqual(["done", "done", "done", "now"]);
  });
  it("uses the fixed sentences", () => {
    expect(reason({ kind: "dropped", names: ["Leo"] })).toBe("Leo’s connection dropped");
    expect(reason({ kind: "joined", names: ["Leo", "Noor"] })).toBe("Leo and Noor joined");
    expect(reason({ kind: "timer", minutes: 5 })).toBe("5 minutes passed");
    expect(reason({ kind: "requested", by: "Ines" })).toBe("New key by Ines");
    expect(reason({ kind: "removed", name: "Leo", by: "Jonas" })).toBe("Leo removed by Jonas");
    expect(reason({ kind: "removed", name: "Leo", by: null })).toBe("Leo removed");
  });
});

describe("codes", () => {
  it("come in the groups in which people read them", () => {
    const digits = "003277571674299122705020285403";
    expect(groups(digits)).toEqual(["00327", "75716", "74299", "12270", "50202", "85403"]);
    expect(digitRows(digits)).toHaveLength(3);
    expect(wordRows("a b c d e f g h i j k l".split(" "))).toHaveLength(4);
  });
  it("are the same only when every character is", () => {
    expect(checkScan(" standfast-key:1.leo ", "standfast-key:1.leo")).toBe("same");
    expect(checkScan("standfast-key:1.leO", "standfast-key:1.leo")).toBe("other");
    expect(checkScan("https://example.org", "standfast-key:1.leo")).toBe("foreign");
    expect(checkScan("", "standfast-key:1.leo")).toBe("foreign");
  });
});

describe("people", () => {
  const members = live.meeting?.members ?? [];
  it("have at most three rings", () => {
    expect(ringed(members.map((m) => ({ ...m, speaking: true }))).size).toBe(3);
  });
  it("have tints by place", () => {
    expect(tint(0)).toBe(tint(6));
  });
  it("show that they can hear before that they speak", () => {
    const [member] = members;
    if (!member) throw new Error("the sample has members");
    expect(startCorner({ ...member, speaking: true, presence: "leaving" }, { kind: "live" })?.text).toBe("Leaving");
    expect(startCorner({ ...member, presence: "invited" }, { kind: "live" })?.text).toBe("Can listen");
  });
  it("wait in the lobby with alarms first, then in the order in which they came", () => {
    const lobby = scenario("lobby").meeting?.lobby ?? [];
    expect(ordered(lobby).map((e) => e.name)).toEqual(["Tomas", "Noor"]);
  });
});

describe("leaving", () => {
  const settled = live.meeting;
  if (!settled) throw new Error("the sample has a meeting");
  const after = (part: Partial<typeof settled>) => leaving({ ...settled, ...part });
  const jonas = { generator: "Jonas", here: false, lastAtMs: 0, stale: false };
  it("is asked about where it could end the meeting", () => {
    expect(after({})).toEqual({ asks: true, ends: true, next: null });
    expect(after({ successor: "Jonas" })).toEqual({ asks: true, ends: false, next: "Jonas" });
    expect(after({ heartbeat: jonas })).toEqual({ asks: true, ends: false, next: "Jonas" });
  });
  it("is done at once by members, and where no other person is there", () => {
    expect(after({ rights: { host: true, organizer: false, end: false }, heartbeat: jonas }).asks).toBe(false);
    const botOnly = settled.members.filter((m) => m.me || m.role === "bot");
    expect(after({ members: botOnly })).toEqual({ asks: false, ends: true, next: null });
  });
});

describe("the screen", () => {
  it("is the keychain's whenever the identity is in trouble", () => {
    expect(screen(scenario("keychain-locked"), [{ kind: "settings", page: "audio" }]).kind).toBe("keychain");
  });
  it("is the meeting's while there is one, whatever was open before", () => {
    expect(screen(live, [{ kind: "standup", id: "s1" }]).kind).toBe("meeting");
    expect(screen(live, [{ kind: "lobby" }]).kind).toBe("lobby");
    expect(screen(scenario("home"), [{ kind: "lobby" }]).kind).toBe("home");
    expect(screen(scenario("entering"), []).kind).toBe("entering");
    expect(screen(scenario("ended"), []).kind).toBe("ended");
  });
  it("offers a passphrase only where no key ever was", () => {
    const offers = (["absent_first_run", "absent_key_was_there", "entry_gone", "locked", "no_answer"] as const).map((cause) => {
      const { identity } = scenario(`keychain-${cause}`);
      return identity.kind === "trouble" && keychainScreen(identity.trouble).offerPassphrase;
    });
    expect(offers).toEqual([true, false, false, false, false]);
  });
});

describe("a screen reader is told", () => {
  const meeting = (part: object) => ({ ...live, meeting: live.meeting && { ...live.meeting, ...part } });
  it("who joined and who left, in one sentence each", () => {
    const fewer = meeting({ members: live.meeting?.members.slice(0, 4) });
    expect(announcements(fewer, live, NOW).polite).toContain("Leo and Minutes joined");
    expect(announcements(live, fewer, NOW).polite).toContain("Leo and Minutes left");
  });
  it("once, that an epoch is confirmed by all", () => {
    const before = meeting({ epoch: { number: 7, madeAtMs: NOW, confirmed: 5, members: 6 } });
    expect(announcements(before, live, NOW).polite).toEqual(["Epoch 7, Leo joined, confirmed 6 of 6"]);
    expect(announcements(live, live, NOW).polite).toEqual([]);
  });
  it("at once, of a closed microphone and a changed key", () => {
    expect(announcements(live, meeting({ microphone: { kind: "closed_no_heartbeat" } }), NOW).assertive[0]).toContain("Microphone closed");
    expect(announcements(live, scenario("lobby"), NOW).assertive).toEqual(["Key changed: Tomas"]);
  });
  it("of a spoken code, and at once of what was refused and is kept", () => {
    expect(announcements(live, scenario("spoken-code"), NOW).polite).toEqual(["Spoken code: final pledge card"]);
    expect(announcements(live, scenario("evidence"), NOW).assertive[0]).toBe(
      "Two different keys were announced by Jonas for the same epoch. Neither could have been a mistake of the network. The proof is kept.",
    );
  });
  it("that the meeting was locked, and who was removed", () => {
    expect(announcements(live, meeting({ locked: true }), NOW).polite).toEqual(["Locked: only people already seen here come in"]);
    expect(announcements(meeting({ locked: true }), live, NOW).polite).toEqual(["Open to new people"]);
    const removed = scenario("locked").meeting?.removed;
    expect(announcements(live, meeting({ removed }), NOW).polite).toEqual(["Tomas removed"]);
  });
  it("nothing of levels", () => {
    expect([0, 0.1, 0.6, 0.99].map(levelWord)).toEqual(["nothing", "quiet", "good", "loud"]);
  });
});

it("pasted text is offered only when it is a link of ours", () => {
  expect(looksLikeLink("standfast-device:1.a..standfast://relay.example/x#1")).toBe(true);
  expect(looksLikeLink(" standfast://relay.example/x#1\n")).toBe(true);
  expect(looksLikeLink("see standfast://relay.example/x")).toBe(false);
});

it("another device’s link is joined as what it is, even to a known standup", () => {
  const from = { from: (live.meeting?.members[0] ?? { fingerprint: null }).fingerprint, withCode: true };
  if (from.from === null) throw new Error("the sample has members");
  const preview = { link: "x", relay: "r", organizer: from.from, organizerName: null, organizerTrust: "verified" as const, standup: "s1", device: null };
  expect(placeOf(preview, "x")).toEqual({ kind: "standup", id: "s1" });
  expect(placeOf({ ...preview, standup: null }, "x")).toEqual({ kind: "link", link: "x" });
  expect(placeOf({ ...preview, device: { from: from.from, withCode: true } }, "x")).toEqual({ kind: "link", link: "x" });
});

describe("long names", () => {
  it("cuts a name, not the sentence around it", () => {
    expect(brief("Ines Marrowby")).toBe("Ines Marrowby");
    expect(brief("Leo van der Meulen-Harrowgate", 12)).toBe("Leo van der…");
    expect([...brief("w".repeat(40))]).toHaveLength(24);
  });

  it("names a standup after its organizer while its title is unknown", () => {
    const { meeting } = scenario("member");
    if (!meeting) throw new Error("no meeting");
    expect(titleOf(meeting)).toBe("Harbour team");
    expect(titleOf({ ...meeting, title: "" })).toBe("Jonas’s standup");
    expect(titleOf({ ...meeting, title: "Jonas" })).toBe("Jonas’s standup");
    expect(titleOf({ ...meeting, title: "", organizerName: null })).toBe("Standup");
  });
});
