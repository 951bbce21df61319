//! A session is known. We read its board, ask to be let in, and wait to be named.

mod before;
mod entry;
mod letters;

use standfast_crypto::ReceiveChain;
use standfast_wire::control::{Admission, Hash, KeyWrap};

use crate::branch::better;
use crate::config::Part;
use crate::core::Core;
use crate::epoch::Epoch;
use crate::limits::{ASK_AGAIN_MS, FOUND_MS, KNOCK_AGAIN_MS, SEEN_MS, STALE_MS, TAKEOVER_MS};
use crate::passphrase::Doubt;
use crate::pulse::{Pulse, Watch};
use crate::seat::Seat;
use crate::seated::{EarlyAcks, History};
use crate::session::Session;
use crate::state::{Connecting, Left, LeftWhy, State};
use crate::{Command, Input};

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
    /// How old the generator was by the heartbeat that we named; none when we had none to name.
    named_age_ms: Option<u64>,
    /// When we look whether to ask anew.
    again_at_ms: u64,
    key_request_at_ms: Option<u64>,
    /// How often the board had been read for strangers.
    stranger_reads: u8,
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
        core.sessions.follow(&session);
        core.split = None; // of the session before
        core.journal.session(&session, core.now);
        if let Some(list) = session.deputies().cloned() {
            core.learn_deputies(list);
        }
        let watch = Watch::new(core.ms());
        State::Joining(Box::new(Self::new(History::new(session), watch)))
    }

    /// Turns to a session that may be running. Who is to open one does so where nobody lives.
    pub(crate) fn turn_to(core: &mut Core, session: Session) -> State {
        match core.opening.is_some() {
            true => Self::found(core, session),
            false => Self::enter(core, session),
        }
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
        let outdated = asked.tip != self.history.chain.tip() || self.named_too_old(asked);
        let outdated = outdated && self.beats(core);
        let soon = outdated.then_some(asked.at_ms + ASK_AGAIN_MS);
        Some(soon.map_or(asked.again_at_ms, |at| at.min(asked.again_at_ms)))
    }

    /// The heartbeat that we named had lain on the board for too long: so its generator's newest one
    /// shows.
    fn named_too_old(&self, asked: &Asked) -> bool {
        let Some((_, last_ms)) = self.watch.last() else { return false };
        let Some(named_age_ms) = asked.named_age_ms else { return true };
        let then_ms =
            self.watch.age_ms(last_ms).saturating_sub(last_ms.saturating_sub(asked.at_ms));
        then_ms > named_age_ms + SEEN_MS
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
        // Somebody lives whose announces did not come, and is to show them to who asks.
        let strangers = self.history.stranger_reads > asked.stranger_reads;
        if lives || strangers {
            (self.asked, self.prepared) = (None, None);
            self.ask(core);
        }
    }

    pub(crate) fn handle(mut self: Box<Self>, core: &mut Core, input: Input<'_>) -> State {
        let pulse = self.watch.pulse(core.ms());
        let silent = match &self.before {
            Some(_) => core.may_try_other(pulse),
            None => pulse >= Pulse::Stale,
        };
        let own = || self.history.session.logged().first().cloned();
        if let Some(other) = silent.then(|| core.other_session(own())).flatten() {
            return Self::turn_to(core, other).handle(core, input);
        }
        match input {
            Input::Connected => {
                core.offline_since_ms = None;
                let soon = core.ms() + FOUND_MS;
                self.found_until_ms = match self.before {
                    Some(_) => self.forsaken_at_ms(core),
                    None => self.found_until_ms.map(|_| soon),
                };
                if let Some(before) = &mut self.before {
                    before.since_ms = core.ms();
                }
            }
            Input::Disconnected => {
                core.went_offline();
                // Without a line nobody can show life, and nothing can be opened.
                self.found_until_ms = self.found_until_ms.map(|_| u64::MAX);
                (self.asked, self.prepared) = (None, None);
            }
            Input::CaughtUp { .. } => self.ask(core),
            // The session's board is gone with its generator: its organizer opens another, unless
            // somebody shows it again.
            Input::Boards(0) if core.opening.is_some() => {
                self.found_until_ms = Some(core.ms() + FOUND_MS);
            }
            Input::BoardLost { session_id } if session_id == self.history.session.id() => {
                self.found_until_ms = core.opening.as_ref().map(|_| core.ms() + FOUND_MS);
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

    fn tick(mut self: Box<Self>, core: &mut Core) -> State {
        if let Some(trial) = self.trial.take_if(|trial| trial.until_ms <= core.ms()) {
            return self.end_trial(core, &trial);
        }
        if self.trial.is_none() {
            let alive = self.lives(core);
            if let Some(h) = better(&self.history, core.cfg.organizer, alive, core.ms()) {
                core.note_split(&self.history, &h);
                let was = self.before.as_ref().map(|before| before.head);
                return Self::branch(core, self.history, h, was);
            }
        }
        // Only when no branch of it shows life.
        if self.found_until_ms.is_some_and(|at| at <= core.ms()) {
            // Another branch that is tried comes first.
            self.found_until_ms = self.trial.as_ref().map(|trial| trial.until_ms);
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

    fn lives(&self, core: &Core) -> bool {
        self.alive_ms.is_some_and(|at| core.ms() < at + TAKEOVER_MS)
    }

    /// What was found is only a board: nobody has been heard since we read it.
    pub(crate) fn lifeless(&self, core: &Core) -> bool {
        let silent = self.watch.pulse(core.ms()) >= Pulse::Stale && !self.lives(core);
        silent && self.before.is_none() && core.offline_since_ms.is_none()
    }

    /// The board is read: ask, and confirm the first epoch if we were invited to it.
    fn ask(&mut self, core: &mut Core) {
        let ready =
            core.has_read(&self.history.session.id()) && self.history.chain.head().is_some();
        // In another branch nothing is known yet that is young enough to be named.
        let silent = self.trial.is_some() && self.watch.last().is_none();
        if self.asked.is_some() || !ready || silent {
            return;
        }
        let seen = self.watch.last().map_or(self.history.chain.tip(), |(h, _)| h);
        let was = self.before.as_ref().map(|before| before.head);
        let resume_head = was.or_else(|| core.sessions.left_at(&self.history.session.id()));
        let seat = Seat::ask(core, &mut self.history.session, Some(seen), resume_head);
        self.watch.restart();
        let every = if self.expected(core) { ASK_AGAIN_MS } else { KNOCK_AGAIN_MS };
        let (at_ms, again_at_ms) = (core.ms(), core.ms() + every);
        let tip = self.history.chain.tip();
        let named_age_ms = self.watch.heard_age_ms();
        let key_request_at_ms = None;
        let stranger_reads = self.history.stranger_reads;
        self.asked = Some(Asked {
            seat,
            at_ms,
            tip,
            named_age_ms,
            again_at_ms,
            key_request_at_ms,
            stranger_reads,
        });
        core.changed();
        self.confirm_invitation(core);
    }
}

/// What a message led to.
enum Step {
    Stay,
    Out(LeftWhy),
    /// This session is over: wait for the next.
    Over,
}
