/** What the figures of the sound look like. */
import type { MemberView, SoundFigures, SoundFrom } from "$lib/ipc/bindings";

/** Plots are drawn in this box. */
export const PLOT = { width: 240, height: 48 };

/** A line through the values, the newest at the right edge, `most` at the top. Null where there is none. */
export function line(values: (number | null)[], most: number, places: number): string {
  const step = PLOT.width / Math.max(1, places - 1);
  const first = places - values.length;
  let path = "";
  let drawing = false;
  values.forEach((value, at) => {
    if (value === null) return void (drawing = false);
    const x = ((first + at) * step).toFixed(1);
    const y = (PLOT.height - (Math.min(value, most) / most) * PLOT.height).toFixed(1);
    path += `${drawing ? "L" : "M"}${x} ${y}`;
    drawing = true;
  });
  return path;
}

/** A round number at or above the largest value, so that the scale seldom jumps. */
export function scale(values: (number | null)[], least: number): number {
  const largest = Math.max(least, ...values.map((value) => value ?? 0));
  const power = 10 ** Math.floor(Math.log10(largest));
  return ([1, 2, 5, 10].find((step) => step * power >= largest) ?? 10) * power;
}

export const of = (figures: SoundFigures, idx: number): SoundFrom | null => figures.from.find((from) => from.idx === idx) ?? null;

/** The worst of everyone, for one line over the meeting. */
export const worst = (figures: SoundFigures, pick: (from: SoundFrom) => number): number | null =>
  figures.from.length === 0 ? null : Math.max(...figures.from.map(pick));

/** Rows of the table: those of whom sound came, in the order of their places. */
export function rows(figures: SoundFigures | null, members: MemberView[]): { member: MemberView; from: SoundFrom }[] {
  return members.flatMap((member) => {
    const from = figures && of(figures, member.idx);
    return from && !member.me ? [{ member, from }] : [];
  });
}
