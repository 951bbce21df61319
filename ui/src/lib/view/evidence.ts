/** What was refused and is kept, in plain words. */
import type { EvidenceKind } from "$lib/ipc/bindings";
import { w } from "$lib/words";

export const evidenceSentence = (what: EvidenceKind, against: string | null) => w.evidence[what](against);
