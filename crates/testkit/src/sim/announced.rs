//! Announces, and what must hold of each whatever its maker believes.

use std::collections::{BTreeMap, BTreeSet};

use standfast_crypto::Fingerprint;
use standfast_meeting::limits::{max_ms, max_ms_without};
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{
    Act, Entry, EpochAnnounce, Hash, Kind, Order, Reason, Sealed, State,
};

use super::boxes::hash_of;
use super::device::Process;
use super::world::Held;

use super::truth::{Truth, read};

/// An announce that somebody signed.
pub(crate) struct Announced {
    pub(crate) term: u32,
    pub(crate) number: u32,
    pub(crate) reason: Reason,
    pub(crate) generator: Hash,
    pub(crate) roster: Vec<Entry>,
    pub(crate) max_ms: u64,
    pub(crate) prev_h: Hash,
    pub(crate) merged_h: Option<Hash>,
    /// Who ever had which place, from the first announce to this one.
    pub(super) places: BTreeMap<u16, Hash>,
    /// Who was removed up to here, and not readmitted; with who ordered it.
    pub(crate) removed: Removed,
    /// Announces that its maker had checked when it made this one.
    pub(crate) knew: Option<BTreeSet<Hash>>,
}

/// People, each with the hosts who removed them.
pub(crate) type Removed = BTreeMap<Hash, BTreeSet<Hash>>;

impl Announced {
    /// Everyone who is given the key of this epoch.
    pub(crate) fn holders(&self) -> impl Iterator<Item = Fingerprint> {
        self.roster.iter().filter(|e| e.state != State::Off).map(|e| Fingerprint(e.fp))
    }

    pub(crate) fn holds(&self, fp: Fingerprint) -> bool {
        self.holders().any(|holder| holder == fp)
    }
}

impl Truth {
    /// Whom the merged branch removed since the two parted; a removal before that may have been lifted
    /// in ours. What hosts order who are removed in ours does not count.
    fn removed_by(&self, merged: Option<&Announced>, a: &EpochAnnounce) -> Removed {
        let Some(merged) = merged else { return Removed::new() };
        let ours: Vec<_> = self.path(a.prev_h).map(|(h, _)| h).collect();
        let mut theirs = self.path(a.merged_h.unwrap_or_default());
        let parted = theirs.find(|(h, _)| ours.contains(h)).map(|(_, ancestor)| ancestor);
        let new = |fp: &Hash| parted.is_none_or(|ancestor| !ancestor.removed.contains_key(fp));
        let before = self.announces.get(&a.prev_h);
        let counts = |by: &&Hash| before.is_none_or(|before| !before.removed.contains_key(*by));
        let removed = merged.removed.iter().filter(|(fp, _)| new(fp));
        let removed = removed.map(|(fp, by)| (*fp, by.iter().filter(counts).copied().collect()));
        removed.filter(|(_, by): &(Hash, BTreeSet<Hash>)| !by.is_empty()).collect()
    }

    /// From an announce back to the first.
    fn path(&self, h: Hash) -> impl Iterator<Item = (Hash, &Announced)> {
        let first = self.announces.get(&h).map(|a| (h, a));
        std::iter::successors(first, |(_, a)| {
            self.announces.get(&a.prev_h).map(|before| (a.prev_h, before))
        })
    }

    /// A process is told of `h`, or makes it. An announce it can check only when everything that this
    /// one builds on came before; what came too early is dropped, and read again some time.
    pub(crate) fn learns(&self, process: &mut Process, h: Hash) {
        process.heard.insert(h);
        let Some(announced) = self.announces.get(&h) else { return };
        let before = |h: &Hash| !self.announces.contains_key(h) || process.checked.contains(h);
        let built_on = before(&announced.prev_h) && announced.merged_h.as_ref().is_none_or(before);
        let listed = announced.roster.iter().filter(|e| e.state == State::In);
        let made = self
            .joins
            .iter()
            .any(|(h, fp)| *fp == announced.generator && process.heard.contains(h));
        if built_on && made && listed.into_iter().all(|e| process.heard.contains(&e.join_h)) {
            process.checked.insert(h);
        }
    }

    /// What the maker of `h` had checked before it made it.
    pub(crate) fn made_knowing(&mut self, h: &Hash, process: &mut Process) {
        if let Some(announced) = self.announces.get_mut(h).filter(|a| a.knew.is_none()) {
            announced.knew = Some(process.checked.clone());
        }
        process.checked.insert(*h);
    }

    pub(super) fn announce(&mut self, session: Hash, sealed: &Sealed) -> Result<Hash, String> {
        let h = hash_of("SF1/ann", sealed).ok_or("an unsigned announce")?;
        if self.announces.contains_key(&h) {
            return Ok(h); // shown again to a relay that lost it
        }
        let a: EpochAnnounce = read(sealed)?;
        let roster = a.roster.as_slice();
        let slot = (session, a.generator, a.term, a.epoch);
        if a.generator != sealed.from || self.made.insert(slot, h).is_some() {
            return Err(format!("two announces for epoch {} of term {}", a.epoch, a.term));
        }
        let before = self.announces.get(&a.prev_h);
        let merged = match a.merged_h {
            Some(h) => Some(self.announces.get(&h).ok_or("a merge with nothing")?),
            None => None,
        };
        numbered(&a, before, merged)?;
        timely(&a, before)?;
        let places = places(before.map(|b| &b.places), roster)?;
        for entry in roster.iter().filter(|e| e.state == State::In) {
            if self.joins.get(&entry.join_h) != Some(&entry.fp) {
                return Err(format!("place {} names a join that is not its own", entry.idx));
            }
        }
        let removed = removed(&a, before, self.removed_by(merged, &a))?;
        self.ever_removed.extend(removed.keys().map(|fp| Fingerprint(*fp)));
        let announced = Announced {
            term: a.term,
            number: a.epoch,
            reason: a.reason,
            generator: a.generator,
            roster: roster.to_vec(),
            max_ms: a.max_ms.into(),
            prev_h: a.prev_h,
            merged_h: a.merged_h,
            places,
            removed,
            knew: None,
        };
        self.announces.insert(h, announced);
        Ok(h)
    }
}

/// Term and epoch follow from the announce before, and from the merged head.
fn numbered(a: &EpochAnnounce, before: Option<&Announced>, merged: Option<&Announced>) -> Held {
    let both = || before.into_iter().chain(merged);
    let epoch = both().map(|b| b.number).max().unwrap_or(0) + 1;
    let term = both().map(|b| b.term).max().unwrap_or(0);
    let new_term = merged.is_some() || before.is_none_or(|b| b.generator != a.generator);
    if (a.term, a.epoch) != (term + u32::from(new_term), epoch) {
        return Err(format!("announce {}.{} where epoch {epoch} comes next", a.term, a.epoch));
    }
    Ok(())
}

/// Nobody who goes may hear for longer than the table says.
fn timely(a: &EpochAnnounce, before: Option<&Announced>) -> Held {
    let listed = |fp: &Hash| a.roster.as_slice().iter().any(|e| e.fp == *fp);
    let old = before.into_iter().flat_map(|b| &b.roster);
    let goes = old.filter(|e| e.state == State::In).any(|e| !listed(&e.fp));
    let most = max_ms(a.reason).min(max_ms_without(goes, a.reason == Reason::Removal));
    if a.max_ms > most {
        return Err(format!("announce {} may take {} ms, takes {}", a.epoch, most, a.max_ms));
    }
    Ok(())
}

/// Who is removed after `a`; nobody of them is on its roster. `merged`: by the other branch.
fn removed(
    a: &EpochAnnounce,
    before: Option<&Announced>,
    merged: Removed,
) -> Result<Removed, String> {
    let mut removed = merged;
    for (fp, by) in before.into_iter().flat_map(|b| &b.removed) {
        removed.entry(*fp).or_default().extend(by);
    }
    for carried in a.orders.as_slice().iter().filter(|carried| carried.kind == Kind::Order) {
        let order: Order = from_bytes(carried.body.as_slice()).map_err(|_| "no order")?;
        match order.act {
            Act::Remove => drop(removed.entry(order.target).or_default().insert(carried.from)),
            Act::Readmit => drop(removed.remove(&order.target)),
            _ => {}
        }
    }
    if a.roster.as_slice().iter().any(|e| removed.contains_key(&e.fp)) {
        return Err(format!("epoch {} lists somebody who was removed", a.epoch));
    }
    Ok(removed)
}

/// A place belongs to one fingerprint within one chain, and a fingerprint to one place.
fn places(
    before: Option<&BTreeMap<u16, Hash>>,
    roster: &[Entry],
) -> Result<BTreeMap<u16, Hash>, String> {
    let mut places = before.cloned().unwrap_or_default();
    for entry in roster {
        if *places.entry(entry.idx).or_insert(entry.fp) != entry.fp {
            return Err(format!("place {} is given twice", entry.idx));
        }
    }
    let one_each = roster.iter().all(|e| roster.iter().filter(|o| o.fp == e.fp).count() == 1);
    let kept = roster.iter().all(|e| places.iter().all(|(idx, fp)| *fp != e.fp || *idx == e.idx));
    if one_each && kept { Ok(places) } else { Err("somebody has two places".into()) }
}
