/** Which screen is shown: decided by the snapshot first, by the user's way second. */
import type { AppView } from "$lib/ipc/bindings";

export type SettingsPage = "you" | "audio" | "appearance" | "relay" | "shortcuts" | "about";

/** Where the user went by hand. The last one is shown. */
export type Place =
  | { kind: "standup"; id: string }
  | { kind: "link"; link: string }
  | { kind: "compare"; fingerprint: string; name: string }
  | { kind: "settings"; page: SettingsPage }
  | { kind: "lobby" }
  | { kind: "protects" }
  | { kind: "journal"; meeting: string | null; title: string };

export type Screen =
  | { kind: "starting" }
  | { kind: "keychain" }
  | { kind: "first_run" }
  | { kind: "home" }
  | { kind: "entering" }
  | { kind: "meeting" }
  | { kind: "ended" }
  | Place;

const OUTSIDE_ONLY = new Set<Place["kind"]>(["standup", "link"]);
const AFTER = new Set<Place["kind"]>(["compare", "settings", "journal"]);
const INSIDE_ONLY = new Set<Place["kind"]>(["lobby"]);

export function screen(view: AppView | null, way: Place[]): Screen {
  if (view === null) return { kind: "starting" };
  if (view.identity.kind === "trouble") return { kind: "keychain" };
  if (!view.firstRunDone) return { kind: "first_run" };
  if (view.identity.kind === "making") return { kind: "starting" };
  const place = way[way.length - 1];
  const phase = view.meeting?.phase.kind;
  if (phase === undefined) return place && !INSIDE_ONLY.has(place.kind) ? place : { kind: "home" };
  if (phase === "ended") return place && AFTER.has(place.kind) ? place : { kind: "ended" };
  if (phase !== "live" && phase !== "reconnecting") return place?.kind === "settings" ? place : { kind: "entering" };
  return place && !OUTSIDE_ONLY.has(place.kind) ? place : { kind: "meeting" };
}

/** The meeting's frame (security line, mute button) stays around everything that is opened inside it. */
export const inMeeting = (view: AppView | null) =>
  view?.meeting?.phase.kind === "live" || view?.meeting?.phase.kind === "reconnecting";
