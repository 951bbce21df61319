/** What a standup is called here. Who came by link knows its organizer before its title. */
import type { MeetingView, Standup } from "$lib/ipc/bindings";
import { w } from "$lib/words";

function named(title: string, organizer: string | null): string {
  if (title !== "" && title !== organizer) return title;
  return organizer ? w.meeting.titleOf(organizer) : w.meeting.untitled;
}

export const titleOf = (meeting: MeetingView) => named(meeting.title, meeting.organizerName);

export const standupTitle = (standup: Standup) => named(standup.title, standup.organizer ? null : standup.organizerName);
