//! Who is on the next roster.

use standfast_crypto::Fingerprint;
use standfast_wire::control::{Entry, Hash, MAX_ROSTER, Role, State};

use super::pending::{Changes, Pending};
use crate::core::Core;
use crate::seated::{History, Seated};

/// The head's roster less those who are gone and the unarrived, plus those who join, with what the
/// orders change. Statements that seat somebody are marked as carried in `changes`.
pub(super) fn next(
    core: &Core,
    s: &mut Seated,
    pending: &Pending,
    changes: &mut Changes,
    locked: bool,
) -> Vec<Entry> {
    let mut roster = stay(core, s, pending, changes);
    let mut free = s.chain.free_idx();
    let vouched: Vec<Hash> = changes.vouches.keys().copied().collect();
    let admitted = changes.admitted.clone();
    for h in pending.joins.iter().chain(&admitted).chain(&vouched) {
        let new = s.newcomer(h);
        if !(locked && new) {
            seat(core, s, h, changes, &mut roster, &mut free);
        }
    }
    drop_ownerless(&mut roster, changes);
    roster.sort_by_key(|e| e.idx);
    roster
}

/// Those of the head who stay.
fn stay(core: &Core, s: &Seated, pending: &Pending, changes: &Changes) -> Vec<Entry> {
    let Some(head) = s.chain.head() else { return Vec::new() };
    let replaced = |fp| changes.vouches.values().any(|old| *old == fp);
    let mut roster = Vec::new();
    for entry in head.roster() {
        let fp = Fingerprint(entry.fp);
        let gone = pending.gone.contains_key(&fp) || changes.removed.contains(&fp);
        if gone || replaced(fp) || s.chain.is_removed(fp) {
            continue;
        }
        let Some((join_h, nonce)) = seat_of(core, s, entry) else { continue };
        let state = match (entry.role, changes.record.get(&fp)) {
            (Role::Bot, Some(true)) => State::In,
            (Role::Bot, Some(false)) => State::Off,
            (Role::Bot, None) => entry.state,
            (Role::Person, _) => State::In,
        };
        roster.push(Entry { join_h, nonce, state, ..entry.clone() });
    }
    roster
}

/// The join that an entry is live with and its newest nonce; none for one who never arrived.
fn seat_of(core: &Core, s: &Seated, entry: &Entry) -> Option<(Hash, [u8; 16])> {
    let fp = Fingerprint(entry.fp);
    if fp == core.me() {
        return Some((s.seat.join_h, s.seat.newest_nonce()));
    }
    let arrived = s.epochs.newest().and_then(|e| e.arrived.get(&entry.idx).copied());
    let join_h = if entry.state == State::Invited { arrived? } else { entry.join_h };
    Some((join_h, s.peers.get(fp)?.nonce))
}

/// Seats the author of a join request, anew if it is there already.
fn seat(
    core: &Core,
    s: &mut Seated,
    h: &Hash,
    changes: &mut Changes,
    roster: &mut Vec<Entry>,
    free: &mut u16,
) {
    let Some(request) = s.session.request(h) else { return };
    let (fp, nonce, role) = (request.fp(), request.liveness_nonce, request.role);
    let bidden = s.opens_by_itself(core, h)
        || changes.admitted.contains(h)
        || changes.vouches.contains_key(h);
    if !bidden || s.chain.is_removed(fp) || changes.removed.contains(&fp) || fp == core.me() {
        return;
    }
    let idx = s.chain.place_of(fp).unwrap_or(*free);
    let listed = roster.iter().position(|e| e.fp == fp.0);
    // Only so many key ids exist, and so many fit an announce.
    if listed.is_none() && (idx >= standfast_frame::IDX_LIMIT || roster.len() >= MAX_ROSTER) {
        return;
    }
    // A request from before the one that they are there with is of a process that is gone.
    if listed.is_some_and(|at| !s.session.is_later(h, &roster[at].join_h)) {
        return;
    }
    let replaces = changes.vouches.get(h).map(|old| old.0);
    if role == Role::Bot && listed.is_none() && changes.own(h, None).is_none() {
        return;
    }
    let History { session, peers, .. } = &mut s.history;
    peers.meet(session, h, core.ms());
    if let Some(at) = listed {
        let entry = &mut roster[at];
        (entry.join_h, entry.nonce) = (*h, nonce);
        entry.replaces = replaces.or(entry.replaces);
        return;
    }
    let owner = changes.own(h, None).filter(|_| role == Role::Bot).map(|fp| fp.0);
    let admitted = changes.admitted.contains(h);
    let on = changes.record.get(&fp).copied().unwrap_or(admitted);
    let state = if role == Role::Bot && !on { State::Off } else { State::In };
    *free = (*free).max(idx + 1);
    roster.push(Entry { idx, fp: fp.0, join_h: *h, role, state, nonce, owner, replaces });
}

/// A bot stays while its owner does, or passes to a member who asked for it.
fn drop_ownerless(roster: &mut Vec<Entry>, changes: &mut Changes) {
    let persons: Vec<Hash> =
        roster.iter().filter(|e| e.role == Role::Person).map(|e| e.fp).collect();
    roster.retain_mut(|entry| {
        if entry.role == Role::Person || entry.owner.is_some_and(|o| persons.contains(&o)) {
            return true;
        }
        let heirs: Vec<Fingerprint> = changes.owners_of(&entry.join_h);
        let heir = heirs.into_iter().find(|heir| persons.contains(&heir.0));
        entry.owner = heir.and_then(|heir| changes.own(&entry.join_h, Some(heir))).map(|fp| fp.0);
        entry.owner.is_some()
    });
}
