//! What happened to the keys: every accepted or refused step, chained by hash. No secrets.
//!
//! [`Journal`] is written while the meeting runs and is bounded: the oldest entries make room, and
//! what the relay or anyone with the link can cause at will is counted once it is too much.
//! [`SignedJournal`] is what is stored and exported; [`EpochRecord`] is what the key timeline shows.

mod announced;
mod entry;
mod event;
mod records;
mod refusals;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use standfast_crypto::{Fingerprint, Identity, Scope};
use standfast_wire::codec::to_bytes;
use standfast_wire::control::Hash;

pub use entry::{JournalEntry, JournalFault, JournalHead, SignedJournal};
pub use event::{Cause, Charge, Event, Listed, Named, Out, Sign, Spoke};
pub use records::EpochRecord;

use crate::epoch::Epoch;
use crate::evidence::Exhibit;
use crate::session::{Request, Session};
use crate::{Now, Pulse, Refusal};
use announced::Before;
use records::Records;
use refusals::Refusals;

/// The journal of one meeting on one device.
#[derive(Debug)]
pub struct Journal {
    me: Fingerprint,
    entries: VecDeque<JournalEntry>,
    /// Hash of the newest entry.
    head: Hash,
    /// Number of the next.
    next: u64,
    bytes: usize,
    records: Records,
    refusals: Refusals,
    /// Entries so far that outsiders caused.
    outside: usize,
    /// Entries that were left out, since that was last written down.
    omitted: u64,
    pulse: Sign,
    before: Option<Before>,
    /// The newest session.
    session_id: Hash,
    /// Sessions in which this device held a key.
    lived: BTreeSet<Hash>,
    /// Who has asked, under which name.
    asked: BTreeSet<(Fingerprint, String)>,
    /// When epochs were made, on the monotonic clock.
    made_mono_ms: BTreeMap<u32, u64>,
}

impl Journal {
    /// Entries kept: a day-long meeting of five with a new key every five minutes takes a third of
    /// it. Older ones make room.
    pub const MAX: usize = 8_192;
    /// Bytes of all entries, at most. Rosters of 500 make entries of 25 KiB.
    const BYTES_MAX: usize = 1 << 20;
    /// Entries that outsiders may cause, at most: a quarter.
    const OUTSIDE_MAX: usize = 2_048;
    /// Epochs whose making is remembered on the monotonic clock: those that are alive at once.
    const MADE_MAX: usize = 8;

    pub(crate) fn new(me: Fingerprint) -> Self {
        Self {
            me,
            entries: VecDeque::new(),
            head: [0; 32],
            next: 0,
            bytes: 0,
            records: Records::default(),
            refusals: Refusals::default(),
            outside: 0,
            omitted: 0,
            pulse: Sign::Steady,
            before: None,
            session_id: [0; 32],
            lived: BTreeSet::new(),
            asked: BTreeSet::new(),
            made_mono_ms: BTreeMap::new(),
        }
    }

    /// The life of each epoch, oldest first.
    pub(crate) fn records(&self) -> Vec<EpochRecord> {
        self.records.to_vec()
    }

    /// Whether this device held a key in that session.
    pub(crate) fn has_lived_in(&self, session_id: &Hash) -> bool {
        self.lived.contains(session_id)
    }

    /// Writes one step down.
    pub(crate) fn note(&mut self, event: Event, now: Now) {
        if event.caused_outside() {
            if self.outside >= Self::OUTSIDE_MAX {
                self.omitted += 1;
                return;
            }
            self.outside += 1;
        }
        self.push(event, now);
    }

    fn push(&mut self, event: Event, now: Now) {
        let entry = JournalEntry { n: self.next, prev: self.head, wall_ms: now.wall_ms, event };
        self.records.apply(&entry, self.me);
        (self.next, self.head) = (self.next + 1, entry.hash());
        self.bytes += to_bytes(&entry).len();
        self.entries.push_back(entry);
        while self.entries.len() > Self::MAX || self.bytes > Self::BYTES_MAX {
            let Some(old) = self.entries.pop_front() else { break };
            self.bytes -= to_bytes(&old).len();
        }
    }

    /// A session is followed from here on.
    pub(crate) fn session(&mut self, session: &Session, now: Now) {
        let (session_id, open_h) = (session.id(), session.open_h);
        let opener = session.opener;
        self.session_id = session_id;
        self.asked.clear();
        let event = if opener == self.me {
            Event::SessionOpened { session_id, open_h }
        } else {
            Event::SessionFound { session_id, open_h, opener: opener.0 }
        };
        self.note(event, now);
    }

    /// Whoever has confirmed or arrived in `epoch` since it was looked at last.
    pub(crate) fn confirmed(&mut self, epoch: &Epoch, now: Now) {
        let number = epoch.number;
        for entry in epoch.roster.iter().filter(|e| epoch.arrived.contains_key(&e.idx)) {
            if !self.records.has_arrived(number, &entry.fp) {
                self.note(Event::Arrived { epoch: number, idx: entry.idx }, now);
            }
        }
        for entry in epoch.roster.iter().filter(|e| epoch.acked.contains(&e.idx)) {
            if !self.records.has_acked(number, &entry.fp) {
                self.note(Event::Acked { epoch: number, by: entry.fp }, now);
            }
        }
        let first = |r: &&EpochRecord| r.all_confirmed_after_ms.is_none();
        if epoch.all_confirmed() && self.records.get(number).is_some_and(|r| first(&r)) {
            let made = self.made_mono_ms.get(&number).copied().unwrap_or(now.mono_ms);
            let members = u16::try_from(epoch.present().count()).unwrap_or(u16::MAX);
            let after_ms = now.mono_ms.saturating_sub(made);
            self.note(Event::AllConfirmed { epoch: number, members, after_ms }, now);
        }
    }

    /// This device seals under `epoch`; what it sealed under before is retired.
    pub(crate) fn in_use(&mut self, epoch: u32, now: Now) {
        let retired = |r: &&EpochRecord| {
            r.in_use_ms.is_some() && r.retired_ms.is_none() && r.erased_ms.is_none()
        };
        let old: Vec<u32> = self.records.iter().filter(retired).map(|r| r.epoch).collect();
        self.note(Event::InUse { epoch }, now);
        for epoch in old.into_iter().filter(|old| *old != epoch) {
            self.note(Event::Retired { epoch }, now);
        }
    }

    pub(crate) fn erased(&mut self, epoch: u32, now: Now) {
        self.note(Event::Erased { epoch }, now);
    }

    /// Every key is gone.
    pub(crate) fn erased_all(&mut self, now: Now) {
        self.made_mono_ms.clear();
        if self.records.iter().any(|r| r.erased_ms.is_none()) {
            self.note(Event::AllErased {}, now);
        }
    }

    /// Somebody asks to be let in. Asking again under the same name is not news.
    pub(crate) fn asked(&mut self, request: &Request, now: Now) {
        let (fp, name) = (request.fp(), request.name.as_str());
        if self.asked.len() < Self::OUTSIDE_MAX && self.asked.insert((fp, name.to_owned())) {
            let (join_h, role) = (request.h, request.role);
            self.note(Event::JoinAsked { join_h, who: Named::new(fp, name), role }, now);
        }
    }

    /// A message did not pass. `by` is its author, if the signature held.
    pub(crate) fn refused(&mut self, refusal: Refusal, by: Option<Fingerprint>, now: Now) {
        if let Some(event) = self.refusals.count(refusal.into(), by, now) {
            self.note(event, now);
        }
    }

    /// The generator's signs of life, as they are now.
    pub(crate) fn pulse(&mut self, pulse: Pulse, now: Now) {
        let sign = Sign::from(pulse);
        if sign != self.pulse {
            self.pulse = sign;
            self.note(Event::Pulse { now: sign }, now);
        }
    }

    /// Writes down what was only counted so far, and signs the head.
    pub(crate) fn sign(
        &mut self,
        identity: &Identity,
        meeting_id: [u8; 16],
        evidence: &[Exhibit],
        now: Now,
    ) -> SignedJournal {
        for event in self.refusals.take_all() {
            self.note(event, now);
        }
        if self.omitted > 0 {
            let count = std::mem::take(&mut self.omitted);
            self.push(Event::Omitted { count }, now);
        }
        let head = JournalHead {
            from: self.entries.front().map_or(self.next, |first| first.n),
            entries: self.next,
            hash: self.head,
            signed_ms: now.wall_ms,
        };
        let scope = Scope { meeting_id, session_id: self.session_id };
        let entries = self.entries.iter().cloned().collect();
        SignedJournal::sign(identity, scope, entries, evidence.to_vec(), head)
    }
}

impl SignedJournal {
    /// The life of each epoch, oldest first, told anew from the entries.
    #[must_use]
    pub fn records(&self) -> Vec<EpochRecord> {
        let me = self.author().unwrap_or(Fingerprint([0; 32]));
        let mut records = Records::default();
        self.entries.as_slice().iter().for_each(|entry| records.apply(entry, me));
        records.to_vec()
    }
}
