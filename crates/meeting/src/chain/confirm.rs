//! What every member checks before it follows an announce (`docs/protocol.md` §5 and §6, *Confirm*).

use std::collections::BTreeSet;
use std::sync::Arc;

use standfast_crypto::Fingerprint;
use standfast_frame::IDX_LIMIT;
use standfast_wire::control::{
    Admission, Entry, EpochAnnounce, MAX_SUCCESSION, Reason, Role, State,
};

use super::{Chain, Link, Node, Removals, locked_by};
use crate::Refusal;
use crate::authority::{Statements, statements};
use crate::limits::{max_ms, max_ms_without};
use crate::session::Session;

/// What an announce is checked against.
struct Before<'c> {
    session: &'c Session,
    base: Option<&'c Node>,
    merged: Option<&'c Node>,
    /// Who is removed after it.
    removals: Arc<Removals>,
    statements: &'c Statements,
}

/// Checks `a`, which builds on `path` (newest first). Gives the statements that it carries.
pub(super) fn check(
    chain: &Chain,
    session: &Session,
    path: &[&Node],
    a: &EpochAnnounce,
) -> Result<Statements, Refusal> {
    let base = path.first().copied();
    let merged = match &a.merged_h {
        Some(h) if path.iter().any(|node| node.link.h == *h) => return Err(Refusal::Inconsistent),
        Some(h) => Some(chain.node(h).ok_or(Refusal::Missing)?),
        None => None,
    };
    check_number(a, base, merged)?;
    check_generator(session, a, base)?;
    let statements = statements(session, path, a)?;
    let removals = chain.removals_after(a, &statements);
    let before = Before { session, base, merged, removals, statements: &statements };
    before.check_lock(a)?;
    before.check_roster(a)?;
    before.check_reason(a)?;
    Ok(statements)
}

/// Term and epoch follow from the announce before, and from the merged head.
fn check_number(
    a: &EpochAnnounce,
    base: Option<&Node>,
    merged: Option<&Node>,
) -> Result<(), Refusal> {
    let expected = match (base.map(|n| &n.link), merged.map(|n| &n.link)) {
        (None, None) => Some((1, 1)),
        (Some(base), None) => next_number(base.number(), a.generator != base.announce.generator),
        (Some(base), Some(other)) => {
            let ((t1, e1), (t2, e2)) = (base.number(), other.number());
            next_number((t1.max(t2), e1.max(e2)), true)
        }
        (None, Some(_)) => None,
    };
    let reason = match a.reason {
        Reason::Open => base.is_none(),
        Reason::Merge => merged.is_some(),
        Reason::Takeover => base.is_some_and(|b| b.link.announce.generator != a.generator),
        _ => base.is_some_and(|b| b.link.announce.generator == a.generator) && merged.is_none(),
    };
    if expected == Some((a.term, a.epoch)) && reason { Ok(()) } else { Err(Refusal::Inconsistent) }
}

fn next_number((term, epoch): (u32, u32), new_term: bool) -> Option<(u32, u32)> {
    Some((term.checked_add(new_term.into())?, epoch.checked_add(1)?))
}

/// The opener makes the first announce; afterwards the one before's generator, or somebody of its
/// succession, in which the organizer is always first.
fn check_generator(
    session: &Session,
    a: &EpochAnnounce,
    base: Option<&Node>,
) -> Result<(), Refusal> {
    let generator = Fingerprint(a.generator);
    let allowed = match base {
        None => generator == session.opener,
        Some(base) => {
            let head = &base.link;
            head.generator() == generator || head.rank_of(generator).is_some()
        }
    };
    if allowed { Ok(()) } else { Err(Refusal::NotAllowed) }
}

/// Who may take over from here, in order: the organizer, then hosts, then everyone else present, by
/// idx. A function of the roster alone, so that no generator can choose its heirs.
pub(crate) fn succession(session: &Session, roster: &[Entry]) -> Vec<u16> {
    let organizer = session.organizer.fingerprint();
    let rank = |e: &&Entry| {
        let fp = Fingerprint(e.fp);
        (fp != organizer, !session.is_host(fp), e.idx)
    };
    let mut heirs: Vec<&Entry> =
        roster.iter().filter(|e| e.role == Role::Person && e.state != State::Off).collect();
    heirs.sort_by_key(rank);
    heirs.into_iter().take(MAX_SUCCESSION).map(|e| e.idx).collect()
}

impl Before<'_> {
    fn head(&self) -> Option<&Link> {
        self.base.map(|node| &node.link)
    }

    fn entry(&self, fp: Fingerprint) -> Option<&Entry> {
        self.head().and_then(|head| head.entry_of(fp))
    }

    fn seen(&self, fp: Fingerprint) -> bool {
        self.base.is_some_and(|node| node.places.contains_key(&fp))
    }

    fn removed(&self, fp: Fingerprint) -> bool {
        self.removals.stand_for(fp)
    }

    fn locked(&self) -> bool {
        locked_by(self.base, self.merged).is_some()
    }

    /// Only a host's order locks or unlocks; a merge keeps the lock of either side, unless somebody
    /// gave it who is removed here.
    fn check_lock(&self, a: &EpochAnnounce) -> Result<(), Refusal> {
        let ordered = self.statements.locked.map(|(locked, _)| locked);
        if a.locked == ordered.unwrap_or(self.locked()) { Ok(()) } else { Err(Refusal::NotAllowed) }
    }

    /// How long the old epoch may be used follows from who goes, whatever the reason is called.
    fn check_reason(&self, a: &EpochAnnounce) -> Result<(), Refusal> {
        let st = self.statements;
        let reason_fits = match a.reason {
            Reason::Removal => !st.removed.is_empty(),
            Reason::OffRecord => st.record.values().any(|(on, _)| !on),
            Reason::OnRecord => st.record.values().any(|(on, _)| *on),
            Reason::Device => !st.vouches.is_empty(),
            Reason::Takeover | Reason::Merge => true,
            _ => st.removed.is_empty(),
        };
        let urgent = !st.removed.is_empty() || st.record.values().any(|(on, _)| !on);
        let listed: BTreeSet<_> = a.roster.as_slice().iter().map(|e| e.fp).collect();
        let mut before = self.head().into_iter().flat_map(Link::roster);
        let somebody_goes = before.any(|e| e.state == State::In && !listed.contains(&e.fp));
        let limit = max_ms(a.reason).min(max_ms_without(somebody_goes, urgent));
        if reason_fits && a.max_ms <= limit && a.min_ms <= a.max_ms {
            Ok(())
        } else {
            Err(Refusal::Inconsistent)
        }
    }

    fn check_roster(&self, a: &EpochAnnounce) -> Result<(), Refusal> {
        let roster = a.roster.as_slice();
        let fps: BTreeSet<_> = roster.iter().map(|e| e.fp).collect();
        // In idx order: one roster has one form, and no idx is there twice.
        if fps.len() != roster.len() || !roster.is_sorted_by(|a, b| a.idx < b.idx) {
            return Err(Refusal::Inconsistent);
        }
        let generator = roster.iter().find(|e| e.fp == a.generator);
        if !generator.is_some_and(|e| e.state == State::In && e.role == Role::Person) {
            return Err(Refusal::Inconsistent);
        }
        if a.succession.as_slice() != succession(self.session, roster) {
            return Err(Refusal::Inconsistent);
        }
        roster.iter().try_for_each(|entry| self.check_entry(a, entry))
    }

    fn check_entry(&self, a: &EpochAnnounce, entry: &Entry) -> Result<(), Refusal> {
        let fp = Fingerprint(entry.fp);
        if self.removed(fp) {
            return Err(Refusal::NotAllowed);
        }
        let places = self.base.map(|node| &node.places);
        let idx_ok = match places.and_then(|p| p.get(&fp)) {
            Some(place) => *place == entry.idx,
            None => {
                let given = places.is_some_and(|p| p.values().any(|idx| *idx == entry.idx));
                entry.idx < IDX_LIMIT && !given
            }
        };
        if !idx_ok {
            return Err(Refusal::Inconsistent);
        }
        // An order that unlocks counts for newcomers of the same announce.
        let organizer = fp == self.session.organizer.fingerprint();
        if self.locked() && a.locked && !self.seen(fp) && !organizer {
            return Err(Refusal::NotAllowed);
        }
        if entry.state == State::Invited {
            return self.check_invited(entry);
        }
        self.check_present(entry)?;
        match entry.role {
            Role::Person => self.check_person(a, entry),
            Role::Bot => self.check_bot(a, entry),
        }
    }

    /// `invited` exists only in epoch 1, for scheduled members, without a join request.
    fn check_invited(&self, entry: &Entry) -> Result<(), Refusal> {
        let scheduled = self.session.scheduled.contains(&Fingerprint(entry.fp));
        let plain = entry.role == Role::Person && entry.owner.is_none() && entry.replaces.is_none();
        if self.base.is_none() && scheduled && plain && entry.join_h == [0; 32] {
            Ok(())
        } else {
            Err(Refusal::NotAllowed)
        }
    }

    /// Everyone present names a join request that we hold and checked.
    fn check_present(&self, entry: &Entry) -> Result<(), Refusal> {
        let request = self.session.request(&entry.join_h).ok_or(Refusal::Missing)?;
        let same = request.fp() == Fingerprint(entry.fp) && request.role == entry.role;
        if same { Ok(()) } else { Err(Refusal::Inconsistent) }
    }

    fn check_person(&self, a: &EpochAnnounce, entry: &Entry) -> Result<(), Refusal> {
        if entry.state != State::In || entry.owner.is_some() {
            return Err(Refusal::Inconsistent);
        }
        let fp = Fingerprint(entry.fp);
        let before = self.entry(fp);
        let vouched = self.statements.vouches.get(&entry.join_h).filter(|v| v.new == fp);
        let replaces = before.and_then(|e| e.replaces);
        if let Some(old) = entry.replaces {
            let by_vouch = vouched.is_some_and(|v| v.old == Fingerprint(old));
            let absent = !a.roster.as_slice().iter().any(|e| e.fp == old);
            if !absent || !(by_vouch || replaces == Some(old)) {
                return Err(Refusal::NotAllowed);
            }
        } else if replaces.is_some() || vouched.is_some() {
            return Err(Refusal::Inconsistent);
        }
        let open = self.session.policy.admission == Admission::AnyoneWithLink;
        let opener = self.base.is_none() && fp == self.session.opener;
        let expected = open || opener || self.session.expects(fp) || self.seen(fp);
        let admitted = self.statements.admitted.contains_key(&entry.join_h);
        if expected || admitted || vouched.is_some() { Ok(()) } else { Err(Refusal::NotAllowed) }
    }

    /// A bot has an owner who is present, was admitted by a host, and changes its record only by
    /// order.
    fn check_bot(&self, a: &EpochAnnounce, entry: &Entry) -> Result<(), Refusal> {
        let (fp, owner) = (Fingerprint(entry.fp), entry.owner.ok_or(Refusal::Inconsistent)?);
        let present = |fp: [u8; 32]| {
            a.roster
                .as_slice()
                .iter()
                .any(|e| e.fp == fp && e.state == State::In && e.role == Role::Person)
        };
        if !present(owner) || entry.replaces.is_some() {
            return Err(Refusal::NotAllowed);
        }
        let before = self.entry(fp);
        let stated = self.statements.owners.get(&entry.join_h);
        let owned = stated == Some(&(fp, Fingerprint(owner)));
        let kept = before.is_some_and(|e| e.owner == Some(owner));
        // A present owner loses its bot to nobody.
        let taken = before.and_then(|e| e.owner).is_some_and(|o| o != owner && present(o));
        if taken || !(owned || kept) {
            return Err(Refusal::NotAllowed);
        }
        // A bot that comes back by itself comes back without the key.
        let admitted = self.statements.admitted.contains_key(&entry.join_h);
        let was = before.map_or(if admitted { State::In } else { State::Off }, |e| e.state);
        let ordered = self.statements.record.get(&fp).map(|(on, _)| *on);
        let expected = ordered.map_or(was, |on| if on { State::In } else { State::Off });
        if entry.state == expected && (admitted || self.seen(fp)) {
            Ok(())
        } else {
            Err(Refusal::NotAllowed)
        }
    }
}
