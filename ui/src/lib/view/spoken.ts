/** The spoken code: what its part of the dialog shows. */
import type { MeetingView, MemberView, Spoken } from "$lib/ipc/bindings";

/** The three words, while they are there. */
export const spokenWords = (spoken: Spoken | null): string[] | null => (spoken?.kind === "code" ? spoken.words : null);

/** With whom fingerprints are to be compared when there is no code to say: those never compared. */
export const toCompare = (meeting: MeetingView): MemberView[] =>
  meeting.members.filter((m) => !m.me && m.trust !== "verified" && m.presence !== "leaving");
