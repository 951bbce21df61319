//! Two sessions with people in both: the organizer opened one while others took over in the other.
//! The organizer says so there, and people come to it.

use std::collections::{BTreeMap, BTreeSet};

use standfast_crypto::Fingerprint;
use standfast_wire::codec::Field;
use standfast_wire::control::{EpochAnnounce, Hash, Heartbeat, Kind, Moved};
use standfast_wire::relay::{Envelope, SLOT_LOG};

use super::{Live, Role};
use crate::core::Core;
use crate::limits::{
    BRANCH_ALIVE_MS, MOVED_BEATS, MOVED_MAX, MOVED_MS, MOVED_READS_MAX, TRIED_MAX,
};
use crate::refusal::Refusal;
use crate::session::{Authentic, Letter, Session, open_envelope};

/// What is known of other sessions.
#[derive(Default)]
pub(super) struct Beside {
    /// The one in which the organizer says that it is, once its Open is there.
    organizers: Option<Organizers>,
    /// Sessions that were told where we are, when last, and how often.
    told: BTreeMap<Hash, (u64, u8)>,
    /// How often the boards were read again for what the organizer named.
    reads: u8,
    /// The same for sessions whose Open did not come.
    open_reads: u8,
}

impl Beside {
    fn organizers_in(&mut self, session: &Hash) -> Option<&mut Organizers> {
        self.organizers.as_mut().filter(|theirs| theirs.session.id() == *session)
    }

    /// Notes that a session is told where we are, unless that was done lately or often enough.
    fn may_tell(&mut self, session: Hash, now_ms: u64) -> bool {
        let told = self.told.get(&session).copied();
        let due = told.is_none_or(|(at, times)| now_ms >= at + MOVED_MS && times < MOVED_MAX);
        let room = told.is_some() || self.told.len() < TRIED_MAX;
        if due && room {
            self.told.insert(session, (now_ms, told.map_or(1, |(_, times)| times + 1)));
        }
        due && room
    }

    /// Somebody with the link shows life in a session whose Open did not come.
    fn miss_open(&mut self, core: &mut Core, envelope: &Envelope) {
        let control = core.cfg.link.control(&envelope.session_id);
        let misses = core.has_read(&envelope.session_id) && self.open_reads < MOVED_READS_MAX;
        if misses && open_envelope(&control, envelope).is_ok() && core.read_again() {
            self.open_reads += 1;
        }
    }

    /// Asks for the boards from their start, a few times at most: everyone with the link can post the
    /// organizer's word again.
    fn read_again(&mut self, core: &mut Core) {
        if self.reads < MOVED_READS_MAX && core.read_again() {
            self.reads += 1;
        }
    }
}

struct Organizers {
    session: Session,
    age_ms: u64,
    beats: u32,
    last_ms: u64,
    /// The head that its newest heartbeat names.
    head: Hash,
    /// The organizer's newest announce there that came, its number, and whom it lists.
    announced: Option<(Hash, (u32, u32), BTreeSet<Fingerprint>)>,
}

impl Organizers {
    fn new(session: Session) -> Self {
        Self { session, age_ms: 0, beats: 0, last_ms: 0, head: [0; 32], announced: None }
    }

    fn lives(&self, now_ms: u64) -> bool {
        self.beats >= MOVED_BEATS && now_ms <= self.last_ms + BRANCH_ALIVE_MS
    }

    /// Whom the session's head lists, if that announce came.
    fn listed(&self) -> Option<&BTreeSet<Fingerprint>> {
        let newest = self.announced.as_ref().filter(|(h, _, _)| *h == self.head);
        newest.map(|(_, _, listed)| listed)
    }

    fn hear(&mut self, core: &Core, letter: &Letter) -> Option<()> {
        match letter.kind {
            Kind::Heartbeat => {
                let beat = self.authentic::<Heartbeat>(core, letter)?.message;
                if beat.age_ms > self.age_ms {
                    (self.age_ms, self.last_ms, self.head) = (beat.age_ms, core.ms(), beat.h_e);
                    self.beats += 1;
                }
            }
            Kind::Announce => {
                let announce = self.authentic::<EpochAnnounce>(core, letter)?;
                let (h, a) = (announce.hash("SF1/ann"), announce.message);
                let number = (a.term, a.epoch);
                if self.announced.as_ref().is_none_or(|(_, newest, _)| *newest < number) {
                    let listed = a.roster.as_slice().iter().map(|e| Fingerprint(e.fp)).collect();
                    self.announced = Some((h, number, listed));
                }
            }
            _ => {}
        }
        Some(())
    }

    /// What the organizer signed in its session.
    fn authentic<T: Field>(&self, core: &Core, letter: &Letter) -> Option<Authentic<T>> {
        let by = Some(&self.session.organizer).filter(|_| letter.from == core.cfg.organizer)?;
        letter.authentic(by, &self.session.scope).ok()
    }
}

impl Live {
    /// An Open by somebody who may open sessions: perhaps of the one that the organizer named.
    pub(super) fn note_beside(&mut self, session: Session) {
        let wanted = self.seated.history.moved_to == Some(session.id());
        if wanted && self.beside.organizers_in(&session.id()).is_none() {
            self.beside.organizers = Some(Organizers::new(session));
        }
    }

    /// A message of another session, perhaps the organizer's in its own.
    pub(super) fn hear_beside(&mut self, core: &Core, envelope: &Envelope) {
        if self.seated.history.moved_to != Some(envelope.session_id) {
            return;
        }
        if self.beside.organizers_in(&envelope.session_id).is_none()
            && let Some(session) = core.known_session(&envelope.session_id)
        {
            self.note_beside(session); // named while this device was on its way to its seat
        }
        if let Some(theirs) = self.beside.organizers_in(&envelope.session_id)
            && let Ok(letter) = open_envelope(&theirs.session.control, envelope)
        {
            theirs.hear(core, &letter);
        }
    }

    /// The organizer, with others in its session, tells those in another that it is here.
    pub(super) fn call_from(&mut self, core: &mut Core, envelope: &Envelope) {
        let here = matches!(self.role, Role::Generator(_)) && core.me() == core.cfg.organizer;
        if !here || self.is_alone(core) {
            return;
        }
        let Some(other) = core.known_session(&envelope.session_id) else {
            return self.beside.miss_open(core, envelope);
        };
        let by_another = open_envelope(&other.control, envelope)
            .is_ok_and(|letter| letter.kind == Kind::Heartbeat && letter.from != core.me());
        if by_another && self.beside.may_tell(other.id(), core.ms()) {
            let moved = Moved { to: self.seated.session.id() };
            core.post(&other, Kind::Moved, SLOT_LOG, &moved, None);
        }
    }

    /// The organizer says where it is.
    pub(super) fn organizer_moved(
        &mut self,
        core: &mut Core,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        self.seated.history.organizer_moved(core, letter)?;
        let Some(to) = self.seated.history.moved_to else { return Ok(()) };
        if self.beside.organizers_in(&to).is_some() {
            return Ok(());
        }
        match core.known_session(&to) {
            Some(session) => self.note_beside(session),
            None => self.beside.read_again(core),
        }
        Ok(())
    }

    /// The session to go to, while the organizer shows life there and not here. Whoever looks after
    /// the key goes last, when nobody is left. Nobody goes to where somebody is who was removed
    /// here; and back to a session that this device has tried it goes a few times only: its
    /// heartbeats may be shown again, as may the organizer's word.
    pub(super) fn go_to_organizer(&mut self, core: &mut Core) -> Option<Session> {
        let here = self.seated.chain.generator() == Some(core.cfg.organizer);
        let there = self.beside.organizers.as_ref();
        let there = there.filter(|there| !here && there.lives(core.ms()))?;
        match self.meets_removed(there) {
            Some(false) => {}
            Some(true) => return None,
            None => {
                self.beside.read_again(core);
                return None;
            }
        }
        let there = self.beside.organizers.take()?;
        if !core.sessions.may_go(&there.session.id()) {
            return None;
        }
        self.seated.seat.say_goodbye(core, &self.seated.session);
        core.sessions.other = self.seated.session.logged().first().cloned();
        core.read_again_soon();
        Some(there.session)
    }

    /// Whether somebody is there whom this device has seen removed here. Unknown while the announce
    /// that the organizer's heartbeats name did not come.
    fn meets_removed(&self, there: &Organizers) -> Option<bool> {
        let chain = &self.seated.chain;
        if !chain.has_removed() {
            return Some(false);
        }
        Some(there.listed()?.iter().any(|fp| chain.is_removed(*fp)))
    }
}
