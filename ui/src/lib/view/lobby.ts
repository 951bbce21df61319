/** The lobby's order: alarms first, then by waiting time. */
import type { LobbyEntry } from "$lib/ipc/bindings";

export const ordered = (lobby: LobbyEntry[]) =>
  lobby.toSorted((a, b) => Number(b.trust === "key_changed") - Number(a.trust === "key_changed") || a.sinceMs - b.sinceMs);
