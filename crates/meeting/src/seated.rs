//! What every live device holds, generator or not.

use std::collections::{BTreeMap, BTreeSet};

use standfast_crypto::{Fingerprint, PublicIdentity, Secret};
use standfast_wire::control::{
    Arrived, EpochAnnounce, Hash, HeadAsk, Heartbeat, KeyAck, Kind, Moved, Role as Part, State,
};
use standfast_wire::relay::{Envelope, SLOT_ACK, SLOT_LOG};

use crate::branch::Others;
use crate::chain::{Chain, Link, Node, Verified};
use crate::core::Core;
use crate::door::Door;
use crate::epoch::{Epoch, Epochs};
use crate::limits::{FORGET_MS, STRANGER_READS_MAX};
use crate::peers::Peers;
use crate::posted::Posted;
use crate::recent::Recent;
use crate::seat::Seat;
use crate::session::{Letter, Session, open_envelope, wire_bundle};
use crate::spoken::Spoken;
use crate::{Output, Refusal};

/// Acks for the head while it is not installed here: one of each member on its roster.
#[derive(Default)]
pub(crate) struct EarlyAcks {
    of: Hash,
    acks: BTreeMap<Fingerprint, Letter>,
}

impl EarlyAcks {
    /// Keeps an ack that its author signed. Its MAC is checked when the epoch is there.
    pub(crate) fn keep(
        &mut self,
        session: &Session,
        chain: &Chain,
        letter: Letter,
    ) -> Result<(), Refusal> {
        let identity = session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let ack = letter.authentic::<KeyAck>(identity, &session.scope)?;
        let head = chain.head().filter(|head| head.h == ack.message.h_e).ok_or(Refusal::Stale)?;
        head.entry_of(ack.from).ok_or(Refusal::NotAllowed)?;
        if self.of != head.h {
            *self = Self { of: head.h, acks: BTreeMap::new() };
        }
        self.acks.insert(ack.from, letter);
        Ok(())
    }
}

/// What is known of a session before and while this device is live in it, and what outlives one
/// seat: everything public.
pub(crate) struct History {
    pub(crate) session: Session,
    pub(crate) chain: Chain,
    pub(crate) peers: Peers,
    pub(crate) door: Door,
    /// Statements that wait for an announce.
    pub(crate) posted: Posted,
    /// What the session's generators sent lately.
    pub(crate) recent: Recent,
    /// Generators of other branches, heard lately.
    pub(crate) others: Others,
    /// To whom the head's generator has handed the key's care.
    pub(crate) handed: Option<Fingerprint>,
    /// Join requests that their authors ended with a signed goodbye.
    pub(crate) goodbyes: BTreeSet<Hash>,
    /// The relay lost the session's board, or is another one that never had it, and the head's
    /// generator has not been heard there.
    pub(crate) board_lost: bool,
    /// The session in which the organizer says that it is.
    pub(crate) moved_to: Option<Hash>,
    /// How often the board was read for a sign of life of somebody whom no announce here lists.
    pub(crate) stranger_reads: u8,
}

impl History {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            chain: Chain::new(session.open_h),
            session,
            peers: Peers::default(),
            door: Door::default(),
            posted: Posted::default(),
            recent: Recent::default(),
            others: Others::default(),
            handed: None,
            goodbyes: BTreeSet::new(),
            board_lost: false,
            moved_to: None,
            stranger_reads: 0,
        }
    }

    /// The identity of whoever looks after the key by the head of this device's chain.
    pub(crate) fn generator(&self) -> Result<&PublicIdentity, Refusal> {
        let fp = self.chain.generator().unwrap_or(self.session.opener);
        self.session.identity_of(fp).ok_or(Refusal::Missing)
    }

    /// Checks an announce and records it aside. Two for one epoch by one hand are evidence.
    pub(crate) fn record(
        &mut self,
        core: &mut Core,
        envelope: &Envelope,
        letter: &Letter,
    ) -> Result<Hash, Refusal> {
        let h = match self.chain.verify(&self.session, letter)? {
            Verified::Link(link) => self.chain.keep(*link, core.now),
            Verified::Equivocation(two) => {
                core.two_announces(&self.session, two.by, two.first, two.second);
                return Err(Refusal::Inconsistent);
            }
        };
        self.session.log(envelope);
        Ok(h)
    }

    /// Makes a recorded announce the head of this device.
    pub(crate) fn follow(&mut self, core: &mut Core, h: Hash) {
        let before = self.chain.generator();
        self.chain.follow(h);
        self.recent.note(h, core.ms());
        if self.chain.generator() != before {
            self.handed = None;
        }
        let Some(head) = self.chain.head() else { return };
        self.posted.carried(head.announce.orders.as_slice());
        let listed: Vec<Fingerprint> = head.roster().iter().map(|e| Fingerprint(e.fp)).collect();
        listed.into_iter().for_each(|fp| self.door.gave_up(core, fp));
        core.note_merge(self);
    }

    /// A heartbeat of somebody who is not the head's generator: another branch lives.
    pub(crate) fn other_heartbeat(
        &mut self,
        core: &mut Core,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        let identity = self.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let beat = letter.authentic::<Heartbeat>(identity, &self.session.scope)?.message;
        match self.chain.node(&beat.h_e) {
            Some(node) if node.link.generator() != letter.from => Err(Refusal::NotAllowed),
            Some(node) if node.link.announce.term != beat.term => Err(Refusal::Inconsistent),
            Some(_) if self.chain.descends(&self.chain.tip(), &beat.h_e) => Err(Refusal::Stale),
            Some(_) => {
                self.others.note(letter.from, beat.h_e, beat.age_ms, core.ms());
                Ok(())
            }
            // Its announces did not come: they may lie on the board.
            None => {
                let seen = self.chain.has_seen(letter.from);
                let due = seen || self.stranger_reads < STRANGER_READS_MAX;
                if due && core.has_read(&self.session.id()) && core.read_again() && !seen {
                    self.stranger_reads += 1;
                }
                Err(if seen { Refusal::Stale } else { Refusal::NotAllowed })
            }
        }
    }

    /// Asks for anything newer than this device's head, and for acks of it.
    pub(crate) fn ask_head(&self, core: &mut Core) {
        let ask = HeadAsk { at_h: self.chain.tip(), nonce: core.nonce() };
        core.post(&self.session, Kind::HeadAsk, SLOT_LOG, &ask, None);
    }

    /// Whether somebody looks after the key of a branch that did not end in this one.
    pub(crate) fn goes_on_beside(&self, now_ms: u64) -> bool {
        let tip = self.chain.tip();
        self.others.live(now_ms).any(|h| !self.chain.descends(&tip, &h))
    }

    /// Whether somebody was dropped so lately that their device still has the key: without a goodbye,
    /// and not removed.
    pub(crate) fn lost_lately(&self, now_ms: u64) -> bool {
        let path = self.chain.path(&self.chain.tip());
        let mut steps = path.iter().zip(path.iter().skip(1).map(|before| &before.link));
        let lately = |node: &Node| now_ms < node.seen.mono_ms + FORGET_MS;
        let dropped = |node: &Node, before: &Link| {
            node.link.left.iter().any(|fp| {
                let entry = before.entry_of(*fp).filter(|e| e.state != State::Invited);
                entry.is_some_and(|e| !self.goodbyes.contains(&e.join_h))
                    && !node.link.statements.removed.contains_key(fp)
            })
        };
        steps.any(|(node, before)| lately(node) && dropped(node, before))
    }

    /// The same, while one that was tried in vain counts, too.
    pub(crate) fn hears_beside(&self, now_ms: u64) -> bool {
        let tip = self.chain.tip();
        self.others.heard(now_ms).any(|h| !self.chain.descends(&tip, &h))
    }

    /// The organizer says in which session it is. Signed in this one: no word from before can be
    /// shown in it. Its own, of a process before, leads the organizer nowhere.
    pub(crate) fn organizer_moved(&mut self, core: &Core, letter: &Letter) -> Result<(), Refusal> {
        if letter.from != core.cfg.organizer {
            return Err(Refusal::NotAllowed);
        }
        let moved = letter.authentic::<Moved>(&self.session.organizer, &self.session.scope)?;
        if core.me() != core.cfg.organizer {
            self.moved_to = Some(moved.message.to);
        }
        Ok(())
    }

    /// Whether the generator of `h` said goodbye in this device's branch.
    pub(crate) fn left_here(&self, h: &Hash) -> bool {
        let Some(node) = self.chain.node(h) else { return false };
        let by = node.link.generator();
        node.link.entry_of(by).is_some_and(|e| self.goodbyes.contains(&e.join_h))
    }

    /// Whether the head's generator said goodbye.
    pub(crate) fn generator_left(&self) -> bool {
        self.chain.head().is_some_and(|head| self.left_here(&head.h))
    }

    /// Whether the author of `h` stays outside while the meeting is locked. The organizer never does.
    pub(crate) fn newcomer(&self, h: &Hash) -> bool {
        let seen = |fp| self.chain.has_seen(fp) || fp == self.session.organizer.fingerprint();
        self.session.request(h).is_none_or(|request| !seen(request.fp()))
    }

    /// Whether the author of `h` comes in without being asked about.
    pub(crate) fn opens_by_itself(&self, core: &Core, h: &Hash) -> bool {
        self.door.opens_by_itself(core, &self.session, &self.chain, h)
    }
}

pub(crate) struct Seated {
    pub(crate) history: History,
    pub(crate) seat: Seat,
    pub(crate) idx: u16,
    pub(crate) epochs: Epochs,
    /// Handed to this device by a generator that leaves.
    pub(crate) end_preimage: Option<Secret<32>>,
    /// A generator that was away waits until then for anything newer than its head.
    pub(crate) resume_at_ms: Option<u64>,
    pub(crate) spoken: Spoken,
    early_acks: EarlyAcks,
    met: BTreeSet<Fingerprint>,
}

impl std::ops::Deref for Seated {
    type Target = History;
    fn deref(&self) -> &History {
        &self.history
    }
}

impl std::ops::DerefMut for Seated {
    fn deref_mut(&mut self) -> &mut History {
        &mut self.history
    }
}

/// A confirmation that counted.
pub(crate) struct Acked {
    pub(crate) fp: Fingerprint,
    pub(crate) h_e: Hash,
    pub(crate) number: u32,
}

impl Seated {
    pub(crate) fn new(history: History, seat: Seat, idx: u16, early_acks: EarlyAcks) -> Self {
        Self {
            history,
            seat,
            idx,
            epochs: Epochs::default(),
            end_preimage: None,
            resume_at_ms: None,
            spoken: Spoken::default(),
            early_acks,
            met: BTreeSet::new(),
        }
    }

    /// A generator that was away does nothing until it knows whether it was missed.
    pub(crate) fn resuming(&self) -> bool {
        self.resume_at_ms.is_some()
    }

    /// While this generator was away others went on without it: their newest announce.
    pub(crate) fn overtaken(&self, core: &Core) -> Option<Hash> {
        if !self.resuming() {
            return None;
        }
        let tip = self.chain.tip();
        let theirs = self.chain.aside().into_iter().filter(|node| {
            let link = &node.link;
            link.generator() != core.me()
                && self.chain.descends(&link.h, &tip)
                && self.chain.may_follow(&link.h)
        });
        theirs.max_by_key(|node| (node.link.number(), node.link.h)).map(|node| node.link.h)
    }

    /// Somebody took over from this live generator, and lives: this branch answers with an announce
    /// of its own, which shows everyone that its generator never left.
    pub(crate) fn must_answer(&self, core: &Core) -> bool {
        let tip = self.chain.tip();
        let answers = |h: Hash| {
            let by = self.chain.node(&h).map(|node| node.link.generator());
            let heir = by.is_some_and(|by| by == core.cfg.organizer || self.handed == Some(by));
            h != tip && self.chain.descends(&h, &tip) && !heir
        };
        self.others.live(core.ms()).any(answers)
    }

    /// This device's own announce passes everyone's checks before anyone sees it.
    pub(crate) fn own_link(
        &mut self,
        core: &mut Core,
        announce: &EpochAnnounce,
    ) -> Result<(Link, Envelope), Refusal> {
        let me = std::sync::Arc::clone(&core.cfg.identity);
        let made =
            self.session.letter(&me, Kind::Announce, SLOT_LOG, announce, None, &mut core.rng);
        let (envelope, _) = made.ok_or(Refusal::Malformed)?;
        let letter = open_envelope(&self.session.control, &envelope)?;
        match self.chain.verify(&self.session, &letter)? {
            Verified::Link(link) => Ok((*link, envelope)),
            Verified::Equivocation(_) => Err(Refusal::Inconsistent),
        }
    }

    /// Records this device's own announce and follows it.
    pub(crate) fn advance(&mut self, core: &mut Core, link: Link) {
        let h = self.chain.keep(link, core.now);
        self.history.follow(core, h);
    }

    /// Puts a confirmed epoch in place: journal, keys of everyone present, acks that came early.
    pub(crate) fn install(&mut self, core: &mut Core, mut epoch: Epoch) -> Result<(), Refusal> {
        let Some(link) = self.chain.head() else { return Err(Refusal::Inconsistent) };
        core.journal.announced(link, &self.session, core.now);
        epoch.seat_all(&self.session, core.me(), &self.seat.join_h)?;
        let History { session, peers, .. } = &mut self.history;
        peers.follow(session, &epoch, core.me(), core.ms());
        let gone: Vec<u16> = self.gone_from(&epoch);
        core.out.extend(gone.into_iter().map(|idx| Output::Forget { idx }));
        note_confirmed(core, &epoch);
        self.epochs.push(epoch);
        self.meet(core);
        for letter in std::mem::take(&mut self.early_acks).acks.into_values() {
            if let Err(refusal) = self.ack(core, letter) {
                core.refused(refusal);
            }
        }
        self.turn(core);
        core.changed();
        Ok(())
    }

    fn gone_from(&self, next: &Epoch) -> Vec<u16> {
        let Some(now) = self.epochs.newest() else { return Vec::new() };
        now.roster
            .iter()
            .map(|e| e.idx)
            .filter(|idx| !next.roster.iter().any(|e| e.idx == *idx))
            .collect()
    }

    /// Reports keys that are met for the first time.
    fn meet(&mut self, core: &mut Core) {
        let Some(epoch) = self.epochs.newest() else { return };
        let me = core.me();
        for entry in epoch.present().filter(|e| e.fp != me.0) {
            let (fp, join_h) = (Fingerprint(entry.fp), epoch.join_of(entry));
            let request = join_h.and_then(|h| self.history.session.request(&h));
            if let (true, Some(request)) = (self.met.insert(fp), request) {
                let (name, bot) = (request.name.clone(), entry.role == Part::Bot);
                core.out.push_back(Output::Met { fp, name, bot });
            }
        }
    }

    /// A member confirms an epoch. An ack for one that is not installed here yet waits.
    pub(crate) fn ack(
        &mut self,
        core: &mut Core,
        letter: Letter,
    ) -> Result<Option<Acked>, Refusal> {
        let claimed: KeyAck = standfast_wire::codec::from_bytes(&letter.body)?;
        let fp = letter.from;
        let History { session, chain, .. } = &self.history;
        let Some(epoch) = self.epochs.by_h(&claimed.h_e) else {
            self.early_acks.keep(session, chain, letter)?;
            return Ok(None);
        };
        let identity = session.identity_of(fp).ok_or(Refusal::NotAllowed)?;
        let idx = epoch.entry_of(fp).ok_or(Refusal::NotAllowed)?.idx;
        let ack = letter.authentic::<KeyAck>(identity, &session.scope)?.message;
        epoch.keys().check_ack(fp, &ack.h_e, &letter.mac.ok_or(Refusal::NotAuthentic)?)?;
        epoch.acked.insert(idx);
        let acked = Acked { fp, h_e: ack.h_e, number: epoch.number };
        note_confirmed(core, epoch);
        self.turn(core);
        core.changed();
        if fp == core.me() {
            return Ok(None); // our own, read from the board
        }
        if self.peers.get(fp).is_none() {
            return Ok(Some(acked)); // invited, not named yet
        }
        self.peers.acked(fp, acked.number, ack, core.ms())?;
        Ok(Some(acked))
    }

    /// An ack of this device as the board has it.
    pub(crate) fn own_ack(&mut self, core: &mut Core, letter: &Letter) -> Result<(), Refusal> {
        let claimed: KeyAck = standfast_wire::codec::from_bytes(&letter.body)?;
        if self.epochs.newest().is_some_and(|newest| newest.h != claimed.h_e) {
            self.seat.repeat_ack_seldom(core);
        }
        Ok(())
    }

    /// Members that have arrived in the first epoch; the first naming of an idx counts.
    pub(crate) fn arrive(
        &mut self,
        core: &mut Core,
        h_e: &Hash,
        named: &[Arrived],
    ) -> Result<(), Refusal> {
        let History { session, peers, .. } = &mut self.history;
        let epoch = self.epochs.by_h(h_e).ok_or(Refusal::Stale)?;
        epoch.arrive(session, named)?;
        epoch.seat_all(session, core.me(), &self.seat.join_h)?;
        peers.follow(session, epoch, core.me(), core.ms());
        note_confirmed(core, epoch);
        self.meet(core);
        core.changed();
        Ok(())
    }

    /// Brings a due epoch into use, erases what is over.
    pub(crate) fn turn(&mut self, core: &mut Core) {
        let turned = self.epochs.tick(core.ms());
        if let Some(epoch) = turned.activated {
            core.journal.in_use(epoch, core.now);
            core.changed();
        }
        for epoch in turned.erased {
            core.journal.erased(epoch, core.now);
            core.changed();
        }
    }

    /// The fingerprint behind an idx on any roster that is still of interest.
    pub(crate) fn fp_of(&self, idx: u16) -> Option<Fingerprint> {
        let newest = self.epochs.newest()?.roster.iter();
        let active = self.epochs.active().map(|e| e.roster.as_slice()).unwrap_or_default().iter();
        newest.chain(active).find(|e| e.idx == idx).map(|e| Fingerprint(e.fp))
    }
}

/// Confirms `epoch` toward everyone, and to oneself.
pub(crate) fn acknowledge(
    core: &mut Core,
    session: &Session,
    seat: &mut Seat,
    epoch: &mut Epoch,
    idx: u16,
) {
    let mac = epoch.keys().ack_mac(core.me(), &epoch.h);
    if let Some(entry) = epoch.entry_of(core.me()) {
        seat.named(core, &entry.nonce);
    }
    let bundle = seat.bundle_if_used(core).as_ref().map(wire_bundle);
    let ack = KeyAck { h_e: epoch.h, liveness_nonce: seat.newest_nonce(), bundle };
    core.post(session, Kind::Ack, SLOT_ACK, &ack, Some(mac));
    seat.acked(core);
    epoch.acked.insert(idx);
}

fn note_confirmed(core: &mut Core, epoch: &Epoch) {
    core.journal.confirmed(epoch, core.now);
}
