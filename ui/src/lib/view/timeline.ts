/** The key timeline's second lines and the four-part bar. */
import type { KeyPhase, TimelineEntry } from "$lib/ipc/bindings";
import { w } from "$lib/words";
import { clock } from "./times";

export type BarPart = { phase: "made" | "shared" | "in_use" | "erased"; state: "done" | "now" | "open" };

const BAR = ["made", "shared", "in_use", "erased"] as const;
const REACHED: Record<KeyPhase, number> = { made: 0, shared: 1, in_use: 2, retiring: 2, erased: 3 };

/** The four phases; the one reached is "now". */
export function bar(phase: KeyPhase): BarPart[] {
  const reached = REACHED[phase];
  return BAR.map((part, at) => ({ phase: part, state: at < reached ? "done" : at === reached ? "now" : "open" }));
}

/** The newest entry that is not over carries the bar. */
export const isCurrent = (entry: TimelineEntry) => entry.phase !== "retiring" && entry.phase !== "erased";

export function how(entry: TimelineEntry, now: number): string {
  const { confirmed, members, phase, erasedAtMs } = entry;
  if (isCurrent(entry)) {
    const device = entry.madeHere ? w.common.thisDevice : w.timeline.device(entry.madeBy);
    return w.timeline.madeBy(device, w.timeline.confirmedIn(confirmed, members));
  }
  const line = w.timeline.confirmed(confirmed, members);
  if (erasedAtMs === null) return line;
  if (phase === "retiring") return `${line}. ${w.timeline.erasedIn(Math.max(1, Math.ceil((erasedAtMs - now) / 1000)))}`;
  return `${line}. ${w.timeline.erasedAt(clock(erasedAtMs))}`;
}
