//! Part of the meeting: the only state that can seal.

mod beside;
mod commands;
mod letters;

use std::collections::BTreeSet;

use standfast_crypto::Fingerprint;
use standfast_wire::control::{Alive, Hash, Kind, Reason};
use standfast_wire::relay::{Envelope, SLOT_HEARTBEAT};

use crate::branch::{better, removes_me, removes_ours};
use crate::core::Core;
use crate::epoch::{Epoch, Epochs};
use crate::follower::{Due, Follower, Standing};
use crate::generator::Generator;
use crate::limits::{
    ALIVE_MS, BRIEF_OFFLINE_MS, FORGET_MS, FOUND_MS, HEAD_ASK_MS, READ_WAIT_MS, SLEPT_MS,
    SLOT_ALIVE,
};
use crate::media::Media;
use crate::pulse::{Pulse, Watch};
use crate::seat::Seat;
use crate::seated::{EarlyAcks, History, Seated};
use crate::session::{Session, open_envelope};
use crate::state::connecting::Invitee;
use crate::state::{Joining, Left, LeftWhy, State};
use crate::{Input, Output, Refusal, prekey};

use self::beside::Beside;

/// Who looks after the key.
pub(crate) enum Role {
    /// This device.
    Generator(Box<Generator>),
    /// Somebody else.
    Follower(Box<Follower>),
}

/// A live device. Dropping it erases every key of the meeting.
pub(crate) struct Live {
    pub(crate) seated: Seated,
    pub(crate) role: Role,
    pub(crate) media: Media,
    ending: Option<Ending>,
    /// A bot off the record says that it is there: when next, and how often it did.
    alive: (u64, u32),
    /// Bots that this device looks after when their owner leaves, and for which head it said so.
    standby: BTreeSet<Fingerprint>,
    stated_for: Hash,
    beside: Beside,
}

/// End was posted; goodbyes are awaited before the board is deleted.
struct Ending {
    until_ms: u64,
    missing: BTreeSet<Fingerprint>,
}

/// What a message led to.
enum Step {
    Stay,
    Out(LeftWhy),
    /// With a new request, once the board is read.
    JoinAgain,
    /// Another branch of the session, with a new request there.
    Branch(Hash),
    /// Our session shows no life, and another was opened.
    Other(Box<Session>),
}

impl Live {
    /// The organizer, or a deputy, opens: session, own join, first announce and wraps, in this order.
    pub(crate) fn open(core: &mut Core, invitees: Vec<Invitee>) -> State {
        match Self::try_open(core, invitees) {
            Ok(live) => live.begin(core),
            Err(refusal) => {
                core.refused(refusal);
                Left::enter(core, LeftWhy::Left)
            }
        }
    }

    fn try_open(core: &mut Core, invitees: Vec<Invitee>) -> Result<Self, Refusal> {
        let opening = core.opening.as_ref().ok_or(Refusal::NotAllowed)?;
        let list = core.deputies.as_ref();
        let mut session = Session::create(&core.cfg, opening, list, &mut core.rng)?;
        core.sessions.follow(&session);
        core.split = None; // of a session that was found dead
        let mut generator = Generator::opening(core, invitees);
        if let Some(end_hash) = generator.end_hash() {
            core.out.push_back(Output::OpenSession { session_id: session.id(), end_hash });
        }
        core.out.extend(session.logged().first().cloned().map(Output::Post));
        let open_h = session.open_h;
        core.journal.session(&session, core.now);
        let seat = Seat::ask(core, &mut session, Some(open_h), None);
        let history = History::new(session);
        let mut seated = Seated::new(history, seat, 0, EarlyAcks::default());
        generator.announce_first(core, &mut seated)?;
        Ok(Self::new(core, seated, Role::Generator(Box::new(generator))))
    }

    fn new(core: &Core, seated: Seated, role: Role) -> Self {
        let (media, alive) = (Media::new(core.ms()), (core.ms() + ALIVE_MS, 0));
        Self {
            seated,
            role,
            media,
            ending: None,
            alive,
            standby: BTreeSet::new(),
            stated_for: [0; 32],
            beside: Beside::default(),
        }
    }

    /// A member goes live with its first epoch; a bot off the record without one.
    pub(crate) fn enter(
        core: &mut Core,
        mut seated: Seated,
        epoch: Option<Epoch>,
        watch: Watch,
    ) -> State {
        if let Some(Err(refusal)) = epoch.map(|epoch| seated.install(core, epoch)) {
            core.refused(refusal);
            return Left::enter(core, LeftWhy::Left);
        }
        prekey::renew(core, seated.session.id());
        core.lives_beside_another();
        let role = Role::Follower(Box::new(Follower::new(watch)));
        Self::new(core, seated, role).begin(core)
    }

    /// However a device came in: it shows at once that it holds the key.
    fn begin(mut self, core: &mut Core) -> State {
        self.send_ping(core);
        State::Live(Box::new(self))
    }

    /// A device that was live before looks after the key when nobody else came back, with those
    /// who ask as it does.
    pub(crate) fn succeed(core: &mut Core, mut seated: Seated, asks: Vec<Hash>) -> State {
        let me = core.me();
        let roster = seated.chain.head().into_iter().flat_map(|head| head.roster());
        let others: Vec<_> =
            roster.map(|e| (Fingerprint(e.fp), Reason::Drop)).filter(|(fp, _)| *fp != me).collect();
        match Generator::take_over(core, &mut seated, others, asks) {
            Ok(generator) => {
                let role = Role::Generator(Box::new(generator));
                Self::new(core, seated, role).begin(core)
            }
            Err(refusal) => {
                core.refused(refusal);
                Joining::again(core, seated.history, Watch::new(core.ms()))
            }
        }
    }

    pub(crate) fn handle(mut self: Box<Self>, core: &mut Core, input: Input<'_>) -> State {
        if self.slept(core) && !matches!(input, Input::Disconnected) {
            // Whatever was said meanwhile was not heard: as after a lost connection.
            core.offline_since_ms.get_or_insert(core.before_ms);
            let step = self.connected(core);
            return self.after(core, step).handle(core, input);
        }
        let step = match input {
            Input::Connected => self.connected(core),
            Input::Disconnected => {
                core.went_offline();
                self.seated.resume_at_ms = None;
                Ok(Step::Stay)
            }
            Input::CaughtUp { session_id } => {
                if session_id == self.seated.session.id() && self.seated.resuming() {
                    self.seated.resume_at_ms = Some(core.ms() + HEAD_ASK_MS);
                }
                Ok(Step::Stay)
            }
            Input::BoardLost { session_id } => self.board_lost(core, session_id),
            Input::Delivered { poster, envelope } => return self.delivered(core, poster, envelope),
            Input::PeerGone { poster } => {
                self.peer_gone(core, poster);
                Ok(Step::Stay)
            }
            Input::Media(bytes) => {
                self.media_in(core, bytes);
                Ok(Step::Stay)
            }
            Input::Voice { media_ts, packet } => {
                self.voice(core, media_ts, packet);
                Ok(Step::Stay)
            }
            Input::Command(command) => self.command(core, command),
            _ => Ok(Step::Stay),
        };
        self.after(core, step)
    }

    /// This device's clock jumped far past the time at which it wanted to be woken.
    fn slept(&self, core: &Core) -> bool {
        let connected = core.offline_since_ms.is_none();
        let wanted = self.timeout_at(core, core.before_ms).max(core.before_ms);
        connected && core.ms() > wanted.saturating_add(SLEPT_MS)
    }

    /// Time goes on with every input, then the step is taken.
    fn after(mut self: Box<Self>, core: &mut Core, step: Result<Step, Refusal>) -> State {
        let step = step.unwrap_or_else(|refusal| {
            core.refused(refusal);
            Step::Stay
        });
        match step {
            Step::Stay => match self.tick(core) {
                Step::Stay => State::Live(self),
                other => self.go(core, other),
            },
            other => self.go(core, other),
        }
    }

    fn go(self: Box<Self>, core: &mut Core, step: Step) -> State {
        match step {
            Step::Stay => State::Live(self),
            Step::Out(why) => {
                if matches!(why, LeftWhy::Left | LeftWhy::Ended) {
                    self.seated.seat.say_goodbye(core, &self.seated.session);
                }
                Left::enter(core, why)
            }
            Step::JoinAgain => {
                let (history, watch) = self.into_history(core);
                Joining::again(core, history, watch)
            }
            Step::Branch(h) => {
                core.note_split(&self.seated.history, &h);
                let (history, _) = self.into_history(core);
                Joining::branch(core, history, h, None)
            }
            Step::Other(session) => {
                core.sessions.leave(self.seated.session.id(), self.seated.chain.tip());
                core.journal.erased_all(core.now);
                Joining::turn_to(core, *session)
            }
        }
    }

    /// What outlives the seat; every secret ends here.
    fn into_history(self: Box<Self>, core: &Core) -> (History, Watch) {
        let Self { seated, role, .. } = *self;
        let watch = match role {
            Role::Follower(follower) => follower.watch,
            Role::Generator(_) => Watch::new(core.ms()),
        };
        (seated.history, watch)
    }

    fn connected(&mut self, core: &mut Core) -> Result<Step, Refusal> {
        let away = core.offline_since_ms.take().map_or(0, |since| core.ms().saturating_sub(since));
        core.changed();
        let brief = away <= BRIEF_OFFLINE_MS;
        match &mut self.role {
            Role::Follower(_) if !brief => return Ok(Step::JoinAgain),
            // Everything is erased after so long, and others may look after the key.
            Role::Generator(_) if away >= FORGET_MS => return Ok(Step::JoinAgain),
            Role::Follower(_) => {}
            Role::Generator(generator) => {
                generator.repeat(core);
                self.seated.seat.repeat_ack(core);
                if brief {
                    // Who has not heard it for longer than it was away is about to take over.
                    generator.beat(core, &mut self.seated);
                } else {
                    generator.renew_seat(core, &mut self.seated);
                    self.seated.ask_head(core);
                    self.seated.resume_at_ms = Some(core.ms() + READ_WAIT_MS);
                }
            }
        }
        // Shows at once that the relay's word of our end was not the last.
        self.send_ping(core);
        Ok(Step::Stay)
    }

    /// The relay lost the board: the generator shows it again, or whoever takes over there.
    fn board_lost(&mut self, core: &mut Core, session_id: Hash) -> Result<Step, Refusal> {
        if session_id != self.seated.session.id() {
            return Ok(Step::Stay);
        }
        match &mut self.role {
            Role::Generator(generator) => {
                generator.show_board(core, &self.seated.session);
                if !self.seated.resuming() {
                    generator.resume(core, &mut self.seated)?;
                }
            }
            Role::Follower(_) => self.seated.history.board_lost = true,
        }
        Ok(Step::Stay)
    }

    fn peer_gone(&mut self, core: &mut Core, poster: [u8; 32]) {
        let fps: Vec<_> = self.seated.session.fps_of_poster(&poster).collect();
        for fp in fps {
            self.seated.peers.hint_gone(fp, core.ms());
            self.seated.door.gave_up(core, fp);
        }
    }

    fn delivered(
        mut self: Box<Self>,
        core: &mut Core,
        poster: [u8; 32],
        envelope: &Envelope,
    ) -> State {
        if envelope.session_id != self.seated.session.id() {
            return self.other_session(core, envelope);
        }
        let step = open_envelope(&self.seated.session.control, envelope)
            .and_then(|letter| self.letter(core, poster, envelope, letter))
            .or_else(|refusal| {
                core.refused_letter(&self.seated.session, envelope, refusal);
                Ok(Step::Stay)
            });
        self.after(core, step)
    }

    /// A live session ignores other Opens, until its generator shows no life.
    fn other_session(mut self: Box<Self>, core: &mut Core, envelope: &Envelope) -> State {
        if let Ok(session) = core.session_of(envelope) {
            core.other_session_shown(envelope);
            core.sessions.other = Some(envelope.clone());
            self.note_beside(session);
            return self.after(core, Ok(Step::Stay));
        }
        self.hear_beside(core, envelope);
        if envelope.slot == SLOT_HEARTBEAT {
            self.call_from(core, envelope);
            if self.is_alone(core) {
                core.beats_beside(envelope);
            }
        }
        self.after(core, Ok(Step::Stay))
    }

    fn tick(&mut self, core: &mut Core) -> Step {
        self.seated.turn(core);
        self.seated.turn_spoken(core);
        self.media.retry_early(core, &mut self.seated);
        if self.media.take_due_ping(core.ms()) {
            self.send_ping(core);
        }
        self.media.fall_silent(core, &mut self.seated);
        core.device_offer_ends();
        if let Some(epoch) = self.seated.epochs.newest() {
            core.settle_split(&self.seated.history, epoch.number);
        }
        if self.stated_for != self.seated.chain.tip() {
            self.stated_for = self.seated.chain.tip();
            self.renew_standby(core);
        }
        match self.role {
            Role::Generator(_) => self.tick_generator(core),
            Role::Follower(_) => self.tick_follower(core),
        }
    }

    fn tick_generator(&mut self, core: &mut Core) -> Step {
        if let Some(other) = self.yields(core) {
            return Step::Other(Box::new(other));
        }
        let Role::Generator(generator) = &mut self.role else { return Step::Stay };
        if let Some(ending) = &self.ending {
            if !ending.missing.is_empty() && core.ms() < ending.until_ms {
                return Step::Stay;
            }
            self.delete_board(core);
            return Step::Out(LeftWhy::Ended);
        }
        if core.offline_since_ms.is_some_and(|since| core.ms() >= since + FORGET_MS) {
            return Step::JoinAgain;
        }
        if let Some(h) = self.seated.overtaken(core) {
            return Step::Branch(h);
        }
        if self.seated.resume_at_ms.is_some_and(|at| at <= core.ms()) {
            self.seated.resume_at_ms = None;
            if let Err(refusal) = generator.resume(core, &mut self.seated) {
                core.refused(refusal);
            }
        }
        if let Some(h) = better(&self.seated.history, core.cfg.organizer, true, core.ms()) {
            return Step::Branch(h);
        }
        let removed = removes_me(&self.seated.history, core.me(), core.cfg.organizer, core.ms());
        if removed && self.is_alone(core) {
            return Step::Out(LeftWhy::Removed);
        }
        let Role::Generator(generator) = &mut self.role else { return Step::Stay };
        if self.seated.must_answer(core) {
            generator.force();
        }
        if let Some(h) =
            removes_ours(&self.seated.history, core.me(), core.cfg.organizer, core.ms())
        {
            generator.merge(h);
        }
        if let Some(h) = self.seated.chain.untold_removal(core.me()) {
            generator.merge(h);
        }
        if let Err(refusal) = generator.tick(core, &mut self.seated) {
            core.refused(refusal);
        }
        generator.show_branch(core, &self.seated);
        if (removed || generator.asked_to_go()) && !self.heir_is_there() {
            self.hand_over(core);
        }
        Step::Stay
    }

    fn is_alone(&self, core: &Core) -> bool {
        let me = core.me().0;
        self.seated.epochs.newest().is_some_and(|e| e.present().all(|e| e.fp == me))
    }

    /// Alone in its session, beside one that it has not looked at, or in which somebody lives.
    fn may_yield(&self, core: &Core, other: &Session) -> bool {
        self.is_alone(core) && !core.sessions.tried(&other.id())
    }

    /// Two sessions at once, and nobody else is in this one: it was opened beside another, or lost
    /// its board and another was opened. Whoever did not open it, or comes later in the order, goes
    /// over to the other; who is first does so after a while, for then somebody is there who holds
    /// it.
    fn yields(&mut self, core: &mut Core) -> Option<Session> {
        let Role::Generator(generator) = &self.role else { return None };
        let open = core.sessions.other.clone()?;
        let other = core.session_of(&open).ok().filter(|other| self.may_yield(core, other))?;
        let own = self.seated.session.opener == core.me();
        let first = own && self.seated.session.rank() <= other.rank();
        if first && generator.age_ms(core.ms()) < FOUND_MS {
            return None;
        }
        core.sessions.other = self.seated.session.logged().first().filter(|_| !own).cloned();
        self.seated.seat.say_goodbye(core, &self.seated.session);
        if own {
            self.delete_board(core);
        }
        core.read_again_soon();
        Some(other)
    }

    /// Whoever was handed the key's care is still on the roster.
    fn heir_is_there(&self) -> bool {
        let head = self.seated.chain.head();
        let heir = self.seated.handed.and_then(|heir| head?.entry_of(heir));
        heir.is_some()
    }

    fn tick_follower(&mut self, core: &mut Core) -> Step {
        let s = &mut self.seated;
        if let Some(ending) = &self.ending {
            let over = ending.missing.is_empty() || core.ms() >= ending.until_ms;
            return if over { Step::Out(LeftWhy::Ended) } else { Step::Stay };
        }
        if s.epochs.newest().is_none() && core.ms() >= self.alive.0 {
            self.alive = (core.ms() + ALIVE_MS, self.alive.1 + 1);
            let alive = Alive { h_e: s.chain.tip(), counter: self.alive.1 };
            core.post(&s.session, Kind::Alive, SLOT_ALIVE, &alive, None);
        }
        if let Some(session) = self.go_to_organizer(core) {
            return Step::Other(Box::new(session));
        }
        let Role::Follower(follower) = &mut self.role else { return Step::Stay };
        let s = &mut self.seated;
        if core.may_try_other(follower.watch.pulse(core.ms())) {
            let own = s.session.logged().first().cloned();
            if let Some(other) = core.other_session(own) {
                return Step::Other(Box::new(other));
            }
        }
        let standing = follower.advance(core, s);
        if standing != Standing::Seated {
            return self.stand(core, standing);
        }
        let alive = follower.watch.silence_ms(core.ms()) < crate::limits::TAKEOVER_MS;
        if let Some(h) = better(&s.history, core.cfg.organizer, alive, core.ms()) {
            return Step::Branch(h);
        }
        match follower.tick(core, s) {
            _ if follower.watch.pulse(core.ms()) == Pulse::Gone => {
                // The lag may have come with this very input, and the seat goes with it.
                core.journal.pulse(Pulse::Gone, core.now);
                Step::JoinAgain
            }
            Due::Stuck => Step::JoinAgain,
            Due::TakeOver => self.take_over(core),
            Due::Nothing => Step::Stay,
        }
    }

    /// What the newest announce means for this device.
    fn stand(&mut self, core: &mut Core, standing: Standing) -> Step {
        match standing {
            Standing::Seated => Step::Stay,
            Standing::Off => {
                // Off the record from this moment, not from when the old epoch runs out.
                if self.seated.epochs.newest().is_some() {
                    self.seated.epochs = Epochs::default();
                    core.journal.erased_all(core.now);
                }
                core.changed();
                Step::Stay
            }
            Standing::Dropped => Step::JoinAgain,
            Standing::Removed => Step::Out(LeftWhy::Removed),
            Standing::Replaced => Step::Out(LeftWhy::Replaced),
            Standing::Elsewhere => Step::Out(LeftWhy::Elsewhere),
        }
    }

    /// The generator is gone, and this device is next.
    fn take_over(&mut self, core: &mut Core) -> Step {
        let s = &mut self.seated;
        let Some(head) = s.chain.head() else { return Step::Stay };
        let (before, organizer_here) = (head.generator(), core.me() == core.cfg.organizer);
        let lives = matches!(&self.role, Role::Follower(f)
            if f.watch.silence_ms(core.ms()) < crate::limits::STALE_MS);
        let left = s.generator_left();
        let stays = (organizer_here && lives || s.handed == Some(core.me())) && !left;
        let reason = if left { Reason::Leave } else { Reason::Drop };
        let gone = (!stays).then_some((before, reason));
        match Generator::take_over(core, s, gone, Vec::new()) {
            Ok(generator) => {
                core.taken_over_from =
                    s.session.name_of(before).filter(|_| !stays).map(str::to_owned);
                self.role = Role::Generator(Box::new(generator));
                Step::Stay
            }
            Err(refusal) => {
                core.refused(refusal);
                Step::JoinAgain
            }
        }
    }

    /// The generator's, while somebody else looks after the key.
    pub(crate) fn pulse(&self, core: &Core) -> Option<Pulse> {
        match &self.role {
            Role::Follower(follower) => Some(follower.watch.pulse(core.ms())),
            Role::Generator(_) => None,
        }
    }

    /// Whether anything may be sealed for others to hear.
    pub(crate) fn may_speak(&self, core: &Core) -> bool {
        let steady = match &self.role {
            Role::Follower(follower) => follower.watch.pulse(core.ms()) < Pulse::Cut,
            Role::Generator(_) => !self.seated.resuming(),
        };
        core.offline_since_ms.is_none()
            && self.ending.is_none()
            && steady
            && !self.invitation_overdue(core)
    }

    /// Members seal nothing while somebody who did not arrive could listen for too long.
    fn invitation_overdue(&self, core: &Core) -> bool {
        let Some(epoch) = self.seated.epochs.active() else { return true };
        let age = match &self.role {
            Role::Generator(generator) => generator.age_ms(core.ms()),
            // Our own install is later than the term's beginning, and a heartbeat may be missing.
            Role::Follower(follower) => {
                let since_install = core.ms().saturating_sub(epoch.installed_ms);
                follower.watch.age_ms(core.ms()).max(since_install)
            }
        };
        age > crate::limits::INVITED_SEAL_MS && epoch.unarrived().next().is_some()
    }

    fn voice(&mut self, core: &mut Core, media_ts: u32, packet: &[u8]) {
        if !core.muted && self.may_speak(core) {
            self.media.voice(core, &mut self.seated, media_ts, packet);
        }
    }

    pub(crate) fn send_ping(&mut self, core: &mut Core) {
        if core.offline_since_ms.is_none() && !self.seated.resuming() {
            self.media.ping(core, &mut self.seated);
        }
    }

    fn media_in(&mut self, core: &mut Core, bytes: &[u8]) {
        if let Some(fp) = self.media.open(core, &mut self.seated, bytes) {
            self.seated.peers.sign_of_life(fp, core.ms());
        }
    }

    pub(crate) fn timeout_ms(&self, core: &Core) -> u64 {
        self.timeout_at(core, core.ms())
    }

    fn timeout_at(&self, core: &Core, now_ms: u64) -> u64 {
        let role = match (&self.role, &self.ending) {
            (_, Some(ending)) => ending.until_ms,
            (Role::Generator(generator), None) => generator.timeout_ms(core, &self.seated),
            (Role::Follower(follower), None) => follower.timeout_ms(core, &self.seated, now_ms),
        };
        let off = self.seated.epochs.newest().is_none().then_some(self.alive.0);
        let others = [
            self.seated.epochs.timeout_ms(),
            self.seated.spoken.timeout_ms(),
            Some(self.media.timeout_ms()),
            self.seated.resume_at_ms,
            core.device_until_ms(),
            off,
        ];
        others.into_iter().flatten().fold(role, u64::min)
    }
}
