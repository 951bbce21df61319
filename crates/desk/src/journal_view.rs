//! From a signed journal to what the UI shows of it. Facts only, no words.

use std::collections::BTreeMap;

use standfast_crypto::Fingerprint;
use standfast_ipc::{
    By, Chain, EvidenceKind, JournalEvent, JournalRow, JournalView, LeftReason, RefusedCause,
    SignOfLife, SpokenEnd,
};
use standfast_meeting::{
    Cause, Charge, EpochRecord, Event, JournalFault, Out, Role, Sign, SignedJournal, Spoke,
};

use crate::timeline::{Names, reason, timeline};

/// Everything about one journal, newest first. `active`: the epoch in use, if the meeting runs.
pub(crate) fn journal_view(
    journal: &SignedJournal,
    active: Option<u32>,
    now_ms: u64,
) -> JournalView {
    let (names, records) = (names(journal), journal.records());
    let mut reader = Reader::new(journal, &names, &records);
    let mut rows: Vec<JournalRow> =
        journal.entries.as_slice().iter().map(|e| reader.row(e.n, e.wall_ms, &e.event)).collect();
    rows.reverse();
    JournalView {
        chain: Some(chain(journal)),
        rows,
        timeline: timeline(&records, active, &names, now_ms),
    }
}

fn chain(journal: &SignedJournal) -> Chain {
    match journal.verify() {
        Ok(_) => Chain::Complete { entries: journal.entries.as_slice().len() as u64 },
        Err(JournalFault::Broken(at)) => Chain::Broken { at },
        Err(_) => Chain::Unsigned,
    }
}

/// Names as the journal tells them: those that devices came with.
fn names(journal: &SignedJournal) -> Names {
    let mut names = Names::default();
    for entry in journal.entries.as_slice() {
        match &entry.event {
            Event::JoinAsked { who, role, .. } => {
                names.learn(Fingerprint(who.fp), who.name.as_str(), *role == Role::Bot);
            }
            Event::EpochAnnounced { who, roster, .. } => {
                for named in who.as_slice() {
                    let bot =
                        roster.as_slice().iter().any(|l| l.fp == named.fp && l.role == Role::Bot);
                    names.learn(Fingerprint(named.fp), named.name.as_str(), bot);
                }
            }
            _ => {}
        }
    }
    names
}

/// Reads entries in order, and knows which epoch is in use at each.
struct Reader<'a> {
    me: Fingerprint,
    names: &'a Names,
    records: &'a [EpochRecord],
    /// How many epochs were announced so far.
    announced: usize,
    in_use: Option<u32>,
    /// Places on the newest roster.
    places: BTreeMap<u16, [u8; 32]>,
}

impl<'a> Reader<'a> {
    fn new(journal: &SignedJournal, names: &'a Names, records: &'a [EpochRecord]) -> Self {
        let announces = journal
            .entries
            .as_slice()
            .iter()
            .filter(|e| matches!(e.event, Event::EpochAnnounced { .. }))
            .count();
        // Of very long meetings the oldest records made room.
        let made_room = announces.saturating_sub(records.len());
        Self {
            me: journal.author().unwrap_or(Fingerprint([0; 32])),
            names,
            records: if made_room == 0 { records } else { &[] },
            announced: 0,
            in_use: None,
            places: BTreeMap::new(),
        }
    }

    fn row(&mut self, n: u64, at_ms: u64, event: &Event) -> JournalRow {
        if let Event::EpochAnnounced { roster, .. } = event {
            self.places = roster.as_slice().iter().map(|l| (l.idx, l.fp)).collect();
        }
        if let Event::InUse { epoch } = event {
            self.in_use = Some(*epoch);
        }
        let row = JournalRow {
            n,
            at_ms,
            epoch: epoch_of(event).or(self.in_use),
            event: self.event(event),
            by: self.by(event),
        };
        self.announced += usize::from(matches!(event, Event::EpochAnnounced { .. }));
        row
    }

    fn name(&self, fp: &[u8; 32]) -> String {
        self.names.owned(Fingerprint(*fp))
    }

    fn by(&self, event: &Event) -> By {
        match event {
            Event::EpochAnnounced { generator: by, .. }
            | Event::Acked { by, .. }
            | Event::Admitted { by, .. }
            | Event::KeptOut { by, .. }
            | Event::Locked { by, .. }
            | Event::Removed { by, .. }
            | Event::Readmitted { by, .. }
            | Event::TookOver { by, .. }
            | Event::HandedOver { from: by, .. }
            | Event::DeviceChanged { old: by, .. }
            | Event::BotOwned { owner: by, .. } => self.member(by),
            Event::JoinAsked { who, .. } => self.member(&who.fp),
            Event::Waits { fp, .. } => self.member(fp),
            Event::Refused { by: Some(by), .. } => self.member(by),
            Event::SessionFound { opener, .. } => self.member(opener),
            Event::Arrived { idx, .. } => {
                self.places.get(idx).map_or(By::Seen, |fp| self.member(fp))
            }
            Event::AllConfirmed { .. } => By::All,
            Event::Refused { by: None, .. }
            | Event::Evidence { .. }
            | Event::Omitted { .. }
            | Event::Pulse { .. }
            | Event::SplitSeen { .. }
            | Event::Merged { .. } => By::Seen,
            _ => By::Here,
        }
    }

    fn member(&self, fp: &[u8; 32]) -> By {
        if *fp == self.me.0 { By::Here } else { By::Member { name: self.name(fp) } }
    }

    fn event(&self, event: &Event) -> JournalEvent {
        match event {
            Event::EpochAnnounced { wrapped, .. } => JournalEvent::EpochMade {
                reason: self.records.get(self.announced).map(|r| reason(r, self.names)),
                shared_with: u32::try_from(wrapped.as_slice().len()).unwrap_or(u32::MAX),
            },
            Event::Acked { by, .. } => JournalEvent::Confirmed { name: self.name(by) },
            Event::AllConfirmed { members, after_ms, .. } => {
                JournalEvent::AllConfirmed { members: (*members).into(), after_ms: *after_ms }
            }
            Event::Arrived { idx, .. } => JournalEvent::Arrived {
                name: self.places.get(idx).map(|fp| self.name(fp)).unwrap_or_default(),
            },
            Event::InUse { .. } => JournalEvent::InUse,
            Event::Retired { .. } => JournalEvent::Retired,
            Event::Erased { .. } => JournalEvent::Erased,
            Event::AllErased {} => JournalEvent::AllErased,
            Event::TookOver { by, from, .. } => {
                JournalEvent::TookOver { name: self.name(by), before: self.name(from) }
            }
            Event::HandedOver { to, .. } => JournalEvent::HandedOver { to: self.name(to) },
            Event::SplitSeen { from_ms, .. } => JournalEvent::SplitSeen { from_ms: *from_ms },
            Event::Merged { from_ms, until_ms, .. } => {
                JournalEvent::Merged { from_ms: *from_ms, until_ms: *until_ms }
            }
            other => self.of_people(other),
        }
    }

    fn of_people(&self, event: &Event) -> JournalEvent {
        match event {
            Event::JoinAsked { who, role, .. } => {
                JournalEvent::Asked { name: who.name.as_str().to_owned(), bot: *role == Role::Bot }
            }
            Event::Waits { fp, .. } => JournalEvent::Waits { name: self.name(fp) },
            Event::Admitted { fp, .. } => JournalEvent::Admitted { name: self.name(fp) },
            Event::KeptOut { fp, .. } => JournalEvent::KeptOut { name: self.name(fp) },
            Event::Locked { locked, .. } => JournalEvent::Locked { locked: *locked },
            Event::Removed { fp, .. } => JournalEvent::Removed { name: self.name(fp) },
            Event::Readmitted { fp, .. } => JournalEvent::Readmitted { name: self.name(fp) },
            Event::DeviceChanged { old, .. } => {
                JournalEvent::DeviceChanged { name: self.name(old) }
            }
            Event::BotOwned { bot, owner } => {
                JournalEvent::BotOwned { bot: self.name(bot), owner: self.name(owner) }
            }
            other => self.of_device(other),
        }
    }

    fn of_device(&self, event: &Event) -> JournalEvent {
        match event {
            Event::SessionOpened { .. } => JournalEvent::Opened { here: true },
            Event::Pulse { now } => JournalEvent::SignOfLife { now: sign(*now) },
            Event::Line { up } => JournalEvent::Line { up: *up },
            Event::Refused { cause, count, .. } => {
                JournalEvent::Refused { cause: refused(*cause), count: *count }
            }
            Event::Evidence { charge, against, .. } => JournalEvent::Evidence {
                what: charged(*charge),
                against: against.as_ref().map(|fp| self.name(fp)),
            },
            Event::Spoken { how, .. } => JournalEvent::Spoken { how: spoke(*how) },
            Event::Omitted { count } => JournalEvent::Omitted { count: *count },
            Event::Over { why } => JournalEvent::Over { why: out(*why) },
            _ => JournalEvent::Opened { here: false },
        }
    }
}

fn epoch_of(event: &Event) -> Option<u32> {
    match event {
        Event::EpochAnnounced { epoch, .. }
        | Event::Acked { epoch, .. }
        | Event::AllConfirmed { epoch, .. }
        | Event::Arrived { epoch, .. }
        | Event::InUse { epoch }
        | Event::Retired { epoch }
        | Event::Erased { epoch }
        | Event::Merged { epoch, .. } => Some(*epoch),
        _ => None,
    }
}

fn refused(cause: Cause) -> RefusedCause {
    match cause {
        Cause::Malformed => RefusedCause::Malformed,
        Cause::NotAuthentic => RefusedCause::NotAuthentic,
        Cause::NotAllowed => RefusedCause::NotAllowed,
        Cause::Stale => RefusedCause::Stale,
        Cause::Missing => RefusedCause::Missing,
        Cause::Inconsistent => RefusedCause::Inconsistent,
        Cause::Unsupported => RefusedCause::Unsupported,
    }
}

pub(crate) fn charged(charge: Charge) -> EvidenceKind {
    match charge {
        Charge::TwoAnnounces => EvidenceKind::TwoAnnounces,
        Charge::ForgedFrame => EvidenceKind::ForgedFrame,
        Charge::OtherSession => EvidenceKind::OtherSession,
    }
}

fn sign(sign: Sign) -> SignOfLife {
    match sign {
        Sign::Steady => SignOfLife::Steady,
        Sign::Stale => SignOfLife::Stale,
        Sign::Cut => SignOfLife::Cut,
        Sign::Forgotten => SignOfLife::Forgotten,
    }
}

fn spoke(how: Spoke) -> SpokenEnd {
    match how {
        Spoke::Shown => SpokenEnd::Shown,
        Spoke::Rotated => SpokenEnd::Rotated,
        Spoke::Missing => SpokenEnd::Missing,
        Spoke::Cheated => SpokenEnd::Cheated,
        Spoke::Replaced => SpokenEnd::Replaced,
        Spoke::TooEarly => SpokenEnd::TooEarly,
    }
}

fn out(why: Out) -> LeftReason {
    match why {
        Out::Left => LeftReason::Left,
        Out::Ended => LeftReason::Ended,
        Out::KeptOut => LeftReason::KeptOut,
        Out::Removed => LeftReason::Removed,
        Out::Elsewhere => LeftReason::Elsewhere,
        Out::Replaced => LeftReason::Replaced,
        Out::WrongPassphrase => LeftReason::WrongPassphrase,
    }
}
