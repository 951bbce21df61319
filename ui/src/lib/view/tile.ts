/** What a participant's tile says in its corners and under its name. */
import type { MemberView, MeetingView } from "$lib/ipc/bindings";
import { w } from "$lib/words";

export interface Corner {
  text: string;
  tone: "plain" | "now" | "waiting";
}

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
  if (member.role === "bot" && member.owner !== null) return { text: w.meeting.botOf(member.owner), tone: "plain" };
  return null;
}

/** The microphone’s words for a screen reader. */
export function microphoneWords(member: MemberView): string {
  if (member.presence === "invited") return w.meeting.invitedHint;
  if (member.role === "bot") return w.meeting.listensOnly;
  return member.muted ? w.meeting.micOff : w.meeting.micOn;
}

