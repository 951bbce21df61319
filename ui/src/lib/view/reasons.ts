/** Why a key was made, in the fixed sentences. */
import type { KeyReason } from "$lib/ipc/bindings";
import { w } from "$lib/words";

export function reason(why: KeyReason): string {
  const r = w.reason;
  switch (why.kind) {
    case "started":
      return r.started;
    case "joined":
      return r.joined(w.list(why.names));
    case "left":
      return r.left(w.list(why.names));
    case "dropped":
      return r.dropped(w.list(why.names), why.names.length > 1);
    case "back":
      return r.back(why.name);
    case "removed":
      return r.removed(why.name, why.by);
    case "invitations_expired":
      return r.invitationsExpired(w.list(why.names));
    case "bot_admitted":
      return r.botAdmitted(why.name, why.by);
    case "off_record":
      return r.offRecord(why.name);
    case "on_record":
      return r.onRecord(why.name);
    case "timer":
      return r.timer(why.minutes);
    case "requested":
      return r.requested(why.by);
    case "device_changed":
      return r.deviceChanged(why.name);
    case "takeover":
      return r.takeover(why.name);
    case "split_healed":
      return r.splitHealed;
  }
}

/** After "New key:", where "New key by Ines" would say it twice. */
export const reasonAfterNewKey = (why: KeyReason) => (why.kind === "requested" ? w.reason.requestedShort(why.by) : reason(why));
