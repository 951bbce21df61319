//! The verified history of a session: a tree of announces, of which this device follows one branch.
//!
//! Everyone verifies every announce from Open on ([`Chain::verify`]). One that builds on the head
//! can become the head; others are kept aside: a branch on the far side of a split, or a takeover
//! that came too early.

mod confirm;
mod link;
mod removals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use standfast_crypto::Fingerprint;
use standfast_wire::control::{EpochAnnounce, Hash};

pub(crate) use confirm::succession;
pub(crate) use link::Link;
use link::removal_orders;
use removals::Removals;

use crate::authority::Statements;
use crate::limits::NODES_MAX;
use crate::session::{Authentic, Letter, Session};
use crate::{Now, Refusal};

/// An announce and the state of the chain after it.
pub(crate) struct Node {
    pub(crate) link: Link,
    /// Everyone whom an announce up to here listed, with the idx that is theirs from then on.
    places: Arc<BTreeMap<Fingerprint, u16>>,
    removals: Arc<Removals>,
    /// Who locked the meeting, if it is locked.
    locked_by: Option<Fingerprint>,
    /// When this device first saw it.
    pub(crate) seen: Now,
}

impl Node {
    /// Somebody who was listed up to here, and is not removed: an order against others changes
    /// nothing, and a host could give them without end.
    pub(crate) fn is_removable(&self, fp: Fingerprint) -> bool {
        self.places.contains_key(&fp) && !self.removals.stand_for(fp)
    }
}

/// Two announces by one generator for one term and epoch: both cannot be honest.
pub(crate) struct Equivocation {
    pub(crate) by: Fingerprint,
    pub(crate) first: (Vec<u8>, [u8; 64]),
    pub(crate) second: (Vec<u8>, [u8; 64]),
}

/// What [`Chain::verify`] found.
pub(crate) enum Verified {
    /// Passed every check; recorded by [`Chain::keep`].
    Link(Box<Link>),
    /// Refused, and provably dishonest.
    Equivocation(Box<Equivocation>),
}

/// The verified history of a session.
pub(crate) struct Chain {
    open_h: Hash,
    nodes: BTreeMap<Hash, Node>,
    head: Option<Hash>,
    /// What this device has seen removed and lifted, in whatever branch it followed.
    removals: Removals,
}

impl Chain {
    pub(crate) fn new(open_h: Hash) -> Self {
        Self { open_h, nodes: BTreeMap::new(), head: None, removals: Removals::default() }
    }

    fn head_node(&self) -> Option<&Node> {
        self.head.as_ref().and_then(|h| self.nodes.get(h))
    }

    pub(crate) fn head(&self) -> Option<&Link> {
        self.head_node().map(|node| &node.link)
    }

    /// Hash that the next announce must name.
    pub(crate) fn tip(&self) -> Hash {
        self.head.unwrap_or(self.open_h)
    }

    /// The term of the head.
    pub(crate) fn term(&self) -> u32 {
        self.head().map_or(0, |head| head.announce.term)
    }

    /// Whoever made the head.
    pub(crate) fn generator(&self) -> Option<Fingerprint> {
        self.head().map(Link::generator)
    }

    /// Listed in an announce of this chain.
    pub(crate) fn has_seen(&self, fp: Fingerprint) -> bool {
        self.head_node().is_some_and(|node| node.places.contains_key(&fp))
    }

    /// Removed in this chain, or in one that this device followed before.
    pub(crate) fn is_removed(&self, fp: Fingerprint) -> bool {
        match self.head_node().map(|node| &node.removals) {
            Some(here) => here.stand_for(fp) || self.removals.stand_against(here, fp),
            None => self.removals.stand_for(fp),
        }
    }

    /// Anyone is, by [`is_removed`](Self::is_removed).
    pub(crate) fn has_removed(&self) -> bool {
        let seen = self.removals.standing().any(|fp| self.is_removed(fp));
        seen || self.removed().next().is_some()
    }

    pub(crate) fn removed(&self) -> impl Iterator<Item = Fingerprint> + '_ {
        self.head_node().into_iter().flat_map(|node| node.removals.standing())
    }

    /// The idx that `fp` has had in this chain.
    pub(crate) fn place_of(&self, fp: Fingerprint) -> Option<u16> {
        self.head_node().and_then(|node| node.places.get(&fp).copied())
    }

    /// The idx that the next newcomer gets; none is ever given twice.
    pub(crate) fn free_idx(&self) -> u16 {
        let places = self.head_node().into_iter().flat_map(|node| node.places.values());
        places.max().map_or(0, |last| last + 1)
    }

    pub(crate) fn node(&self, h: &Hash) -> Option<&Node> {
        self.nodes.get(h)
    }

    /// The announces from `h` back to the first, newest first.
    pub(crate) fn path(&self, h: &Hash) -> Vec<&Node> {
        let mut path = Vec::new();
        let mut next = self.nodes.get(h);
        while let Some(node) = next {
            path.push(node);
            next = self.nodes.get(&node.link.announce.prev_h);
        }
        path
    }

    /// Whether `old` is `h` or one of its ancestors.
    pub(crate) fn descends(&self, h: &Hash, old: &Hash) -> bool {
        *old == self.open_h || self.path(h).iter().any(|node| node.link.h == *old)
    }

    /// Checks an announce against the one that it names. Records nothing.
    ///
    /// # Errors
    /// [`Refusal::Missing`] for one whose predecessor, author, join request or merged head did not
    /// come, [`Refusal::Stale`] for one that is known, others for whatever else does not hold.
    pub(crate) fn verify(&self, session: &Session, letter: &Letter) -> Result<Verified, Refusal> {
        let author = session.identity_of(letter.from).ok_or(Refusal::Missing)?;
        let announce: Authentic<EpochAnnounce> = letter.authentic(author, &session.scope)?;
        let h = announce.hash("SF1/ann");
        let signed = announce.signed();
        let a = announce.message;
        if a.generator != letter.from.0 {
            return Err(Refusal::NotAllowed);
        }
        if self.nodes.contains_key(&h) {
            return Err(Refusal::Stale);
        }
        if let Some(first) = self.twin(&a) {
            let (by, first) = (letter.from, first.link.signed.clone());
            return Ok(Verified::Equivocation(Box::new(Equivocation {
                by,
                first,
                second: signed,
            })));
        }
        if a.prev_h != self.open_h && !self.nodes.contains_key(&a.prev_h) {
            let ahead = a.epoch > self.head().map_or(0, |head| head.announce.epoch) + 1;
            return Err(if ahead { Refusal::Missing } else { Refusal::Stale });
        }
        let path = self.path(&a.prev_h);
        let statements = confirm::check(self, session, &path, &a)?;
        let mut link = Link::new(path.first().map(|node| &node.link), h, a);
        (link.statements, link.signed) = (statements, signed);
        Ok(Verified::Link(Box::new(link)))
    }

    /// Another announce of the same generator for the same term and epoch.
    fn twin(&self, a: &EpochAnnounce) -> Option<&Node> {
        self.nodes.values().find(|node| {
            node.link.announce.generator == a.generator && node.link.number() == (a.term, a.epoch)
        })
    }

    /// Records a checked link, aside until [`follow`](Self::follow) makes it the head.
    pub(crate) fn keep(&mut self, link: Link, now: Now) -> Hash {
        let before = self.nodes.get(&link.announce.prev_h);
        let mut places = before.map(|node| Arc::clone(&node.places)).unwrap_or_default();
        if link.roster().iter().any(|e| !places.contains_key(&Fingerprint(e.fp))) {
            let new = link.roster().iter().map(|e| (Fingerprint(e.fp), e.idx));
            Arc::make_mut(&mut places).extend(new);
        }
        let removals = self.removals_after(&link.announce, &link.statements);
        let merged = link.announce.merged_h.and_then(|h| self.nodes.get(&h));
        let locked_by = match link.statements.locked {
            Some((locked, by)) => locked.then_some(by),
            None => locked_by(before, merged),
        };
        let h = link.h;
        self.nodes.insert(h, Node { link, places, removals, locked_by, seen: now });
        self.prune();
        h
    }

    /// Who is removed after an announce: what its branch knew, then what it merges, lifts and removes.
    /// Removed stays removed in every branch.
    fn removals_after(&self, a: &EpochAnnounce, statements: &Statements) -> Arc<Removals> {
        let before = self.nodes.get(&a.prev_h);
        let mut removals = before.map(|node| Arc::clone(&node.removals)).unwrap_or_default();
        if let Some(merged) = a.merged_h.and_then(|h| self.nodes.get(&h)) {
            Arc::make_mut(&mut removals).merge(&merged.removals);
        }
        for (fp, at_h) in &statements.readmitted {
            if let Some(then) = self.nodes.get(at_h) {
                Arc::make_mut(&mut removals).readmit(*fp, &then.removals);
            }
        }
        for (fp, by) in &statements.removed {
            Arc::make_mut(&mut removals).remove(*fp, *by, removal_orders(a, *fp));
        }
        removals
    }

    /// Whom a branch that ends with `merged` removes from the one of `base`, if it ends in that.
    pub(crate) fn merged_removed(
        &self,
        base: &Hash,
        merged: Option<&Hash>,
    ) -> BTreeSet<Fingerprint> {
        self.removed_by(base, merged, Removals::merge)
    }

    /// Whom it has removed, also by somebody who is removed in the branch of `base`.
    pub(crate) fn removed_beside(&self, base: &Hash, beside: &Hash) -> BTreeSet<Fingerprint> {
        self.removed_by(base, Some(beside), Removals::merge_any)
    }

    fn removed_by(
        &self,
        base: &Hash,
        merged: Option<&Hash>,
        merge: impl Fn(&mut Removals, &Removals),
    ) -> BTreeSet<Fingerprint> {
        let Some(merged) = merged.and_then(|h| self.nodes.get(h)) else { return BTreeSet::new() };
        let before = self.nodes.get(base).map(|node| Removals::clone(&node.removals));
        let before = before.unwrap_or_default();
        let mut after = before.clone();
        merge(&mut after, &merged.removals);
        after.standing().filter(|fp| !before.stand_for(*fp)).collect()
    }

    /// Whether the meeting stays locked when `merged` ends in this device's branch.
    pub(crate) fn is_locked_with(&self, merged: Option<&Hash>) -> bool {
        locked_by(self.head_node(), merged.and_then(|h| self.nodes.get(h))).is_some()
    }

    /// Whether `h` has ended in this device's branch.
    pub(crate) fn has_merged(&self, h: &Hash) -> bool {
        let mut merges =
            self.path(&self.tip()).into_iter().filter_map(|n| n.link.announce.merged_h);
        merges.any(|merged| self.descends(&merged, h))
    }

    /// Makes a recorded link the head.
    pub(crate) fn follow(&mut self, h: Hash) {
        let Some(node) = self.nodes.get(&h) else { return };
        self.removals.learn(&node.removals);
        self.head = Some(h);
    }

    /// Whether this device may follow `h`: nobody whom it has seen removed is on its roster or made
    /// it, by an order that a Readmit up to `h` did not answer.
    pub(crate) fn may_follow(&self, h: &Hash) -> bool {
        let Some(node) = self.nodes.get(h) else { return false };
        let barred = |fp: Fingerprint| self.removals.stand_against(&node.removals, fp);
        !barred(node.link.generator())
            && !node.link.roster().iter().any(|e| barred(Fingerprint(e.fp)))
    }

    /// Whether a way leads over `h` to an announce that this device may follow: who is on it may have
    /// been removed since.
    pub(crate) fn leads_on(&self, h: &Hash) -> bool {
        let later = || self.nodes.keys().filter(|later| self.descends(later, h));
        self.may_follow(h) || later().any(|later| self.may_follow(later))
    }

    /// The first announce of another branch that removes somebody from the head's, by an order that
    /// this device has seen and the head's branch never knew of. Not one that removes `me`.
    pub(crate) fn untold_removal(&self, me: Fingerprint) -> Option<Hash> {
        let (tip, head) = (self.tip(), self.head_node()?);
        let untold = |fp: &Fingerprint| {
            !head.removals.stand_for(*fp) && self.removals.stand_against(&head.removals, *fp)
        };
        let untold: Vec<_> = self.removals.standing().filter(untold).collect();
        if untold.is_empty() {
            return None;
        }
        let tells = |n: &&Node| {
            let removed = self.merged_removed(&tip, Some(&n.link.h));
            !removed.contains(&me) && untold.iter().any(|fp| removed.contains(fp))
        };
        let beside = |n: &&Node| !self.descends(&n.link.h, &tip) && !self.has_merged(&n.link.h);
        let told = self.aside().into_iter().filter(beside).filter(tells);
        told.min_by_key(|n| (n.link.number(), n.link.h)).map(|n| n.link.h)
    }

    /// Recorded links that build on the head.
    pub(crate) fn next(&self) -> impl Iterator<Item = &Node> {
        let tip = self.tip();
        self.nodes.values().filter(move |node| node.link.announce.prev_h == tip)
    }

    /// Recorded links that are no ancestors of the head.
    pub(crate) fn aside(&self) -> Vec<&Node> {
        let followed: BTreeSet<Hash> = self.path(&self.tip()).iter().map(|n| n.link.h).collect();
        self.nodes.values().filter(|node| !followed.contains(&node.link.h)).collect()
    }

    /// The newest announce that both are built on, with the first of each branch after it.
    pub(crate) fn fork(&self, ours: &Hash, theirs: &Hash) -> Fork<'_> {
        let (mut a, mut b) = (self.path(ours), self.path(theirs));
        a.reverse();
        b.reverse();
        let common = a.iter().zip(&b).take_while(|(x, y)| x.link.h == y.link.h).count();
        Fork {
            ancestor: common.checked_sub(1).map(|at| a[at]),
            ours: a.get(common).copied(),
            theirs: b.get(common).copied(),
        }
    }

    /// Forgets the oldest announces, beyond what branches are verified against.
    fn prune(&mut self) {
        while self.nodes.len() > NODES_MAX {
            let keep: BTreeSet<Hash> =
                self.path(&self.tip()).iter().take(NODES_MAX / 2).map(|n| n.link.h).collect();
            let oldest = self.nodes.values().filter(|node| !keep.contains(&node.link.h));
            let oldest = oldest.min_by_key(|n| (n.link.announce.epoch, n.link.h)).map(|n| n.link.h);
            let Some(h) = oldest else { return };
            self.nodes.remove(&h);
        }
    }
}

/// Who locked the meeting on either side of a merge; not somebody who is removed in that of `base`.
fn locked_by(base: Option<&Node>, merged: Option<&Node>) -> Option<Fingerprint> {
    let removed = |by: &Fingerprint| base.is_some_and(|base| base.removals.stand_for(*by));
    let theirs = || merged?.locked_by.filter(|by| !removed(by));
    base.and_then(|base| base.locked_by).or_else(theirs)
}

/// Where two branches part.
pub(crate) struct Fork<'c> {
    /// The newest announce of both; none when they part at Open.
    pub(crate) ancestor: Option<&'c Node>,
    /// The first after it on our side, if there is one.
    pub(crate) ours: Option<&'c Node>,
    /// The first after it on the other.
    pub(crate) theirs: Option<&'c Node>,
}
