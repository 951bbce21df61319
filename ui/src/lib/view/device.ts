/** Bringing another device of the same user into a running meeting: what its dialog shows. */
import type { DeviceOffer } from "$lib/ipc/bindings";

export type DeviceStep =
  | { kind: "making" }
  | { kind: "code"; offer: DeviceOffer }
  | { kind: "asked"; offer: DeviceOffer; request: NonNullable<DeviceOffer["request"]> }
  | { kind: "over" }
  | { kind: "refused" }
  | { kind: "handing" };

/** What the user has done in the dialog so far. */
export interface DeviceProgress {
  /** A code was shown since the dialog opened or asked anew. */
  shown: boolean;
  answer: "yes" | "no" | null;
}

export function deviceStep(offer: DeviceOffer | null, progress: DeviceProgress, now: number): DeviceStep {
  if (progress.answer === "yes") return { kind: "handing" };
  if (progress.answer === "no") return { kind: "refused" };
  if (offer?.request) return { kind: "asked", offer, request: offer.request };
  if (offer && offer.untilMs > now) return { kind: "code", offer };
  return { kind: offer || progress.shown ? "over" : "making" };
}
