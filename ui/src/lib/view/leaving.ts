/** What happens when this device leaves, and whether that is asked about first. */
import type { MeetingView } from "$lib/ipc/bindings";
import { othersHere } from "./people";

export interface Leaving {
  /** Members leave at once; who may end the meeting is asked, unless no other person is there. */
  asks: boolean;
  /** Nobody would look after the key: leaving ends the meeting for everyone. */
  ends: boolean;
  /** Who looks after the key then, if it is known. */
  next: string | null;
}

export function leaving(meeting: MeetingView): Leaving {
  const { rights, heartbeat, successor } = meeting;
  const others = othersHere(meeting).some((m) => m.role === "person");
  const here = heartbeat?.here ?? false;
  return {
    asks: rights.end && others,
    ends: rights.end && here && successor === null,
    next: here ? successor : (heartbeat?.generator ?? null),
  };
}
