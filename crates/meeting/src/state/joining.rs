//! A session is known. We read its board, ask to be let in, and wait to be named.

use standfast_crypto::{PrivateBundle, ReceiveChain};
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{
    Arrival, End, Entry, Heartbeat, KeepOut, KeyRequest, KeyWrap, Kind, State as EntryState,
};
use standfast_wire::relay::Envelope;

use crate::chain::Chain;
use crate::config::Part;
use crate::core::Core;
use crate::epoch::Epoch;
use crate::limits::{
    ASK_AGAIN_MS, KEY_REQUEST_MS, KNOCK_AGAIN_MS, SEEN_MS, SLOT_KEY_REQUEST, STALE_MS,
};
use crate::pulse::{Pulse, Watch};
use crate::seat::{Seat, first_contact, open_wrap};
use crate::seated::{EarlyAcks, Seated, acknowledge};
use crate::session::{Letter, Session, open_envelope, wire_bundle};
use crate::state::{Left, LeftWhy, Live, State};
use crate::{Command, Input, Output, Refusal};

/// The first epoch, opened with a prekey. It plays and seals nothing until an Arrival names us.
struct Prepared {
    epoch: Epoch,
    idx: u16,
    bundle_id: [u8; 16],
    /// Until our request takes it over.
    chain: Option<ReceiveChain>,
}

/// What we have asked for.
struct Asked {
    seat: Seat,
    at_ms: u64,
    /// When we look whether to ask anew.
    again_at_ms: u64,
    key_request_at_ms: Option<u64>,
}

/// Not yet part of the session.
pub(crate) struct Joining {
    session: Session,
    chain: Chain,
    asked: Option<Asked>,
    prepared: Option<Prepared>,
    /// The newest wrap for us and the head. Who made it shows only when it opens.
    wrap: Option<KeyWrap>,
    /// Of the generator, from here on: whoever is let in late knows how late it is.
    watch: Watch,
    /// When a heartbeat came that had not lain on the board.
    alive_ms: Option<u64>,
    early_acks: EarlyAcks,
}

impl Joining {
    pub(crate) fn enter(core: &mut Core, session: Session) -> State {
        core.changed();
        core.sessions.follow(session.id());
        let watch = Watch::new(core.ms());
        State::Joining(Box::new(Self::new(session, watch)))
    }

    fn new(session: Session, watch: Watch) -> Self {
        Self {
            chain: Chain::new(session.open_h),
            session,
            asked: None,
            prepared: None,
            wrap: None,
            watch,
            alive_ms: None,
            early_acks: EarlyAcks::default(),
        }
    }

    /// The verified history stays, every secret is gone, the seat is new. We ask at once, or when
    /// the board is read.
    pub(crate) fn again(core: &mut Core, history: (Session, Chain), watch: Watch) -> State {
        core.journal.erased_all(core.now);
        let (session, chain) = history;
        let mut joining = Box::new(Self::new(session, watch));
        joining.chain = chain;
        joining.ask(core);
        core.changed();
        State::Joining(joining)
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn asked(&self) -> bool {
        self.asked.is_some()
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
        let asked = self.asked.as_ref();
        let asked = asked.map(|a| a.key_request_at_ms.unwrap_or(u64::MAX).min(a.again_at_ms));
        let other = core.sessions.other.is_some().then(|| core.ms() + STALE_MS);
        asked.into_iter().chain(other).min()
    }

    /// An answer can be lost with the generator's connection, and a request can have named a
    /// heartbeat that was too old: ask anew, seldom when a person has to decide.
    fn ask_again(&mut self, core: &mut Core) {
        let every = if self.expected(core) { ASK_AGAIN_MS } else { KNOCK_AGAIN_MS };
        let lives = self.watch.last().is_some_and(|(_, at)| core.ms() < at + SEEN_MS);
        let Some(asked) = &mut self.asked else { return };
        if core.ms() < asked.again_at_ms {
            return;
        }
        asked.again_at_ms = core.ms() + every;
        if lives {
            (self.asked, self.prepared) = (None, None);
            self.ask(core);
        }
    }

    pub(crate) fn handle(mut self: Box<Self>, core: &mut Core, input: Input<'_>) -> State {
        let silent = self.watch.pulse(core.ms()) >= Pulse::Stale;
        let own = || self.session.logged().first().cloned();
        if let Some(other) = silent.then(|| core.other_session(own())).flatten() {
            return Self::enter(core, other).handle(core, input);
        }
        match input {
            Input::Connected => core.offline_since_ms = None,
            Input::Disconnected => {
                core.went_offline();
                (self.asked, self.prepared) = (None, None);
            }
            Input::CaughtUp { .. } => self.ask(core),
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
        if let Some(Asked { seat, .. }) = &self.asked {
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
                if refusal == Refusal::Missing && core.has_read(&self.session.id()) {
                    core.read_again();
                }
                State::Joining(self)
            }
        }
    }

    /// A newer Open replaces a session that shows no life. What lay on the board is no sign of it.
    fn other_session(self: Box<Self>, core: &mut Core, envelope: &Envelope) -> State {
        let alive = self.alive_ms.is_some_and(|at| core.ms() < at + SEEN_MS);
        match Session::from_open(&core.cfg, envelope) {
            Ok(session) if !alive && !core.sessions.tried(&session.id()) => {
                core.sessions.other = self.session.logged().first().cloned();
                Self::enter(core, session)
            }
            Ok(_) => {
                core.sessions.other = Some(envelope.clone());
                State::Joining(self)
            }
            Err(_) => State::Joining(self),
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
                // They were for the epoch before.
                (self.prepared, self.wrap) = (None, None);
            }
            Kind::Wrap => self.wrap(core, letter)?,
            Kind::Ack => self.early_acks.keep(&self.session, &self.chain, letter.clone())?,
            Kind::Heartbeat => self.heartbeat(core, letter)?,
            Kind::Arrival => return self.arrival(core, letter),
            Kind::KeepOut => return self.keep_out(letter),
            Kind::End => {
                let end = letter.authentic::<End>(&self.session.organizer, &self.session.scope)?;
                let mine = self.asked.is_some() && end.message.at_h == self.chain.tip();
                return Ok(if mine { Step::Out(LeftWhy::Ended) } else { Step::Over });
            }
            _ => {}
        }
        Ok(Step::Stay)
    }

    /// Everyone with the link can post a wrap. One that is stored does not keep out the next, and
    /// an invitation is stored only opened.
    fn wrap(&mut self, core: &mut Core, letter: &Letter) -> Result<(), Refusal> {
        let wrap: KeyWrap = from_bytes(&letter.body)?;
        if wrap.to != core.me().0 || wrap.h_e != self.chain.tip() {
            return Ok(());
        }
        match self.invitation(core) {
            Some(entry) if self.prepared.is_none() => {
                self.prepare(core, &entry, &wrap)?;
                self.confirm_invitation(core);
                Ok(())
            }
            _ => {
                self.wrap = Some(wrap);
                Ok(())
            }
        }
    }

    fn heartbeat(&mut self, core: &Core, letter: &Letter) -> Result<(), Refusal> {
        let beat = letter.authentic::<Heartbeat>(&self.session.organizer, &self.session.scope)?;
        self.watch.beat(&beat.message, beat.hash("SF1/hb"), core.ms());
        if core.has_read(&self.session.id()) {
            self.alive_ms = Some(core.ms());
        }
        Ok(())
    }

    fn keep_out(&mut self, letter: &Letter) -> Result<Step, Refusal> {
        let out = letter.authentic::<KeepOut>(&self.session.organizer, &self.session.scope)?;
        let mine = self.asked.as_ref().is_some_and(|a| a.seat.join_h == out.message.join_h);
        Ok(if mine { Step::Out(LeftWhy::KeptOut) } else { Step::Stay })
    }

    /// The board is read: ask, and confirm the first epoch if we were invited to it.
    fn ask(&mut self, core: &mut Core) {
        let ready = core.has_read(&self.session.id()) && self.chain.head().is_some();
        if self.asked.is_some() || !ready {
            return;
        }
        let seen = self.watch.last().map_or(self.chain.tip(), |(h, _)| h);
        let seat = Seat::ask(core, &mut self.session, Some(seen));
        self.watch.restart();
        let every = if self.expected(core) { ASK_AGAIN_MS } else { KNOCK_AGAIN_MS };
        let (at_ms, again_at_ms) = (core.ms(), core.ms() + every);
        self.asked = Some(Asked { seat, at_ms, again_at_ms, key_request_at_ms: None });
        self.confirm_invitation(core);
    }

    /// Confirms the first epoch, once it is open and we have asked. The prekey has opened its one
    /// session then.
    fn confirm_invitation(&mut self, core: &mut Core) {
        let (Some(prepared), Some(Asked { seat, .. })) = (&mut self.prepared, &mut self.asked)
        else {
            return;
        };
        let Some(chain) = prepared.chain.take() else { return };
        let bundle_id = prepared.bundle_id;
        take_prekey(core, &bundle_id);
        core.out.push_back(Output::ErasePrekey { bundle_id });
        seat.adopt_chain(bundle_id, self.chain.term(), chain);
        acknowledge(core, &self.session, seat, &mut prepared.epoch, prepared.idx);
    }

    /// Our entry in the first epoch, while it is the head.
    fn invitation(&self, core: &Core) -> Option<Entry> {
        let head = self.chain.head().filter(|head| head.announce.epoch == 1)?;
        head.entry_of(core.me()).filter(|e| e.state == EntryState::Invited).cloned()
    }

    /// Opens epoch 1 with the prekey that the organizer wrapped for.
    fn prepare(&mut self, core: &Core, entry: &Entry, wrap: &KeyWrap) -> Result<(), Refusal> {
        let link = self.chain.head().ok_or(Refusal::Stale)?;
        let bundle_id = wrap.bundle_id;
        if bundle_id != entry.nonce {
            return Err(Refusal::Stale);
        }
        let prekey = prekey(core, &bundle_id).ok_or(Refusal::Stale)?;
        let contact = first_contact(core, &self.session, link, wrap, prekey, &bundle_id)?;
        let (secret, next) = open_wrap(core, &self.session, link, wrap, &contact)?;
        let epoch = Epoch::install(link, &secret, core.ms());
        self.prepared = Some(Prepared { epoch, idx: entry.idx, bundle_id, chain: Some(next) });
        Ok(())
    }

    /// The generator names who has arrived. Ours makes us live, in the epoch that we hold already;
    /// but not when it was long on the way.
    fn arrival(&mut self, core: &mut Core, letter: &Letter) -> Result<Step, Refusal> {
        let arrival =
            letter.authentic::<Arrival>(&self.session.organizer, &self.session.scope)?.message;
        let Some(prepared) = self.prepared.as_mut().filter(|p| p.epoch.h == arrival.h_e) else {
            return Ok(Step::Stay);
        };
        let late = self.asked.as_ref().is_some_and(|asked| core.ms() > asked.at_ms + SEEN_MS);
        if late && arrival.named.as_slice().iter().any(|a| a.idx == prepared.idx) {
            return Err(Refusal::Stale);
        }
        prepared.epoch.arrive(&self.session, arrival.named.as_slice())?;
        Ok(Step::Stay)
    }

    /// Goes live when an announce or an Arrival names our own request.
    fn try_enter(mut self: Box<Self>, core: &mut Core) -> State {
        self.ask(core);
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

    fn arrived(&self) -> bool {
        let (Some(p), Some(asked)) = (&self.prepared, &self.asked) else { return false };
        p.epoch.arrived.get(&p.idx) == Some(&asked.seat.join_h)
    }

    fn enter_first_epoch(self: Box<Self>, core: &mut Core) -> State {
        let Self {
            prepared: Some(p),
            asked: Some(Asked { seat, .. }),
            session,
            chain,
            early_acks,
            watch,
            ..
        } = *self
        else {
            return Left::enter(core, LeftWhy::Left);
        };
        Live::enter(core, Seated::new(session, chain, seat, p.idx, early_acks), p.epoch, watch)
    }

    /// The head names our request and its wrap is here.
    fn install_head(&mut self, core: &mut Core) -> Result<Option<Epoch>, Refusal> {
        let (Some(head), Some(asked)) = (self.chain.head(), self.asked.as_mut()) else {
            return Ok(None);
        };
        let Asked { seat, key_request_at_ms, .. } = asked;
        let named = |e: &&Entry| e.join_h == seat.join_h && e.state == EntryState::In;
        let Some(entry) = head.entry_of(core.me()).filter(named).cloned() else { return Ok(None) };
        if !seat.has_nonce(&entry.nonce) {
            return Err(Refusal::Stale);
        }
        let Some(wrap) = self.wrap.as_ref().filter(|w| w.h_e == head.h) else {
            key_request_at_ms.get_or_insert(core.ms() + KEY_REQUEST_MS);
            return Ok(None);
        };
        let secret = match seat.unwrap(core, &self.session, head, wrap) {
            Ok(secret) => secret,
            Err(refusal) => {
                self.wrap = None;
                key_request_at_ms.get_or_insert(core.ms() + KEY_REQUEST_MS);
                return Err(refusal);
            }
        };
        let mut epoch = Epoch::install(head, &secret, core.ms());
        acknowledge(core, &self.session, seat, &mut epoch, entry.idx);
        Ok(Some(epoch))
    }

    fn enter_epoch(self: Box<Self>, core: &mut Core, epoch: Epoch) -> State {
        let idx = epoch.entry_of(core.me()).map(|e| e.idx);
        let Self { asked: Some(Asked { seat, .. }), session, chain, early_acks, watch, .. } = *self
        else {
            return Left::enter(core, LeftWhy::Left);
        };
        let Some(idx) = idx else { return Left::enter(core, LeftWhy::Left) };
        Live::enter(core, Seated::new(session, chain, seat, idx, early_acks), epoch, watch)
    }

    fn ask_for_key(&mut self, core: &mut Core) {
        let (Some(asked), Some(head)) = (self.asked.as_mut(), self.chain.head()) else { return };
        if asked.key_request_at_ms.is_none_or(|at| core.ms() < at) {
            return;
        }
        asked.key_request_at_ms = Some(core.ms() + KEY_REQUEST_MS);
        let bundle = wire_bundle(&asked.seat.fresh_bundle(core));
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

fn prekey<'c>(core: &'c Core, id: &[u8; 16]) -> Option<&'c PrivateBundle> {
    let Part::Member { prekeys } = &core.cfg.part else { return None };
    prekeys.iter().find(|p| p.id() == *id)
}

fn take_prekey(core: &mut Core, id: &[u8; 16]) {
    if let Part::Member { prekeys } = &mut core.cfg.part {
        prekeys.retain(|p| p.id() != *id);
    }
}
