import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { showHints } from "./hints";
import { toasts } from "./toasts.svelte";

const texts = () => toasts.list.map((toast) => toast.text);
const dead = { kind: "dead_microphone", device: "Built-in" } as const;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  showHints([]);
  for (const { id } of toasts.list) toasts.drop(id);
  vi.useRealTimers();
});

describe("hints", () => {
  it("are told once, and taken away when they no longer hold", () => {
    showHints([dead]);
    showHints([dead]);
    expect(texts()).toEqual(["No sound comes from Built-in."]);
    showHints([]);
    expect(texts()).toEqual([]);
    showHints([dead]);
    expect(texts()).toHaveLength(1);
  });

  it("stay while somebody is at them", () => {
    showHints([dead]);
    const id = toasts.list[0]?.id ?? -1;
    toasts.hold(id);
    showHints([]);
    expect(texts()).toHaveLength(1);
    toasts.release(id);
    vi.advanceTimersByTime(6000);
    expect(texts()).toEqual([]);
  });

  it("leave the button to unmute through the pauses of speech", () => {
    showHints([{ kind: "talking_while_muted" }]);
    showHints([]);
    expect(texts()).toHaveLength(1);
  });
});
