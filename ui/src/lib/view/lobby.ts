/** The lobby's order: alarms first, then by waiting time. */
import type { LobbyEntry } from "$lib/ipc/bindings";
import { w } from "$lib/words";

export const ordered = (lobby: LobbyEntry[]) =>
  lobby.toSorted((a, b) => Number(b.trust === "key_changed") - Number(a.trust === "key_changed") || a.sinceMs - b.sinceMs);

export function lobbyTitle(lobby: LobbyEntry[]): string {
  const bots = lobby.filter((entry) => entry.role === "bot").length;
  const people = lobby.length - bots;
  if (lobby.length === 0) return w.lobby.empty;
  if (bots === 0) return w.lobby.title(people);
  return people === 0 ? w.lobby.titleBots(bots) : w.lobby.titleMixed(people, bots);
}
