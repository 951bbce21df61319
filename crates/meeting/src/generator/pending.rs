//! Changes that the next announce will carry.

use std::collections::{BTreeMap, BTreeSet};

use standfast_crypto::Fingerprint;
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{Act, Carried, Hash, Kind, MAX_ORDERS, Order, Reason, Vouch};

use crate::authority::{Stated, What};
use crate::limits::{GATHER_MS, QUIET_MS};
use crate::posted::is_due;

/// Changes that the next announce will carry.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) joins: Vec<Hash>,
    pub(super) joins_due_ms: Option<u64>,
    last_join_ms: Option<u64>,
    pub(super) gone: BTreeMap<Fingerprint, Reason>,
    /// This generator's first announce, or its answer to another branch.
    pub(super) forced: bool,
    /// Another branch that ends in this one, with what it removed.
    pub(super) ends: Option<Hash>,
}

impl Pending {
    /// Admits a request at the next announce. The first after a quiet second goes at once.
    pub(super) fn join(&mut self, h: Hash, now_ms: u64) {
        let quiet = self.last_join_ms.is_none_or(|at| now_ms >= at + QUIET_MS);
        let due = if quiet { now_ms } else { now_ms + GATHER_MS };
        self.joins_due_ms = Some(self.joins_due_ms.map_or(due, |at| at.min(due)));
        self.last_join_ms = Some(now_ms);
        if !self.joins.contains(&h) {
            self.joins.push(h);
        }
    }

    /// Takes what the next announce carries; when the last join was stays known.
    pub(super) fn take(&mut self) -> Self {
        let last_join_ms = self.last_join_ms;
        std::mem::replace(self, Self { last_join_ms, ..Self::default() })
    }
}

/// The statements that one announce carries, by what they change.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) orders: Vec<Carried>,
    pub(super) admitted: Vec<Hash>,
    pub(super) removed: BTreeSet<Fingerprint>,
    pub(super) locked: Option<bool>,
    pub(super) record: BTreeMap<Fingerprint, bool>,
    /// Owners by the bot's join request.
    pub(super) owners: Vec<(Hash, Fingerprint, Carried)>,
    /// New devices by their join request, with the old device.
    pub(super) vouches: BTreeMap<Hash, Fingerprint>,
    /// The ages at which the vouches were signed, by join request, ms.
    pub(super) vouch_age_ms: BTreeMap<Hash, u64>,
}

impl Changes {
    /// Sorts valid statements, at most as many as an announce carries.
    pub(super) fn of(valid: Vec<(Carried, Stated)>) -> Self {
        let mut changes = Self::default();
        for (carried, stated) in valid.into_iter().take(MAX_ORDERS) {
            changes.add(carried, stated);
        }
        changes
    }

    /// Whether an announce should be made for these alone.
    pub(super) fn due(&self) -> bool {
        self.orders.iter().any(is_due)
    }

    fn add(&mut self, carried: Carried, stated: Stated) {
        match stated.what {
            What::Own(own) => {
                // Carried only if its bot is seated by it.
                return self.owners.push((own.join_h, stated.from, carried));
            }
            What::Vouch(vouch) => {
                self.vouches.insert(vouch.join_h, stated.from);
                self.vouch_age_ms.insert(vouch.join_h, vouch.age_ms);
            }
            What::Order(Order { act, target, .. }) => {
                let fp = Fingerprint(target);
                match act {
                    Act::Admit => self.admitted.push(target),
                    Act::Remove => drop(self.removed.insert(fp)),
                    Act::Lock => self.locked = Some(true),
                    Act::Unlock => self.locked = Some(false),
                    Act::OffRecord => drop(self.record.insert(fp, false)),
                    Act::OnRecord => drop(self.record.insert(fp, true)),
                    Act::Readmit | Act::Rotate => {}
                }
            }
        }
        self.orders.push(carried);
    }

    /// Somebody is let in whom this announce may not list: the order is not carried.
    pub(super) fn drop_admission(&mut self, join_h: &Hash) {
        self.admitted.retain(|h| h != join_h);
        self.drop_order(Act::Admit, join_h);
    }

    /// Somebody is removed whom this generator cannot leave out: itself.
    pub(super) fn drop_removal(&mut self, fp: Fingerprint) -> bool {
        self.drop_order(Act::Remove, &fp.0);
        self.removed.remove(&fp)
    }

    fn drop_order(&mut self, act: Act, target: &Hash) {
        self.orders.retain(|carried| {
            let order = from_bytes::<Order>(carried.body.as_slice());
            let is_that = order.is_ok_and(|order| (order.act, &order.target) == (act, target));
            carried.kind != Kind::Order || !is_that
        });
    }

    /// A vouch that cannot be carried: it ran out, or its new device may not be listed.
    pub(super) fn drop_vouch(&mut self, join_h: &Hash) {
        self.vouches.remove(join_h);
        self.vouch_age_ms.remove(join_h);
        self.orders.retain(|carried| {
            let vouch = from_bytes::<Vouch>(carried.body.as_slice());
            carried.kind != Kind::Vouch || vouch.is_ok_and(|vouch| vouch.join_h != *join_h)
        });
    }

    /// Who says that the bot of `join_h` is theirs, newest first.
    pub(super) fn owners_of(&self, join_h: &Hash) -> Vec<Fingerprint> {
        self.owners.iter().rev().filter(|(of, _, _)| of == join_h).map(|(_, by, _)| *by).collect()
    }

    /// Takes the owner's word for the bot of `join_h`, to be carried.
    pub(super) fn own(&mut self, join_h: &Hash, owner: Option<Fingerprint>) -> Option<Fingerprint> {
        let fits = |(of, by, _): &&(Hash, Fingerprint, Carried)| {
            of == join_h && owner.is_none_or(|owner| owner == *by)
        };
        let (_, by, carried) = self.owners.iter().rev().find(fits)?;
        if self.orders.len() < MAX_ORDERS && !self.orders.contains(carried) {
            self.orders.push(carried.clone());
        }
        Some(*by)
    }
}
