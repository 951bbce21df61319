//! Two sessions with people in both: the organizer opened one while others took over in the other.
//! The organizer says so there, and people come to it.

use standfast_crypto::Fingerprint;
use standfast_wire::control::{Hash, Heartbeat, Kind, Moved};
use standfast_wire::relay::{Envelope, SLOT_LOG};

use super::{Live, Role};
use crate::core::Core;
use crate::limits::{BRANCH_ALIVE_MS, MOVED_BEATS, MOVED_MAX, MOVED_MS};
use crate::refusal::Refusal;
use crate::session::{Letter, Session, open_envelope};

/// What is known of another session.
#[derive(Default)]
pub(super) struct Beside {
    /// Where the organizer says that it is, …
    moved_to: Option<Hash>,
    /// … once the Open of that session is there.
    organizers: Option<Organizers>,
    /// The session that was told where we are, when last, and how often.
    told: Option<(Hash, u64, u8)>,
}

struct Organizers {
    session: Session,
    age_ms: u64,
    beats: u32,
    last_ms: u64,
}

impl Organizers {
    fn lives(&self, now_ms: u64) -> bool {
        self.beats >= MOVED_BEATS && now_ms <= self.last_ms + BRANCH_ALIVE_MS
    }
}

impl Live {
    /// An Open by somebody who may open sessions.
    pub(super) fn note_beside(&mut self, core: &Core, session: Session) {
        let wanted = self.beside.moved_to == Some(session.id());
        if wanted && session.opener == core.cfg.organizer && self.beside.organizers.is_none() {
            let (age_ms, beats, last_ms) = (0, 0, 0);
            self.beside.organizers = Some(Organizers { session, age_ms, beats, last_ms });
        }
    }

    /// What may be the organizer's heartbeat in its session.
    pub(super) fn hear_beside(&mut self, core: &Core, envelope: &Envelope) {
        let theirs = self.beside.organizers.as_mut();
        let Some(theirs) = theirs.filter(|t| t.session.id() == envelope.session_id) else { return };
        let Some(age_ms) = age_of(&theirs.session, core.cfg.organizer, envelope) else { return };
        if age_ms > theirs.age_ms {
            (theirs.age_ms, theirs.last_ms) = (age_ms, core.ms());
            theirs.beats += 1;
        }
    }

    /// The organizer, with others in its session, tells those in another that it is here.
    pub(super) fn call_from(&mut self, core: &mut Core, envelope: &Envelope) {
        let here = matches!(self.role, Role::Generator(_)) && core.me() == core.cfg.organizer;
        if !here || self.is_alone(core) {
            return;
        }
        let open = core.sessions.open_of(&envelope.session_id);
        let Some(other) = open.and_then(|open| core.session_of(open).ok()) else { return };
        let by_another = open_envelope(&other.control, envelope)
            .is_ok_and(|letter| letter.kind == Kind::Heartbeat && letter.from != core.me());
        let told = self.beside.told.filter(|(id, _, _)| *id == other.id());
        let (last_ms, times) = told.map_or((None, 0), |(_, at, times)| (Some(at), times));
        let due = last_ms.is_none_or(|at| core.ms() >= at + MOVED_MS) && times < MOVED_MAX;
        if by_another && due {
            self.beside.told = Some((other.id(), core.ms(), times + 1));
            let moved = Moved { to: self.seated.session.id() };
            core.post(&other, Kind::Moved, SLOT_LOG, &moved, None);
        }
    }

    /// The organizer says where it is. Signed in this session: none from before can be shown in it.
    pub(super) fn organizer_moved(
        &mut self,
        core: &mut Core,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        if letter.from != core.cfg.organizer {
            return Err(Refusal::NotAllowed);
        }
        let session = &self.seated.session;
        let moved = letter.authentic::<Moved>(&session.organizer, &session.scope)?;
        let to = moved.message.to;
        if self.beside.moved_to != Some(to) {
            (self.beside.moved_to, self.beside.organizers) = (Some(to), None);
        }
        match core.sessions.open_of(&to).and_then(|open| core.session_of(open).ok()) {
            Some(session) => self.note_beside(core, session),
            None if self.beside.organizers.is_none() => drop(core.read_again()),
            None => {}
        }
        Ok(())
    }

    /// The session to go to, while the organizer shows life there and not here. Whoever looks after
    /// the key goes last, when nobody is left. One that this device has tried already is gone back to
    /// a few times only: its heartbeats may be shown again, as may the organizer's word.
    pub(super) fn go_to_organizer(&mut self, core: &mut Core) -> Option<Session> {
        let here = self.seated.chain.generator() == Some(core.cfg.organizer);
        let there = self.beside.organizers.take_if(|theirs| !here && theirs.lives(core.ms()))?;
        let id = there.session.id();
        if core.sessions.tried(&id) && core.sessions.lives(&id).is_none() {
            return None;
        }
        self.seated.seat.say_goodbye(core, &self.seated.session);
        core.sessions.other = self.seated.session.logged().first().cloned();
        core.read_again_soon();
        Some(there.session)
    }
}

/// The age that a heartbeat of `by` tells.
fn age_of(session: &Session, by: Fingerprint, envelope: &Envelope) -> Option<u64> {
    let letter = open_envelope(&session.control, envelope).ok()?;
    let beats = letter.kind == Kind::Heartbeat && letter.from == by;
    let identity = beats.then_some(&session.organizer)?;
    let beat = letter.authentic::<Heartbeat>(identity, &session.scope).ok()?;
    Some(beat.message.age_ms)
}
