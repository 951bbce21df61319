/** A back end of samples, for development, screenshots and the accessibility check.
    `?fake=meeting&theme=dark&names=joined`; the scenarios are in `samples.ts`. */
import type { AppView, Command, ErrorCode, MeetingView, Reply, Setting, StandupPassphrase, TypedPassphrase, UiUpdate } from "$lib/ipc/bindings";
import { type Backend, Refusal } from "./backend";
import { DEVICE_LINK, fingerprint, JOURNAL, LINK, scenario, stretched } from "./samples";

const refuse = (code: ErrorCode): never => {
  throw new Refusal({ code, detail: "sample" });
};

export function fakeBackend(query: URLSearchParams): Backend {
  const still = query.has("still");
  const sample = (name: string) => stretched(scenario(name), query.get("names"));
  let view: AppView = sample(query.get("fake") ?? "home");
  const theme = query.get("theme");
  if (theme === "light" || theme === "dark") view = { ...view, settings: { ...view.settings, theme } };
  let take: (update: UiUpdate) => void = () => {};

  function change(part: Partial<AppView>): void {
    view = { ...view, ...part, revision: view.revision + 1 };
    take({ kind: "snapshot", view });
  }
  const meeting = (part: Partial<MeetingView>) => view.meeting && change({ meeting: { ...view.meeting, ...part } });

  function setTrust(id: string, trust: "verified" | "not_verified"): void {
    const fits = <T extends { fingerprint: { id: string } }>(one: T) => (one.fingerprint.id === id ? { ...one, trust } : one);
    const now = view.meeting;
    change({
      contacts: view.contacts.map(fits),
      meeting: now && { ...now, members: now.members.map(fits), lobby: now.lobby.map(fits) },
    });
  }

  function admit(request: string): void {
    const now = view.meeting;
    const entry = now?.lobby.find((e) => e.id === request);
    const like = now?.members[0];
    if (!now || !entry || !like) return;
    const idx = Math.max(...now.members.map((m) => m.idx)) + 1;
    const member = { ...like, ...entry, idx, me: false, organizer: false, presence: "joining" as const, confirmed: false, muted: true, speaking: false };
    meeting({
      lobby: now.lobby.filter((e) => e.id !== request),
      members: [...now.members, { ...member, trust: entry.trust === "key_changed" ? "not_verified" : entry.trust }],
    });
  }

  const remembered = (typed: TypedPassphrase | null): StandupPassphrase => (typed === null ? "none" : typed.remember ? "remembered" : "asked");
  function keepPassphrase(id: string, passphrase: StandupPassphrase): void {
    change({ standups: view.standups.map((s) => (s.id === id ? { ...s, passphrase } : s)) });
  }

  function set(setting: Setting): void {
    const s = view.settings;
    switch (setting.kind) {
      case "theme":
        return change({ settings: { ...s, theme: setting.theme } });
      case "echo_cancellation":
        return change({ settings: { ...s, echoCancellation: setting.on } });
      case "noise_reduction":
        return change({ settings: { ...s, noiseReduction: setting.on } });
      case "even_volume":
        return change({ settings: { ...s, evenVolume: setting.on } });
      case "voice_quality":
        return change({ settings: { ...s, voiceQuality: setting.quality } });
      case "low_delay":
        return change({ settings: { ...s, lowDelay: setting.on } });
      case "place_voices":
        return change({ settings: { ...s, placeVoices: setting.on } });
      case "cover_traffic":
        return change({ settings: { ...s, coverTraffic: setting.on } });
      case "talk_key":
        return change({ settings: { ...s, talkKey: setting.does } });
      case "global_key":
        return change({ settings: { ...s, globalKey: setting.key, globalKeyState: setting.key === null ? { kind: "off" } : setting.key === "pause" ? { kind: "unavailable" } : { kind: "works", shown: null } } });
      case "relay":
        return change({ relay: { address: setting.address || null } });
    }
  }

  function run(command: Command): Reply {
    switch (command.kind) {
      case "set_name":
        change({ displayName: command.name });
        break;
      case "finish_first_run":
        change({ firstRunDone: true });
        break;
      case "read_link": {
        const device = command.link.startsWith("standfast-device:") ? { from: fingerprint("ines"), withCode: !command.link.includes("..") } : null;
        if (!device && !command.link.startsWith("standfast://")) refuse("link_foreign");
        if (command.link.length < 40) refuse("link_incomplete");
        return {
          kind: "link",
          preview: { link: command.link, relay: "relay.example", organizer: fingerprint("leo"), organizerName: stretched("Leo", query.get("names")), organizerTrust: "not_verified", standup: null, device },
        };
      }
      case "create_standup": {
        const id = `s${view.standups.length + 1}`;
        const standup = { id, title: command.title, link: LINK, organizer: true, organizerName: view.displayName, relay: command.relay ?? "192.0.2.7:7440", relayReach: "reachable" as const, nextAtMs: null, lastMetMs: null, passphrase: remembered(command.passphrase), members: [] };
        change({ standups: [...view.standups, standup] });
        return { kind: "standup", id };
      }
      case "choose_passphrase":
        keepPassphrase(command.id, remembered(command.passphrase));
        break;
      case "forget_passphrase":
        keepPassphrase(command.id, "asked");
        break;
      case "give_passphrase":
        if (command.passphrase?.text === "wrong") refuse("passphrase_other");
        break;
      case "forget_standup":
        change({ standups: view.standups.filter((s) => s.id !== command.id) });
        break;
      case "join":
        if (command.code !== undefined && command.code.replace(/[\s-]/g, "").length !== 16) refuse("pairing_code_wrong");
        change({ meeting: sample(view.meeting ? "meeting" : "alone").meeting });
        break;
      case "leave":
      case "end_for_all":
        meeting({ phase: { kind: "ended", atMs: Date.now(), erasedAtMs: Date.now(), why: command.kind === "end_for_all" ? "ended" : "left" } });
        break;
      case "dismiss_meeting":
        change({ meeting: null });
        break;
      case "set_muted":
        meeting({ microphone: { kind: command.muted ? "muted" : "open" } });
        break;
      case "verify":
        setTrust(command.fingerprint, "verified");
        break;
      case "withdraw":
        setTrust(command.fingerprint, "not_verified");
        break;
      case "admit":
        admit(command.request);
        break;
      case "keep_out":
        meeting({ lobby: view.meeting?.lobby.filter((e) => e.id !== command.request) ?? [] });
        break;
      case "remove": {
        const now = view.meeting;
        const gone = now?.members.find((m) => m.idx === command.idx);
        if (!now || !gone) return refuse("gone");
        meeting({
          members: now.members.map((m) => (m.idx === command.idx ? { ...m, presence: "leaving" } : m)),
          removed: [...now.removed, { name: gone.name, fingerprint: gone.fingerprint }],
          pending: { number: (now.epoch?.number ?? 0) + 1, reason: { kind: "removed", name: gone.name, by: view.displayName }, leavers: [gone.name], confirmed: 1, members: now.members.length - 1 },
        });
        break;
      }
      case "readmit":
        meeting({ removed: view.meeting?.removed.filter((r) => r.fingerprint.id !== command.fingerprint) ?? [] });
        break;
      case "set_deputy":
        meeting({ members: view.meeting?.members.map((m) => (m.idx === command.idx ? { ...m, deputy: command.on } : m)) ?? [] });
        break;
      case "open_meeting":
        meeting({ phase: { kind: "live" } });
        break;
      case "set_locked":
        meeting({ locked: command.locked });
        break;
      case "own_bot":
      case "disown_bot":
        meeting({ lobby: view.meeting?.lobby.map((e) => (e.id === command.request ? { ...e, owned: command.kind === "own_bot", asksMe: false } : e)) ?? [] });
        break;
      case "look_after_bot":
        meeting({ members: view.meeting?.members.map((m) => (m.idx === command.idx ? { ...m, standby: true } : m)) ?? [] });
        break;
      case "set_on_record":
        meeting({ members: view.meeting?.members.map((m) => (m.idx === command.idx ? { ...m, presence: command.on ? "in" : "off", confirmed: command.on } : m)) ?? [] });
        break;
      case "offer_device":
        meeting({ device: view.meeting?.device ?? { code: "7K3M-Q4WZ-9F2T-B6XR", qr: DEVICE_LINK.replace("..", ".7K3M-Q4WZ-9F2T-B6XR."), link: DEVICE_LINK, untilMs: Date.now() + 114_000, request: null } });
        break;
      case "withdraw_device":
        meeting({ device: null });
        break;
      case "vouch":
        meeting({ device: null });
        break;
      case "split_read":
        if (view.meeting?.split) meeting({ split: { ...view.meeting.split, read: true } });
        break;
      case "set_volume":
        meeting({ members: view.meeting?.members.map((m) => (m.idx === command.idx ? { ...m, volume: command.percent } : m)) ?? [] });
        break;
      case "set_muted_here":
        meeting({ members: view.meeting?.members.map((m) => (m.idx === command.idx ? { ...m, mutedHere: command.muted } : m)) ?? [] });
        break;
      case "host_here":
        change({ hostHere: command.on ? { kind: "running", address: "192.0.2.7:7440", connections: 0 } : { kind: "off" } });
        break;
      case "set":
        set(command.setting);
        break;
      case "test_microphone":
        if (!view.meeting) change({ microphoneTest: command.on ? { kind: "running", sinceMs: Date.now(), silent: false } : { kind: "off" } });
        break;
      case "read_journal":
        return { kind: "journal", journal: command.meeting === "m2" ? { ...JOURNAL, chain: null, rows: [] } : stretched(JOURNAL, query.get("names")) };
      case "export_journal":
        return { kind: "saved", path: `/home/ines/Documents/harbour-team.${command.form === "json" ? "json" : "md"}` };
      case "talk_key":
        if (view.meeting?.microphone.kind === "open" || view.meeting?.microphone.kind === "muted") meeting({ microphone: { kind: command.down ? "open" : "muted" } });
        break;
      case "start_spoken_code":
        meeting({ spoken: { kind: "running", have: 3, of: 5 } });
        break;
      default:
        break;
    }
    return { kind: "done" };
  }

  function levels(at: number): void {
    const wave = still ? 0.58 : 0.5 + 0.35 * Math.sin(at / 210) * Math.sin(at / 1700);
    const members = (view.meeting?.members ?? []).filter((m) => m.speaking).map((m) => ({ idx: m.idx, level: wave }));
    take({ kind: "levels", levels: { microphone: wave, members } });
  }

  function figures(at: number): void {
    const of = (idx: number) => ({ idx, delayMs: 24 + 6 * (idx % 3) + 5 * Math.sin(at / 9 + idx), targetMs: 20 + 5 * (idx % 3), lost: Math.max(0, 1.6 * Math.sin(at / 14 + idx)), repaired: Math.max(0, 1.5 * Math.sin(at / 14 + idx)), concealedMs: idx % 4 === 0 ? 240 : 0 });
    const from = (view.meeting?.members ?? []).filter((m) => !m.me && m.presence === "in").map((m) => of(m.idx));
    take({ kind: "sound", figures: { atMs: Date.now(), rttMs: 24 + Math.round(7 * Math.sin(at / 6)), bitrate: 24_000, copies: 1, lostOfMine: Math.max(0, 1.2 * Math.sin(at / 20)), cpu: 2.8, dropouts: 0, from } });
  }

  return {
    async send(command) {
      await Promise.resolve(); // as asynchronous as the real one
      return run(command);
    },
    async subscribe(to) {
      take = to;
      take({ kind: "snapshot", view });
      levels(0);
      if (view.meeting) Array.from({ length: 120 }, (_, at) => figures(at));
      if (!still) setInterval(() => levels(performance.now()), 50);
      if (!still) setInterval(() => view.meeting && figures(120 + performance.now() / 1000), 1000);
    },
  };
}
