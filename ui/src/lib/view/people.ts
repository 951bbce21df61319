/** Who is there: counts, names and the order of tints. */
import type { MeetingView, MemberView } from "$lib/ipc/bindings";
import { w } from "$lib/words";

const TINTS = ["clay", "sky", "moss", "plum", "sand", "slate"] as const;
export type Tint = (typeof TINTS)[number];

/** A decoration by place in a list. Never from a key: it must not look like a sign of identity. */
export const tint = (place: number): Tint => TINTS[Math.abs(place) % TINTS.length] ?? "slate";

/** The first letter of a name, as shown in the avatar. */
export const initial = (name: string) => [...name.trim()][0]?.toLocaleUpperCase() ?? "?";

/** `5 people, 1 bot`: everyone on the roster. */
export function counted(members: MemberView[]): string {
  const bots = members.filter((m) => m.role === "bot").length;
  return w.people(members.length - bots, bots);
}

/** Those on the roster who hold the key and have not confirmed, this device left out. */
export const unconfirmed = (members: MemberView[]) => members.filter((m) => !m.confirmed && !m.me && holdsKey(m));

/** Whoever is on the roster holds the key, except a bot off the record. */
export const holdsKey = (m: MemberView) => m.presence !== "off";

export const me = (meeting: MeetingView) => meeting.members.find((m) => m.me) ?? null;
/** Others that are really there: not only invited, not leaving. */
export const othersHere = (meeting: MeetingView) =>
  meeting.members.filter((m) => !m.me && m.presence !== "invited" && m.presence !== "leaving");

/** At most three rings at a time; roster order decides, so that they do not jump. */
export const MAX_RINGS = 3;
export const ringed = (members: MemberView[]) =>
  new Set(members.filter((m) => m.speaking).slice(0, MAX_RINGS).map((m) => m.idx));
