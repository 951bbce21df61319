//! What every state has at hand: configuration, randomness, the time of this input, the outbox.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use standfast_crypto::{Entropy, Fingerprint, Hedged, Identity, Secret};
use standfast_wire::codec::Field;
use standfast_wire::control::{Hash, Kind};
use standfast_wire::limits::MAX_SESSIONS;
use standfast_wire::relay::Envelope;

use crate::config::Part;
use crate::deputies::DeputyList;
use crate::device::Offer;
use crate::evidence::Evidence;
use crate::journal::{Event, Journal};
use crate::limits::{READ_AGAIN_MS, REVIVALS_MAX, TRIED_MAX};
use crate::prekey::BundlesSeen;
use crate::session::{Session, open_envelope};
use crate::split::MovedInto;
use crate::{Config, Counters, Now, Opening, Output, Pulse, Refusal, Split};

pub(crate) struct Core {
    pub(crate) cfg: Config,
    pub(crate) rng: Hedged<Box<dyn Entropy + Send>>,
    pub(crate) now: Now,
    /// The time of the input before this one.
    pub(crate) before_ms: u64,
    pub(crate) out: VecDeque<Output>,
    pub(crate) journal: Journal,
    pub(crate) evidence: Evidence,
    pub(crate) counters: Counters,
    pub(crate) muted: bool,
    /// When the connection was lost; `None` while there is one.
    pub(crate) offline_since_ms: Option<u64>,
    /// Sessions whose boards are read as far as they went when we connected.
    read: BTreeSet<Hash>,
    read_again_ms: Option<u64>,
    pub(crate) sessions: Sessions,
    /// Failed runs of the spoken code in a row; they outlive a seat.
    pub(crate) spoken_failures: u8,
    /// The session for whose successor a prekey bundle was made.
    pub(crate) renewed_for: Option<Hash>,
    /// Of scheduled members' prekey bundles.
    pub(crate) bundles: BundlesSeen,
    /// The pairing code that this device shows.
    pub(crate) device: Option<Offer>,
    pub(crate) split: Option<Split>,
    /// The branch that this device moved to when it saw the split.
    pub(crate) moved_into: Option<MovedInto>,
    /// Who may open the meeting, as the organizer signed it last.
    pub(crate) deputies: Option<DeputyList>,
    /// This device is to open the meeting when none is found: the organizer's, or a deputy's whose
    /// user asked for it.
    pub(crate) opening: Option<Opening>,
    /// Whose term the present generator took over, when that one is gone.
    pub(crate) taken_over_from: Option<String>,
}

/// Sessions of this meeting that were opened, beside the one that is followed. Which of them lives,
/// only heartbeats show: everyone with the link can post an old Open again.
#[derive(Default)]
pub(crate) struct Sessions {
    /// Those that this device has followed or opened, with their Opens.
    tried: BTreeMap<Hash, Option<Envelope>>,
    /// The one to try when ours shows no life: its Open.
    pub(crate) other: Option<Envelope>,
    /// How often one was tried again.
    revivals: u8,
    /// The last that was.
    revived: Option<Hash>,
    /// Those to which the organizer's word led this device, and how often to one that it had been in.
    went: BTreeSet<Hash>,
    returns: u8,
    /// Sessions that this device was live in and turned from, with its head there.
    left: BTreeMap<Hash, Hash>,
}

impl Sessions {
    /// Follows a session from here on.
    pub(crate) fn follow(&mut self, session: &Session) {
        if self.tried.len() >= TRIED_MAX {
            self.tried.pop_first();
        }
        self.tried.insert(session.id(), session.logged().first().cloned());
    }

    /// Somebody shows life in this session although it seemed to be over.
    pub(crate) fn revived(&self, session: &Hash) -> bool {
        self.revived.as_ref() == Some(session)
    }

    /// The Open of a session that was shown or followed.
    pub(crate) fn open_of(&self, session: &Hash) -> Option<&Envelope> {
        let shown = self.other.as_ref().filter(|open| open.session_id == *session);
        shown.or_else(|| self.tried.get(session)?.as_ref())
    }

    /// Turns from a session whose head is `head`.
    pub(crate) fn leave(&mut self, session: Hash, head: Hash) {
        if self.left.len() >= TRIED_MAX {
            self.left.pop_first();
        }
        self.left.insert(session, head);
    }

    /// The head that this device had when it turned from `session`, to be named on return: the
    /// numbers go on from there.
    pub(crate) fn left_at(&self, session: &Hash) -> Option<Hash> {
        self.left.get(session).copied()
    }

    pub(crate) fn tried(&self, session: &Hash) -> bool {
        self.tried.contains_key(session)
    }

    /// Whether this device goes where the organizer says that it is: once to each session, and back
    /// to one that it has been in a few times. Apart from `lives`, which everyone with the link can
    /// use up.
    pub(crate) fn may_go(&mut self, session: &Hash) -> bool {
        let back = self.tried(session) || self.went.contains(session);
        let room = if back { self.returns < REVIVALS_MAX } else { self.went.len() < TRIED_MAX };
        if room {
            self.returns += u8::from(back);
            self.revived = if back { Some(*session) } else { self.revived };
            self.went.insert(*session);
        }
        room
    }

    /// Somebody shows life in a session that this device has given up: it may be tried again. Its
    /// Open.
    pub(crate) fn lives(&mut self, session: &Hash) -> Option<Envelope> {
        if self.revivals >= REVIVALS_MAX {
            return None;
        }
        let open = self.tried.remove(session).flatten()?;
        self.revivals += 1;
        self.revived = Some(*session);
        Some(open)
    }
}

impl Core {
    pub(crate) fn new(cfg: Config, entropy: Box<dyn Entropy + Send>, now: Now) -> Self {
        let rng = Hedged::new(entropy, cfg.identity.hedge());
        let muted = cfg.muted;
        let journal = Journal::new(cfg.identity.fingerprint());
        let opening = match &cfg.part {
            Part::Organizer { scheduled, policy } => {
                Some(Opening { scheduled: scheduled.clone(), policy: policy.clone() })
            }
            _ => None,
        };
        Self {
            cfg,
            rng,
            now,
            before_ms: now.mono_ms,
            out: VecDeque::new(),
            journal,
            evidence: Evidence::default(),
            counters: Counters::default(),
            muted,
            offline_since_ms: Some(now.mono_ms),
            read: BTreeSet::new(),
            read_again_ms: None,
            sessions: Sessions::default(),
            spoken_failures: 0,
            renewed_for: None,
            bundles: BundlesSeen::default(),
            device: None,
            split: None,
            moved_into: None,
            deputies: None,
            opening,
            taken_over_from: None,
        }
    }

    pub(crate) fn me(&self) -> Fingerprint {
        self.cfg.identity.fingerprint()
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.cfg.identity
    }

    pub(crate) fn hedge(&self) -> Secret<32> {
        self.cfg.identity.hedge()
    }

    pub(crate) fn ms(&self) -> u64 {
        self.now.mono_ms
    }

    /// The connection is lost, and nobody knows since when: at the earliest since the last input,
    /// which is long ago for a device that slept.
    pub(crate) fn went_offline(&mut self) {
        if self.offline_since_ms.is_none() {
            self.journal.note(Event::Line { up: false }, self.now);
        }
        self.offline_since_ms.get_or_insert(self.before_ms);
        self.read.clear();
        self.changed();
    }

    /// A board is read. Of a new one that can be before its Open came.
    pub(crate) fn note_read(&mut self, session: Hash) {
        if self.read.len() >= MAX_SESSIONS {
            self.read.pop_first();
        }
        self.read.insert(session);
    }

    pub(crate) fn has_read(&self, session: &Hash) -> bool {
        self.read.contains(session)
    }

    /// Asks for the boards from their start, unless that was tried lately.
    pub(crate) fn read_again(&mut self) -> bool {
        let due = self.read_again_ms.is_none_or(|at| self.ms() >= at + READ_AGAIN_MS);
        if due {
            self.read_again_ms = Some(self.ms());
            self.read.clear();
            self.out.push_back(Output::ReadAgain);
        }
        due
    }

    /// Whether a device that is or was in a session may look at another one at this pulse of it: at
    /// one that it has tried before only when nobody has taken over here.
    pub(crate) fn may_try_other(&self, pulse: Pulse) -> bool {
        let other = self.sessions.other.as_ref();
        let new = other.is_some_and(|open| !self.sessions.tried(&open.session_id));
        pulse >= if new { Pulse::Stale } else { Pulse::Cut }
    }

    /// The same however lately it was tried: for what happens a few times at most.
    pub(crate) fn read_again_soon(&mut self) {
        self.read_again_ms = None;
        self.read_again();
    }

    /// The session followed shows no life: another one to try instead, `own` being tried later.
    pub(crate) fn other_session(&mut self, own: Option<Envelope>) -> Option<Session> {
        if self.sessions.other.is_none() || !self.read_again() {
            return None;
        }
        let other = std::mem::replace(&mut self.sessions.other, own)?;
        self.session_of(&other).ok()
    }

    /// Somebody with the link writes on a board whose Open did not come: held back, or lost. Where it
    /// is only the tail of an older session, reading once more does no harm.
    pub(crate) fn misses_open(&mut self, envelope: &Envelope) {
        let session = envelope.session_id;
        let control = self.cfg.link.control(&session);
        let of_link = || open_envelope(&control, envelope).is_ok();
        if self.has_read(&session) && !self.sessions.tried(&session) && of_link() {
            self.read_again();
        }
    }

    /// Somebody looks after the key of another session, while nobody does here: a member that took
    /// over just when the organizer found the session dead and opened this, or the one that this
    /// device tried before two others. What is shown from a board says nothing of now.
    pub(crate) fn beats_beside(&mut self, envelope: &Envelope) {
        if !self.has_read(&envelope.session_id) {
            return;
        }
        let control = self.cfg.link.control(&envelope.session_id);
        let beats =
            open_envelope(&control, envelope).is_ok_and(|letter| letter.kind == Kind::Heartbeat);
        match beats.then(|| self.sessions.lives(&envelope.session_id)).flatten() {
            Some(open) => self.sessions.other = Some(open),
            None => self.misses_open(envelope),
        }
    }

    /// The session of an Open by somebody who may open one.
    pub(crate) fn session_of(&self, open: &Envelope) -> Result<Session, Refusal> {
        Session::from_open(&self.cfg, self.deputies.as_ref(), open)
    }

    /// A session whose Open this device has kept.
    pub(crate) fn known_session(&self, session: &Hash) -> Option<Session> {
        self.session_of(self.sessions.open_of(session)?).ok()
    }

    pub(crate) fn nonce(&mut self) -> [u8; 16] {
        let mut nonce = [0; 16];
        self.rng.fill(&mut nonce);
        nonce
    }

    pub(crate) fn changed(&mut self) {
        if !matches!(self.out.back(), Some(Output::Changed)) {
            self.out.push_back(Output::Changed);
        }
    }

    pub(crate) fn refused(&mut self, refusal: Refusal) {
        self.refused_of(refusal, None);
    }

    /// A message of `session` did not pass. It is counted as its author's, if the signature holds.
    pub(crate) fn refused_letter(
        &mut self,
        session: &Session,
        envelope: &Envelope,
        refusal: Refusal,
    ) {
        let letter = open_envelope(&session.control, envelope).ok();
        self.refused_of(refusal, letter.and_then(|letter| session.author_of(&letter)));
    }

    fn refused_of(&mut self, refusal: Refusal, by: Option<Fingerprint>) {
        self.counters.refuse(refusal);
        self.journal.refused(refusal, by, self.now);
    }

    /// Signs, seals and posts; gives the hash that others refer to.
    pub(crate) fn post<T: Field>(
        &mut self,
        session: &Session,
        kind: Kind,
        slot: u8,
        message: &T,
        mac: Option<[u8; 32]>,
    ) -> Hash {
        let me = std::sync::Arc::clone(&self.cfg.identity);
        match session.letter(&me, kind, slot, message, mac, &mut self.rng) {
            Some((envelope, h)) => {
                self.out.push_back(Output::Post(envelope));
                h
            }
            // Unreachable by the sizes in `wire::control`; nothing is sent rather than half of it.
            None => [0; 32],
        }
    }
}
