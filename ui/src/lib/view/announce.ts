/** What a screen reader is told when one snapshot follows another. */
import type { AppView, MeetingView } from "$lib/ipc/bindings";
import { w } from "$lib/words";
import { evidenceSentence } from "./evidence";
import { securityLine } from "./line";
import { othersHere } from "./people";
import { reason } from "./reasons";
import { spokenWords } from "./spoken";

export interface Announcements {
  polite: string[];
  assertive: string[];
}

const LOUD = new Set(["closed", "reconnecting", "stale", "split"]);

function settledSentence(meeting: MeetingView): string | null {
  const { epoch, timeline } = meeting;
  const newest = timeline.find((entry) => entry.epoch === epoch?.number);
  if (!epoch || !newest) return null;
  return w.announce.settled(epoch.number, reason(newest.reason), epoch.confirmed, epoch.members);
}

export function announcements(before: AppView | null, after: AppView, now: number): Announcements {
  const said: Announcements = { polite: [], assertive: [] };
  const [old, fresh] = [before?.meeting, after.meeting];
  if (!old || !fresh || old.standup !== fresh.standup) return said;

  const [was, is] = [securityLine(old, now), securityLine(fresh, now)];
  if (is.state !== was.state) {
    if (LOUD.has(is.state)) said.assertive.push(`${is.first}. ${is.second}`);
    else if (is.state === "takeover") said.polite.push(`${is.first}. ${is.second}`);
    else if (was.state === "reconnecting" || was.state === "closed") said.polite.push(w.announce.reconnected);
  }
  // Presence tells nothing while the connection is away.
  if (old.phase.kind === "live" && fresh.phase.kind === "live") {
    const [there, here] = [othersHere(old), othersHere(fresh)];
    const joined = here.filter((m) => !there.some((o) => o.idx === m.idx)).map((m) => m.name);
    const left = there.filter((m) => !here.some((o) => o.idx === m.idx)).map((m) => m.name);
    if (joined.length > 0) said.polite.push(w.announce.joined(w.list(joined)));
    if (left.length > 0) said.polite.push(w.announce.left(w.list(left)));
  }
  const newlySettled = is.state === "settled" && (was.state !== "settled" || old.epoch?.number !== fresh.epoch?.number);
  const sentence = newlySettled ? settledSentence(fresh) : null;
  if (sentence) said.polite.push(sentence);

  const muted = (m: MeetingView) => m.microphone.kind === "muted";
  const talking = (m: MeetingView) => m.microphone.kind === "open";
  if (talking(old) && muted(fresh)) said.assertive.push(w.announce.muted);
  if (muted(old) && talking(fresh)) said.assertive.push(w.announce.unmuted);

  const changed = fresh.members.filter((m) => m.replaces !== null && !m.me && !old.members.some((o) => o.idx === m.idx && o.replaces !== null));
  said.polite.push(...changed.map((m) => w.device.changed(m.name)));
  for (const m of fresh.members.filter((one) => one.role === "bot")) {
    const was = old.members.find((o) => o.idx === m.idx);
    if (was && (was.presence === "off") !== (m.presence === "off")) said.polite.push(m.presence === "off" ? w.reason.offRecord(m.name) : w.reason.onRecord(m.name));
  }
  const words = spokenWords(fresh.spoken);
  if (words && words.join() !== spokenWords(old.spoken)?.join()) said.polite.push(w.spoken.announced(words.join(" ")));
  for (const exhibit of fresh.evidence.filter((e) => !old.evidence.some((o) => o.id === e.id))) {
    said.assertive.push(evidenceSentence(exhibit.what, exhibit.against));
  }
  if (old.locked !== fresh.locked) said.polite.push(fresh.locked ? w.announce.locked : w.announce.unlocked);
  const out = fresh.removed.filter((r) => !old.removed.some((o) => o.fingerprint.id === r.fingerprint.id));
  if (out.length > 0) said.polite.push(w.announce.removed(w.list(out.map((r) => r.name))));

  const known = new Set(old.lobby.map((entry) => entry.id));
  for (const entry of fresh.lobby.filter((e) => !known.has(e.id))) {
    if (entry.trust === "key_changed") said.assertive.push(w.announce.keyChanged(entry.name));
    else if (entry.asksMe) said.polite.push(w.bot.asks(entry.name));
    else said.polite.push(w.lobby.cameIn(entry.name));
  }
  return said;
}
