/** Joining a standup with a passphrase that was just typed. */
import type { ErrorCode, Standup } from "$lib/ipc/bindings";
import { app } from "./app.svelte";

/** What the user typed, and whether to remember it. */
export interface Typed {
  text: string;
  remember: boolean;
}

/** Gives the passphrase, or none, then joins. A refusal is shown in place. */
export async function joinWith(id: string, typed: Typed | null, muted: boolean, refused: (code: ErrorCode) => void): Promise<void> {
  if (!(await app.send({ kind: "give_passphrase", id, passphrase: typed }, refused))) return;
  await app.send({ kind: "join", target: { kind: "standup", id }, muted }, refused);
}

/** Joins at once, or through pre-join if a passphrase is asked for. */
export function joinOrAsk(standup: Pick<Standup, "id" | "passphrase">): void {
  if (standup.passphrase === "asked") app.go({ kind: "standup", id: standup.id });
  else void app.send({ kind: "join", target: { kind: "standup", id: standup.id }, muted: false });
}
