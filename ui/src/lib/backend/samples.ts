/** Sample states of the whole app, one per screen and mood. Names are those of the mock-ups. */
import type {
  AppView, By, Contact, DeviceOffer, Fingerprint, JournalEvent, JournalView, KeychainCause, KeyReason, LobbyEntry, MeetingView, MemberView, TimelineEntry,
} from "$lib/ipc/bindings";

export const LINK = "standfast://relay.example/4f1d9c02ab7e43d8#1.1.8qv3m0v2mJtq0mC3v1Jr0nq5c2l8y6s4w2b0d1f3h5k.pl0s9d8f7g6h5j4k3l2q1w";
/** What another device of the same user shows, without its code. */
export const DEVICE_LINK = `standfast-device:1.mJtq0mC3v1Jr0nq5c2l8y6s4w2b0d1f3h5kpl0s9d8f7..${LINK}`;

const WORDS: Record<string, string> = {
  ines: "wink sketch curve rug require version area correct sick project design tattoo",
  leo: "lunch quantum brass acquire merry talk chronic better index memory excess filter",
  tomas: "attract actress test remove motor hold mushroom crisp pottery can obscure license",
  tomasNow: "kiwi armor chuckle warm omit fancy question juice west bullet kit extra",
  mina: "river lemon ladder spoon garden orbit pencil velvet window summer candle harbor",
  jonas: "anchor marble tunnel coffee breeze hollow puzzle ticket walnut engine forest copper",
  sana: "violin meadow socket planet butter castle ribbon sunset tiger bridge saddle maple",
  noor: "quiz salad eager pistol habit dragon scrub mixture clap erosion vague taste",
  minutes: "pulp oval inject deputy swear patch nephew globe afford tobacco crunch raven",
};
const DIGITS: Record<string, string> = { ines: "551907263384120059471826390417", leo: "003277571674299122705020285403" };

export function fingerprint(who: string): Fingerprint {
  const words = (WORDS[who] ?? WORDS.ines ?? "").split(" ");
  return { id: `fp-${who}`, words, digits: DIGITS[who] ?? "830062567272157473261526356699", qr: `standfast-key:1.${who}.9f2c61d07be84c35a1d2f3e4958677b8c9d0e1f2a3b4c5d6` };
}

const now = Date.now();
const ago = (s: number) => now - s * 1000;

function member(idx: number, name: string, part: Partial<MemberView> = {}): MemberView {
  return {
    idx, name, me: false, organizer: false, host: false, deputy: false, generator: false, role: "person", owner: null, standby: false, replaces: null, trust: "verified", presence: "in", confirmed: true, muted: true,
    speaking: false, volume: 100, mutedHere: false, fingerprint: fingerprint(name.toLowerCase()), pinned: null, firstMetMs: ago(5e6), connection: null, ...part,
  };
}

const NAMES = ["Sana", "Mina", "Jonas", "Minutes", "Leo"];

function entry(epoch: number, reason: KeyReason, s: number, k: number, n: number, part: Partial<TimelineEntry> = {}): TimelineEntry {
  return {
    epoch, reason, madeBy: "Ines", madeHere: true, sharedWith: NAMES.slice(0, n - 1), confirmations: ["Ines", ...NAMES].slice(0, k).map((name, i) => ({ name, atMs: ago(s) + 40 * i })),
    confirmed: k, members: n, phase: "erased", madeAtMs: ago(s), inUseAtMs: ago(s - 1), retiredAtMs: ago(s - 92), erasedAtMs: ago(s - 97), ...part,
  };
}

const ME = member(0, "Ines", { me: true, organizer: true, host: true, generator: true });
const JONAS = { name: "Jonas", me: false };
const NO_RIGHTS = { host: false, organizer: false, end: false };
const MEMBERS = [
  member(1, "Sana"),
  member(2, "Mina", { speaking: true, muted: false }),
  member(3, "Jonas", { muted: false }),
  ME,
  member(4, "Leo", { trust: "not_verified", presence: "joining", confirmed: false }),
  member(5, "Minutes", { role: "bot", owner: JONAS }),
];
const TIMELINE = [
  entry(7, { kind: "joined", names: ["Leo"] }, 4, 5, 6, { phase: "in_use", retiredAtMs: null, erasedAtMs: null }),
  entry(6, { kind: "on_record", name: "Minutes" }, 36, 5, 5, { phase: "retiring", erasedAtMs: now + 3000 }),
  entry(5, { kind: "off_record", name: "Minutes" }, 131, 4, 4),
  entry(4, { kind: "bot_admitted", name: "Minutes", by: "Ines" }, 176, 5, 5),
  entry(3, { kind: "timer", minutes: 5 }, 201, 4, 4),
  entry(2, { kind: "joined", names: ["Jonas", "Mina"] }, 242, 4, 4),
  entry(1, { kind: "started" }, 256, 2, 2),
];

const MEETING: MeetingView = {
  standup: "s1", title: "Harbour team", organizerName: "Jonas", link: LINK, phase: { kind: "live" }, startedAtMs: ago(256), me: 0, rights: { host: true, organizer: true, end: true }, locked: false,
  successor: null, epoch: { number: 7, madeAtMs: ago(4), confirmed: 5, members: 6 }, pending: null,
  heartbeat: { generator: "Ines", here: true, lastAtMs: ago(1), stale: false }, takeover: null, split: null, members: MEMBERS, awaited: ["Noor"], lobby: [], removed: [], device: null, asNewDevice: false, spoken: { kind: "idle" }, evidence: [],
  code: "830062567272157473261526356699", timeline: TIMELINE, microphone: { kind: "muted" }, connection: { quality: "good", rttMs: 24 },
};
const SETTLED = {
  ...MEETING,
  epoch: { number: 7, madeAtMs: ago(140), confirmed: 6, members: 6 },
  awaited: [],
  members: MEMBERS.map((m) => ({ ...m, presence: "in" as const, confirmed: true })),
  timeline: TIMELINE.map((e, i) => (i === 0 ? { ...e, confirmed: 6, madeAtMs: ago(140) } : i === 1 ? { ...e, phase: "erased" as const, erasedAtMs: ago(120) } : e)),
};

const NOOR: LobbyEntry = {
  id: "r2", name: "Noor", role: "person", owner: null, owned: false, asksMe: false, trust: "not_verified", fingerprint: fingerprint("noor"), pinned: null, verifiedAtMs: null, arrival: "first_time", sinceMs: ago(11),
};
const TOMAS: LobbyEntry = {
  ...NOOR, id: "r1", name: "Tomas", trust: "key_changed", fingerprint: fingerprint("tomasNow"), pinned: fingerprint("tomas"), verifiedAtMs: Date.UTC(2026, 2, 3), arrival: "known_contact", sinceMs: ago(24),
};

const MINUTES: LobbyEntry = { ...NOOR, id: "b1", name: "Minutes", role: "bot", owner: JONAS, fingerprint: fingerprint("minutes"), sinceMs: ago(8) };
const PEOPLE = SETTLED.members.filter((m) => m.role === "person");
const OFFER: DeviceOffer = { code: "7K3M-Q4WZ-9F2T-B6XR", qr: DEVICE_LINK.replace("..", ".7K3M-Q4WZ-9F2T-B6XR."), link: DEVICE_LINK, untilMs: now + 114_000, request: null };

const contact = (name: string, trust: Contact["trust"]): Contact => ({
  name, trust, fingerprint: fingerprint(name.toLowerCase()), firstMetMs: Date.UTC(2026, 2, 12), verifiedAtMs: trust === "verified" ? Date.UTC(2026, 2, 14) : null,
});

const BASE: AppView = {
  revision: 1, version: "0.1.0", profile: "default", displayName: "Ines", firstRunDone: true,
  identity: { kind: "ready", own: fingerprint("ines"), madeAtMs: Date.UTC(2026, 2, 1), place: { kind: "keychain", backend: "Secret Service" } },
  devices: {
    inputs: [{ id: "desk", name: "Desk microphone" }, { id: "headset", name: "Headset" }], outputs: [{ id: "phones", name: "Headphones" }],
    input: { kind: "follow_system" }, output: { kind: "fixed", id: "phones" }, inputNow: "Desk microphone", outputNow: "Headphones",
  },
  microphoneTest: { kind: "off" },
  settings: { theme: "system", echoCancellation: true, noiseReduction: true, evenVolume: true, voiceQuality: "standard", lowDelay: false, placeVoices: false, coverTraffic: false, talkKey: "hold_to_talk", globalKey: null, globalKeyState: { kind: "off" } },
  standups: [
    {
      id: "s1", title: "Harbour team", link: LINK, organizer: true, organizerName: "Ines", relay: "relay.example", relayReach: "reachable", nextAtMs: now + 6 * 60_000, lastMetMs: ago(86_400), passphrase: "none",
      members: ["Mina", "Jonas", "Sana", "Leo"].map((name, i) => ({ name, trust: i < 2 ? "verified" : i === 2 ? "new_device" : "not_verified", keyWaiting: true, present: i < 2 })),
    },
    { id: "s2", title: "Platform sync", link: LINK, organizer: false, organizerName: "Jonas", relay: "relay.example", relayReach: "reachable", nextAtMs: now + 25 * 3_600_000, lastMetMs: ago(86_000), passphrase: "none", members: ["Jonas", "Leo"].map((name) => ({ name, trust: "verified", keyWaiting: true, present: false })) },
    { id: "s3", title: "Design circle", link: LINK, organizer: false, organizerName: "Sana", relay: "relay.example", relayReach: "unknown", nextAtMs: null, lastMetMs: ago(86_400 * 4), passphrase: "none", members: [] },
  ],
  contacts: [contact("Jonas", "verified"), contact("Mina", "verified"), contact("Sana", "new_device"), contact("Leo", "not_verified")],
  recent: [
    { id: "m1", title: "Harbour team", startedAtMs: ago(86_400), lengthMs: 14 * 60_000, epochs: 6, confirmed: true },
    { id: "m2", title: "Platform sync", startedAtMs: ago(86_000), lengthMs: 11 * 60_000, epochs: 4, confirmed: true },
  ],
  relay: { address: "relay.example" }, hostHere: { kind: "off" }, openedLink: null, hints: [], meeting: null,
};

const EMPTY: Partial<AppView> = { standups: [], contacts: [], recent: [] };
const inMeeting = (part: Partial<MeetingView>): Partial<AppView> => ({ meeting: { ...MEETING, ...part } });

function trouble(cause: KeychainCause): Partial<AppView> {
  return {
    identity: {
      kind: "trouble",
      trouble: {
        cause, detail: `keychain/${cause}: Secret Service, collection “login”\nprofile default, identity-v1`, asking: cause === "asking" ? { sinceMs: ago(12), limitS: 30 } : null,
        lastTryAtMs: ago(60), backend: "Secret Service", lastSeenAtMs: ago(86_400 * 9),
      },
    },
  };
}

const SCENARIOS: Record<string, Partial<AppView>> = {
  "first-run": { ...EMPTY, firstRunDone: false, displayName: "" },
  "first-run-making": { ...EMPTY, firstRunDone: false, displayName: "", identity: { kind: "making" }, devices: { ...BASE.devices, inputs: [], inputNow: null } },
  home: {},
  "home-empty": EMPTY,
  meeting: {},
  settled: { meeting: SETTLED },
  alone: inMeeting({
    members: [{ ...ME, muted: false }], awaited: ["Mina", "Jonas", "Sana"], epoch: { number: 1, madeAtMs: ago(12), confirmed: 1, members: 1 }, startedAtMs: ago(12),
    timeline: [entry(1, { kind: "started" }, 12, 1, 1, { phase: "in_use", retiredAtMs: null, erasedAtMs: null })], microphone: { kind: "open" },
  }),
  "meeting-lobby": { meeting: { ...SETTLED, lobby: [NOOR] } },
  lobby: { meeting: { ...SETTLED, lobby: [NOOR, TOMAS] } },
  "lobby-empty": { meeting: SETTLED },
  locked: { meeting: { ...SETTLED, locked: true, lobby: [], removed: [{ name: "Tomas", fingerprint: fingerprint("tomasNow") }] } },
  host: {
    meeting: {
      ...SETTLED, rights: { ...NO_RIGHTS, host: true }, heartbeat: { generator: "Jonas", here: false, lastAtMs: 0, stale: false }, lobby: [NOOR],
      removed: [{ name: "Tomas", fingerprint: fingerprint("tomasNow") }],
      members: SETTLED.members.map((m) => ({ ...m, organizer: m.name === "Jonas", generator: m.name === "Jonas", host: m.role === "person" })),
    },
  },
  handover: { meeting: { ...SETTLED, successor: "Jonas" } },
  pending: inMeeting({
    pending: { number: 8, reason: { kind: "left", names: ["Leo"] }, leavers: ["Leo"], confirmed: 2, members: 5 },
    members: MEMBERS.map((m) => (m.name === "Leo" ? { ...m, presence: "leaving" } : m)),
  }),
  stale: inMeeting({ heartbeat: { generator: "Jonas", here: false, lastAtMs: ago(7), stale: true } }),
  closed: inMeeting({ microphone: { kind: "closed_no_heartbeat" } }),
  reconnecting: inMeeting({ phase: { kind: "reconnecting", sinceMs: ago(4) }, microphone: { kind: "closed_reconnecting" }, connection: { quality: "reconnecting", rttMs: null } }),
  split: inMeeting({ split: { fromMs: ago(200), toMs: ago(80), epoch: 9, read: false } }),
  "split-lasts": inMeeting({ split: { fromMs: ago(200), toMs: null, epoch: null, read: false } }),
  takeover: {
    meeting: {
      ...SETTLED, rights: { ...NO_RIGHTS, host: true }, takeover: { name: "Mina", before: "Jonas", gone: true, epoch: 8, atMs: ago(3), settled: false }, heartbeat: { generator: "Mina", here: false, lastAtMs: 0, stale: false },
      epoch: { number: 8, madeAtMs: ago(3), confirmed: 3, members: 4 },
      members: SETTLED.members.filter((m) => m.name !== "Jonas" && m.role === "person").map((m) => ({ ...m, organizer: false, generator: m.name === "Mina" })),
      timeline: [entry(8, { kind: "takeover", name: "Mina" }, 3, 3, 4, { phase: "in_use", retiredAtMs: null, erasedAtMs: null, madeBy: "Mina", madeHere: false }), ...SETTLED.timeline],
    },
  },
  "bot-off": { meeting: { ...SETTLED, epoch: { number: 7, madeAtMs: ago(140), confirmed: 5, members: 5 }, members: SETTLED.members.map((m) => (m.role === "bot" ? { ...m, presence: "off", confirmed: false } : m)) } },
  "bot-mine": { meeting: { ...SETTLED, rights: NO_RIGHTS, members: SETTLED.members.map((m) => (m.role === "bot" ? { ...m, owner: { name: "Ines", me: true } } : m)) } },
  "bot-lobby": {
    meeting: {
      ...SETTLED, members: PEOPLE,
      lobby: [
        { ...MINUTES, id: "b1", owned: true },
        { ...MINUTES, id: "b2", name: "Captions", fingerprint: fingerprint("captions"), sinceMs: ago(4) },
        { ...MINUTES, id: "b3", name: "Tally", fingerprint: fingerprint("tally"), owner: { name: "Ines", me: true }, asksMe: true, sinceMs: ago(2) },
      ],
    },
  },
  "bot-asks": { meeting: { ...SETTLED, rights: NO_RIGHTS, members: PEOPLE, lobby: [{ ...MINUTES, owner: { name: "Ines", me: true }, asksMe: true }] } },
  "bot-owner-leaving": { meeting: { ...SETTLED, members: SETTLED.members.map((m) => (m.name === "Jonas" ? { ...m, presence: "leaving" } : m)) } },
  "new-device": { meeting: { ...SETTLED, members: SETTLED.members.map((m) => (m.name === "Leo" ? { ...m, trust: "new_device", replaces: "Leo", pinned: fingerprint("tomas") } : m)) } },
  "device-code": { meeting: { ...SETTLED, device: OFFER } },
  "device-asked": { meeting: { ...SETTLED, device: { ...OFFER, request: { id: "d1", fingerprint: fingerprint("sana") } } } },
  "spoken-running": { meeting: { ...SETTLED, spoken: { kind: "running", have: 3, of: 5 } } },
  "spoken-code": { meeting: { ...SETTLED, spoken: { kind: "code", words: ["final", "pledge", "card"] } } },
  "spoken-failed": { meeting: { ...SETTLED, spoken: { kind: "failed", times: 1 } } },
  "spoken-instead": { meeting: { ...SETTLED, spoken: { kind: "compare_fingerprints" } } },
  evidence: { meeting: { ...SETTLED, evidence: [{ id: "e1", what: "two_announces", against: "Jonas" }, { id: "e2", what: "other_session", against: null }] } },
  "entering-device": inMeeting({ phase: { kind: "lobby", organizer: "Ines" }, asNewDevice: true }),
  member: inMeeting({ rights: NO_RIGHTS, members: MEMBERS.map((m) => ({ ...m, organizer: m.name === "Jonas", host: m.name === "Jonas", generator: m.name === "Jonas" })) }),
  entering: inMeeting({ phase: { kind: "lobby", organizer: "Ines" } }),
  waiting: inMeeting({ phase: { kind: "waiting", forName: "Jonas", mayOpen: false } }),
  "may-open": inMeeting({ phase: { kind: "waiting", forName: "Jonas", mayOpen: true } }),
  "passphrase-missing": inMeeting({ phase: { kind: "passphrase", given: false } }),
  "passphrase-wrong": inMeeting({ phase: { kind: "passphrase", given: true } }),
  "standup-asked": { standups: BASE.standups.slice(1, 2).map((s) => ({ ...s, passphrase: "asked" })) },
  "standup-remembered": { standups: BASE.standups.slice(0, 1).map((s) => ({ ...s, passphrase: "remembered" })) },
  "removed-before": inMeeting({ phase: { kind: "removed_before", organizer: "Jonas" } }),
  refused: inMeeting({ phase: { kind: "refused", by: "Jonas" } }),
  ended: {
    meeting: {
      ...SETTLED, phase: { kind: "ended", atMs: now, erasedAtMs: now, why: "ended" }, startedAtMs: ago(14 * 60), epoch: null, code: null,
      timeline: SETTLED.timeline.map((e) => ({ ...e, phase: "erased", erasedAtMs: e.erasedAtMs ?? now })),
    },
  },
  "ended-removed": { meeting: { ...SETTLED, phase: { kind: "ended", atMs: now, erasedAtMs: now, why: "removed" }, epoch: null, code: null } },
  "ended-replaced": { meeting: { ...SETTLED, phase: { kind: "ended", atMs: now, erasedAtMs: now, why: "replaced" }, epoch: null, code: null } },
  hint: { ...inMeeting({}), hints: [{ kind: "talking_while_muted" }] },
  "hint-noise": { ...inMeeting({}), hints: [{ kind: "noisy_microphone", device: "USB headset" }] },
  "hint-arrived": { ...inMeeting({}), hints: [{ kind: "device_arrived", what: "speaker", device: { id: "usb", name: "USB headset" } }] },
};

export const SCENARIO_NAMES = Object.keys(SCENARIOS);

/** The same samples with names as long as they may be: 40 characters without a space, or 25 with some. */
const LONG: Record<string, (text: string) => string> = {
  joined: (text) => `${text}wolfeschlegelsteinhausenbergerdorfwelt`.slice(0, 40),
  spaced: (text) => `${text} van der Meulen-Harrowgate`.slice(0, 25).trim(),
};
const NAMED = new Set([...MEMBERS.map((m) => m.name), NOOR.name, TOMAS.name, ...BASE.standups.map((s) => s.title)]);

export function stretched<T>(value: T, how: string | null): T {
  const longer = LONG[how ?? ""];
  if (!longer) return value;
  const stretch = (part: unknown): unknown => {
    if (typeof part === "string") return NAMED.has(part) ? longer(part) : part;
    if (Array.isArray(part)) return part.map(stretch);
    if (part === null || typeof part !== "object") return part;
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, stretch(inner)]));
  };
  return stretch(value) as T;
}

const HERE: By = { kind: "here" };
const of = (name: string): By => ({ kind: "member", name });

/** What the full journal of the sample meeting holds, oldest first. */
const STEPS: [s: number, epoch: number | null, event: JournalEvent, by: By][] = [
  [256, null, { kind: "line", up: true }, HERE],
  [256, null, { kind: "opened", here: true }, HERE],
  [256, 1, { kind: "epoch_made", reason: { kind: "started" }, sharedWith: 0 }, HERE],
  [256, 1, { kind: "in_use" }, HERE],
  [243, 1, { kind: "asked", name: "Mina", bot: false }, of("Mina")],
  [242, 2, { kind: "epoch_made", reason: { kind: "joined", names: ["Jonas", "Mina"] }, sharedWith: 3 }, HERE],
  [242, 2, { kind: "confirmed", name: "Mina" }, of("Mina")],
  [242, 2, { kind: "confirmed", name: "Jonas" }, of("Jonas")],
  [241, 2, { kind: "all_confirmed", members: 4, afterMs: 212 }, { kind: "all" }],
  [236, 1, { kind: "erased" }, HERE],
  [177, 2, { kind: "asked", name: "Minutes", bot: true }, of("Minutes")],
  [177, 2, { kind: "bot_owned", bot: "Minutes", owner: "Jonas" }, of("Jonas")],
  [176, 4, { kind: "admitted", name: "Minutes" }, HERE],
  [176, 4, { kind: "epoch_made", reason: { kind: "bot_admitted", name: "Minutes", by: "Ines" }, sharedWith: 4 }, HERE],
  [131, 5, { kind: "epoch_made", reason: { kind: "off_record", name: "Minutes" }, sharedWith: 3 }, of("Jonas")],
  [60, 6, { kind: "refused", cause: "stale", count: 1 }, { kind: "seen" }],
  [50, 6, { kind: "evidence", what: "two_announces", against: "Jonas" }, { kind: "seen" }],
  [4, 6, { kind: "admitted", name: "Leo" }, HERE],
  [4, 7, { kind: "epoch_made", reason: { kind: "joined", names: ["Leo"] }, sharedWith: 5 }, HERE],
  [3, 7, { kind: "confirmed", name: "Mina" }, of("Mina")],
  [3, 7, { kind: "confirmed", name: "Sana" }, of("Sana")],
  [3, 7, { kind: "confirmed", name: "Minutes" }, of("Minutes")],
  [1, 7, { kind: "confirmed", name: "Jonas" }, of("Jonas")],
];
export const JOURNAL: JournalView = {
  chain: { kind: "complete", entries: STEPS.length },
  rows: STEPS.map(([s, epoch, event, by], n) => ({ n, atMs: ago(s), epoch, event, by })).reverse(),
  timeline: TIMELINE,
};

export function scenario(name: string): AppView {
  if (name.startsWith("keychain-")) return { ...BASE, ...trouble(name.slice("keychain-".length) as KeychainCause) };
  if (name === "meeting") return { ...BASE, meeting: MEETING };
  return { ...BASE, ...SCENARIOS[name] };
}
