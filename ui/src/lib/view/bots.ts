/** What is said about bots, and who may do what with them. */
import type { LobbyEntry, MeetingView, MemberView, Rights } from "$lib/ipc/bindings";
import { w } from "$lib/words";

export type Record = {
  /** It holds the key. */
  on: boolean;
  /** This user may change it: off by a host or the owner, on by a host. */
  mayChange: boolean;
};

/** A bot's record chip; people have none. */
export function record(member: MemberView, rights: Rights): Record | null {
  if (member.role !== "bot") return null;
  const on = member.presence !== "off";
  return { on, mayChange: member.presence !== "leaving" && (rights.host || (on && (member.owner?.me ?? false))) };
}

/** Somebody else brings it, and this user is not on standby for it yet. */
export const mayLookAfter = (member: MemberView) => member.role === "bot" && member.owner !== null && !member.owner.me && !member.standby;

/** Bots that go with their leaving owner, unless somebody looks after them. */
export function losingOwner(meeting: MeetingView): MemberView[] {
  const leaving = new Set(meeting.members.filter((m) => m.presence === "leaving").map((m) => m.name));
  return meeting.members.filter((m) => mayLookAfter(m) && leaving.has(m.owner?.name ?? "") && m.presence !== "leaving");
}

/** What the lobby says about a bot; nothing about people. */
export function lobbySentence(entry: LobbyEntry): string | null {
  if (entry.role !== "bot" || entry.owner === null) return null;
  const { name, owner } = entry;
  if (entry.asksMe) return w.lobby.botAsks(name);
  if (!entry.owned) return w.lobby.botUnowned(name, owner.name);
  return owner.me ? w.lobby.botYours(name) : w.lobby.bot(name, owner.name);
}

/** Nobody can let a bot in that no member answers for. */
export const admissible = (entry: LobbyEntry) => entry.role === "person" || entry.owned;
