//! The member who looks after the key: draws, announces, wraps, gathers acks, notices who is gone.

use std::collections::{BTreeMap, VecDeque};

use standfast_crypto::{
    Contact, EpochSecret, Fingerprint, GeneratorKey, PublicBundle, Secret, SendChain,
};
use standfast_wire::codec::{Blob, List, to_bytes};
use standfast_wire::control::{
    Arrival, Arrived, Entry, EpochAnnounce, Hash, Heartbeat, KeyAck, KeyRequest, KeyWrap, Kind,
    MAX_ROSTER, Reason, Role, Sealed, State,
};
use standfast_wire::relay::{Envelope, SLOT_HEARTBEAT, SLOT_LOG};

use crate::chain::Link;
use crate::core::Core;
use crate::door::Door;
use crate::epoch::Epoch;
use crate::limits::{
    ARRIVAL_ACK_MS, FORGET_MS, GATHER_MS, HEARTBEAT_MS, HINTED_SILENT_MS, INVITED_MS, QUIET_MS,
    SECRET_MS, SEEN_MS, SILENT_MS, max_ms,
};
use crate::seat::Seat;
use crate::seated::{Seated, acknowledge};
use crate::session::{Letter, Session, arrived_hash, public_bundle, seal_envelope};
use crate::state::connecting::Invitee;
use crate::{Output, Refusal};

/// The only term of this version: takeover comes with the next.
const TERM: u32 = 1;

/// What the generator knows about one member.
struct Peer {
    chain: Option<SendChain>,
    /// The bundle for the next contact.
    fresh: Option<PublicBundle>,
    /// Its newest liveness nonce.
    nonce: [u8; 16],
    /// The newest epoch that it has confirmed.
    acked: u32,
    /// Last authentic sign of life.
    sign_ms: u64,
    /// When the relay said that its connection ended.
    hinted_ms: Option<u64>,
}

impl Peer {
    fn new(nonce: [u8; 16], fresh: Option<PublicBundle>, now_ms: u64) -> Self {
        Self { chain: None, fresh, nonce, acked: 0, sign_ms: now_ms, hinted_ms: None }
    }

    fn alive(&mut self, now_ms: u64) {
        (self.sign_ms, self.hinted_ms) = (now_ms, None);
    }

    /// When silence becomes a drop.
    fn silent_at_ms(&self) -> u64 {
        let hinted = self.hinted_ms.map_or(u64::MAX, |at| at + HINTED_SILENT_MS);
        hinted.min(self.sign_ms + SILENT_MS)
    }
}

/// Changes that the next announce will carry.
#[derive(Default)]
struct Pending {
    joins: Vec<Hash>,
    joins_due_ms: Option<u64>,
    gone: BTreeMap<Fingerprint, Reason>,
    manual: bool,
}

pub(crate) struct Generator {
    key: GeneratorKey,
    peers: BTreeMap<Fingerprint, Peer>,
    invited: BTreeMap<Fingerprint, Invitee>,
    /// Kept for those who ask again, until all have acked.
    secret: Option<(EpochSecret, u64)>,
    arrivals: Vec<Arrived>,
    /// Invited members that asked and have not confirmed yet.
    arriving: BTreeMap<Fingerprint, (Hash, u64)>,
    pub(crate) door: Door,
    pending: Pending,
    last_join_ms: Option<u64>,
    began_ms: u64,
    next_heartbeat_ms: u64,
    prev_hb: Hash,
    rotate_at_ms: u64,
    /// What we sent lately: a join request must name one of these.
    sent: VecDeque<(Hash, u64)>,
    /// Own requests and announces, by epoch, of which nobody has shown yet that the relay got them.
    unproven: Vec<(u32, Envelope)>,
    end_preimage: Secret<32>,
}

impl Generator {
    pub(crate) fn new(core: &mut Core, invitees: Vec<Invitee>) -> Self {
        let key = GeneratorKey::generate(&mut core.rng);
        let end_preimage = Secret::random(&mut core.rng);
        Self {
            key,
            peers: BTreeMap::new(),
            invited: invitees.into_iter().map(|i| (i.identity.fingerprint(), i)).collect(),
            secret: None,
            arrivals: Vec::new(),
            arriving: BTreeMap::new(),
            door: Door::default(),
            pending: Pending::default(),
            last_join_ms: None,
            began_ms: core.ms(),
            next_heartbeat_ms: core.ms() + HEARTBEAT_MS,
            prev_hb: [0; 32],
            rotate_at_ms: u64::MAX,
            sent: VecDeque::new(),
            unproven: Vec::new(),
            end_preimage,
        }
    }

    pub(crate) fn end_preimage(&self) -> [u8; 32] {
        *self.end_preimage.expose()
    }

    pub(crate) fn end_hash(&self) -> Hash {
        use standfast_wire::relay::end_hash_input;
        standfast_crypto::sha256(&end_hash_input(self.end_preimage.expose()))
    }

    /// The first announce: this device `in`, everyone whose bundle we have `invited`.
    pub(crate) fn announce_first(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
    ) -> Result<(), Refusal> {
        self.note_sent(s.session.open_h, core.ms());
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
        let invited = self.invited.values().zip(1u16..).map(|(i, idx)| Entry {
            idx,
            fp: i.identity.fingerprint().0,
            join_h: [0; 32],
            role: Role::Person,
            state: State::Invited,
            nonce: i.bundle.bundle_id(),
            owner: None,
            replaces: None,
        });
        let roster = std::iter::once(me).chain(invited).collect();
        self.announce(core, s, Reason::Open, roster)
    }

    /// A member asks to join.
    pub(crate) fn join(&mut self, core: &mut Core, s: &mut Seated, h: Hash) -> Result<(), Refusal> {
        let request = s.session.request(&h).ok_or(Refusal::Stale)?;
        let (fp, role) = (request.fp(), request.role);
        if fp == core.me() {
            // Another process of this profile. It cannot have a seat beside the generator's own.
            return Err(Refusal::NotAllowed);
        }
        let fresh = request.seen.is_some_and(|seen| {
            self.sent.iter().any(|(h, at)| *h == seen && core.ms() <= at + SEEN_MS)
        });
        if !fresh {
            return Err(Refusal::Stale);
        }
        if role != Role::Person {
            return Err(Refusal::Unsupported);
        }
        let unarrived =
            s.epochs.newest().is_some_and(|e| e.number == 1 && e.unarrived().any(|x| x.fp == fp.0));
        if unarrived {
            self.arriving.insert(fp, (h, core.ms() + ARRIVAL_ACK_MS));
        } else if self.door.opens_by_itself(core, s, fp, &h) {
            self.let_in(core, h);
        } else {
            self.door.wait(core, &s.session, fp, h);
        }
        Ok(())
    }

    /// Admits a request at the next announce. The first after a quiet second goes at once.
    fn let_in(&mut self, core: &Core, h: Hash) {
        let quiet = self.last_join_ms.is_none_or(|at| core.ms() >= at + QUIET_MS);
        let due = if quiet { core.ms() } else { core.ms() + GATHER_MS };
        self.pending.joins_due_ms = Some(self.pending.joins_due_ms.map_or(due, |at| at.min(due)));
        self.last_join_ms = Some(core.ms());
        self.pending.joins.push(h);
    }

    pub(crate) fn admit(&mut self, core: &mut Core, h: Hash) {
        if self.door.take(&h) {
            self.let_in(core, h);
            core.changed();
        }
    }

    pub(crate) fn rotate(&mut self) {
        self.pending.manual = true;
    }

    /// A signed goodbye for the join `h`. Who is not on the roster only takes back the request.
    pub(crate) fn left(&mut self, s: &Seated, fp: Fingerprint, h: &Hash) {
        self.door.gave_up(fp);
        self.arriving.remove(&fp);
        self.pending.joins.retain(|join| join != h);
        let holds_key = |e: &Epoch| {
            e.entry_of(fp).is_some_and(|entry| e.join_of(entry).is_none_or(|join| join == *h))
        };
        if s.epochs.newest().is_some_and(holds_key) {
            self.pending.gone.insert(fp, Reason::Leave);
        }
    }

    pub(crate) fn sign_of_life(&mut self, fp: Fingerprint, now_ms: u64) {
        if let Some(peer) = self.peers.get_mut(&fp) {
            peer.alive(now_ms);
        }
    }

    /// The relay's word only hastens what silence decides.
    pub(crate) fn hint_gone(&mut self, fp: Fingerprint, now_ms: u64) {
        if let Some(peer) = self.peers.get_mut(&fp) {
            peer.hinted_ms.get_or_insert(now_ms);
        }
    }

    /// A confirmation brings the next nonce and bundle, and an invited member's arrival. Only a
    /// newer one than before: everyone with the link can post an old one again.
    pub(crate) fn acked(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        fp: Fingerprint,
        ack: KeyAck,
    ) -> Result<(), Refusal> {
        let number = s.epochs.by_h(&ack.h_e).map(|e| e.number).ok_or(Refusal::Stale)?;
        let newest = s.epochs.newest().is_some_and(|e| e.number == number);
        let peer = self.peers.get_mut(&fp).ok_or(Refusal::NotAllowed)?;
        if number <= peer.acked {
            return Err(Refusal::Stale);
        }
        (peer.acked, peer.nonce) = (number, ack.liveness_nonce);
        peer.alive(core.ms());
        if let Some(bundle) = ack.bundle {
            peer.fresh = Some(public_bundle(bundle)?);
        }
        self.unproven.retain(|(epoch, _)| *epoch > number);
        if !newest {
            return Ok(());
        }
        if let Some(chain) = &mut peer.chain {
            chain.acked();
        }
        self.name_arrived(core, s, fp, &ack.h_e)?;
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
        let peer = self.peers.get_mut(&fp).ok_or(Refusal::NotAllowed)?;
        let answered =
            peer.chain.as_ref().map(SendChain::bundle_id) == Some(asked.bundle.bundle_id);
        if answered || peer.acked == head.announce.epoch {
            return Err(Refusal::Stale);
        }
        (peer.chain, peer.fresh) = (None, Some(public_bundle(asked.bundle)?));
        let Some((secret, until)) = self.secret.take() else { return Err(Refusal::Stale) };
        let sent = self
            .ensure_chain(core, &s.session, &entry)
            .and_then(|()| self.wrap_for(core, &s.session, &entry, &h_e, &secret));
        self.secret = Some((secret, until));
        sent
    }

    /// Everything that time brings.
    pub(crate) fn tick(&mut self, core: &mut Core, s: &mut Seated) -> Result<(), Refusal> {
        let now = core.ms();
        if self.secret.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.secret = None;
        }
        if core.offline_since_ms.is_some() {
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
        match self.due(now) {
            Some(reason) => self.announce_pending(core, s, reason),
            None => Ok(()),
        }
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
            self.let_in(core, h);
        }
    }

    fn notice_silence(&mut self, core: &Core, s: &Seated) {
        let Some(epoch) = s.epochs.newest() else { return };
        for fp in epoch.present().map(|e| Fingerprint(e.fp)).filter(|fp| *fp != core.me()) {
            let Some(peer) = self.peers.get(&fp) else { continue };
            if core.ms() >= peer.silent_at_ms() {
                self.pending.gone.entry(fp).or_insert(Reason::Drop);
            }
        }
    }

    /// Why a new epoch is due now, if one is. Whoever is gone comes first.
    fn due(&self, now_ms: u64) -> Option<Reason> {
        let gone = self.pending.gone.values();
        if !self.pending.gone.is_empty() {
            return gone.copied().find(|r| *r == Reason::Leave).or(Some(Reason::Drop));
        }
        if self.pending.joins_due_ms.is_some_and(|at| at <= now_ms) {
            return Some(Reason::Join);
        }
        if self.pending.manual {
            return Some(Reason::Manual);
        }
        (self.rotate_at_ms <= now_ms).then_some(Reason::Timer)
    }

    fn announce_pending(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        reason: Reason,
    ) -> Result<(), Refusal> {
        let mut pending = std::mem::take(&mut self.pending);
        // Invited members who are about to arrive cannot do so in another epoch than the first.
        pending.joins.extend(std::mem::take(&mut self.arriving).into_values().map(|(h, _)| h));
        if reason == Reason::Timer {
            self.renew_contacts(core);
        }
        // Before newcomers are seated: one of them may be back already.
        for fp in pending.gone.keys() {
            self.peers.remove(fp);
        }
        let roster = self.next_roster(core, s, &pending);
        self.announce(core, s, reason, roster)
    }

    /// Every 5 minutes the asymmetric part runs again with fresh keys on both sides, which heals
    /// after a compromise.
    fn renew_contacts(&mut self, core: &mut Core) {
        self.key = GeneratorKey::generate(&mut core.rng);
        for peer in self.peers.values_mut().filter(|p| p.fresh.is_some()) {
            peer.chain = None;
        }
    }

    /// The head's roster less those who are gone and the unarrived, plus those who join.
    fn next_roster(&mut self, core: &mut Core, s: &mut Seated, pending: &Pending) -> Vec<Entry> {
        let own_nonce = s.seat.newest_nonce();
        let Some(epoch) = s.epochs.newest() else { return Vec::new() };
        let mut roster = Vec::new();
        for entry in epoch.present().filter(|e| !pending.gone.contains_key(&Fingerprint(e.fp))) {
            let fp = Fingerprint(entry.fp);
            let nonce = if fp == core.me() {
                Some(own_nonce)
            } else {
                self.peers.get(&fp).map(|p| p.nonce)
            };
            let own_join = (fp == core.me()).then_some(s.seat.join_h);
            let (Some(nonce), Some(join_h)) = (nonce, own_join.or(epoch.join_of(entry))) else {
                continue;
            };
            roster.push(Entry { join_h, nonce, state: State::In, ..entry.clone() });
        }
        let mut free = s.chain.free_idx();
        for h in &pending.joins {
            self.seat_newcomer(core, s, h, &mut roster, &mut free);
        }
        roster.sort_by_key(|e| e.idx);
        roster
    }

    fn seat_newcomer(
        &mut self,
        core: &Core,
        s: &Seated,
        h: &Hash,
        roster: &mut Vec<Entry>,
        free: &mut u16,
    ) {
        let Some(request) = s.session.request(h) else { return };
        let (fp, nonce) = (request.fp(), request.liveness_nonce);
        let full = roster.len() >= MAX_ROSTER;
        let listed = roster.iter_mut().find(|e| e.fp == fp.0);
        let idx = s.chain.place_of(fp).unwrap_or(*free);
        // Only so many key ids exist, and so many fit an announce.
        if listed.is_none() && (idx >= standfast_frame::IDX_LIMIT || full) {
            return;
        }
        self.peers.insert(fp, Peer::new(nonce, Some(request.bundle.clone()), core.ms()));
        if let Some(entry) = listed {
            (entry.join_h, entry.nonce) = (*h, nonce);
            return;
        }
        *free = (*free).max(idx + 1);
        roster.push(Entry {
            idx,
            fp: fp.0,
            join_h: *h,
            role: Role::Person,
            state: State::In,
            nonce,
            owner: None,
            replaces: None,
        });
    }

    /// Draws a secret, announces it, wraps it for every recipient, installs and confirms it here.
    ///
    /// What can fail comes first: once the announce is out, everyone else builds on it.
    fn announce(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        reason: Reason,
        mut roster: Vec<Entry>,
    ) -> Result<(), Refusal> {
        let me = core.me();
        roster.retain(|e| e.fp == me.0 || self.ensure_chain(core, &s.session, e).is_ok());
        let (announce, secret) = self.draw(core, s, reason, roster)?;
        let number = announce.epoch;
        let h_e = core.post(&s.session, Kind::Announce, SLOT_LOG, &announce, None);
        self.note_unproven(core, &mut s.session, number);
        let link = Link::new(s.chain.head(), h_e, announce);
        let recipients = link.roster().iter().filter(|e| e.fp != me.0 && e.state != State::Off);
        for entry in recipients {
            // Whoever gets none asks for it.
            if let Err(refusal) = self.wrap_for(core, &s.session, entry, &h_e, &secret) {
                core.refused(refusal);
            }
        }
        let mut epoch = Epoch::install(&link, &secret, core.ms());
        s.chain.advance(link);
        self.secret = Some((secret, core.ms() + SECRET_MS));
        self.note_sent(h_e, core.ms());
        self.rotate_at_ms = core.ms() + u64::from(s.session.policy.rotate_ms);
        acknowledge(core, &s.session, &mut s.seat, &mut epoch, s.idx);
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
        reason: Reason,
        roster: Vec<Entry>,
    ) -> Result<(EpochAnnounce, EpochSecret), Refusal> {
        let hedge = core.hedge();
        let mut announce = EpochAnnounce {
            term: TERM,
            epoch: s.chain.head().map_or(0, |head| head.announce.epoch) + 1,
            generator: core.me().0,
            gen_ek: self.key.public(),
            prev_h: s.chain.tip(),
            reason,
            locked: false,
            succession: List::new(vec![s.idx])?,
            roster: List::new(roster)?,
            key_commit: [0; 32],
            min_ms: 0,
            max_ms: max_ms(reason),
            orders: List::default(),
            merged_h: None,
        };
        let link = Link::new(None, [0; 32], announce.clone());
        let nonces: Vec<_> = link.roster().iter().map(|e| e.nonce).collect();
        let secret = EpochSecret::draw(&mut core.rng, &hedge, nonces.iter(), &link.binding());
        announce.key_commit = secret.commitment(&link.binding());
        Ok((announce, secret))
    }

    /// Wraps `secret` for one recipient, to whom there is a chain.
    fn wrap_for(
        &mut self,
        core: &mut Core,
        session: &Session,
        entry: &Entry,
        h_e: &Hash,
        secret: &EpochSecret,
    ) -> Result<(), Refusal> {
        let (me, to) = (core.me(), Fingerprint(entry.fp));
        let peer = self.peers.get_mut(&to).ok_or(Refusal::Inconsistent)?;
        let chain = peer.chain.as_mut().ok_or(Refusal::Inconsistent)?;
        let bundle_id = chain.bundle_id();
        let wrapped = chain.wrap(h_e, me, to, secret);
        let wrap = KeyWrap {
            h_e: *h_e,
            to: to.0,
            bundle_id,
            n: wrapped.n,
            kem_ct: wrapped.kem_ct,
            ct: wrapped.ct,
        };
        let sealed = Sealed {
            kind: Kind::Wrap,
            from: me.0,
            body: Blob::new(to_bytes(&wrap))?,
            sig: None,
            mac: None,
        };
        let envelope =
            seal_envelope(&session.control, session.id(), SLOT_LOG, &sealed, &mut core.rng);
        core.out.push_back(Output::Post(envelope.ok_or(Refusal::Malformed)?));
        Ok(())
    }

    /// Makes a new contact where there is no chain.
    fn ensure_chain(
        &mut self,
        core: &mut Core,
        session: &Session,
        entry: &Entry,
    ) -> Result<(), Refusal> {
        let fp = Fingerprint(entry.fp);
        if self.peers.get(&fp).is_some_and(|p| p.chain.is_some()) {
            return Ok(());
        }
        let invited = entry.state == State::Invited;
        let request = session.request(&entry.join_h);
        let (identity, bundle, nonce) = match (invited, self.invited.get(&fp), request) {
            (true, Some(i), _) => (&i.identity, i.bundle.clone(), i.bundle.bundle_id()),
            (false, _, Some(r)) => (
                &r.identity,
                self.peers.get_mut(&fp).and_then(|p| p.fresh.take()).ok_or(Refusal::Stale)?,
                r.join_nonce,
            ),
            _ => return Err(Refusal::Inconsistent),
        };
        let contact = Contact {
            meeting_id: &session.scope.meeting_id,
            session_id: &session.scope.session_id,
            link_psk: core.cfg.link.psk(),
            join_nonce: &nonce,
            term: TERM,
        };
        let me = std::sync::Arc::clone(&core.cfg.identity);
        let chain = SendChain::contact(&me, &self.key, identity, &bundle, &contact, &mut core.rng)?;
        let now = core.ms();
        let peer = self.peers.entry(fp).or_insert(Peer::new(entry.nonce, None, now));
        peer.chain = Some(chain);
        Ok(())
    }

    fn beat(&mut self, core: &mut Core, s: &Seated) {
        self.next_heartbeat_ms = core.ms() + HEARTBEAT_MS;
        let (Some(epoch), Some(head)) = (s.epochs.newest(), s.chain.head()) else { return };
        let heartbeat = Heartbeat {
            term: TERM,
            epoch: head.announce.epoch,
            h_e: head.h,
            age_ms: core.ms().saturating_sub(self.began_ms),
            acked: List::new(epoch.acked.iter().copied().collect()).unwrap_or_default(),
            arrived_h: arrived_hash(&self.arrivals),
            prev_hb: self.prev_hb,
        };
        self.prev_hb = core.post(&s.session, Kind::Heartbeat, SLOT_HEARTBEAT, &heartbeat, None);
        self.note_sent(self.prev_hb, core.ms());
    }

    fn note_sent(&mut self, h: Hash, now_ms: u64) {
        self.sent.retain(|(_, at)| now_ms <= at + SEEN_MS);
        self.sent.push_back((h, now_ms));
    }

    /// This device's liveness is shown anew after it was away.
    pub(crate) fn renew_seat(&mut self, core: &mut Core, s: &mut Seated) {
        let (seen, next) = (s.chain.tip(), s.chain.head().map_or(0, |h| h.announce.epoch) + 1);
        s.seat = Seat::ask(core, &mut s.session, Some(seen));
        if let Some(Output::Post(envelope)) = core.out.back() {
            self.unproven.push((next, envelope.clone()));
        }
    }

    /// Back after a lost connection: everyone gets a new epoch that names our new join.
    pub(crate) fn resume(&mut self, core: &mut Core, s: &mut Seated) -> Result<(), Refusal> {
        let now = core.ms();
        self.peers.values_mut().for_each(|peer| peer.alive(now));
        self.announce_pending(core, s, Reason::Drop)?;
        self.beat(core, s);
        Ok(())
    }

    pub(crate) fn age_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.began_ms)
    }

    pub(crate) fn timeout_ms(&self, core: &Core, s: &Seated) -> u64 {
        let secret = self.secret.as_ref().map(|(_, until)| *until);
        if let Some(since) = core.offline_since_ms {
            return secret.unwrap_or(u64::MAX).min(since + FORGET_MS);
        }
        let present =
            s.epochs.newest().into_iter().flat_map(Epoch::present).map(|e| Fingerprint(e.fp));
        let silent = present.filter_map(|fp| self.peers.get(&fp)).map(Peer::silent_at_ms);
        let arriving = self.arriving.values().map(|(_, at)| *at);
        let invited = s
            .epochs
            .newest()
            .is_some_and(|e| e.unarrived().next().is_some())
            .then_some(self.began_ms + INVITED_MS);
        let now_due = (!self.pending.gone.is_empty() || self.pending.manual).then_some(0);
        [self.next_heartbeat_ms, self.rotate_at_ms]
            .into_iter()
            .chain(silent)
            .chain(arriving)
            .chain(invited)
            .chain(now_due)
            .chain(self.pending.joins_due_ms)
            .chain(secret)
            .min()
            .unwrap_or(self.next_heartbeat_ms)
    }
}

fn unarrived(s: &Seated) -> Vec<Fingerprint> {
    s.epochs
        .newest()
        .map(|e| e.unarrived().map(|x| Fingerprint(x.fp)).collect())
        .unwrap_or_default()
}
