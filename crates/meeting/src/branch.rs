//! Which of two branches wins when a split heals (`docs/protocol.md` §6, *Merge*).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use standfast_crypto::Fingerprint;
use standfast_wire::control::Hash;

use crate::chain::{Chain, Fork, Node};
use crate::limits::{BRANCH_ALIVE_MS, FAILED_MS};
use crate::seated::History;

/// Compares the branch that ends with `ours` with the one that ends with `theirs`: `Less` when ours
/// is preferred. Depends on the two branches alone, not on which came first.
///
/// The organizer's branch is preferred; else the one in which the last common generator signed the
/// next announce; else the lower rank in the last common succession; else the smaller hash.
pub(crate) fn prefer(
    chain: &Chain,
    organizer: Fingerprint,
    ours: &Hash,
    theirs: &Hash,
) -> Ordering {
    let fork = chain.fork(ours, theirs);
    let made_by_organizer =
        |h: &Hash| chain.node(h).is_some_and(|node| node.link.generator() == organizer);
    let by_organizer = made_by_organizer(theirs).cmp(&made_by_organizer(ours));
    by_organizer.then_with(|| side(&fork, fork.ours).cmp(&side(&fork, fork.theirs)))
}

/// What one side of a fork is compared by.
fn side(fork: &Fork<'_>, first: Option<&Node>) -> (bool, u16, Hash) {
    let Some(first) = first else {
        // Nothing after the common announce: its own generator lives on.
        return (false, 0, [0; 32]);
    };
    let ancestor = fork.ancestor.map(|node| &node.link);
    let generator = first.link.generator();
    let another = ancestor.is_some_and(|a| a.generator() != generator);
    let rank = ancestor.and_then(|a| a.rank_of(generator)).unwrap_or(u16::MAX);
    (another, rank, first.link.h)
}

/// Other branches' generators that are remembered, at most: one for each device of a full meeting.
const OTHERS_MAX: usize = 16;

/// A generator of a branch that this device does not follow.
struct Other {
    h_e: Hash,
    age_ms: u64,
    /// Heartbeats with a growing age. One alone may have lain on a board.
    beats: u32,
    last_ms: u64,
    /// When following it led nowhere; it is not tried again for a while.
    failed_ms: Option<u64>,
}

/// Generators of other branches, heard lately.
#[derive(Default)]
pub(crate) struct Others(BTreeMap<Fingerprint, Other>);

impl Others {
    /// An authentic heartbeat that names `h_e`.
    pub(crate) fn note(&mut self, fp: Fingerprint, h_e: Hash, age_ms: u64, now_ms: u64) {
        let fresh = Other { h_e, age_ms, beats: 1, last_ms: now_ms, failed_ms: None };
        let room = self.0.len() < OTHERS_MAX;
        match self.0.get_mut(&fp) {
            Some(other)
                if age_ms > other.age_ms && now_ms <= other.last_ms + 2 * BRANCH_ALIVE_MS =>
            {
                (other.h_e, other.age_ms, other.last_ms) = (h_e, age_ms, now_ms);
                other.beats += 1;
            }
            // The age begins anew with each term; an old heartbeat posted again does not count.
            Some(other) if other.h_e == h_e && age_ms <= other.age_ms => {}
            Some(other) => *other = Other { failed_ms: other.failed_ms, ..fresh },
            None if room => drop(self.0.insert(fp, fresh)),
            None => {}
        }
    }

    /// Heads of branches whose generators live.
    pub(crate) fn live(&self, now_ms: u64) -> impl Iterator<Item = Hash> + '_ {
        let lives = move |other: &&Other| {
            let failed = other.failed_ms.is_some_and(|at| now_ms < at + FAILED_MS);
            other.beats >= 2 && now_ms <= other.last_ms + BRANCH_ALIVE_MS && !failed
        };
        self.0.values().filter(lives).map(|other| other.h_e)
    }

    /// The same, with those that did not answer.
    pub(crate) fn heard(&self, now_ms: u64) -> impl Iterator<Item = Hash> + '_ {
        let lately =
            move |other: &&Other| other.beats >= 2 && now_ms <= other.last_ms + BRANCH_ALIVE_MS;
        self.0.values().filter(lately).map(|other| other.h_e)
    }

    /// Nobody answered there.
    pub(crate) fn failed(&mut self, fp: Fingerprint, now_ms: u64) {
        if let Some(other) = self.0.get_mut(&fp) {
            other.failed_ms = Some(now_ms);
        }
    }
}

/// A live branch that is to end in ours, and cannot of itself: it removed somebody whom ours still
/// lists, and those who follow it may not come to where that one is. One that removed `me`, who
/// looks after the key here, does not end here: that one goes first ([`removes_me`]).
pub(crate) fn removes_ours(
    s: &History,
    me: Fingerprint,
    organizer: Fingerprint,
    now_ms: u64,
) -> Option<Hash> {
    let tip = s.chain.tip();
    let head = s.chain.head()?;
    s.others.live(now_ms).find(|h| {
        let beside = !s.chain.descends(&tip, h) && !s.chain.descends(h, &tip);
        let stays_out = s.chain.node(h).is_none() || s.left_here(h);
        let ours = prefer(&s.chain, organizer, &tip, h) == Ordering::Less;
        let takes_out = || {
            let removed = s.chain.merged_removed(&tip, Some(h));
            !removed.contains(&me) && removed.into_iter().any(|fp| head.entry_of(fp).is_some())
        };
        beside && ours && !stays_out && !s.chain.has_merged(h) && takes_out()
    })
}

/// A live branch beside this one has removed `me`, who looks after the key here, by the order of
/// somebody who is not removed here. When each removed the other, the preferred branch goes on.
pub(crate) fn removes_me(
    s: &History,
    me: Fingerprint,
    organizer: Fingerprint,
    now_ms: u64,
) -> bool {
    let tip = s.chain.tip();
    s.others.live(now_ms).any(|h| {
        let beside = !s.chain.descends(&tip, &h) && !s.chain.descends(&h, &tip);
        let theirs = prefer(&s.chain, organizer, &tip, &h) == Ordering::Greater;
        let counts = s.chain.merged_removed(&tip, Some(&h)).contains(&me);
        beside && (counts || theirs && s.chain.removed_beside(&tip, &h).contains(&me))
    })
}

/// The live branch to move to instead of the one that this device follows, if there is one.
/// `alive`: this device's own generator lives.
pub(crate) fn better(
    s: &History,
    organizer: Fingerprint,
    alive: bool,
    now_ms: u64,
) -> Option<Hash> {
    let tip = s.chain.tip();
    let mut best: Option<Hash> = None;
    for h in s.others.live(now_ms) {
        let beside = !s.chain.descends(&tip, &h) && !s.chain.descends(&h, &tip);
        let wins = prefer(&s.chain, organizer, &tip, &h) == Ordering::Greater;
        if !beside || (!wins && alive) || !s.chain.may_follow(&h) || s.left_here(&h) {
            continue;
        }
        let first = best.is_none_or(|b| prefer(&s.chain, organizer, &b, &h) == Ordering::Greater);
        if first {
            best = Some(h);
        }
    }
    best
}
