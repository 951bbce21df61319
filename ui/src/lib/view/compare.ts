/** Whose key is compared: at the door, in the meeting, or among the contacts. */
import type { AppView, Fingerprint, Trust } from "$lib/ipc/bindings";

export interface Compared {
  fingerprint: Fingerprint;
  trust: Trust;
  firstMetMs: number | null;
  /** The lobby entry, if the person is still at the door. */
  request: string | null;
  /** Place in the list that it came from, for the tint. */
  place: number;
}

export function whoHas(view: AppView, fingerprint: string): Compared | null {
  const lobby = view.meeting?.lobby ?? [];
  const door = lobby.findIndex((entry) => entry.fingerprint.id === fingerprint);
  const asking = lobby[door];
  if (asking) return { fingerprint: asking.fingerprint, trust: asking.trust, firstMetMs: null, request: asking.id, place: door };

  const member = view.meeting?.members.find((m) => m.fingerprint.id === fingerprint);
  if (member) return { fingerprint: member.fingerprint, trust: member.trust, firstMetMs: member.firstMetMs, request: null, place: member.idx };

  const at = view.contacts.findIndex((c) => c.fingerprint.id === fingerprint);
  const contact = view.contacts[at];
  if (!contact) return null;
  return { fingerprint: contact.fingerprint, trust: contact.trust, firstMetMs: contact.firstMetMs, request: null, place: at };
}
