//! A session is known. We read its board, ask to be let in, and wait to be named.

use standfast_crypto::{PrivateBundle, ReceiveChain};
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{
    Admission, Arrival, End, Entry, Hash, HeadAsk, Heartbeat, KeepOut, KeyRequest, KeyWrap, Kind,
    Leave, MAX_ROSTER, State as EntryState,
};
use standfast_wire::relay::{Envelope, SLOT_LOG};

use crate::branch::better;
use crate::chain::Link;
use crate::config::Part;
use crate::core::Core;
use crate::epoch::Epoch;
use crate::limits::{
    ASK_AGAIN_MS, BRANCH_TRIAL_MS, FOUND_MS, HEAD_ASK_MS, KEY_REQUEST_MS, KNOCK_AGAIN_MS,
    ORDER_EPOCHS, SEEN_MS, SLOT_KEY_REQUEST, STALE_MS, TAKEOVER_MS, TAKEOVER_RANK_MS,
};
use crate::passphrase::Doubt;
use crate::pulse::{Pulse, Watch};
use crate::seat::{Seat, first_contact, open_wrap};
use crate::seated::{EarlyAcks, History, Seated, acknowledge};
use crate::session::{Letter, Session, open_envelope, wire_bundle};
use crate::state::{Connecting, Left, LeftWhy, Live, State};
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
    /// The head that we had read so far.
    tip: Hash,
    /// When we look whether to ask anew.
    again_at_ms: u64,
    key_request_at_ms: Option<u64>,
}

/// Another branch is tried for a while.
struct Trial {
    from: Hash,
    until_ms: u64,
}

/// What only a device has that was live in this session before.
struct Before {
    /// When it began to join again, or was connected again since.
    since_ms: u64,
    /// The head of the chain that it followed.
    head: Hash,
    /// Requests of others that came since, and named something recent.
    asks: Vec<Hash>,
    /// It is about to look after the key: the head that it asked about, and until when it waits.
    claim: Option<(Hash, u64)>,
}

/// Not yet part of the session.
pub(crate) struct Joining {
    history: History,
    asked: Option<Asked>,
    prepared: Option<Prepared>,
    /// The newest wrap for us and the head. Who made it shows only when it opens.
    wrap: Option<KeyWrap>,
    /// Of the generator, from here on: whoever is let in late knows how late it is.
    watch: Watch,
    /// When a heartbeat came that had not lain on the board.
    alive_ms: Option<u64>,
    early_acks: EarlyAcks,
    before: Option<Before>,
    trial: Option<Trial>,
    /// The organizer found this session running and opens another if it shows no life until then.
    found_until_ms: Option<u64>,
    doubt: Doubt,
}

impl Joining {
    pub(crate) fn enter(core: &mut Core, session: Session) -> State {
        core.changed();
        core.sessions.follow(session.id());
        core.journal.session(&session, core.now);
        if let Some(list) = session.deputies().cloned() {
            core.learn_deputies(list);
        }
        let watch = Watch::new(core.ms());
        State::Joining(Box::new(Self::new(History::new(session), watch)))
    }

    /// The organizer, or a deputy, finds a session that may be running.
    pub(crate) fn found(core: &mut Core, session: Session) -> State {
        let until_ms = core.ms() + FOUND_MS;
        match Self::enter(core, session) {
            State::Joining(mut joining) => {
                joining.found_until_ms = Some(until_ms);
                State::Joining(joining)
            }
            other => other,
        }
    }

    fn new(history: History, watch: Watch) -> Self {
        Self {
            history,
            asked: None,
            prepared: None,
            wrap: None,
            watch,
            alive_ms: None,
            early_acks: EarlyAcks::default(),
            before: None,
            trial: None,
            found_until_ms: None,
            doubt: Doubt::default(),
        }
    }

    /// The verified history stays, every secret is gone, the seat is new. We ask at once, or when
    /// the board is read.
    pub(crate) fn again(core: &mut Core, history: History, watch: Watch) -> State {
        core.journal.erased_all(core.now);
        let head = history.chain.tip();
        let mut joining = Box::new(Self::new(history, watch));
        joining.before = Some(Before { since_ms: core.ms(), head, asks: Vec::new(), claim: None });
        joining.ask(core);
        core.changed();
        State::Joining(joining)
    }

    /// The same in another branch of the session.
    pub(crate) fn branch(core: &mut Core, mut history: History, h: Hash) -> State {
        core.journal.erased_all(core.now);
        let from = history.chain.tip();
        history.follow(core, h);
        let watch = Watch::new(core.ms());
        let mut joining = Box::new(Self::new(history, watch));
        joining.before =
            Some(Before { since_ms: core.ms(), head: from, asks: Vec::new(), claim: None });
        joining.trial = Some(Trial { from, until_ms: core.ms() + BRANCH_TRIAL_MS });
        joining.ask(core);
        core.changed();
        State::Joining(joining)
    }

    pub(crate) fn asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Comes in without being asked about.
    pub(crate) fn expected(&self, core: &Core) -> bool {
        let open =
            self.history.session.policy.admission == Admission::AnyoneWithLink && !self.locked();
        let session = &self.history.session;
        let locked = self.locked() && core.me() != core.cfg.organizer;
        let scheduled = session.expects(core.me()) && !locked;
        let person = !matches!(core.cfg.part, Part::Bot { .. } | Part::NewDevice { .. });
        let welcome = person && (open || scheduled) || self.history.chain.has_seen(core.me());
        welcome && !self.removed(core)
    }

    /// Was removed, and nobody can let this device in before the organizer lets it ask again.
    pub(crate) fn removed(&self, core: &Core) -> bool {
        self.history.chain.is_removed(core.me())
    }

    /// Nobody new is let in.
    pub(crate) fn locked(&self) -> bool {
        self.history.chain.head().is_some_and(|head| head.announce.locked)
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    pub(crate) fn timeout_ms(&self, core: &Core) -> Option<u64> {
        let asked = self.asked.as_ref();
        let key_request = asked.and_then(|asked| asked.key_request_at_ms);
        let asked = key_request.into_iter().chain(self.again_at_ms(core)).min();
        let other = core.sessions.other.is_some().then(|| core.ms() + STALE_MS);
        let claim = self.claim_at_ms(core).map(|at| {
            let waiting = self.before.as_ref().and_then(|b| b.claim).map(|(_, until)| until);
            at.max(waiting.unwrap_or_default()).max(core.ms() + 1)
        });
        let trial = self.trial.as_ref().map(|trial| trial.until_ms);
        asked.into_iter().chain(other).chain(claim).chain(trial).chain(self.found_until_ms).min()
    }

    /// The generator was heard lately.
    fn beats(&self, core: &Core) -> bool {
        self.watch.last().is_some_and(|(_, at)| core.ms() < at + SEEN_MS)
    }

    /// When to look whether to ask anew: sooner when the board went on since we asked, for what we
    /// named then may have been too old to be let wait.
    fn again_at_ms(&self, core: &Core) -> Option<u64> {
        let asked = self.asked.as_ref()?;
        let outdated = asked.tip != self.history.chain.tip() && self.beats(core);
        let soon = outdated.then_some(asked.at_ms + ASK_AGAIN_MS);
        Some(soon.map_or(asked.again_at_ms, |at| at.min(asked.again_at_ms)))
    }

    /// An answer can be lost with the generator's connection, and a request can have named a
    /// heartbeat that was too old: ask anew, seldom when a person has to decide.
    fn ask_again(&mut self, core: &mut Core) {
        let every = if self.expected(core) { ASK_AGAIN_MS } else { KNOCK_AGAIN_MS };
        let (lives, due) = (self.beats(core), self.again_at_ms(core));
        let Some(asked) = self.asked.as_mut().filter(|_| due.is_some_and(|at| at <= core.ms()))
        else {
            return;
        };
        asked.again_at_ms = core.ms() + every;
        if lives {
            (self.asked, self.prepared) = (None, None);
            self.ask(core);
        }
    }

    pub(crate) fn handle(mut self: Box<Self>, core: &mut Core, input: Input<'_>) -> State {
        let silent = self.watch.pulse(core.ms()) >= Pulse::Stale;
        let own = || self.history.session.logged().first().cloned();
        if let Some(other) = silent.then(|| core.other_session(own())).flatten() {
            return Self::enter(core, other).handle(core, input);
        }
        match input {
            Input::Connected => {
                core.offline_since_ms = None;
                if let Some(before) = &mut self.before {
                    before.since_ms = core.ms();
                }
            }
            Input::Disconnected => {
                core.went_offline();
                (self.asked, self.prepared) = (None, None);
            }
            Input::CaughtUp { .. } => self.ask(core),
            // The session's board is gone with its generator: its organizer opens another, unless
            // somebody shows it again.
            Input::Boards(0) if core.opening.is_some() => {
                self.found_until_ms = Some(core.ms() + FOUND_MS);
            }
            Input::Open(_) if self.lifeless(core) => {
                return Box::<Connecting>::default().handle(core, Input::Connected);
            }
            Input::Open(_) => self.found_until_ms = Some(core.ms() + FOUND_MS),
            Input::Command(Command::Leave | Command::End) => return self.leave(core),
            Input::Delivered { poster, envelope } => return self.delivered(core, poster, envelope),
            Input::Tick => {
                self.ask_for_key(core);
                self.ask_again(core);
                return self.tick(core);
            }
            _ => {}
        }
        core.changed();
        State::Joining(self)
    }

    fn leave(self: Box<Self>, core: &mut Core) -> State {
        if let Some(Asked { seat, .. }) = &self.asked {
            seat.say_goodbye(core, &self.history.session);
        }
        Left::enter(core, LeftWhy::Left)
    }

    fn delivered(
        mut self: Box<Self>,
        core: &mut Core,
        poster: [u8; 32],
        envelope: &Envelope,
    ) -> State {
        if envelope.session_id != self.history.session.id() {
            return self.other_session(core, envelope);
        }
        let letter = match open_envelope(&self.history.session.control, envelope) {
            Ok(letter) => letter,
            Err(refusal) => {
                core.refused(refusal);
                return State::Joining(self);
            }
        };
        match self.letter(core, poster, envelope, &letter) {
            Ok(Step::Stay) => self.try_enter(core),
            Ok(Step::Out(why)) => Left::enter(core, why),
            Ok(Step::Over) => Self::over(core),
            Err(refusal) => {
                core.refused(refusal);
                if refusal == Refusal::Missing && core.has_read(&self.history.session.id()) {
                    core.read_again();
                }
                State::Joining(self)
            }
        }
    }

    /// The session is over. Another that was opened beside it is looked at; an organizer, and a
    /// deputy who was asked to, opens the next.
    fn over(core: &mut Core) -> State {
        match core.other_session(None) {
            Some(other) => Self::enter(core, other),
            None => Box::<Connecting>::default().handle(core, Input::Connected),
        }
    }

    /// A newer Open replaces a session that shows no life. What lay on the board is no sign of it.
    fn other_session(self: Box<Self>, core: &mut Core, envelope: &Envelope) -> State {
        let alive = self.alive_ms.is_some_and(|at| core.ms() < at + SEEN_MS);
        match core.session_of(envelope) {
            Ok(session) if !alive && !core.sessions.tried(&session.id()) => {
                core.sessions.other = self.history.session.logged().first().cloned();
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
            Kind::Join => self.request(core, poster, envelope, letter)?,
            Kind::Announce => {
                self.history.record(core, envelope, letter)?;
                self.advance(core);
                if self.history.chain.is_removed(core.me()) && self.before.is_some() {
                    return Ok(Step::Out(LeftWhy::Removed));
                }
            }
            Kind::Wrap => self.wrap(core, letter)?,
            Kind::Ack => {
                let History { session, chain, .. } = &self.history;
                self.early_acks.keep(session, chain, letter.clone())?;
            }
            Kind::Heartbeat if self.doubt.stands(core, &self.history.session, letter) => {
                return Ok(Step::Out(LeftWhy::WrongPassphrase));
            }
            Kind::Heartbeat => self.heartbeat(core, letter)?,
            Kind::Arrival => return self.arrival(core, letter),
            Kind::KeepOut => return self.keep_out(letter),
            Kind::Leave => self.goodbye(letter)?,
            Kind::HeadAsk => self.head_ask(core, letter)?,
            Kind::Order | Kind::Own | Kind::Vouch => {
                let History { session, posted, .. } = &mut self.history;
                posted.note(session, letter)?;
            }
            Kind::Deputies => core.deputies_letter(&self.history.session, letter)?,
            Kind::End => return self.end(core, letter),
            _ => {}
        }
        Ok(Step::Stay)
    }

    fn request(
        &mut self,
        core: &mut Core,
        poster: [u8; 32],
        envelope: &Envelope,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        let session = &mut self.history.session;
        let accepted = session.accept_join(&core.cfg, letter, Some(poster));
        if let Ok(request) = &accepted {
            core.journal.asked(request, core.now);
        }
        let accepted = accepted.map(|request| (request.h, request.seen));
        self.doubt.note(core, session, letter, accepted.map(drop))?;
        let (h, seen) = accepted?;
        session.log(envelope);
        let fresh = seen.is_some_and(|seen| self.history.recent.has(&seen, core.ms()));
        if let Some(before) = self.before.as_mut().filter(|b| fresh && b.asks.len() < MAX_ROSTER) {
            before.asks.push(h);
        }
        Ok(())
    }

    /// Follows the chain as far as it is known. Who of several next generators lives, their
    /// heartbeats show.
    fn advance(&mut self, core: &mut Core) {
        while let Some(h) = self.next(core) {
            let before = (self.history.chain.generator(), self.history.chain.term());
            self.history.follow(core, h);
            core.changed();
            let now = (self.history.chain.generator(), self.history.chain.term());
            if before != now {
                self.watch.new_term(core.ms());
            }
            // They were for the epoch before.
            (self.prepared, self.wrap) = (None, None);
        }
    }

    fn next(&self, core: &Core) -> Option<Hash> {
        let chain = &self.history.chain;
        let head = chain.head();
        let next = chain.next().map(|node| &node.link).filter(|link| chain.may_follow(&link.h));
        let weight = |link: &&Link| {
            let by = link.generator();
            let same = head.is_some_and(|head| head.generator() == by);
            let rank = head.and_then(|head| head.rank_of(by)).unwrap_or(0);
            (by != core.cfg.organizer, !same, rank, link.h)
        };
        next.min_by_key(weight).map(|link| link.h)
    }

    fn goodbye(&mut self, letter: &Letter) -> Result<(), Refusal> {
        let session = &self.history.session;
        let identity = session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let leave = letter.authentic::<Leave>(identity, &session.scope)?;
        let theirs = session.request(&leave.message.join_h).is_some_and(|r| r.fp() == leave.from);
        if !theirs {
            return Err(Refusal::Stale);
        }
        self.history.goodbyes.insert(leave.message.join_h);
        Ok(())
    }

    fn head_ask(&mut self, core: &Core, letter: &Letter) -> Result<(), Refusal> {
        let s = &mut self.history;
        let identity = s.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let ask = letter.authentic::<HeadAsk>(identity, &s.session.scope)?;
        if s.chain.head().is_some_and(|head| head.entry_of(ask.from).is_some()) {
            s.recent.note(ask.hash("SF1/message"), core.ms());
        }
        Ok(())
    }

    fn end(&mut self, core: &Core, letter: &Letter) -> Result<Step, Refusal> {
        let s = &self.history;
        let organizer_here =
            s.chain.head().is_some_and(|h| h.entry_of(core.cfg.organizer).is_some());
        let allowed = letter.from == core.cfg.organizer
            || (Some(letter.from) == s.chain.generator() && !organizer_here);
        if !allowed {
            return Err(Refusal::NotAllowed);
        }
        let identity = s.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let end = letter.authentic::<End>(identity, &s.session.scope)?;
        let path = s.chain.path(&s.chain.tip());
        let recent = path.iter().take(ORDER_EPOCHS).any(|n| n.link.h == end.message.at_h);
        let mine = self.asked.is_some() && recent;
        Ok(if mine { Step::Out(LeftWhy::Ended) } else { Step::Over })
    }

    fn tick(mut self: Box<Self>, core: &mut Core) -> State {
        if let Some(trial) = self.trial.take_if(|trial| trial.until_ms <= core.ms()) {
            return self.end_trial(core, &trial);
        }
        if self.trial.is_none() {
            let alive = self.lives(core);
            if let Some(h) = better(&self.history, core.cfg.organizer, alive, core.ms()) {
                core.note_split(&self.history, &h);
                return Self::branch(core, self.history, h);
            }
        }
        // Only when no branch of it shows life.
        if self.found_until_ms.is_some_and(|at| at <= core.ms()) {
            self.found_until_ms = None;
            if !self.lives(core) && self.trial.is_none() {
                return Box::<Connecting>::default().handle(core, Input::Connected);
            }
        }
        if self.claims(core) {
            return self.take_over(core);
        }
        core.changed();
        State::Joining(self)
    }

    /// Nobody answered in the other branch: back to where we came from.
    fn end_trial(mut self: Box<Self>, core: &mut Core, trial: &Trial) -> State {
        if let Some(generator) = self.history.chain.generator() {
            self.history.others.failed(generator, core.ms());
        }
        self.history.follow(core, trial.from);
        let watch = Watch::new(core.ms());
        Self::again(core, self.history, watch)
    }

    fn lives(&self, core: &Core) -> bool {
        self.alive_ms.is_some_and(|at| core.ms() < at + TAKEOVER_MS)
    }

    /// What was found is only a board: nobody has been heard since we read it.
    pub(crate) fn lifeless(&self, core: &Core) -> bool {
        let silent = self.watch.pulse(core.ms()) >= Pulse::Stale && !self.lives(core);
        silent && self.before.is_none() && core.offline_since_ms.is_none()
    }

    /// When a device that was live before looks after the key itself, if nobody comes back.
    fn claim_at_ms(&self, core: &Core) -> Option<u64> {
        let before = self.before.as_ref().filter(|_| core.offline_since_ms.is_none())?;
        let head = self.history.chain.head().filter(|_| self.asked.is_some())?;
        // Only in the branch in which it was.
        let here = self.history.chain.descends(&head.h, &before.head);
        let rank = match head.rank_of(core.me()) {
            Some(rank) => rank,
            None if head.generator() == core.me() => 0,
            None => return None,
        };
        let silent_ms = self.watch.last_ms().max(before.since_ms);
        here.then_some(silent_ms + TAKEOVER_MS + TAKEOVER_RANK_MS * u64::from(rank))
    }

    fn claims(&mut self, core: &mut Core) -> bool {
        let due = self.claim_at_ms(core).is_some_and(|at| at <= core.ms());
        let tip = self.history.chain.tip();
        let Some(before) = &mut self.before else { return false };
        match before.claim {
            _ if !due => before.claim = None,
            Some((at_h, until)) if at_h == tip => return core.ms() >= until,
            _ => {
                before.claim = Some((tip, core.ms() + HEAD_ASK_MS));
                let ask = HeadAsk { at_h: tip, nonce: core.nonce() };
                core.post(&self.history.session, Kind::HeadAsk, SLOT_LOG, &ask, None);
            }
        }
        false
    }

    fn take_over(self: Box<Self>, core: &mut Core) -> State {
        let Self { history, asked: Some(Asked { seat, .. }), before, early_acks, .. } = *self
        else {
            return Left::enter(core, LeftWhy::Left);
        };
        let Some(idx) = history.chain.place_of(core.me()) else {
            return Left::enter(core, LeftWhy::Left);
        };
        let asks = before.map(|b| b.asks).unwrap_or_default();
        Live::succeed(core, Seated::new(history, seat, idx, early_acks), asks)
    }

    /// Everyone with the link can post a wrap. One that is stored does not keep out the next, and
    /// an invitation is stored only opened.
    fn wrap(&mut self, core: &mut Core, letter: &Letter) -> Result<(), Refusal> {
        let wrap: KeyWrap = from_bytes(&letter.body)?;
        if wrap.to != core.me().0 || wrap.h_e != self.history.chain.tip() {
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

    fn heartbeat(&mut self, core: &mut Core, letter: &Letter) -> Result<(), Refusal> {
        let s = &mut self.history;
        if s.chain.generator() != Some(letter.from) {
            return s.other_heartbeat(core, letter);
        }
        let beat = letter.authentic::<Heartbeat>(s.generator()?, &s.session.scope)?;
        let (message, h) = (&beat.message, beat.hash("SF1/hb"));
        if message.term < s.chain.term() {
            return Err(Refusal::Stale);
        }
        match s.chain.node(&message.h_e) {
            Some(node) if node.link.announce.term != message.term => {
                return Err(Refusal::Inconsistent);
            }
            Some(_) => {}
            None => return Err(Refusal::Missing),
        }
        if self.watch.beat(message, h, core.ms()) {
            s.recent.note(h, core.ms());
            if core.has_read(&s.session.id()) {
                self.alive_ms = Some(core.ms());
                self.found_until_ms = None;
            }
        }
        Ok(())
    }

    fn keep_out(&mut self, letter: &Letter) -> Result<Step, Refusal> {
        let s = &self.history;
        let identity = s.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let out = letter.authentic::<KeepOut>(identity, &s.session.scope)?;
        let there = s.chain.head().is_some_and(|head| head.entry_of(out.from).is_some());
        let mine = self.asked.as_ref().is_some_and(|a| a.seat.join_h == out.message.join_h);
        match mine {
            true if there && s.session.is_host(out.from) => Ok(Step::Out(LeftWhy::KeptOut)),
            true => Err(Refusal::NotAllowed),
            false => Ok(Step::Stay),
        }
    }

    /// The board is read: ask, and confirm the first epoch if we were invited to it.
    fn ask(&mut self, core: &mut Core) {
        let ready =
            core.has_read(&self.history.session.id()) && self.history.chain.head().is_some();
        if self.asked.is_some() || !ready {
            return;
        }
        let seen = self.watch.last().map_or(self.history.chain.tip(), |(h, _)| h);
        let resume_head = self.before.as_ref().map(|before| before.head);
        let seat = Seat::ask(core, &mut self.history.session, Some(seen), resume_head);
        self.watch.restart();
        let every = if self.expected(core) { ASK_AGAIN_MS } else { KNOCK_AGAIN_MS };
        let (at_ms, again_at_ms) = (core.ms(), core.ms() + every);
        let tip = self.history.chain.tip();
        self.asked = Some(Asked { seat, at_ms, tip, again_at_ms, key_request_at_ms: None });
        core.changed();
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
        seat.adopt_chain(bundle_id, self.history.chain.term(), chain);
        acknowledge(core, &self.history.session, seat, &mut prepared.epoch, prepared.idx);
    }

    /// Our entry in the first epoch, while it is the head.
    fn invitation(&self, core: &Core) -> Option<Entry> {
        let head = self.history.chain.head().filter(|head| head.announce.epoch == 1)?;
        head.entry_of(core.me()).filter(|e| e.state == EntryState::Invited).cloned()
    }

    /// Opens epoch 1 with the prekey that the organizer wrapped for.
    fn prepare(&mut self, core: &Core, entry: &Entry, wrap: &KeyWrap) -> Result<(), Refusal> {
        let link = self.history.chain.head().ok_or(Refusal::Stale)?;
        let bundle_id = wrap.bundle_id;
        if bundle_id != entry.nonce {
            return Err(Refusal::Stale);
        }
        let prekey = prekey(core, &bundle_id).ok_or(Refusal::Stale)?;
        let contact = first_contact(core, &self.history.session, link, wrap, prekey, &bundle_id)?;
        let (secret, next) = open_wrap(core, link, wrap, &contact)?;
        let epoch = Epoch::install(link, &secret, core.ms());
        self.prepared = Some(Prepared { epoch, idx: entry.idx, bundle_id, chain: Some(next) });
        Ok(())
    }

    /// The generator names who has arrived. Ours makes us live, in the epoch that we hold already;
    /// but not when it was long on the way.
    fn arrival(&mut self, core: &mut Core, letter: &Letter) -> Result<Step, Refusal> {
        let arrival = letter
            .authentic::<Arrival>(self.history.generator()?, &self.history.session.scope)?
            .message;
        let Some(prepared) = self.prepared.as_mut().filter(|p| p.epoch.h == arrival.h_e) else {
            return Ok(Step::Stay);
        };
        let late = self.asked.as_ref().is_some_and(|asked| core.ms() > asked.at_ms + SEEN_MS);
        if late && arrival.named.as_slice().iter().any(|a| a.idx == prepared.idx) {
            return Err(Refusal::Stale);
        }
        prepared.epoch.arrive(&self.history.session, arrival.named.as_slice())?;
        Ok(Step::Stay)
    }

    /// Goes live when an announce or an Arrival names our own request.
    fn try_enter(mut self: Box<Self>, core: &mut Core) -> State {
        self.ask(core);
        if self.arrived() {
            return self.enter_first_epoch(core);
        }
        if self.named_off(core) {
            return self.enter_epoch(core, None);
        }
        match self.install_head(core) {
            Ok(Some(epoch)) => self.enter_epoch(core, Some(epoch)),
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
            history,
            early_acks,
            watch,
            ..
        } = *self
        else {
            return Left::enter(core, LeftWhy::Left);
        };
        Live::enter(core, Seated::new(history, seat, p.idx, early_acks), Some(p.epoch), watch)
    }

    /// The head names our request and its wrap is here.
    fn install_head(&mut self, core: &mut Core) -> Result<Option<Epoch>, Refusal> {
        let (Some(head), Some(asked)) = (self.history.chain.head(), self.asked.as_mut()) else {
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
        let secret = match seat.unwrap(core, &self.history.session, head, wrap) {
            Ok(secret) => secret,
            Err(refusal) => {
                self.wrap = None;
                key_request_at_ms.get_or_insert(core.ms() + KEY_REQUEST_MS);
                return Err(refusal);
            }
        };
        let mut epoch = Epoch::install(head, &secret, core.ms());
        acknowledge(core, &self.history.session, seat, &mut epoch, entry.idx);
        Ok(Some(epoch))
    }

    /// The head lists our request without a key: a bot off the record.
    fn named_off(&self, core: &Core) -> bool {
        let (Some(head), Some(asked)) = (self.history.chain.head(), &self.asked) else {
            return false;
        };
        let off = |e: &Entry| e.join_h == asked.seat.join_h && e.state == EntryState::Off;
        head.entry_of(core.me()).is_some_and(off)
    }

    fn enter_epoch(self: Box<Self>, core: &mut Core, epoch: Option<Epoch>) -> State {
        let idx =
            self.history.chain.head().and_then(|head| head.entry_of(core.me())).map(|e| e.idx);
        let Self { asked: Some(Asked { seat, .. }), history, early_acks, watch, .. } = *self else {
            return Left::enter(core, LeftWhy::Left);
        };
        let Some(idx) = idx else { return Left::enter(core, LeftWhy::Left) };
        Live::enter(core, Seated::new(history, seat, idx, early_acks), epoch, watch)
    }

    fn ask_for_key(&mut self, core: &mut Core) {
        let (Some(asked), Some(head)) = (self.asked.as_mut(), self.history.chain.head()) else {
            return;
        };
        if asked.key_request_at_ms.is_none_or(|at| core.ms() < at) {
            return;
        }
        asked.key_request_at_ms = Some(core.ms() + KEY_REQUEST_MS);
        let bundle = wire_bundle(&asked.seat.fresh_bundle(core));
        core.post(
            &self.history.session,
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
