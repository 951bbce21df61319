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

export interface Detail {
  label: string;
  text: string;
}

const inUse = ({ inUseAtMs, retiredAtMs, phase }: TimelineEntry): string => {
  if (inUseAtMs === null) return phase === "erased" ? w.timeline.never : w.timeline.notYet;
  const from = clock(inUseAtMs);
  return retiredAtMs === null ? w.timeline.since(from) : w.timeline.fromTo(from, clock(retiredAtMs));
};

const erased = ({ erasedAtMs, phase }: TimelineEntry, now: number): string => {
  if (erasedAtMs === null) return w.timeline.notYet;
  return phase === "retiring" ? w.timeline.inSeconds(Math.max(1, Math.ceil((erasedAtMs - now) / 1000))) : clock(erasedAtMs);
};

/** Everything about one epoch: who made it, who got it, who confirmed and when, how long it was used. */
export function details(entry: TimelineEntry, now: number): Detail[] {
  const { madeHere, madeBy, sharedWith, confirmations, confirmed, members } = entry;
  const t = w.timeline;
  const acks = confirmations.map((c) => t.at(c.name, clock(c.atMs))).join(", ");
  return [
    { label: t.made, text: madeHere ? t.thisDevice : t.device(madeBy) },
    { label: t.sharedWith, text: sharedWith.length > 0 ? w.list(sharedWith) : t.nobodyElse },
    { label: t.confirmedBy, text: acks || (confirmed > 0 ? t.counted(confirmed, members) : t.nobodyYet) },
    { label: t.inUse, text: inUse(entry) },
    { label: t.erased, text: erased(entry, now) },
  ];
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
