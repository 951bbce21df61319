/** The snapshot and the user's way through the window. There is no other state. */
import { type Backend, Refusal } from "$lib/backend/backend";
import type { AppView, Command, ErrorCode, Levels, MeetingView, Reply, UiUpdate } from "$lib/ipc/bindings";
import { announcements } from "$lib/view/announce";
import { inMeeting, type Place, screen } from "$lib/view/screen";
import { w } from "$lib/words";
import { announcer } from "./announcer.svelte";
import { focusMark, returnFocus } from "./focus";
import { sound } from "./sound.svelte";
import { toasts } from "./toasts.svelte";

const SILENCE: Levels = { microphone: null, members: [] };

class App {
  view = $state.raw<AppView | null>(null);
  levels = $state.raw<Levels>(SILENCE);
  /** The security drawer is open. */
  drawer = $state(false);
  /** The user has just opened it: it takes the focus. When it only comes back with a screen, it does not. */
  drawerAsked = false;

  /** "Continue on another device" is open. */
  device = $state(false);
  /** "Compare the meeting code" is open. */
  comparing = $state(false);

  private backend: Backend | null = null;
  private way = $state.raw<{ place: Place; from: string | null }[]>([]);

  readonly screen = $derived(screen(this.view, this.way.map((step) => step.place)));
  readonly inMeeting = $derived(inMeeting(this.view));

  get meeting(): MeetingView | null {
    return this.view?.meeting ?? null;
  }

  async start(backend: Backend): Promise<void> {
    this.backend = backend;
    await backend.subscribe((update) => this.take(update));
  }

  private take(update: UiUpdate): void {
    if (update.kind === "levels") {
      this.levels = update.levels;
      return;
    }
    if (update.kind === "sound") {
      sound.take(update.figures);
      return;
    }
    const before = this.view;
    if (before !== null && update.view.revision <= before.revision) return;
    if (!before?.meeting && update.view.meeting) this.way = [];
    if (before?.meeting && before.meeting.standup !== update.view.meeting?.standup) this.drawer = false;
    if (!inMeeting(update.view)) this.device = this.comparing = false;
    if (!update.view.meeting) sound.clear();
    if (inMeeting(before) && update.view.meeting?.phase.kind === "ended") this.showEnd();
    this.view = update.view;
    announcer.say(announcements(before, update.view, Date.now()));
  }

  /** Carries out an intent. A refusal becomes a toast, unless the caller wants to show it in place. */
  async send(command: Command, refused: (code: ErrorCode) => void = toastError): Promise<Reply | null> {
    try {
      return (await this.backend?.send(command)) ?? null;
    } catch (cause) {
      refused(cause instanceof Refusal ? cause.error.code : "internal");
      return null;
    }
  }

  async copy(text: string, said: string = w.common.copied): Promise<void> {
    if (await this.send({ kind: "copy_text", text })) toasts.show({ text: said, icon: "copy" });
  }

  go(place: Place): void {
    this.way = [...this.way, { place, from: focusMark() }];
  }

  /** Goes somewhere from the drawer: one that floats would lie over it. */
  inside(place: Place): void {
    if (matchMedia("(max-width: 960px)").matches) this.drawer = false;
    this.go(place);
  }

  /** Changes the place shown now, without a step to come back to. */
  replace(place: Place): void {
    const last = this.way[this.way.length - 1];
    this.way = [...this.way.slice(0, -1), { place, from: last?.from ?? null }];
  }

  /** One step back, with the focus where it was. */
  back(): void {
    const last = this.way[this.way.length - 1];
    if (!last) return;
    this.way = this.way.slice(0, -1);
    if (last.from) returnFocus(last.from);
  }

  home(): void {
    this.way = [];
  }

  /** The settings would hide that a meeting ended; whoever compares or reads stays there. */
  private showEnd(): void {
    if (this.screen.kind === "settings") this.way = [];
  }

  toggleDrawer(): void {
    this.drawer = !this.drawer;
    this.drawerAsked = this.drawer;
  }

  /** Shows a pairing code for another device of this user. */
  showDevice(): void {
    this.device = true;
    void this.send({ kind: "offer_device" });
  }

  get canGoBack(): boolean {
    return this.way.length > 0;
  }
}

export const app = new App();

function toastError(code: ErrorCode): void {
  toasts.show({ text: w.errors[code], icon: "info" });
}
