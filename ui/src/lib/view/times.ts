/** Ages, clock times and lengths, as the UI says them. */
import { w } from "$lib/words";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const formats = {
  second: new Intl.DateTimeFormat(w.time.locale, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }),
  minute: new Intl.DateTimeFormat(w.time.locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
  date: new Intl.DateTimeFormat(w.time.locale, { day: "numeric", month: "long" }),
  weekday: new Intl.DateTimeFormat(w.time.locale, { weekday: "long" }),
};

/** `4 s`, `2 min`, `3 h`: seconds below 60, then minutes. Never negative. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND));
  if (seconds < 60) return w.time.seconds(seconds);
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? w.time.minutes(minutes) : w.time.hours(Math.floor(minutes / 60));
}

/** Whole seconds since then, never negative. */
export const secondsSince = (then: number, now: number) => Math.max(0, Math.floor((now - then) / SECOND));

/** `4:16`, or `1:02:05` from an hour on. */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `09:34:12` */
export const clock = (ms: number) => formats.second.format(ms);
/** `09:34` */
export const hourMinute = (ms: number) => formats.minute.format(ms);
/** `3 March` */
export const date = (ms: number) => formats.date.format(ms);
/** `Thursday` */
export const weekday = (ms: number) => formats.weekday.format(ms);

const dayNumber = (ms: number) => {
  const day = new Date(ms);
  return Math.round(Date.UTC(day.getFullYear(), day.getMonth(), day.getDate()) / DAY);
};

/** `Today`, `Yesterday`, `Tomorrow`, a weekday within six days, else the date. */
export function day(ms: number, now: number): string {
  const away = dayNumber(ms) - dayNumber(now);
  if (away === 0) return w.time.today;
  if (away === 1) return w.time.tomorrow;
  if (away === -1) return w.time.yesterday;
  return Math.abs(away) < 7 ? weekday(ms) : date(ms);
}

/** The part of the day that a greeting names. */
export function partOfDay(now: number): "morning" | "afternoon" | "evening" {
  const hour = new Date(now).getHours();
  return hour < 12 ? "morning" : hour < 18 ? "afternoon" : "evening";
}
