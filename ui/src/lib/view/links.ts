/** Whether pasted text is worth offering as a link. The back end decides what it is. */
export const looksLikeLink = (text: string) => /^\s*standfast(:\/\/|-device:)\S+\s*$/.test(text);
