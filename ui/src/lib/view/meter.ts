/** Levels as words and steps. */
import { w } from "$lib/words";

export type LevelWord = keyof typeof w.microphone.words;

/** Thresholds on the display scale, 0 to 1. */
export function levelWord(level: number): LevelWord {
  if (level < 0.03) return "nothing";
  if (level < 0.2) return "quiet";
  return level > 0.95 ? "loud" : "good";
}

/** The loudest of the last seconds decides the word, so that it does not change with each syllable. */
export class Peak {
  private seen: { at: number; level: number }[] = [];

  constructor(private readonly windowMs = 2500) {}

  push(level: number, at: number): number {
    this.seen = this.seen.filter((s) => at - s.at < this.windowMs);
    this.seen.push({ at, level });
    return Math.max(...this.seen.map((s) => s.level));
  }
}

export const clamp = (level: number) => Math.min(1, Math.max(0, level));
