/** The real back end: two commands of the shell, `dispatch` and `subscribe`. */
import { Channel, invoke } from "@tauri-apps/api/core";
import type { Reply, UiError, UiUpdate } from "$lib/ipc/bindings";
import { type Backend, Refusal } from "./backend";

function isUiError(value: unknown): value is UiError {
  return typeof value === "object" && value !== null && "code" in value && "detail" in value;
}

function refusal(cause: unknown): Refusal {
  // What is not ours comes from the bridge itself, such as a command outside the window's capability.
  return new Refusal(isUiError(cause) ? cause : { code: "internal", detail: String(cause) });
}

export function tauriBackend(): Backend {
  return {
    async send(command) {
      try {
        return await invoke<Reply>("dispatch", { command });
      } catch (cause) {
        throw refusal(cause);
      }
    },
    async subscribe(take) {
      const updates = new Channel<UiUpdate>();
      updates.onmessage = take;
      try {
        await invoke("subscribe", { updates });
      } catch (cause) {
        throw refusal(cause);
      }
    },
  };
}
