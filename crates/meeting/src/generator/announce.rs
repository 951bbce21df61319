//! Drawing a secret and announcing it.

use standfast_crypto::{EpochSecret, Fingerprint};
use standfast_wire::codec::List;
use standfast_wire::control::{Entry, EpochAnnounce, Hash, Reason, Role, State};

use super::pending::{Changes, Pending};
use super::{Generator, roster};
use crate::chain::{Link, succession};
use crate::core::Core;
use crate::epoch::Epoch;
use crate::limits::{SECRET_MS, max_ms, max_ms_without};
use crate::seat::Seat;
use crate::seated::{History, Seated, acknowledge};
use crate::session::Session;
use crate::{Output, Refusal};

/// What an announce is made of, before its secret is drawn.
struct Plan {
    reason: Reason,
    roster: Vec<Entry>,
    changes: Changes,
    merged: Option<(Hash, (u32, u32))>,
}

impl Generator {
    /// The first announce: this device `in`, everyone whose bundle we have `invited`.
    pub(crate) fn announce_first(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
    ) -> Result<(), Refusal> {
        let open_h = s.session.open_h;
        s.recent.note(open_h, core.ms());
        let me = Entry {
            idx: s.idx,
            fp: core.me().0,
            join_h: s.seat.join_h,
            role: Role::Person,
            state: State::In,
            nonce: s.seat.newest_nonce(),
            owner: None,
            replaces: None,
        };
        let invited = self.wraps.invited.values().zip(1u16..).map(|(i, idx)| Entry {
            idx,
            fp: i.identity.fingerprint().0,
            join_h: [0; 32],
            state: State::Invited,
            nonce: i.bundle.bundle_id(),
            ..me.clone()
        });
        let roster = std::iter::once(me.clone()).chain(invited).collect();
        let changes = Changes::default();
        self.announce(core, s, Plan { reason: Reason::Open, roster, changes, merged: None })
    }

    /// Everything that is pending, under `reason` unless something weighs more.
    pub(super) fn announce_pending(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        reason: Reason,
    ) -> Result<(), Refusal> {
        let changes = self.changes(core, s);
        self.announce_with(core, s, reason, changes)
    }

    pub(super) fn announce_with(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        reason: Reason,
        mut changes: Changes,
    ) -> Result<(), Refusal> {
        let mut pending = self.pending.take();
        // Invited members who are about to arrive cannot do so in another epoch than the first.
        pending.joins.extend(std::mem::take(&mut self.arriving).into_values().map(|(h, _)| h));
        let takes_over = s.chain.generator() != Some(core.me());
        // Term and epoch would not grow in the announce of a takeover for who comes from elsewhere.
        let merged = (!takes_over).then(|| merged_head(core, s, &pending)).flatten();
        let ends = merged.map(|(h, _)| h);
        self.put_off(core, s, &mut pending, ends);
        changes.removed.extend(s.chain.merged_removed(&s.chain.tip(), ends.as_ref()));
        let locked = locked_by(s, merged, &changes);
        if locked {
            super::bar_newcomers(s, &mut changes);
        }
        let before = (self.wraps.term, self.began_ms);
        if merged.is_some() {
            let (term, _) = merged.map_or((0, 0), |(_, number)| number);
            let term = term.max(self.wraps.term).checked_add(1).ok_or(Refusal::Inconsistent)?;
            self.wraps.begin_term(core, term);
            self.began_ms = core.ms();
        } else if reason == Reason::Timer {
            self.wraps.renew(core, &s.peers);
        }
        // Before newcomers are seated: one of them may be back already.
        for fp in pending.gone.keys().chain(&changes.removed) {
            s.peers.forget(*fp);
            self.wraps.forget(*fp);
        }
        for h in pending.joins.iter().chain(&changes.admitted).chain(changes.vouches.keys()) {
            let newcomer = s.session.request(h).map(|r| r.fp());
            if let Some(fp) = newcomer.filter(|fp| !s.peers.is_met(*fp, h)) {
                self.wraps.forget(fp);
            }
        }
        let reason = match (takes_over, merged) {
            (true, _) => Reason::Takeover,
            (false, Some(_)) => Reason::Merge,
            _ if !changes.removed.is_empty() => Reason::Removal,
            _ => reason,
        };
        let roster = roster::next(core, s, &pending, &mut changes, locked);
        let announced = self.announce(core, s, Plan { reason, roster, changes, merged });
        if announced.is_err() {
            // Nobody has heard of the term: the next announce and heartbeat are of the one before.
            (self.wraps.term, self.began_ms) = before;
        }
        announced
    }

    /// One other branch ends in an announce at most: whoever comes from elsewhere waits for the next,
    /// in which theirs ends.
    fn put_off(&mut self, core: &Core, s: &Seated, pending: &mut Pending, ends: Option<Hash>) {
        let elsewhere = |h: &Hash| ends.is_none_or(|ends| !s.chain.descends(&ends, h));
        let waits = |h: &Hash| elsewhere(h) && may_end(core, s, h);
        let joins = std::mem::take(&mut pending.joins).into_iter();
        let (later, now): (Vec<_>, _) =
            joins.partition(|join| known_head(s, join).is_some_and(|h| waits(&h)));
        pending.joins = now;
        later.into_iter().for_each(|join| self.pending.join(join, core.ms()));
        if let Some(h) = pending.ends.filter(waits) {
            self.merge(h);
        }
    }

    /// Draws a secret, announces it, wraps it for every recipient, installs and confirms it here.
    ///
    /// What can fail comes first: once the announce is out, everyone else builds on it.
    fn announce(&mut self, core: &mut Core, s: &mut Seated, plan: Plan) -> Result<(), Refusal> {
        let me = core.me();
        let mut plan = plan;
        plan.roster.retain(|e| {
            let recipient = e.fp != me.0 && e.state != State::Off;
            let History { session, peers, .. } = &mut s.history;
            !recipient || self.wraps.ensure_chain(core, session, peers, e).is_ok()
        });
        let (announce, secret) = self.draw(core, s, plan)?;
        let (link, envelope) = s.own_link(core, &announce)?;
        let h_e = link.h;
        core.out.push_back(Output::Post(envelope));
        self.note_unproven(core, &mut s.session, announce.epoch);
        let recipients: Vec<_> =
            link.roster().iter().filter(|e| e.fp != me.0 && e.state != State::Off).collect();
        for entry in recipients {
            // Whoever gets none asks for it.
            let to = Fingerprint(entry.fp);
            if let Err(refusal) = self.wraps.wrap_for(core, &s.session, to, &h_e, &secret) {
                core.refused(refusal);
            }
        }
        let mut epoch = Epoch::install(&link, &secret, core.ms());
        s.advance(core, link);
        self.secret = Some((secret, core.ms() + SECRET_MS));
        self.rotate_at_ms = core.ms() + u64::from(s.session.policy.rotate_ms);
        acknowledge(core, &s.history.session, &mut s.seat, &mut epoch, s.idx);
        s.install(core, epoch)
    }

    /// What was posted just now is repeated until a member's ack shows that the relay got it.
    fn note_unproven(&mut self, core: &Core, session: &mut Session, epoch: u32) {
        if let Some(Output::Post(envelope)) = core.out.back() {
            session.log(envelope);
            self.unproven.push((epoch, envelope.clone()));
        }
    }

    /// A connection that broke may have taken posts with it, and an announce that is missing on
    /// the board would end the meeting for everyone. Receivers drop what they have.
    pub(crate) fn repeat(&self, core: &mut Core) {
        core.out.extend(self.unproven.iter().map(|(_, envelope)| Output::Post(envelope.clone())));
    }

    fn draw(
        &self,
        core: &mut Core,
        s: &Seated,
        plan: Plan,
    ) -> Result<(EpochAnnounce, EpochSecret), Refusal> {
        let Plan { reason, roster, changes, merged } = plan;
        let (head, hedge) = (s.chain.head(), core.hedge());
        let before = head.map_or(0, |head| head.announce.epoch);
        let epoch = before.max(merged.map_or(0, |(_, (_, epoch))| epoch)).checked_add(1);
        let merged_h = merged.map(|(h, _)| h);
        let locked = locked_by(s, merged, &changes);
        let goes = head
            .into_iter()
            .flat_map(Link::roster)
            .any(|e| e.state == State::In && !roster.iter().any(|other| other.fp == e.fp));
        let urgent = !changes.removed.is_empty() || changes.record.values().any(|on| !on);
        let mut announce = EpochAnnounce {
            term: self.wraps.term,
            epoch: epoch.ok_or(Refusal::Inconsistent)?,
            generator: core.me().0,
            gen_ek: self.wraps.gen_ek(),
            prev_h: s.chain.tip(),
            reason,
            locked,
            succession: List::new(succession(&s.session, &roster))?,
            roster: List::new(roster)?,
            key_commit: [0; 32],
            min_ms: 0,
            max_ms: max_ms(reason).min(max_ms_without(goes, urgent)),
            orders: List::new(changes.orders)?,
            merged_h,
        };
        let link = Link::new(None, [0; 32], announce.clone());
        let nonces: Vec<_> = link.roster().iter().map(|e| e.nonce).collect();
        let secret = EpochSecret::draw(&mut core.rng, &hedge, nonces.iter(), &link.binding());
        announce.key_commit = secret.commitment(&link.binding());
        Ok((announce, secret))
    }

    /// This device's liveness is shown anew after it was away.
    pub(crate) fn renew_seat(&mut self, core: &mut Core, s: &mut Seated) {
        let (seen, next) = (s.chain.tip(), s.chain.head().map_or(0, |h| h.announce.epoch) + 1);
        s.seat = Seat::ask(core, &mut s.session, Some(seen), None);
        if let Some(Output::Post(envelope)) = core.out.back() {
            self.unproven.push((next, envelope.clone()));
        }
    }

    /// Back after a lost connection: everyone gets a new epoch that names our new join.
    pub(crate) fn resume(&mut self, core: &mut Core, s: &mut Seated) -> Result<(), Refusal> {
        s.peers.all_alive(core.ms());
        self.announce_pending(core, s, Reason::Drop)?;
        self.beat(core, s);
        Ok(())
    }
}

/// Whether the next announce is locked: by order, else like the head; a merge keeps the lock of
/// either side.
fn locked_by(s: &Seated, merged: Option<(Hash, (u32, u32))>, changes: &Changes) -> bool {
    changes.locked.unwrap_or_else(|| s.chain.is_locked_with(merged.map(|(h, _)| h).as_ref()))
}

/// The newest head of another branch from which somebody of `pending` comes, or which removed
/// somebody: it ends in ours.
fn merged_head(core: &Core, s: &Seated, pending: &Pending) -> Option<(Hash, (u32, u32))> {
    let heads = pending.joins.iter().filter_map(|h| known_head(s, h));
    heads
        .chain(pending.ends)
        .filter(|h| may_end(core, s, h))
        .filter_map(|h| Some((h, s.chain.node(&h)?.link.number())))
        .max_by_key(|(h, (_, epoch))| (*epoch, *h))
}

/// Whether the branch with this head may end in ours: it is another one, did not end yet, and did
/// not remove this device.
fn may_end(core: &Core, s: &Seated, h: &Hash) -> bool {
    let (chain, tip) = (&s.chain, s.chain.tip());
    !chain.descends(&tip, h)
        && !chain.descends(h, &tip)
        && !chain.has_merged(h)
        && !chain.merged_removed(&tip, Some(h)).contains(&core.me())
}

/// The head from which the author of the join `h` comes; where its announce did not come, the newest
/// one aside that lists the author.
fn known_head(s: &Seated, h: &Hash) -> Option<Hash> {
    let request = s.session.request(h)?;
    let named = request.resume_head?;
    if s.chain.node(&named).is_some() {
        return Some(named);
    }
    let aside = s.chain.aside().into_iter().filter(|n| n.link.entry_of(request.fp()).is_some());
    aside.max_by_key(|n| (n.link.number(), n.link.h)).map(|n| n.link.h)
}
