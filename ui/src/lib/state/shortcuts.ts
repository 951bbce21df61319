/** The keyboard. No single letters; all with Ctrl, or ⌘ on a Mac. */
import { app } from "./app.svelte";
import { nextLandmark } from "./focus";

const CONTROLS = "button, input, select, textarea, a[href], summary, dialog, [role='slider']";
/** The talk key is down. What it does is a setting, which the other side knows. */
let held = false;
/** An up must not overtake its down, or a microphone stays open: each waits for the one before. */
let before: Promise<unknown> = Promise.resolve();

const dialogOpen = () => document.querySelector("dialog[open]") !== null;
const onControl = (target: EventTarget | null) => target instanceof Element && target.closest(CONTROLS) !== null;

function toggleMute(): void {
  const kind = app.meeting?.microphone.kind;
  if (app.inMeeting && (kind === "open" || kind === "muted")) void app.send({ kind: "set_muted", muted: kind === "open" });
}

function talkKey(down: boolean): void {
  if (held === down || (down && !app.inMeeting)) return;
  held = down;
  before = before.then(() => app.send({ kind: "talk_key", down }));
}

/** Runs what belongs to a key, and says whether there was something. */
function run(event: KeyboardEvent): boolean {
  const chord = event.ctrlKey || event.metaKey;
  if (event.key === "F6") return nextLandmark(event.shiftKey), true;
  if (dialogOpen()) return false;
  if (event.key === "Escape") {
    if (app.drawer && app.inMeeting) app.drawer = false;
    else if (app.canGoBack) app.back();
    else return false;
    return true;
  }
  if (event.key === " " && !chord && !onControl(event.target)) return talkKey(true), app.inMeeting;
  if (!chord) return false;
  const key = event.key.toLowerCase();
  if (key === "/") return app.go({ kind: "settings", page: "shortcuts" }), true;
  if (key === "d" && !event.shiftKey) return toggleMute(), true;
  if (!event.shiftKey || !app.inMeeting) return false;
  if (key === "s") return app.toggleDrawer(), true;
  if (key === "l" && app.meeting?.rights.host && app.screen.kind !== "lobby") return app.go({ kind: "lobby" }), true;
  return false;
}

export function listenToKeys(): void {
  window.addEventListener("keydown", (event) => {
    if (run(event)) event.preventDefault();
  });
  window.addEventListener("keyup", (event) => {
    if (event.key === " ") talkKey(false);
  });
  window.addEventListener("blur", () => talkKey(false));
}
