/** Home's sentences about standups. */
import type { Standup } from "$lib/ipc/bindings";
import { w } from "$lib/words";
import { age, day, hourMinute } from "./times";

const MINUTE = 60_000;

export function homeLine(standups: Standup[], now: number): string {
  if (standups.length === 0) return w.home.empty;
  const today = standups.filter((s) => s.nextAtMs !== null && day(s.nextAtMs, now) === w.time.today).length;
  return today > 0 ? w.home.standupsToday(today) : w.home.standups(standups.length);
}

/** When it is: its time if it has one, else when it last met. */
export function when(standup: Standup, now: number): string {
  const { nextAtMs, lastMetMs } = standup;
  if (nextAtMs !== null) {
    const away = nextAtMs - now;
    if (away <= -MINUTE) return w.time.startedAgo(age(-away));
    const soon = away < 60 * MINUTE ? `, ${w.time.inMinutes(Math.max(1, Math.round(away / MINUTE)))}` : "";
    return `${day(nextAtMs, now)} ${hourMinute(nextAtMs)}${soon}`;
  }
  return lastMetMs === null ? w.home.never : w.home.lastMet(`${lower(day(lastMetMs, now))} ${hourMinute(lastMetMs)}`);
}

/** `Today` and `Yesterday` within a sentence. */
const lower = (word: string) =>
  word === w.time.today || word === w.time.yesterday ? word.toLocaleLowerCase() : word;

export function present(standup: Standup): string {
  const names = standup.members.filter((m) => m.present).map((m) => m.name);
  return names.length === 0 ? "" : w.home.present(w.list(names), names.length);
}

/** Whose key waits already, and who gets it on joining. Only an organizer makes keys in advance. */
export function keyLine(standup: Standup): string {
  if (standup.members.length === 0 || !standup.organizer) return "";
  const waiting = standup.members.filter((m) => m.keyWaiting);
  const without = standup.members.filter((m) => !m.keyWaiting).map((m) => m.name);
  const first = waiting.length > 0 ? [w.home.keyWaiting(waiting.length)] : [];
  const second = without.length > 0 ? [w.home.keyOnJoining(w.list(without), without.length)] : [];
  return [...first, ...second].join(" ");
}

export function role(standup: Standup): string {
  if (standup.organizer) return w.home.yours;
  return standup.organizerName === null ? "" : w.home.organizedBy(standup.organizerName);
}
