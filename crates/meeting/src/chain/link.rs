//! One checked announce, with what it changed.

use standfast_crypto::{Binding, Fingerprint, hash};
use standfast_wire::codec::{from_bytes, to_bytes};
use standfast_wire::control::{Act, Carried, Entry, EpochAnnounce, Hash, Kind, Order, State};

use crate::authority::Statements;

/// An announce that passed every check against the one before it.
pub(crate) struct Link {
    pub(crate) h: Hash,
    pub(crate) roster_h: Hash,
    pub(crate) announce: EpochAnnounce,
    /// On this roster with a join that the one before did not name.
    pub(crate) joined: Vec<Fingerprint>,
    /// On the roster before and not on this one.
    pub(crate) left: Vec<Fingerprint>,
    /// The signed statements that it carries, checked.
    pub(crate) statements: Statements,
    /// As signed, for evidence.
    pub(crate) signed: (Vec<u8>, [u8; 64]),
}

impl Link {
    /// Follows `before` with `announce`.
    pub(crate) fn new(before: Option<&Self>, h: Hash, announce: EpochAnnounce) -> Self {
        let old = before.map(Self::roster).unwrap_or_default();
        let new = announce.roster.as_slice();
        let known = |e: &&Entry| {
            old.iter().any(|o| o.fp == e.fp && (o.join_h == e.join_h || o.state == State::Invited))
        };
        let joined = new.iter().filter(|e| e.state != State::Invited && !known(e));
        let joined = joined.map(|e| Fingerprint(e.fp)).collect();
        let left = old.iter().filter(|o| !new.iter().any(|e| e.fp == o.fp));
        let left = left.map(|o| Fingerprint(o.fp)).collect();
        let roster_h = hash("SF1/roster", &to_bytes(&announce.roster));
        let (statements, signed) = (Statements::default(), (Vec::new(), [0; 64]));
        Self { h, roster_h, announce, joined, left, statements, signed }
    }

    pub(crate) fn roster(&self) -> &[Entry] {
        self.announce.roster.as_slice()
    }

    pub(crate) fn entry_of(&self, fp: Fingerprint) -> Option<&Entry> {
        self.roster().iter().find(|e| e.fp == fp.0)
    }

    pub(crate) fn generator(&self) -> Fingerprint {
        Fingerprint(self.announce.generator)
    }

    /// Term and epoch, which only grow.
    pub(crate) fn number(&self) -> (u32, u32) {
        (self.announce.term, self.announce.epoch)
    }

    pub(crate) fn binding(&self) -> Binding<'_> {
        let a = &self.announce;
        Binding { roster_h: &self.roster_h, prev_h: &a.prev_h, term: a.term, epoch: a.epoch }
    }

    /// Where `fp` stands among those who may take over from this announce's generator, from 0.
    pub(crate) fn rank_of(&self, fp: Fingerprint) -> Option<u16> {
        let succession = self.announce.succession.as_slice().iter();
        let others = succession
            .filter_map(|idx| self.roster().iter().find(|e| e.idx == *idx))
            .map(|e| Fingerprint(e.fp))
            .filter(|other| *other != self.generator());
        (0u16..).zip(others).find(|(_, other)| *other == fp).map(|(rank, _)| rank)
    }
}

/// The orders of an announce to remove `fp`, by their hashes.
pub(super) fn removal_orders(announce: &EpochAnnounce, fp: Fingerprint) -> Vec<Hash> {
    let removes = |carried: &&Carried| {
        let order = from_bytes::<Order>(carried.body.as_slice());
        let removes = order.is_ok_and(|o| o.act == Act::Remove && o.target == fp.0);
        carried.kind == Kind::Order && removes
    };
    let orders = announce.orders.as_slice().iter().filter(removes);
    orders.map(|carried| hash("SF1/message", &to_bytes(carried))).collect()
}
