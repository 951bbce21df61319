/** Where the focus was, so that it can come back after a screen was replaced. */
import { tick } from "svelte";

/** A selector of the focused element that survives a new rendering, or null. */
export function focusMark(): string | null {
  const at = document.activeElement;
  if (!(at instanceof HTMLElement) || at === document.body) return null;
  if (at.id) return `#${CSS.escape(at.id)}`;
  const mark = at.dataset.testid;
  if (!mark) return null;
  const same = [...document.querySelectorAll(`[data-testid="${CSS.escape(mark)}"]`)];
  return `${same.indexOf(at)}|[data-testid="${CSS.escape(mark)}"]`;
}

function find(mark: string): HTMLElement | null {
  const [, index, selector] = /^(?:(\d+)\|)?(.*)$/s.exec(mark) ?? [];
  return [...document.querySelectorAll<HTMLElement>(selector ?? "")][Number(index ?? 0)] ?? null;
}

let pending: string | null = null;

/** Asks for the focus to return once the next screen is there. */
export function returnFocus(mark: string): void {
  pending = mark;
}

/** Sets the focus of a new screen: where it was, else where the screen wants it, else its title. */
export async function settleFocus(): Promise<void> {
  await tick();
  const back = pending === null ? null : find(pending);
  pending = null;
  const goal = back ?? document.querySelector<HTMLElement>("[data-focus-first]:not([disabled])") ?? document.querySelector<HTMLElement>("h1");
  goal?.focus({ preventScroll: back === null });
}

/** The next landmark after the one that holds the focus. */
export function nextLandmark(backwards: boolean): void {
  const all = [...document.querySelectorAll<HTMLElement>("header.top, main, aside, footer.dock")].filter(
    (part) => part.getClientRects().length > 0,
  );
  const at = all.findIndex((part) => part.contains(document.activeElement));
  const goal = all[(at + (backwards ? -1 : 1) + all.length) % all.length];
  const inside = goal?.querySelector<HTMLElement>("button:not([disabled]), a[href], input, select, [tabindex='0']");
  (inside ?? goal)?.focus();
}
