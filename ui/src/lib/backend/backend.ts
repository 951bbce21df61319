/** The seam to the shell. Nothing else in the UI knows what is behind it. */
import type { Command, Reply, UiError, UiUpdate } from "$lib/ipc/bindings";

export interface Backend {
  /** Carries out one intent. Rejects with a `Refusal`. */
  send(command: Command): Promise<Reply>;
  /** Starts the flow of updates; a whole snapshot comes first. Called once per window life. */
  subscribe(take: (update: UiUpdate) => void): Promise<void>;
}

/** What the shell refused, with its code. */
export class Refusal extends Error {
  constructor(readonly error: UiError) {
    super(`${error.code}: ${error.detail}`);
  }
}

export async function connect(): Promise<Backend> {
  if (import.meta.env.MODE === "fake" || (import.meta.env.DEV && !("__TAURI_INTERNALS__" in window))) {
    return (await import("./fake")).fakeBackend(new URLSearchParams(location.search));
  }
  return (await import("./tauri")).tauriBackend();
}
