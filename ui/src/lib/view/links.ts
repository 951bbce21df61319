/** Links, as pasted. */
import type { LinkPreview } from "$lib/ipc/bindings";
import type { Place } from "./screen";

/** Whether pasted text is worth offering as a link. The back end decides what it is. */
export const looksLikeLink = (text: string) => /^\s*standfast(:\/\/|-device:)\S+\s*$/.test(text);

/** A link of a known standup opens that one, unless another device of the same user showed it. */
export const placeOf = ({ standup, device }: LinkPreview, link: string): Place =>
  standup === null || device !== null ? { kind: "link", link } : { kind: "standup", id: standup };
