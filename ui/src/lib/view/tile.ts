/** What a participant's tile says in its corners and under its name. */
import type { MemberView, MeetingView, OwnerView, Rights } from "$lib/ipc/bindings";
import { w } from "$lib/words";

export interface Corner {
  text: string;
  tone: "plain" | "now" | "waiting";
}

const botOf = (owner: OwnerView) => (owner.me ? w.meeting.yourBot : w.meeting.botOf(owner.name));

/** Corner start: presence first, because it says who hears; speaking after it. */
export function startCorner(member: MemberView, phase: MeetingView["phase"]): Corner | null {
  if (phase.kind === "reconnecting" && !member.me) return { text: w.meeting.reconnecting, tone: "waiting" };
  switch (member.presence) {
    case "joining":
      return { text: w.meeting.joining, tone: "waiting" };
    case "leaving":
      return { text: w.meeting.leaving, tone: "waiting" };
    case "invited":
      return { text: w.meeting.invited, tone: "waiting" };
    case "reconnecting":
      return { text: w.meeting.reconnecting, tone: "waiting" };
    case "in":
    case "off":
      break;
  }
  if (member.speaking) return { text: w.meeting.speaking, tone: "now" };
  if (member.mutedHere) return { text: w.meeting.mutedHere, tone: "plain" };
  if (member.role === "bot" && member.owner !== null) return { text: botOf(member.owner), tone: "plain" };
  return null;
}

/** The microphone’s words for a screen reader. */
export function microphoneWords(member: MemberView): string {
  if (member.presence === "invited") return w.meeting.invitedHint;
  if (member.role === "bot") return w.meeting.listensOnly;
  return member.muted ? w.meeting.micOff : w.meeting.micOn;
}

/** Everything that the tile shows, for whoever hears it instead. */
export function tileLabel(member: MemberView, phase: MeetingView["phase"]): string {
  const name = member.me ? `${member.name} ${w.common.you}` : member.name;
  const known = member.me ? (member.organizer ? w.meeting.thisDeviceOrganizer : w.meeting.thisDevice) : w.trust[member.trust];
  const chip = member.role === "bot" ? (member.presence === "off" ? w.meeting.offRecord : w.meeting.onRecord) : null;
  return [name, startCorner(member, phase)?.text, known, chip, microphoneWords(member)].filter(Boolean).join(", ");
}

/** The organizer stays; who is leaving need not be removed. */
export const removable = (member: MemberView, rights: Rights) =>
  rights.host && !member.me && !member.organizer && member.presence !== "leaving";

/** Who vouched for somebody's new device. */
export function vouched(member: MemberView): string | null {
  if (member.replaces === null) return null;
  return member.replaces === member.name ? w.person.sameNewDevice(member.name) : w.person.vouchedBy(member.replaces);
}
