/** What is said between Join and being live. */
import type { MeetingPhase } from "$lib/ipc/bindings";
import { w } from "$lib/words";

export interface Entering {
  title: string;
  text: string;
  /** There is nothing more to wait for. */
  over: boolean;
}

export function entering(phase: MeetingPhase, asNewDevice = false): Entering {
  const p = w.prejoin;
  if (asNewDevice && phase.kind === "lobby") return { title: w.device.waitTitle, text: w.device.waitText, over: false };
  switch (phase.kind) {
    case "waiting":
      return { title: p.waiting(phase.forName), text: phase.mayOpen ? p.mayOpenHint : p.waitingHint, over: false };
    case "lobby":
      return { title: p.lobbyTitle, text: p.lobby(phase.organizer), over: false };
    case "removed_before":
      return { title: p.removedTitle, text: p.removed(phase.organizer), over: false };
    case "refused":
      return { title: p.refused(phase.by), text: "", over: true };
    case "locked":
      return { title: p.locked, text: p.lockedHint, over: true };
    case "passphrase":
      return phase.given
        ? { title: w.passphrase.wrong, text: w.passphrase.wrongHint, over: true }
        : { title: w.passphrase.missing, text: w.passphrase.missingHint, over: true };
    default:
      return { title: p.connecting, text: p.connectingHint, over: false };
  }
}
