//! Who is removed, as a set of signed orders and of those that were lifted: an observed-remove set
//! (Shapiro et al., 2011). What two branches know comes together without a look at their history,
//! less what somebody ordered who is removed where it is to count: whoever carried that order.

use std::collections::{BTreeMap, BTreeSet};

use standfast_crypto::Fingerprint;
use standfast_wire::control::Hash;

use crate::limits::REMOVALS_MAX;

/// The orders that removed one person.
#[derive(Default, Clone)]
struct Orders {
    /// With who signed each.
    known: BTreeMap<Hash, Fingerprint>,
    /// Those of them that a Readmit answered.
    lifted: BTreeSet<Hash>,
}

impl Orders {
    fn stand(&self) -> bool {
        self.known.len() > self.lifted.len()
    }

    /// A lifted one makes room; one more that stands changes nothing.
    fn add(&mut self, order: Hash, by: Fingerprint) {
        if self.known.len() == REMOVALS_MAX
            && let Some(old) = self.lifted.pop_first()
        {
            self.known.remove(&old);
        }
        if self.known.len() < REMOVALS_MAX {
            self.known.insert(order, by);
        }
    }
}

/// Everyone who was ever removed, up to an announce or as a device has seen it.
#[derive(Default, Clone)]
pub(super) struct Removals(BTreeMap<Fingerprint, Orders>);

impl Removals {
    /// Whether somebody is removed.
    pub(super) fn stand_for(&self, fp: Fingerprint) -> bool {
        self.0.get(&fp).is_some_and(Orders::stand)
    }

    /// Everyone who is.
    pub(super) fn standing(&self) -> impl Iterator<Item = Fingerprint> + '_ {
        self.0.iter().filter(|(_, orders)| orders.stand()).map(|(fp, _)| *fp)
    }

    /// Whether an order that stands here is not lifted there either, nor by somebody who is removed
    /// there.
    pub(super) fn stand_against(&self, there: &Self, fp: Fingerprint) -> bool {
        let lifted = |order: &Hash| there.0.get(&fp).is_some_and(|o| o.lifted.contains(order));
        let stands = |(order, by): (&Hash, &Fingerprint), here: &Orders| {
            !here.lifted.contains(order) && !lifted(order) && !there.stand_for(*by)
        };
        self.0.get(&fp).is_some_and(|here| here.known.iter().any(|order| stands(order, here)))
    }

    /// `orders` of `by` remove somebody.
    pub(super) fn remove(
        &mut self,
        fp: Fingerprint,
        by: Fingerprint,
        orders: impl IntoIterator<Item = Hash>,
    ) {
        let of = self.0.entry(fp).or_default();
        orders.into_iter().for_each(|order| of.add(order, by));
    }

    /// Lifts the orders that were known `then`.
    pub(super) fn readmit(&mut self, fp: Fingerprint, then: &Self) {
        if let (Some(orders), Some(then)) = (self.0.get_mut(&fp), then.0.get(&fp)) {
            let known = then.known.keys().filter(|order| orders.known.contains_key(*order));
            orders.lifted.extend(known);
        }
    }

    /// A branch that ends in this one: what it alone knows stands or is lifted as it says, less what
    /// somebody ordered who is removed here. An order that is known here is lifted here or not at all.
    pub(super) fn merge(&mut self, other: &Self) {
        let here = self.clone();
        self.join(other, |by| !here.stand_for(by), |known, order| !known.contains_key(order));
    }

    /// The same, whoever ordered it.
    pub(super) fn merge_any(&mut self, other: &Self) {
        self.join(other, |_| true, |known, order| !known.contains_key(order));
    }

    /// A branch that a device comes to: what was lifted anywhere is.
    pub(super) fn learn(&mut self, other: &Self) {
        self.join(other, |_| true, |_, _| true);
    }

    fn join(
        &mut self,
        other: &Self,
        counts: impl Fn(Fingerprint) -> bool,
        lifts: impl Fn(&BTreeMap<Hash, Fingerprint>, &Hash) -> bool,
    ) {
        for (fp, theirs) in &other.0 {
            let ours = self.0.entry(*fp).or_default();
            let here = ours.known.clone();
            let new = theirs
                .known
                .iter()
                .filter(|(order, by)| !here.contains_key(*order) && counts(**by));
            new.for_each(|(order, by)| ours.add(*order, *by));
            let lifted = theirs.lifted.iter().filter(|order| lifts(&here, order)).copied();
            ours.lifted.extend(lifted.filter(|order| ours.known.contains_key(order)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEO: Fingerprint = Fingerprint([1; 32]);
    const HOST: Fingerprint = Fingerprint([2; 32]);
    const OTHER_HOST: Fingerprint = Fingerprint([3; 32]);

    fn after(steps: &[Option<u8>]) -> Removals {
        let mut removals = Removals::default();
        for step in steps {
            match step {
                Some(order) => removals.remove(LEO, HOST, [[*order; 32]]),
                None => removals.readmit(LEO, &removals.clone()),
            }
        }
        removals
    }

    fn merged(base: &[Option<u8>], other: &[Option<u8>]) -> bool {
        let mut base = after(base);
        base.merge(&after(other));
        base.stand_for(LEO)
    }

    #[test]
    fn a_merge_keeps_what_stands_on_either_side_and_lifts_what_its_own_side_lifted() {
        assert!(!merged(&[], &[]));
        assert!(merged(&[Some(1)], &[]) && merged(&[], &[Some(1)]));
        assert!(!merged(&[], &[Some(1), None]));
        assert!(!merged(&[Some(1), None], &[Some(1)]), "one order, lifted here");
        assert!(merged(&[Some(1)], &[Some(1), None]), "what stands here, the other cannot lift");
        assert!(merged(&[Some(1), None], &[Some(1), None, Some(2)]), "and removed again there");
        assert!(merged(&[Some(1), None], &[Some(2)]), "one that was never answered");
    }

    #[test]
    fn a_device_that_jumps_is_held_back_only_by_orders_that_nobody_answered() {
        let follows = |seen: &[Option<u8>], there: &[Option<u8>]| {
            !after(seen).stand_against(&after(there), LEO)
        };
        assert!(follows(&[], &[]) && follows(&[Some(1), None], &[]));
        assert!(!follows(&[Some(1)], &[]));
        assert!(follows(&[Some(1)], &[Some(1), None]));
        assert!(!follows(&[Some(1), Some(2)], &[Some(1), None]), "it knew of one only");
    }

    #[test]
    fn what_somebody_ordered_counts_where_they_are_not_removed() {
        let by = |signer: Fingerprint| {
            let mut removals = Removals::default();
            removals.remove(LEO, signer, [[7; 32]]);
            removals
        };
        let mut here = Removals::default();
        here.remove(HOST, OTHER_HOST, [[8; 32]]);
        for (signer, counts) in [(HOST, false), (OTHER_HOST, true)] {
            let (theirs, mut both) = (by(signer), here.clone());
            both.merge(&theirs);
            assert_eq!(both.stand_for(LEO), counts);
            assert_eq!(theirs.stand_against(&here, LEO), counts, "nor does it hold anybody back");
            both.merge_any(&theirs);
            assert!(both.stand_for(LEO));
        }
        // Each removed the other: on either side the other's word does not count.
        let mut there = by(HOST);
        there.remove(OTHER_HOST, HOST, [[9; 32]]);
        let mut both = here.clone();
        both.merge(&there);
        assert!(both.stand_for(HOST) && !both.stand_for(OTHER_HOST) && !both.stand_for(LEO));
    }

    #[test]
    fn a_readmission_lifts_what_its_signer_had_seen() {
        let then = after(&[Some(1)]);
        let mut now = after(&[Some(1), Some(2)]);
        now.readmit(LEO, &then);
        assert!(now.stand_for(LEO));
        now.readmit(LEO, &now.clone());
        assert!(!now.stand_for(LEO));
    }

    #[test]
    fn orders_without_end_take_bounded_room_and_never_let_anybody_in() {
        let mut removals = Removals::default();
        for n in 0..REMOVALS_MAX as u32 * 4 {
            let mut order = [0; 32];
            order[..4].copy_from_slice(&n.to_be_bytes());
            removals.remove(LEO, HOST, [order]);
            assert!(removals.stand_for(LEO));
            if n % 3 == 0 {
                removals.readmit(LEO, &removals.clone());
                assert!(!removals.stand_for(LEO));
            }
            assert!(removals.0[&LEO].known.len() <= REMOVALS_MAX);
            assert!(
                removals.0[&LEO]
                    .lifted
                    .iter()
                    .all(|order| removals.0[&LEO].known.contains_key(order))
            );
        }
        let many = (0..REMOVALS_MAX as u8 + 9).map(|n| [n; 32]);
        removals.remove(LEO, HOST, many);
        assert!(removals.stand_for(LEO));
    }
}
