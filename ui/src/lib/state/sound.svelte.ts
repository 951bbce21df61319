/** Figures of the sound, once a second, and those of the last two minutes for the plots. */
import type { SoundFigures } from "$lib/ipc/bindings";

export const KEPT = 120;

class Sound {
  history = $state.raw<SoundFigures[]>([]);
  readonly now = $derived(this.history.at(-1) ?? null);

  take(figures: SoundFigures): void {
    this.history = [...this.history, figures].slice(-KEPT);
  }

  /** Another meeting begins, or none runs. */
  clear(): void {
    if (this.history.length > 0) this.history = [];
  }
}

export const sound = new Sound();
