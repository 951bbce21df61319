//! Part of the meeting: the only state that can seal.

use std::collections::BTreeSet;

use standfast_crypto::Fingerprint;
use standfast_wire::control::{End, Hash, KeepOut, Kind, Leave};
use standfast_wire::relay::{Envelope, SLOT_LOG};

use crate::chain::Chain;
use crate::config::Part;
use crate::core::Core;
use crate::epoch::Epoch;
use crate::follower::{Follower, Standing};
use crate::generator::Generator;
use crate::limits::{BRIEF_OFFLINE_MS, END_MS, FORGET_MS};
use crate::media::Media;
use crate::pulse::{Pulse, Watch};
use crate::seat::Seat;
use crate::seated::{EarlyAcks, Seated};
use crate::session::{Letter, Session, open_envelope};
use crate::state::connecting::Invitee;
use crate::state::{Connecting, Joining, Left, LeftWhy, State};
use crate::{Command, Input, Output, Refusal, prekey};

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
    /// Something is missing on the way from our head: the board is read from its start first.
    ReadAgain,
    /// Our session shows no life, and another was opened.
    Other(Box<Session>),
    /// This generator was away so long that everyone has erased: a new session.
    OpenAnew,
}

impl Live {
    /// The organizer opens: session, own join, first announce and wraps, in this order.
    pub(crate) fn open(core: &mut Core, invitees: Vec<Invitee>) -> State {
        match Self::try_open(core, invitees) {
            Ok(live) => State::Live(Box::new(live)),
            Err(refusal) => {
                core.refused(refusal);
                Left::enter(core, LeftWhy::Left)
            }
        }
    }

    fn try_open(core: &mut Core, invitees: Vec<Invitee>) -> Result<Self, Refusal> {
        let Part::Organizer { scheduled, policy } = &core.cfg.part else {
            return Err(Refusal::NotAllowed);
        };
        let (scheduled, policy) = (scheduled.clone(), policy.clone());
        let mut session = Session::create(&core.cfg, policy, &scheduled, &mut core.rng)?;
        let mut generator = Generator::new(core, invitees);
        core.out.push_back(Output::OpenSession {
            session_id: session.id(),
            end_hash: generator.end_hash(),
        });
        core.out.extend(session.logged().first().cloned().map(Output::Post));
        let open_h = session.open_h;
        let seat = Seat::ask(core, &mut session, Some(open_h));
        let mut seated = Seated::new(session, Chain::new(open_h), seat, 0, EarlyAcks::default());
        generator.announce_first(core, &mut seated)?;
        let media = Media::new(core.ms());
        Ok(Self { seated, role: Role::Generator(Box::new(generator)), media, ending: None })
    }

    /// A member goes live with its first epoch.
    pub(crate) fn enter(core: &mut Core, mut seated: Seated, epoch: Epoch, watch: Watch) -> State {
        if let Err(refusal) = seated.install(core, epoch) {
            core.refused(refusal);
            return Left::enter(core, LeftWhy::Left);
        }
        prekey::renew(core, seated.session.id());
        let role = Role::Follower(Box::new(Follower::new(watch)));
        let mut live = Box::new(Self { seated, role, media: Media::new(core.ms()), ending: None });
        live.send_ping(core);
        State::Live(live)
    }

    pub(crate) fn handle(mut self: Box<Self>, core: &mut Core, input: Input<'_>) -> State {
        let step = match input {
            Input::Connected => self.connected(core),
            Input::Disconnected => {
                core.went_offline();
                Ok(Step::Stay)
            }
            Input::BoardLost { session_id } => self.board_lost(core, session_id),
            Input::Delivered { poster, envelope } => return self.delivered(core, poster, envelope),
            Input::PeerGone { poster } => {
                self.peer_gone(poster, core.ms());
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
                if why == LeftWhy::Left || why == LeftWhy::Ended {
                    self.seated.seat.say_goodbye(core, &self.seated.session);
                }
                Left::enter(core, why)
            }
            Step::JoinAgain | Step::ReadAgain => {
                if matches!(step, Step::ReadAgain) {
                    core.read_again();
                }
                let Self { seated, role, .. } = *self;
                let watch = match role {
                    Role::Follower(follower) => follower.watch,
                    Role::Generator(_) => Watch::new(core.ms()),
                };
                Joining::again(core, (seated.session, seated.chain), watch)
            }
            Step::Other(session) => {
                core.journal.erased_all(core.now);
                Joining::enter(core, *session)
            }
            Step::OpenAnew => {
                core.journal.erased_all(core.now);
                core.changed();
                let fresh = Box::<Connecting>::default();
                match core.offline_since_ms {
                    None => fresh.handle(core, Input::Connected),
                    Some(_) => State::Connecting(fresh),
                }
            }
        }
    }

    fn connected(&mut self, core: &mut Core) -> Result<Step, Refusal> {
        let away = core.offline_since_ms.take().map_or(0, |since| core.ms().saturating_sub(since));
        core.changed();
        let brief = away <= BRIEF_OFFLINE_MS;
        match &mut self.role {
            Role::Follower(_) if !brief => return Ok(Step::JoinAgain),
            Role::Generator(_) if away >= FORGET_MS => return Ok(Step::OpenAnew),
            Role::Follower(_) => {}
            Role::Generator(generator) => {
                generator.repeat(core);
                self.seated.seat.repeat_ack(core);
                if !brief {
                    generator.renew_seat(core, &mut self.seated);
                    generator.resume(core, &mut self.seated)?;
                }
            }
        }
        // Shows at once that the relay's word of our end was not the last.
        self.send_ping(core);
        Ok(Step::Stay)
    }

    /// The relay lost the board: the generator shows Open, requests and announces again.
    fn board_lost(&mut self, core: &mut Core, session_id: [u8; 32]) -> Result<Step, Refusal> {
        if let (Role::Generator(generator), true) =
            (&mut self.role, session_id == self.seated.session.id())
        {
            core.out.push_back(Output::OpenSession { session_id, end_hash: generator.end_hash() });
            core.out.extend(self.seated.session.logged().iter().cloned().map(Output::Post));
            generator.resume(core, &mut self.seated)?;
        }
        Ok(Step::Stay)
    }

    fn peer_gone(&mut self, poster: [u8; 32], now_ms: u64) {
        let Role::Generator(generator) = &mut self.role else { return };
        for fp in self.seated.session.fps_of_poster(&poster) {
            generator.hint_gone(fp, now_ms);
            generator.door.gave_up(fp);
        }
    }

    fn command(&mut self, core: &mut Core, command: Command) -> Result<Step, Refusal> {
        match (command, &mut self.role) {
            (Command::Leave, Role::Follower(_)) => return Ok(Step::Out(LeftWhy::Left)),
            // Nobody takes over in this version: when the generator goes, the meeting is over.
            (Command::Leave | Command::End, Role::Generator(_)) => self.end(core),
            (Command::RotateNow, Role::Generator(generator)) => generator.rotate(),
            (Command::Admit(h), Role::Generator(generator)) => generator.admit(core, h),
            (Command::KeepOut(h), Role::Generator(generator)) => {
                if generator.door.keep_out(&h) {
                    core.post(
                        &self.seated.session,
                        Kind::KeepOut,
                        SLOT_LOG,
                        &KeepOut { join_h: h },
                        None,
                    );
                    core.changed();
                }
            }
            _ => return Err(Refusal::NotAllowed),
        }
        Ok(Step::Stay)
    }

    fn end(&mut self, core: &mut Core) {
        if self.ending.is_none() {
            let present = self.seated.epochs.newest().into_iter().flat_map(Epoch::present);
            let missing =
                present.map(|e| Fingerprint(e.fp)).filter(|fp| *fp != core.me()).collect();
            core.post(
                &self.seated.session,
                Kind::End,
                SLOT_LOG,
                &End { at_h: self.seated.chain.tip() },
                None,
            );
            self.ending = Some(Ending { until_ms: core.ms() + END_MS, missing });
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
            .and_then(|letter| self.letter(core, poster, envelope, letter));
        self.after(core, step)
    }

    /// A live session ignores other Opens, until its generator shows no life.
    fn other_session(self: Box<Self>, core: &mut Core, envelope: &Envelope) -> State {
        if matches!(self.role, Role::Follower(_)) && Session::from_open(&core.cfg, envelope).is_ok()
        {
            core.sessions.other = Some(envelope.clone());
        }
        self.after(core, Ok(Step::Stay))
    }

    fn letter(
        &mut self,
        core: &mut Core,
        poster: [u8; 32],
        envelope: &Envelope,
        letter: Letter,
    ) -> Result<Step, Refusal> {
        let s = &mut self.seated;
        match (letter.kind, &mut self.role) {
            (Kind::Join, role) => {
                let h = s.session.accept_join(&core.cfg, &letter, Some(poster))?.h;
                s.session.log(envelope);
                if let Role::Generator(generator) = role {
                    generator.join(core, s, h)?;
                }
            }
            (Kind::Ack, role) => {
                if let (Some((fp, ack)), Role::Generator(generator)) = (s.ack(core, letter)?, role)
                {
                    generator.acked(core, s, fp, ack)?;
                }
            }
            (Kind::Leave, role) => {
                let (fp, join_h) = goodbye(s, &letter)?;
                if let Role::Generator(generator) = role {
                    generator.left(s, fp, &join_h);
                }
                if let Some(ending) = &mut self.ending {
                    ending.missing.remove(&fp);
                }
            }
            (Kind::KeyRequest, Role::Generator(generator)) => {
                generator.key_request(core, s, &letter)?
            }
            (kind, Role::Follower(follower)) => {
                return follow(core, s, follower, kind, envelope, &letter);
            }
            _ => return Err(Refusal::NotAllowed),
        }
        Ok(Step::Stay)
    }

    fn tick(&mut self, core: &mut Core) -> Step {
        self.seated.turn(core);
        self.media.retry_early(core, &mut self.seated);
        if self.media.take_due_ping(core.ms()) {
            self.send_ping(core);
        }
        self.media.fall_silent(core, &mut self.seated);
        match &mut self.role {
            Role::Generator(generator) => {
                if let Some(ending) = &self.ending {
                    if !ending.missing.is_empty() && core.ms() < ending.until_ms {
                        return Step::Stay;
                    }
                    let (session_id, preimage) =
                        (self.seated.session.id(), generator.end_preimage());
                    core.out.push_back(Output::EndSession { session_id, preimage });
                    return Step::Out(LeftWhy::Ended);
                }
                if core.offline_since_ms.is_some_and(|since| core.ms() >= since + FORGET_MS) {
                    return Step::OpenAnew;
                }
                if let Err(refusal) = generator.tick(core, &mut self.seated) {
                    core.refused(refusal);
                }
            }
            Role::Follower(follower) => {
                if follower.watch.pulse(core.ms()) >= Pulse::Stale {
                    let own = self.seated.session.logged().first().cloned();
                    if let Some(other) = core.other_session(own) {
                        return Step::Other(Box::new(other));
                    }
                }
                let stuck = follower.tick(core, &mut self.seated);
                if stuck || follower.watch.pulse(core.ms()) == Pulse::Gone {
                    return Step::JoinAgain;
                }
            }
        }
        Step::Stay
    }

    /// Whether anything may be sealed for others to hear.
    pub(crate) fn may_speak(&self, core: &Core) -> bool {
        let steady = match &self.role {
            Role::Follower(follower) => follower.watch.pulse(core.ms()) < Pulse::Cut,
            Role::Generator(_) => true,
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
        if core.offline_since_ms.is_none() {
            self.media.ping(core, &mut self.seated);
        }
    }

    fn media_in(&mut self, core: &mut Core, bytes: &[u8]) {
        if let (Some(fp), Role::Generator(generator)) =
            (self.media.open(core, &mut self.seated, bytes), &mut self.role)
        {
            generator.sign_of_life(fp, core.ms());
        }
    }

    pub(crate) fn timeout_ms(&self, core: &Core) -> u64 {
        let role = match (&self.role, &self.ending) {
            (_, Some(ending)) => ending.until_ms,
            (Role::Generator(generator), None) => generator.timeout_ms(core, &self.seated),
            (Role::Follower(follower), None) => follower.timeout_ms(core.ms()),
        };
        let others = [self.seated.epochs.timeout_ms(), Some(self.media.timeout_ms())];
        others.into_iter().flatten().fold(role, u64::min)
    }
}

fn follow(
    core: &mut Core,
    s: &mut Seated,
    follower: &mut Follower,
    kind: Kind,
    envelope: &Envelope,
    letter: &Letter,
) -> Result<Step, Refusal> {
    match kind {
        Kind::Announce => {
            return match follower.announce(core, s, envelope, letter) {
                Ok(Standing::Seated) => Ok(Step::Stay),
                Ok(Standing::Dropped) => Ok(Step::JoinAgain),
                Ok(Standing::Removed) => Ok(Step::Out(LeftWhy::Removed)),
                Ok(Standing::Elsewhere) => Ok(Step::Out(LeftWhy::Elsewhere)),
                Err(Refusal::Missing) => {
                    core.refused(Refusal::Missing);
                    Ok(Step::ReadAgain)
                }
                Err(refusal) => Err(refusal),
            };
        }
        Kind::Wrap => drop(follower.wrap(core, s, letter)?),
        Kind::Heartbeat => follower.heartbeat(core, s, letter)?,
        Kind::Arrival => follower.arrival(core, s, letter)?,
        Kind::End => {
            let end = letter.authentic::<End>(&s.session.organizer, &s.session.scope)?;
            if end.message.at_h != s.chain.tip() {
                return Err(Refusal::Stale);
            }
            return Ok(Step::Out(LeftWhy::Ended));
        }
        Kind::KeyRequest | Kind::KeepOut => {}
        _ => return Err(Refusal::NotAllowed),
    }
    Ok(Step::Stay)
}

/// A signed Leave, for the join that its author is live with, or waits with.
fn goodbye(s: &Seated, letter: &Letter) -> Result<(Fingerprint, Hash), Refusal> {
    let identity = s.session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
    let leave = letter.authentic::<Leave>(identity, &s.session.scope)?;
    let (from, join_h) = (leave.from, leave.message.join_h);
    let seated = s.epochs.newest().and_then(|e| e.join_of(e.entry_of(from)?));
    if seated == Some(join_h) || s.session.newest_request(from) == Some(join_h) {
        Ok((from, join_h))
    } else {
        Err(Refusal::Stale)
    }
}
