//! The member who looks after the key: draws, announces, wraps, gathers acks, notices who is gone.

mod announce;
mod pending;
mod roster;
mod wraps;

use std::collections::BTreeMap;

use standfast_crypto::{EpochSecret, Fingerprint, Secret, Wrapped};
use standfast_wire::codec::List;
use standfast_wire::control::{Arrival, Arrived, Hash, Heartbeat, KeyRequest, Kind, Reason, State};
use standfast_wire::relay::{Envelope, SLOT_HEARTBEAT, SLOT_LOG};

use crate::core::Core;
use crate::epoch::Epoch;
use crate::limits::{
    ARRIVAL_ACK_MS, BRANCH_SHOWN_ENTRIES, BRANCH_SHOWN_MAX, FORGET_MS, HEARTBEAT_MS, INVITED_MS,
    KEY_REQUEST_MS, READ_AGAIN_MS, SHOW_MS, VOUCH_MS,
};
use crate::seated::{Acked, History, Seated};
use crate::session::{Letter, Session, public_bundle};
use crate::state::connecting::Invitee;
use crate::{Output, Refusal};
use pending::{Changes, Pending};
use wraps::Wraps;

pub(crate) struct Generator {
    wraps: Wraps,
    /// Kept for those who ask again, until all have acked.
    secret: Option<(EpochSecret, u64)>,
    arrivals: Vec<Arrived>,
    /// Invited members that asked and have not confirmed yet.
    arriving: BTreeMap<Fingerprint, (Hash, u64)>,
    pending: Pending,
    began_ms: u64,
    next_heartbeat_ms: u64,
    prev_hb: Hash,
    rotate_at_ms: u64,
    /// Own requests and announces, by epoch, of which nobody has shown yet that the relay got them.
    unproven: Vec<(u32, Envelope)>,
    /// Deletes the board; only the one who opened it has it, or was handed it.
    end_preimage: Option<Secret<32>>,
    /// A host's order removes this device, which cannot carry that out itself.
    asked_to_go: bool,
    /// When this branch was last shown to others, how often, and that somebody may not have it.
    branch_shown: (u64, u8),
    unread: bool,
}

impl Generator {
    fn new(core: &mut Core, term: u32, invitees: Vec<Invitee>) -> Self {
        Self {
            wraps: Wraps::new(core, term, invitees),
            secret: None,
            arrivals: Vec::new(),
            arriving: BTreeMap::new(),
            pending: Pending::default(),
            began_ms: core.ms(),
            next_heartbeat_ms: core.ms() + HEARTBEAT_MS,
            prev_hb: [0; 32],
            rotate_at_ms: u64::MAX,
            unproven: Vec::new(),
            end_preimage: None,
            asked_to_go: false,
            branch_shown: (core.ms(), 0),
            unread: false,
        }
    }

    /// Of the one who opens the session.
    pub(crate) fn opening(core: &mut Core, invitees: Vec<Invitee>) -> Self {
        let mut generator = Self::new(core, 1, invitees);
        generator.end_preimage = Some(Secret::random(&mut core.rng));
        generator
    }

    /// Of a member who takes over from the head's generator: announces at once, without those who
    /// are `gone`.
    pub(crate) fn take_over(
        core: &mut Core,
        s: &mut Seated,
        gone: impl IntoIterator<Item = (Fingerprint, Reason)>,
        joins: Vec<Hash>,
    ) -> Result<Self, Refusal> {
        // Its own last announce, from before it was away: the term goes on.
        let same = s.chain.generator() == Some(core.me());
        let term = s.chain.term().checked_add((!same).into()).ok_or(Refusal::Inconsistent)?;
        let mut generator = Self::new(core, term, Vec::new());
        generator.end_preimage = s.end_preimage.take();
        s.peers.all_alive(core.ms());
        generator.pending.gone.extend(gone);
        generator.pending.joins = joins;
        if std::mem::take(&mut s.history.board_lost) {
            generator.show_board(core, &s.session);
        }
        generator.announce_pending(core, s, if same { Reason::Drop } else { Reason::Takeover })?;
        generator.beat(core, s);
        Ok(generator)
    }

    /// What deletes the board, to be handed on.
    pub(crate) fn take_end_preimage(&mut self) -> Option<Secret<32>> {
        self.end_preimage.take()
    }

    pub(crate) fn end_hash(&self) -> Option<Hash> {
        use standfast_wire::relay::end_hash_input;
        let preimage = self.end_preimage.as_ref()?;
        Some(standfast_crypto::sha256(&end_hash_input(preimage.expose())))
    }

    /// Shows Open, requests and announces to a relay that has no board of this session.
    pub(crate) fn show_board(&self, core: &mut Core, session: &Session) {
        // Who cannot delete it later leaves it to the relay's own time.
        let end_hash = self.end_hash().unwrap_or([0; 32]);
        core.out.push_back(Output::OpenSession { session_id: session.id(), end_hash });
        core.out.extend(session.logged().iter().cloned().map(Output::Post));
    }

    /// A join request came that names nothing of late, and to show the branch holds up nobody.
    pub(crate) fn seems_unread(&mut self) {
        self.unread = true;
    }

    /// Another branch goes on living beside this one, or somebody asks who has heard nothing of late:
    /// they may never have had what this one consists of, from a relay that lost it.
    pub(crate) fn show_branch(&mut self, core: &mut Core, s: &Seated) {
        let (last_ms, times) = self.branch_shown;
        let due = core.ms() >= last_ms + READ_AGAIN_MS && times < BRANCH_SHOWN_MAX;
        let small = s.session.logged().len() <= BRANCH_SHOWN_ENTRIES;
        if due && (self.unread || small && s.goes_on_beside(core.ms())) {
            (self.branch_shown, self.unread) = ((core.ms(), times + 1), false);
            core.out.extend(s.session.logged().iter().cloned().map(Output::Post));
        }
    }

    /// A member asks to join.
    pub(crate) fn join(&mut self, core: &mut Core, s: &mut Seated, h: Hash) -> Result<(), Refusal> {
        let request = s.session.request(&h).ok_or(Refusal::Stale)?;
        let fp = request.fp();
        if fp == core.me() {
            // Another process of this profile. It cannot have a seat beside the generator's own.
            return Err(Refusal::NotAllowed);
        }
        let unarrived =
            s.epochs.newest().is_some_and(|e| e.number == 1 && e.unarrived().any(|x| x.fp == fp.0));
        if unarrived {
            self.arriving.insert(fp, (h, core.ms() + ARRIVAL_ACK_MS));
        } else if s.opens_by_itself(core, &h) {
            self.pending.join(h, core.ms());
        }
        Ok(())
    }

    /// A host lets somebody in.
    pub(crate) fn admit(&mut self, core: &Core, h: Hash) {
        self.pending.join(h, core.ms());
    }

    /// A signed goodbye for the join `h`. Who is not on the roster only takes back the request.
    pub(crate) fn left(&mut self, s: &Seated, fp: Fingerprint, h: &Hash) {
        self.arriving.remove(&fp);
        self.pending.joins.retain(|join| join != h);
        let Some(head) = s.chain.head() else { return };
        let arrived = |idx| s.epochs.newest().and_then(|e| e.arrived.get(&idx).copied());
        let holds_key = head.entry_of(fp).is_some_and(|e| match e.state {
            State::Invited => arrived(e.idx).is_none_or(|join| join == *h),
            _ => e.join_h == *h,
        });
        if holds_key {
            self.pending.gone.insert(fp, Reason::Leave);
        }
    }

    /// Somebody's word changed what the next announce carries; or this branch answers another.
    pub(crate) fn force(&mut self) {
        self.pending.forced = true;
    }

    /// The branch that ends with `h` ends in this one at the next announce, which is now.
    pub(crate) fn merge(&mut self, h: Hash) {
        (self.pending.ends, self.pending.forced) = (Some(h), true);
    }

    /// A confirmation shows that its author has the wrap, and may be an invited member's arrival.
    pub(crate) fn acked(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        acked: &Acked,
    ) -> Result<(), Refusal> {
        self.unproven.retain(|(epoch, _)| *epoch > acked.number);
        if s.epochs.newest().is_none_or(|e| e.h != acked.h_e) {
            return Ok(());
        }
        self.wraps.acked(acked.fp);
        self.name_arrived(core, s, acked.fp, &acked.h_e)?;
        if s.epochs.newest().is_some_and(|e| e.all_confirmed() && e.unarrived().next().is_none()) {
            self.secret = None;
        }
        Ok(())
    }

    fn name_arrived(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        fp: Fingerprint,
        h_e: &Hash,
    ) -> Result<(), Refusal> {
        let Some((join_h, _)) = self.arriving.remove(&fp) else { return Ok(()) };
        let epoch = s.epochs.by_h(h_e).ok_or(Refusal::Stale)?;
        let idx = epoch.entry_of(fp).ok_or(Refusal::NotAllowed)?.idx;
        self.arrivals.push(Arrived { idx, join_h });
        s.arrive(core, h_e, &self.arrivals)?;
        let named = List::new(self.arrivals.clone())?;
        core.post(&s.session, Kind::Arrival, SLOT_LOG, &Arrival { h_e: *h_e, named }, None);
        Ok(())
    }

    /// A member has no usable wrap: make one from the fresh bundle that it sends along.
    pub(crate) fn key_request(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        let fp = letter.from;
        let identity = s.session.identity_of(fp).ok_or(Refusal::NotAllowed)?;
        let asked = letter.authentic::<KeyRequest>(identity, &s.session.scope)?.message;
        let head = s.chain.head().filter(|head| head.h == asked.h_e).ok_or(Refusal::Stale)?;
        let (entry, h_e) = (head.entry_of(fp).ok_or(Refusal::NotAllowed)?.clone(), head.h);
        if entry.state != State::In {
            return Err(Refusal::NotAllowed); // comes in by a new epoch
        }
        let acked = s.peers.get(fp).map(|peer| peer.acked).ok_or(Refusal::NotAllowed)?;
        if self.wraps.bundle_of(fp) == Some(asked.bundle.bundle_id) || acked == head.announce.epoch
        {
            return Err(Refusal::Stale);
        }
        s.peers.renew_bundle(fp, public_bundle(asked.bundle)?);
        self.wraps.forget(fp);
        let Some((secret, until)) = self.secret.take() else { return Err(Refusal::Stale) };
        let History { session, peers, .. } = &mut s.history;
        let sent = self
            .wraps
            .ensure_chain(core, session, peers, &entry)
            .and_then(|()| self.wraps.wrap_for(core, session, fp, &h_e, &secret));
        self.secret = Some((secret, until));
        sent
    }

    /// Everything that time brings.
    pub(crate) fn tick(&mut self, core: &mut Core, s: &mut Seated) -> Result<(), Refusal> {
        let now = core.ms();
        if self.secret.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.secret = None;
        }
        if core.offline_since_ms.is_some() || s.resuming() {
            return Ok(());
        }
        if now >= self.next_heartbeat_ms {
            self.beat(core, s);
        }
        self.late_arrivals(core);
        self.notice_silence(core, s);
        let invitations_over = now >= self.began_ms + INVITED_MS;
        if invitations_over && s.epochs.newest().is_some_and(|e| e.unarrived().next().is_some()) {
            self.pending.gone.extend(unarrived(s).into_iter().map(|fp| (fp, Reason::Drop)));
        }
        let changes = self.changes(core, s);
        let Some(reason) = self.due(now, &changes) else { return Ok(()) };
        let announced = self.announce_with(core, s, reason, changes);
        if announced.is_err() {
            // Not at every tick from here on.
            self.rotate_at_ms = self.rotate_at_ms.max(now + KEY_REQUEST_MS);
        }
        announced
    }

    /// What hosts, owners and old devices have said since the head, less vouches that ran out.
    fn changes(&mut self, core: &Core, s: &mut Seated) -> Changes {
        let History { session, chain, posted, .. } = &mut s.history;
        let path = chain.path(&chain.tip());
        let mut changes = Changes::of(posted.valid(session, &path));
        let age = self.age_ms(core.ms());
        let over: Vec<Hash> = changes
            .vouch_age_ms
            .iter()
            .filter(|(_, signed)| age > **signed + VOUCH_MS)
            .map(|(h, _)| *h)
            .collect();
        over.iter().for_each(|h| changes.drop_vouch(h));
        self.asked_to_go = changes.drop_removal(core.me());
        if changes.locked.unwrap_or(s.chain.head().is_some_and(|head| head.announce.locked)) {
            bar_newcomers(s, &mut changes);
        }
        changes
    }

    /// A host removed this device. It cannot leave itself out: somebody else has to look after the
    /// key.
    pub(crate) fn asked_to_go(&self) -> bool {
        self.asked_to_go
    }

    /// Invited members who asked and did not confirm come in by a new epoch.
    fn late_arrivals(&mut self, core: &Core) {
        let now = core.ms();
        let late: Vec<_> = self
            .arriving
            .iter()
            .filter(|(_, (_, at))| *at <= now)
            .map(|(fp, (h, _))| (*fp, *h))
            .collect();
        for (fp, h) in late {
            self.arriving.remove(&fp);
            self.pending.join(h, now);
        }
    }

    fn notice_silence(&mut self, core: &Core, s: &Seated) {
        let Some(epoch) = s.epochs.newest() else { return };
        for fp in epoch.listed().map(|e| Fingerprint(e.fp)).filter(|fp| *fp != core.me()) {
            if s.peers.silent(fp, core.ms()) {
                self.pending.gone.entry(fp).or_insert(Reason::Drop);
            }
        }
    }

    /// Why a new epoch is due now, if one is. Whoever is to lose the key comes first.
    fn due(&self, now_ms: u64, changes: &Changes) -> Option<Reason> {
        if !changes.removed.is_empty() {
            return Some(Reason::Removal);
        }
        if changes.record.values().any(|on| !on) {
            return Some(Reason::OffRecord);
        }
        let gone = self.pending.gone.values();
        if !self.pending.gone.is_empty() {
            return gone.copied().find(|r| *r == Reason::Leave).or(Some(Reason::Drop));
        }
        if !changes.vouches.is_empty() {
            return Some(Reason::Device);
        }
        if changes.record.values().any(|on| *on) {
            return Some(Reason::OnRecord);
        }
        if self.pending.joins_due_ms.is_some_and(|at| at <= now_ms) {
            return Some(Reason::Join);
        }
        if self.pending.forced || changes.due() {
            return Some(Reason::Manual);
        }
        (self.rotate_at_ms <= now_ms).then_some(Reason::Timer)
    }

    pub(crate) fn beat(&mut self, core: &mut Core, s: &mut Seated) {
        self.next_heartbeat_ms = core.ms() + HEARTBEAT_MS;
        let (Some(epoch), Some(head)) = (s.epochs.newest(), s.chain.head()) else { return };
        let heartbeat = Heartbeat {
            term: self.wraps.term,
            epoch: head.announce.epoch,
            h_e: head.h,
            age_ms: self.age_ms(core.ms()),
            acked: List::new(epoch.acked.iter().copied().collect()).unwrap_or_default(),
            arrived_h: epoch.arrived_h,
            prev_hb: self.prev_hb,
        };
        self.prev_hb = core.post(&s.session, Kind::Heartbeat, SLOT_HEARTBEAT, &heartbeat, None);
        s.recent.note(self.prev_hb, core.ms());
    }

    /// Shows somebody who asked what came after `at_h`, or that this device lives.
    pub(crate) fn show(&mut self, core: &mut Core, s: &mut Seated, at_h: &Hash) {
        let lately = self.next_heartbeat_ms > core.ms() + HEARTBEAT_MS - SHOW_MS;
        if lately || s.resuming() {
            return;
        }
        if *at_h != s.chain.tip() {
            self.repeat(core);
        }
        self.beat(core, s);
    }

    /// Seals what deletes the board for whoever takes over.
    pub(crate) fn hand_end(
        &mut self,
        core: &Core,
        at_h: &Hash,
        to: Fingerprint,
        preimage: &Secret<32>,
    ) -> Option<Wrapped> {
        self.wraps.wrap_end(core.me(), to, at_h, preimage)
    }

    pub(crate) fn age_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.began_ms)
    }

    pub(crate) fn timeout_ms(&self, core: &Core, s: &Seated) -> u64 {
        let secret = self.secret.as_ref().map(|(_, until)| *until);
        if let Some(since) = core.offline_since_ms {
            return secret.unwrap_or(u64::MAX).min(since + FORGET_MS);
        }
        if s.resuming() {
            return secret.unwrap_or(u64::MAX);
        }
        let listed =
            s.epochs.newest().into_iter().flat_map(Epoch::listed).map(|e| Fingerprint(e.fp));
        let silent = s.peers.silent_at_ms(listed);
        let arriving = self.arriving.values().map(|(_, at)| *at);
        let invited = s
            .epochs
            .newest()
            .is_some_and(|e| e.unarrived().next().is_some())
            .then_some(self.began_ms + INVITED_MS);
        let due = [self.next_heartbeat_ms, self.rotate_at_ms];
        due.into_iter()
            .chain(silent)
            .chain(arriving)
            .chain(invited)
            .chain(self.pending.joins_due_ms)
            .chain(secret)
            .min()
            .unwrap_or(self.next_heartbeat_ms)
    }
}

/// Nobody new is listed in a locked meeting, whoever lets them in: that waits for the unlocking.
fn bar_newcomers(s: &Seated, changes: &mut Changes) {
    let new = |h: &Hash| s.newcomer(h);
    let admitted: Vec<Hash> = changes.admitted.iter().copied().filter(new).collect();
    admitted.iter().for_each(|h| changes.drop_admission(h));
    let vouched: Vec<Hash> = changes.vouches.keys().copied().filter(new).collect();
    vouched.iter().for_each(|h| changes.drop_vouch(h));
}

fn unarrived(s: &Seated) -> Vec<Fingerprint> {
    s.epochs
        .newest()
        .map(|e| e.unarrived().map(|x| Fingerprint(x.fp)).collect())
        .unwrap_or_default()
}
