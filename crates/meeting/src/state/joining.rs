//! A session is known. We read its board, ask to be let in, and wait to be named.

use standfast_crypto::{PrivateBundle, ReceiveChain};
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{
    Arrival, End, Entry, Hash, Heartbeat, KeepOut, KeyRequest, KeyWrap, Kind, State as EntryState,
};
use standfast_wire::relay::Envelope;

use crate::chain::Chain;
use crate::config::Part;
use crate::core::Core;
use crate::epoch::Epoch;
use crate::limits::{ASK_AGAIN_MS, KEY_REQUEST_MS, KNOCK_AGAIN_MS, SEEN_MS, SLOT_KEY_REQUEST};
use crate::seat::{Seat, first_contact, open_wrap};
use crate::seated::{Seated, acknowledge};
use crate::session::{Letter, Session, open_envelope, wire_bundle};
use crate::state::{Left, LeftWhy, Live, State};
use crate::{Command, Input, Output, Refusal};

/// The first epoch, opened with a prekey. It plays and seals nothing until an Arrival names us.
struct Prepared {
    epoch: Epoch,
    idx: u16,
}

/// Not yet part of the session.
pub(crate) struct Joining {
    session: Session,
    chain: Chain,
    seat: Option<Seat>,
    prepared: Option<Prepared>,
    /// The newest wrap for us; it counts for the head only.
    wrap: Option<KeyWrap>,
    caught_up: bool,
    asked_ms: u64,
    key_request_at_ms: Option<u64>,
    /// Newest heartbeat and when it came: what our request names as seen.
    heartbeat: Option<(Hash, u64)>,
    /// Confirmations of epochs that we do not hold yet.
    early_acks: Vec<Letter>,
}

/// Confirmations kept until an epoch is installed, at most.
const EARLY_ACKS: usize = 256;

impl Joining {
    pub(crate) fn enter(core: &mut Core, session: Session) -> State {
        core.changed();
        State::Joining(Box::new(Self::new(core, session)))
    }

    fn new(core: &Core, session: Session) -> Self {
        Self {
            chain: Chain::new(session.open_h),
            session,
            seat: None,
            prepared: None,
            wrap: None,
            caught_up: false,
            asked_ms: core.ms(),
            key_request_at_ms: None,
            heartbeat: None,
            early_acks: Vec::new(),
        }
    }

    /// The verified history stays, every secret is gone, the seat is new. With `caught_up` the
    /// board is still being read, and we ask at once.
    pub(crate) fn again(
        core: &mut Core,
        history: (Session, Chain),
        heartbeat: Option<(Hash, u64)>,
        caught_up: bool,
    ) -> State {
        core.journal.erased_all(core.now);
        let (session, chain) = history;
        let mut joining = Box::new(Self::new(core, session));
        (joining.chain, joining.caught_up, joining.heartbeat) = (chain, caught_up, heartbeat);
        if caught_up {
            joining.ask(core);
        }
        core.changed();
        State::Joining(joining)
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn asked(&self) -> bool {
        self.seat.is_some()
    }

    /// Comes in without being asked about.
    pub(crate) fn expected(&self, core: &Core) -> bool {
        let open =
            self.session.policy.admission == standfast_wire::control::Admission::AnyoneWithLink;
        open || self.session.scheduled.contains(&core.me()) || self.chain.has_seen(core.me())
    }

    pub(crate) fn locked(&self) -> bool {
        self.chain.head().is_some_and(|head| head.announce.locked)
    }

    pub(crate) fn timeout_ms(&self, core: &Core) -> Option<u64> {
        let again = self.seat.as_ref().map(|_| self.ask_again_at(core));
        again.into_iter().chain(self.key_request_at_ms).min()
    }

    /// An answer can be lost with the generator's connection, and a request can have named a
    /// heartbeat that was too old: ask anew, seldom when a person has to decide.
    fn ask_again_at(&self, core: &Core) -> u64 {
        self.asked_ms + if self.expected(core) { ASK_AGAIN_MS } else { KNOCK_AGAIN_MS }
    }

    fn ask_again(&mut self, core: &mut Core) {
        if self.seat.is_some() && self.caught_up && core.ms() >= self.ask_again_at(core) {
            self.asked_ms = core.ms();
            if self.heartbeat.is_some_and(|(_, at)| core.ms() < at + SEEN_MS) {
                (self.seat, self.prepared) = (None, None);
                self.ask(core);
            }
        }
    }

    pub(crate) fn handle(mut self: Box<Self>, core: &mut Core, input: Input<'_>) -> State {
        match input {
            Input::Connected => core.offline_since_ms = None,
            Input::Disconnected => {
                core.offline_since_ms = Some(core.ms());
                (self.caught_up, self.seat, self.prepared) = (false, None, None);
            }
            Input::CaughtUp { session_id } if session_id == self.session.id() => {
                self.caught_up = true;
                self.ask(core);
            }
            Input::Command(Command::Leave | Command::End) => return self.leave(core),
            Input::Delivered { poster, envelope } => return self.delivered(core, poster, envelope),
            Input::Tick => {
                self.ask_for_key(core);
                self.ask_again(core);
            }
            _ => {}
        }
        core.changed();
        State::Joining(self)
    }

    fn leave(self: Box<Self>, core: &mut Core) -> State {
        if let Some(seat) = &self.seat {
            seat.say_goodbye(core, &self.session);
        }
        Left::enter(core, LeftWhy::Left)
    }

    fn delivered(
        mut self: Box<Self>,
        core: &mut Core,
        poster: [u8; 32],
        envelope: &Envelope,
    ) -> State {
        if envelope.session_id != self.session.id() {
            return self.other_session(core, envelope);
        }
        let letter = match open_envelope(&self.session.control, envelope) {
            Ok(letter) => letter,
            Err(refusal) => {
                core.refused(refusal);
                return State::Joining(self);
            }
        };
        match self.letter(core, poster, envelope, &letter) {
            Ok(Step::Stay) => self.try_enter(core),
            Ok(Step::Out(why)) => Left::enter(core, why),
            Ok(Step::Over) => State::Connecting(Box::default()),
            Err(refusal) => {
                core.refused(refusal);
                State::Joining(self)
            }
        }
    }

    /// A newer Open replaces a session that shows no life.
    fn other_session(self: Box<Self>, core: &mut Core, envelope: &Envelope) -> State {
        let alive =
            self.heartbeat.is_some_and(|(_, at)| self.caught_up && core.ms() < at + SEEN_MS);
        match Session::from_open(&core.cfg, envelope) {
            Ok(session) if !alive => Self::enter(core, session),
            _ => State::Joining(self),
        }
    }

    fn letter(
        &mut self,
        core: &mut Core,
        poster: [u8; 32],
        envelope: &Envelope,
        letter: &Letter,
    ) -> Result<Step, Refusal> {
        match letter.kind {
            Kind::Join => {
                self.session.accept_join(&core.cfg, letter, Some(poster))?;
                self.session.log(envelope);
            }
            Kind::Announce => {
                let link = self.chain.verify(&self.session, letter)?;
                self.session.log(envelope);
                self.chain.advance(link);
            }
            Kind::Wrap => self.wrap(core, letter)?,
            Kind::Ack if self.early_acks.len() < EARLY_ACKS => self.early_acks.push(letter.clone()),
            Kind::Heartbeat => self.heartbeat(core, letter)?,
            Kind::Arrival => return self.arrival(core, letter),
            Kind::KeepOut => return self.keep_out(letter),
            Kind::End => {
                let end = letter.authentic::<End>(&self.session.organizer, &self.session.scope)?;
                let mine = self.seat.is_some() && end.message.at_h == self.chain.tip();
                return Ok(if mine { Step::Out(LeftWhy::Ended) } else { Step::Over });
            }
            _ => {}
        }
        Ok(Step::Stay)
    }

    fn wrap(&mut self, core: &Core, letter: &Letter) -> Result<(), Refusal> {
        let wrap: KeyWrap = from_bytes(&letter.body)?;
        if wrap.to == core.me().0 && wrap.h_e == self.chain.tip() {
            self.wrap = Some(wrap);
        }
        Ok(())
    }

    fn heartbeat(&mut self, core: &Core, letter: &Letter) -> Result<(), Refusal> {
        let beat = letter.authentic::<Heartbeat>(&self.session.organizer, &self.session.scope)?;
        self.heartbeat = Some((beat.hash("SF1/hb"), core.ms()));
        Ok(())
    }

    fn keep_out(&mut self, letter: &Letter) -> Result<Step, Refusal> {
        let out = letter.authentic::<KeepOut>(&self.session.organizer, &self.session.scope)?;
        let mine = self.seat.as_ref().is_some_and(|seat| seat.join_h == out.message.join_h);
        Ok(if mine { Step::Out(LeftWhy::KeptOut) } else { Step::Stay })
    }

    /// The board is read: ask, and open the first epoch if a prekey was wrapped for.
    fn ask(&mut self, core: &mut Core) {
        if self.seat.is_some() || self.chain.head().is_none() {
            return;
        }
        let seen = self.heartbeat.map_or(self.chain.tip(), |(h, _)| h);
        self.seat = Some(Seat::ask(core, &mut self.session, Some(seen)));
        self.asked_ms = core.ms();
        if let Err(refusal) = self.prepare(core) {
            core.refused(refusal);
        }
    }

    /// Opens epoch 1 with the prekey that the organizer wrapped for, and confirms it.
    fn prepare(&mut self, core: &mut Core) -> Result<(), Refusal> {
        let Some((entry, wrap)) = self.invitation(core) else { return Ok(()) };
        let link = self.chain.head().ok_or(Refusal::Stale)?;
        let prekey = take_prekey(core, &wrap.bundle_id).ok_or(Refusal::Stale)?;
        core.out.push_back(Output::ErasePrekey { bundle_id: wrap.bundle_id });
        let chain: ReceiveChain =
            first_contact(core, &self.session, link, &wrap, &prekey, &wrap.bundle_id)?;
        let (secret, next) = open_wrap(core, &self.session, link, &wrap, &chain)?;
        let mut epoch = Epoch::install(link, &secret, core.ms());
        drop(secret);
        let seat = self.seat.as_mut().ok_or(Refusal::Stale)?;
        seat.adopt_chain(wrap.bundle_id, link.announce.term, next);
        acknowledge(core, &self.session, seat, &mut epoch, entry.idx);
        self.prepared = Some(Prepared { epoch, idx: entry.idx });
        Ok(())
    }

    fn invitation(&self, core: &Core) -> Option<(Entry, KeyWrap)> {
        let head = self.chain.head().filter(|head| head.announce.epoch == 1)?;
        let entry = head.entry_of(core.me()).filter(|e| e.state == EntryState::Invited)?;
        let wrap = self.wrap.as_ref().filter(|w| w.h_e == head.h && w.bundle_id == entry.nonce)?;
        Some((entry.clone(), wrap.clone()))
    }

    /// The generator names who has arrived. Ours makes us live, in the epoch that we hold already.
    fn arrival(&mut self, core: &mut Core, letter: &Letter) -> Result<Step, Refusal> {
        let arrival =
            letter.authentic::<Arrival>(&self.session.organizer, &self.session.scope)?.message;
        let Some(prepared) = self.prepared.as_mut().filter(|p| p.epoch.h == arrival.h_e) else {
            return Ok(Step::Stay);
        };
        for named in arrival.named.as_slice() {
            prepared.epoch.arrived.entry(named.idx).or_insert(named.join_h);
        }
        if core.ms() > self.asked_ms + SEEN_MS {
            return Err(Refusal::Stale);
        }
        Ok(Step::Stay)
    }

    /// Goes live when an announce or an Arrival names our own request.
    fn try_enter(mut self: Box<Self>, core: &mut Core) -> State {
        self.ask_when_ready(core);
        if self.arrived() {
            return self.enter_first_epoch(core);
        }
        match self.install_head(core) {
            Ok(Some(epoch)) => self.enter_epoch(core, epoch),
            Ok(None) => State::Joining(self),
            Err(refusal) => {
                core.refused(refusal);
                State::Joining(self)
            }
        }
    }

    fn ask_when_ready(&mut self, core: &mut Core) {
        if self.caught_up {
            self.ask(core);
        }
    }

    fn arrived(&self) -> bool {
        let (Some(p), Some(seat)) = (&self.prepared, &self.seat) else { return false };
        p.epoch.arrived.get(&p.idx) == Some(&seat.join_h)
    }

    fn enter_first_epoch(self: Box<Self>, core: &mut Core) -> State {
        let Self { prepared: Some(p), seat: Some(seat), session, chain, early_acks, .. } = *self
        else {
            return Left::enter(core, LeftWhy::Left);
        };
        Live::enter(core, Seated::new(session, chain, seat, p.idx, early_acks), p.epoch)
    }

    /// The head names our request and its wrap is here.
    fn install_head(&mut self, core: &mut Core) -> Result<Option<Epoch>, Refusal> {
        let (Some(head), Some(seat)) = (self.chain.head(), self.seat.as_mut()) else {
            return Ok(None);
        };
        let named = |e: &&Entry| e.join_h == seat.join_h && e.state == EntryState::In;
        let Some(entry) = head.entry_of(core.me()).filter(named).cloned() else { return Ok(None) };
        if !seat.has_nonce(&entry.nonce) {
            return Err(Refusal::Stale);
        }
        let Some(wrap) = self.wrap.as_ref().filter(|w| w.h_e == head.h) else {
            self.key_request_at_ms.get_or_insert(core.ms() + KEY_REQUEST_MS);
            return Ok(None);
        };
        let secret = match seat.unwrap(core, &self.session, head, wrap) {
            Ok(secret) => secret,
            Err(refusal) => {
                self.wrap = None;
                self.key_request_at_ms.get_or_insert(core.ms() + KEY_REQUEST_MS);
                return Err(refusal);
            }
        };
        let mut epoch = Epoch::install(head, &secret, core.ms());
        acknowledge(core, &self.session, seat, &mut epoch, entry.idx);
        Ok(Some(epoch))
    }

    fn enter_epoch(self: Box<Self>, core: &mut Core, epoch: Epoch) -> State {
        let idx = epoch.entry_of(core.me()).map(|e| e.idx);
        let (Self { seat: Some(seat), session, chain, early_acks, .. }, Some(idx)) = (*self, idx)
        else {
            return Left::enter(core, LeftWhy::Left);
        };
        Live::enter(core, Seated::new(session, chain, seat, idx, early_acks), epoch)
    }

    fn ask_for_key(&mut self, core: &mut Core) {
        let (Some(at), Some(seat), Some(head)) =
            (self.key_request_at_ms, self.seat.as_mut(), self.chain.head())
        else {
            return;
        };
        if core.ms() < at {
            return;
        }
        self.key_request_at_ms = Some(core.ms() + KEY_REQUEST_MS);
        let bundle = wire_bundle(seat.fresh_bundle(core));
        core.post(
            &self.session,
            Kind::KeyRequest,
            SLOT_KEY_REQUEST,
            &KeyRequest { h_e: head.h, bundle },
            None,
        );
    }
}

/// What a message led to.
enum Step {
    Stay,
    Out(LeftWhy),
    /// This session is over: wait for the next.
    Over,
}

fn take_prekey(core: &mut Core, id: &[u8; 16]) -> Option<PrivateBundle> {
    let Part::Member { prekeys } = &mut core.cfg.part else { return None };
    let at = prekeys.iter().position(|p| p.id() == *id)?;
    Some(prekeys.swap_remove(at))
}
