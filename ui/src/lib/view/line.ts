/** The security line: the first state that applies, in the order of the design's table. */
import type { MeetingView, Split, Takeover } from "$lib/ipc/bindings";
import { w } from "$lib/words";
import { brief } from "./names";
import { counted } from "./people";
import { reasonAfterNewKey } from "./reasons";
import type { Seal } from "./seal";
import { age, clock, hourMinute, secondsSince } from "./times";

export type LineState =
  | "erased" | "connecting" | "closed" | "reconnecting" | "stale" | "takeover" | "split" | "pending" | "waiting" | "settled";

export interface SecurityLine {
  state: LineState;
  first: string;
  second: string;
  seal: Seal;
}

/** A takeover is told until everyone has confirmed its key, and at least this long. */
const TAKEOVER_STAYS_MS = 30_000;
/** A split is told until it was read, and at least this long. */
const SPLIT_STAYS_MS = 60_000;

export const takeoverShown = (takeover: Takeover, now: number) => !takeover.settled || now - takeover.atMs < TAKEOVER_STAYS_MS;

export const splitShown = (split: Split, now: number) => split.toMs === null || !split.read || now - split.toMs < SPLIT_STAYS_MS;

function takeoverWords({ name, before, gone, epoch }: Takeover, here: boolean): { first: string; second: string } {
  const t = w.line.takeover;
  return { first: here ? t.you : t.first(brief(name)), second: gone ? t.second(brief(before), epoch) : t.secondHere(brief(before), epoch) };
}

function splitWords({ fromMs, toMs, epoch }: Split): { first: string; second: string } {
  const s = w.line.split;
  if (toMs === null) return { first: s.since(hourMinute(fromMs)), second: s.lasts };
  return { first: s.first(hourMinute(fromMs), hourMinute(toMs)), second: epoch === null ? s.over : s.second(epoch) };
}

export function securityLine(meeting: MeetingView, now: number): SecurityLine {
  const { phase, epoch, pending, heartbeat, takeover, split, microphone } = meeting;
  const seal = (state: Seal["state"], of: { number: number; confirmed: number; members: number } | null = epoch): Seal => ({
    state,
    number: of?.number ?? null,
    confirmed: of?.confirmed ?? 0,
    members: of?.members ?? Math.max(1, meeting.members.length),
  });

  if (phase.kind === "ended") {
    const words = phase.erasedAtMs === null ? w.line.erasing : null;
    return {
      state: "erased",
      first: words?.first ?? w.line.erased.first,
      second: words?.second ?? w.line.erased.second(clock(phase.erasedAtMs ?? now)),
      seal: { ...seal("erased"), number: null },
    };
  }
  if (microphone.kind === "closed_no_heartbeat") return { state: "closed", ...w.line.closed, seal: seal("closed") };
  if (phase.kind === "reconnecting") return { state: "reconnecting", ...w.line.reconnecting, seal: seal("closed") };
  if (epoch === null || phase.kind !== "live") return { state: "connecting", ...w.line.connecting, seal: seal("normal") };
  if (heartbeat?.stale) {
    const silent = secondsSince(heartbeat.lastAtMs, now);
    return { state: "stale", first: w.line.stale.first, second: w.line.stale.second(brief(heartbeat.generator), silent), seal: seal("stale") };
  }
  if (takeover && takeoverShown(takeover, now)) {
    return { state: "takeover", ...takeoverWords(takeover, heartbeat?.here ?? false), seal: seal("normal", pending ?? epoch) };
  }
  if (split && splitShown(split, now)) return { state: "split", ...splitWords(split), seal: seal("split") };
  if (pending) {
    const { leavers, number, confirmed, members } = pending;
    const second = leavers.length > 0
      ? w.line.pending.second(w.list(leavers.map((name) => brief(name))), number)
      : w.line.pending.secondWithout(confirmed, members, number);
    return { state: "pending", first: w.line.pending.first(reasonAfterNewKey(pending.reason)), second, seal: seal("normal", pending) };
  }
  return {
    state: epoch.confirmed < epoch.members ? "waiting" : "settled",
    first: w.line.confirmed(epoch.confirmed, epoch.members),
    second: w.line.settled(counted(meeting.members), epoch.number, age(now - epoch.madeAtMs)),
    seal: seal("normal"),
  };
}

/** What the drawer says beside the large seal: who is being waited for, or the line itself. */
export function panelSentence(meeting: MeetingView, line: SecurityLine): { first: string; second: string } {
  const { epoch, members } = meeting;
  if (line.state !== "waiting" && line.state !== "settled") return { first: line.first, second: line.second };
  if (epoch === null) return { first: w.panel.noKey, second: w.panel.noKeyDetail };
  if (epoch.members === 1) return { first: w.panel.alone, second: w.panel.aloneDetail(epoch.number) };
  if (line.state === "settled") return { first: w.panel.allConfirmed, second: w.panel.allConfirmedDetail(epoch.number) };
  const missing = members.filter((m) => !m.confirmed && m.presence !== "off");
  const only = missing.length === 1 ? missing[0] : undefined;
  if (only) {
    return { first: w.panel.waitingFor(only.name), second: w.panel.someConfirmed(epoch.confirmed, epoch.members, epoch.number, only.name) };
  }
  return {
    first: w.panel.waitingForMany(epoch.members - epoch.confirmed),
    second: w.panel.someConfirmedOther(epoch.confirmed, epoch.members, epoch.number),
  };
}
