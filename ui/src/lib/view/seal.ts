/** The seal: the epoch's number in a ring, one segment per member. */

const AROUND = 120;
const GAP = 3.2;
/** More members than this make one continuous arc. */
export const MAX_SEGMENTS = 16;

export type SealState = "normal" | "stale" | "split" | "closed" | "erased";

export interface Seal {
  state: SealState;
  number: number | null;
  confirmed: number;
  members: number;
}

export interface Rings {
  /** Dash array of the thin ring, or none. */
  open: string | null;
  /** Dash array of the thick ring, or none. */
  shut: string | null;
}

const fixed = (n: number) => String(Math.round(n * 100) / 100);

/** A dash array of `filled` out of `all` segments, from 12 o’clock. */
function segments(filled: number, all: number): string {
  const dash = AROUND / all - (all === 1 ? 0 : GAP);
  const gap = all === 1 ? 0 : GAP;
  const parts = Array.from({ length: filled }, () => [fixed(dash), fixed(gap)]).flat();
  if (filled === all) return parts.slice(0, 2).join(" ");
  parts[parts.length - 1] = String(AROUND);
  return parts.join(" ");
}

/** How the rings are drawn. Both circles have `pathLength` 120. */
export function rings({ state, confirmed, members }: Seal): Rings {
  const all = Math.max(1, members);
  const filled = Math.min(Math.max(0, confirmed), all);
  const whole = all > MAX_SEGMENTS ? null : segments(all, all);
  switch (state) {
    case "stale":
      return { open: null, shut: "0.01 6" };
    case "split":
      return { open: null, shut: null };
    case "closed":
    case "erased":
      return { open: whole ?? String(AROUND), shut: null };
    case "normal": {
      if (whole === null) return { open: String(AROUND), shut: filled === 0 ? null : `${fixed((AROUND * filled) / all)} ${AROUND}` };
      return { open: whole, shut: filled === 0 ? null : segments(filled, all) };
    }
  }
}
