//! The chain of announces and what every member checks before it follows one
//! (`docs/protocol.md` §6, *Confirm*).

use std::collections::{BTreeMap, BTreeSet};

use standfast_crypto::{Binding, Fingerprint, hash};
use standfast_frame::IDX_LIMIT;
use standfast_wire::codec::to_bytes;
use standfast_wire::control::{Entry, EpochAnnounce, Hash, Reason, Role, State};

use crate::Refusal;
use crate::limits::max_ms;
use crate::session::{Authentic, Letter, Session};

/// An announce that passed every check against the chain before it.
pub(crate) struct Link {
    pub(crate) h: Hash,
    pub(crate) roster_h: Hash,
    pub(crate) announce: EpochAnnounce,
    /// On this roster with a join that the one before did not name.
    pub(crate) joined: Vec<Fingerprint>,
    /// On the roster before and not on this one.
    pub(crate) left: Vec<Fingerprint>,
}

impl Link {
    /// Follows `before` with `announce`.
    pub(crate) fn new(before: Option<&Self>, h: Hash, announce: EpochAnnounce) -> Self {
        let old = before.map(Self::roster).unwrap_or_default();
        let new = announce.roster.as_slice();
        let known = |e: &&Entry| {
            old.iter().any(|o| o.fp == e.fp && (o.join_h == e.join_h || o.state == State::Invited))
        };
        let joined = new
            .iter()
            .filter(|e| e.state == State::In && !known(e))
            .map(|e| Fingerprint(e.fp))
            .collect();
        let left = old
            .iter()
            .filter(|o| !new.iter().any(|e| e.fp == o.fp))
            .map(|o| Fingerprint(o.fp))
            .collect();
        Self { h, roster_h: roster_hash(&announce), announce, joined, left }
    }

    pub(crate) fn roster(&self) -> &[Entry] {
        self.announce.roster.as_slice()
    }

    pub(crate) fn entry_of(&self, fp: Fingerprint) -> Option<&Entry> {
        self.roster().iter().find(|e| e.fp == fp.0)
    }

    pub(crate) fn binding(&self) -> Binding<'_> {
        let a = &self.announce;
        Binding { roster_h: &self.roster_h, prev_h: &a.prev_h, term: a.term, epoch: a.epoch }
    }
}

/// `H("SF1/roster", roster)`.
pub(crate) fn roster_hash(announce: &EpochAnnounce) -> Hash {
    hash("SF1/roster", &to_bytes(&announce.roster))
}

/// The verified history of a session.
pub(crate) struct Chain {
    open_h: Hash,
    head: Option<Link>,
    /// Everyone whom an announce of this chain listed, with the idx that is theirs from then on.
    places: BTreeMap<Fingerprint, u16>,
    removed: BTreeSet<Fingerprint>,
}

impl Chain {
    pub(crate) fn new(open_h: Hash) -> Self {
        Self { open_h, head: None, places: BTreeMap::new(), removed: BTreeSet::new() }
    }

    pub(crate) fn head(&self) -> Option<&Link> {
        self.head.as_ref()
    }

    /// Hash that the next announce must name.
    pub(crate) fn tip(&self) -> Hash {
        self.head.as_ref().map_or(self.open_h, |head| head.h)
    }

    /// The term of the head.
    pub(crate) fn term(&self) -> u32 {
        self.head.as_ref().map_or(0, |head| head.announce.term)
    }

    /// Listed in an announce of this chain.
    pub(crate) fn has_seen(&self, fp: Fingerprint) -> bool {
        self.places.contains_key(&fp)
    }

    /// The idx that `fp` has had in this chain.
    pub(crate) fn place_of(&self, fp: Fingerprint) -> Option<u16> {
        self.places.get(&fp).copied()
    }

    /// The idx that the next newcomer gets; none is ever given twice.
    pub(crate) fn free_idx(&self) -> u16 {
        self.places.values().max().map_or(0, |last| last + 1)
    }

    /// Checks an announce. Records nothing.
    pub(crate) fn verify(&self, session: &Session, letter: &Letter) -> Result<Link, Refusal> {
        // Takeover and take-back are not in this version: one generator, the organizer.
        let announce: Authentic<EpochAnnounce> =
            letter.authentic(&session.organizer, &session.scope)?;
        let (h, a) = (announce.hash("SF1/ann"), announce.message);
        if a.generator != announce.from.0 {
            return Err(Refusal::NotAllowed);
        }
        self.check_place(&a)?;
        self.check_roster(session, &a)?;
        if a.max_ms > max_ms(a.reason) || a.min_ms > a.max_ms {
            return Err(Refusal::Inconsistent);
        }
        if !a.orders.as_slice().is_empty() || a.merged_h.is_some() {
            return Err(Refusal::Unsupported);
        }
        Ok(Link::new(self.head.as_ref(), h, a))
    }

    fn check_place(&self, a: &EpochAnnounce) -> Result<(), Refusal> {
        let epoch = self.head.as_ref().map_or(0, |head| head.announce.epoch);
        match a.epoch.checked_sub(epoch) {
            None | Some(0) => return Err(Refusal::Stale),
            Some(1) if a.prev_h == self.tip() => {}
            Some(1) => return Err(Refusal::Inconsistent),
            Some(_) => return Err(Refusal::Missing),
        }
        if a.term != 1 || (a.reason == Reason::Open) != (a.epoch == 1) {
            return Err(Refusal::Inconsistent);
        }
        self.check_reason(a)
    }

    /// Who was present goes only under a reason that says so: it decides how long the old epoch may
    /// still be used.
    fn check_reason(&self, a: &EpochAnnounce) -> Result<(), Refusal> {
        match a.reason {
            Reason::Leave | Reason::Drop | Reason::Removal => return Ok(()),
            Reason::Open | Reason::Join | Reason::Timer | Reason::Manual => {}
            _ => return Err(Refusal::Unsupported),
        }
        let listed: BTreeSet<_> = a.roster.as_slice().iter().map(|e| e.fp).collect();
        let mut present = self.head.iter().flat_map(Link::roster).filter(|e| e.state == State::In);
        if present.all(|e| listed.contains(&e.fp)) { Ok(()) } else { Err(Refusal::Inconsistent) }
    }

    fn check_roster(&self, session: &Session, a: &EpochAnnounce) -> Result<(), Refusal> {
        let roster = a.roster.as_slice();
        let (fps, idxs): (BTreeSet<_>, BTreeSet<_>) = roster.iter().map(|e| (e.fp, e.idx)).unzip();
        // In idx order: one roster has one form, and no idx is there twice.
        if fps.len() != roster.len() || !roster.is_sorted_by(|a, b| a.idx < b.idx) {
            return Err(Refusal::Inconsistent);
        }
        if !roster.iter().any(|e| e.fp == a.generator && e.state == State::In) {
            return Err(Refusal::Inconsistent);
        }
        if a.succession.as_slice().iter().any(|idx| !idxs.contains(idx)) {
            return Err(Refusal::Inconsistent);
        }
        roster.iter().try_for_each(|entry| self.check_entry(session, a, entry))
    }

    fn check_entry(
        &self,
        session: &Session,
        a: &EpochAnnounce,
        entry: &Entry,
    ) -> Result<(), Refusal> {
        let fp = Fingerprint(entry.fp);
        if self.removed.contains(&fp) {
            return Err(Refusal::NotAllowed);
        }
        let idx_ok = match self.place_of(fp) {
            Some(place) => place == entry.idx,
            None => entry.idx < IDX_LIMIT && !self.places.values().any(|idx| *idx == entry.idx),
        };
        let locked_out =
            self.head.as_ref().is_some_and(|head| head.announce.locked) && !self.has_seen(fp);
        if !idx_ok || locked_out {
            return Err(Refusal::Inconsistent);
        }
        if entry.role != Role::Person || entry.owner.is_some() || entry.replaces.is_some() {
            return Err(Refusal::Unsupported);
        }
        match entry.state {
            State::Invited => check_invited(session, a, entry),
            State::In => check_present(session, entry),
            State::Off => Err(Refusal::Unsupported),
        }
    }

    /// Makes a checked link the head.
    pub(crate) fn advance(&mut self, link: Link) {
        self.places.extend(link.roster().iter().map(|e| (Fingerprint(e.fp), e.idx)));
        if link.announce.reason == Reason::Removal {
            self.removed.extend(&link.left);
        }
        self.head = Some(link);
    }
}

/// `invited` exists only in epoch 1, for scheduled members, without a join request.
fn check_invited(session: &Session, a: &EpochAnnounce, entry: &Entry) -> Result<(), Refusal> {
    let scheduled = session.scheduled.contains(&Fingerprint(entry.fp));
    if a.epoch == 1 && scheduled && entry.join_h == [0; 32] {
        Ok(())
    } else {
        Err(Refusal::NotAllowed)
    }
}

/// Everyone present names a join request that we hold and checked.
fn check_present(session: &Session, entry: &Entry) -> Result<(), Refusal> {
    let request = session.request(&entry.join_h).ok_or(Refusal::Inconsistent)?;
    let same = request.fp() == Fingerprint(entry.fp) && request.role == entry.role;
    if same { Ok(()) } else { Err(Refusal::Inconsistent) }
}
