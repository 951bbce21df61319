/** Shows each hint of the back end once, and takes it away when it no longer holds. */
import type { Command, DeviceKind, Hint } from "$lib/ipc/bindings";
import { w } from "$lib/words";
import { app } from "./app.svelte";
import { toasts } from "./toasts.svelte";

const shown = new Set<string>();

const ICONS = { microphone: "mic", speaker: "speaker" } as const;

function use(what: DeviceKind, id: string): Command {
  return { kind: what === "microphone" ? "choose_input" : "choose_output", device: { kind: "fixed", id } };
}

function show(hint: Hint, about: string): void {
  const choose = { label: w.hints.choose, run: () => app.go({ kind: "settings", page: "audio" }) };
  switch (hint.kind) {
    case "talking_while_muted":
      // Speech has pauses: the button is not taken away while somebody reaches for it.
      toasts.show({
        text: w.hints.talkingWhileMuted,
        icon: "mic-off",
        action: { label: w.meeting.unmute, run: () => void app.send({ kind: "set_muted", muted: false }) },
      });
      break;
    case "dead_microphone":
      toasts.show({ text: w.hints.deadMicrophone(hint.device), icon: "mic", about, action: choose });
      break;
    case "noisy_microphone":
      toasts.show({ text: w.hints.noisyMicrophone(hint.device), icon: "mic", about, action: choose });
      break;
    case "device_gone":
      toasts.show({
        text: hint.using === null ? w.hints.deviceGoneNone[hint.what] : w.hints.deviceGone(hint.device, hint.using),
        icon: ICONS[hint.what],
        about,
        action: choose,
      });
      break;
    case "device_busy":
      toasts.show({ text: w.hints.deviceBusy[hint.what], icon: ICONS[hint.what], about, action: choose });
      break;
    case "device_arrived":
      toasts.show({
        text: w.hints.deviceArrived(hint.device.name),
        icon: ICONS[hint.what],
        about,
        action: { label: w.hints.use, run: () => void app.send(use(hint.what, hint.device.id)) },
      });
      break;
    case "relay_limited":
      toasts.show({ text: w.hints.relayLimited, icon: "relay", about });
  }
}

export function showHints(hints: Hint[]): void {
  const now = new Map(hints.map((hint) => [JSON.stringify(hint), hint]));
  for (const old of shown) {
    if (now.has(old)) continue;
    shown.delete(old);
    toasts.settle(old);
  }
  for (const [about, hint] of now) {
    if (shown.has(about)) continue;
    shown.add(about);
    show(hint, about);
  }
}

const greeted = new Set<string>();

/** A new request is a toast, never a dialog. */
export function showLobby(entries: { id: string; name: string }[]): void {
  const looking = app.screen.kind === "lobby";
  const here = new Set(entries.map((entry) => entry.id));
  for (const old of greeted) {
    if (looking || !here.has(old)) toasts.settle(old);
    if (!here.has(old)) greeted.delete(old);
  }
  for (const entry of entries.filter((e) => !greeted.has(e.id))) {
    greeted.add(entry.id);
    if (looking) continue;
    const action = { label: w.meeting.look, run: () => app.go({ kind: "lobby" }) };
    toasts.show({ text: w.lobby.cameIn(entry.name), icon: "user", about: entry.id, action });
  }
}

const SPOKEN = "spoken code";
let said: string | null = null;

/** A code that somebody started is there: a toast leads to it, unless it is looked at. */
export function showSpoken(words: string[] | null): void {
  const now = words?.join(" ") ?? null;
  if (app.comparing) toasts.settle(SPOKEN);
  if (now === said) return;
  said = now;
  toasts.settle(SPOKEN);
  if (now === null || app.comparing) return;
  toasts.show({ text: w.spoken.toast, icon: "info", about: SPOKEN, action: { label: w.meeting.look, run: () => (app.comparing = true) } });
}
