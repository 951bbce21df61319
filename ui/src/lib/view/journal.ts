/** The full journal in sentences: who did what, when, in which epoch. */
import type { By, JournalEvent, JournalRow, JournalView, KeyReason } from "$lib/ipc/bindings";
import { w } from "$lib/words";
import { evidenceSentence } from "./evidence";
import { reason } from "./reasons";
import { clock, day, hourMinute } from "./times";

export type Filter = "everything" | "epochs" | "people" | "refused";
export const FILTERS: Filter[] = ["everything", "epochs", "people", "refused"];

export interface JournalLine {
  key: string;
  atMs: number;
  time: string;
  text: string;
  epoch: number | null;
  by: string;
  kind: Exclude<Filter, "everything"> | "other";
}

type Kind = JournalEvent["kind"];
const EPOCHS = new Set<Kind>(["epoch_made", "confirmed", "all_confirmed", "in_use", "retired", "erased", "all_erased", "took_over", "handed_over", "split_seen", "merged"]);
const PEOPLE = new Set<Kind>(["arrived", "asked", "waits", "admitted", "kept_out", "locked", "removed", "readmitted", "device_changed", "bot_owned"]);
const REFUSED = new Set<Kind>(["refused", "evidence", "omitted"]);
/** What a person decides, not a device. */
const DECIDED = new Set<Kind>(["admitted", "kept_out", "locked", "removed", "readmitted"]);

function kindOf(kind: Kind): JournalLine["kind"] {
  return EPOCHS.has(kind) ? "epochs" : PEOPLE.has(kind) ? "people" : REFUSED.has(kind) ? "refused" : "other";
}

/** A device need not give a name. */
const who = (name: string) => name || w.journal.events.somebody;

function made(why: KeyReason | null, sharedWith: number, epoch: number): string {
  const said = why === null ? w.journal.events.forgotten : reason(why);
  return sharedWith === 0 ? w.journal.events.madeAlone(epoch, said) : w.journal.events.made(epoch, sharedWith, said);
}

export function sentence(event: JournalEvent, epoch: number): string {
  const e = w.journal.events;
  switch (event.kind) {
    case "opened":
      return event.here ? e.opened : e.found;
    case "epoch_made":
      return made(event.reason, event.sharedWith, epoch);
    case "confirmed":
      return e.confirmed(who(event.name));
    case "all_confirmed":
      return e.allConfirmed(event.members, (event.afterMs / 1000).toFixed(1));
    case "arrived":
      return e.arrived(who(event.name));
    case "in_use":
      return e.inUse(epoch);
    case "retired":
      return e.retired(epoch);
    case "erased":
      return e.erased(epoch);
    case "all_erased":
      return e.allErased;
    case "asked":
      return event.bot ? e.askedBot(who(event.name)) : e.asked(who(event.name));
    case "waits":
      return e.waits(who(event.name));
    case "admitted":
      return e.admitted(who(event.name));
    case "kept_out":
      return e.keptOut(who(event.name));
    case "locked":
      return event.locked ? e.locked : e.unlocked;
    case "removed":
      return e.removed(who(event.name));
    case "readmitted":
      return e.readmitted(who(event.name));
    case "took_over":
      return e.tookOver(who(event.name), who(event.before));
    case "handed_over":
      return e.handedOver(who(event.to));
    case "split_seen":
      return e.splitSeen(hourMinute(event.fromMs));
    case "merged":
      return e.merged(hourMinute(event.fromMs), hourMinute(event.untilMs));
    case "sign_of_life":
      return e.signOfLife[event.now];
    case "line":
      return event.up ? e.lineUp : e.lineDown;
    case "refused":
      return e.refused(e.causes[event.cause], event.count);
    case "evidence":
      return evidenceSentence(event.what, event.against);
    case "spoken":
      return e.spoken[event.how];
    case "device_changed":
      return e.deviceChanged(who(event.name));
    case "bot_owned":
      return e.botOwned(who(event.owner), who(event.bot));
    case "omitted":
      return e.omitted(event.count);
    case "over":
      return e.over[event.why];
  }
}

function author(by: By, kind: Kind): string {
  const b = w.journal.by;
  switch (by.kind) {
    case "here":
      return DECIDED.has(kind) ? b.you : b.here;
    case "member":
      return DECIDED.has(kind) ? who(by.name) : b.member(who(by.name));
    case "all":
      return b.all;
    case "seen":
      return b.seen;
  }
}

function line(row: JournalRow): JournalLine {
  const { n, atMs, epoch, event, by } = row;
  return { key: String(n), atMs, time: clock(atMs), text: sentence(event, epoch ?? 0), epoch, by: author(by, event.kind), kind: kindOf(event.kind) };
}

/** Confirmations of one epoch that follow each other within a second are one line. */
function gathered(rows: JournalRow[]): JournalLine[] {
  const lines: JournalLine[] = [];
  let run: { names: string[]; first: JournalRow } | null = null;
  const close = () => {
    if (run === null) return;
    const one = line(run.first);
    const many = run.names.length > 1;
    lines.push(many ? { ...one, text: w.journal.events.confirmed(w.list(run.names)), by: w.journal.by.many } : one);
    run = null;
  };
  for (const row of rows) {
    if (row.event.kind !== "confirmed") {
      close();
      lines.push(line(row));
      continue;
    }
    // Newest first: the names are turned back into the order in which they came.
    if (run !== null && run.first.epoch === row.epoch && run.first.atMs - row.atMs < 1000) run.names.unshift(who(row.event.name));
    else {
      close();
      run = { names: [who(row.event.name)], first: row };
    }
  }
  close();
  return lines;
}

export interface JournalLines {
  lines: JournalLine[];
  /** How many the chips announce: epochs made, people who asked or arrived, messages refused. */
  counts: Record<Exclude<Filter, "everything">, number>;
}

export function journalLines(rows: JournalRow[]): JournalLines {
  const lines = gathered(rows);
  const of = (kind: JournalLine["kind"]) => lines.filter((l) => l.kind === kind).length;
  const epochs = rows.filter((row) => row.event.kind === "epoch_made").length;
  return { lines, counts: { epochs, people: of("people"), refused: of("refused") } };
}

export const filtered = (lines: JournalLine[], filter: Filter) => (filter === "everything" ? lines : lines.filter((l) => l.kind === filter));

/** `Thursday 09:30 to now. Chain complete, 31 entries. No keys are in it.` */
export function summary(journal: JournalView, running: boolean, now: number): string {
  const { rows, timeline, chain } = journal;
  const j = w.journal;
  const first = rows.at(-1)?.atMs ?? timeline.at(-1)?.madeAtMs;
  const last = rows[0]?.atMs ?? timeline[0]?.madeAtMs;
  const said: string[] = [];
  if (first !== undefined && last !== undefined) {
    const when = day(first, now);
    said.push(running ? j.toNow(when, hourMinute(first)) : j.fromTo(when, hourMinute(first), hourMinute(last)));
  }
  if (chain === null) said.push(j.timelineOnly);
  else if (chain.kind === "complete") said.push(j.complete(chain.entries));
  else said.push(chain.kind === "broken" ? j.broken(chain.at) : j.unsigned);
  return [...said, j.noKeys].join(" ");
}
