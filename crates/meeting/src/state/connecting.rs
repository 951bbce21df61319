//! Nothing known yet: the organizer, or a deputy, gathers prekey bundles, a member waits for an Open.

use std::collections::BTreeMap;

use standfast_crypto::{Fingerprint, PublicBundle, PublicIdentity, Scope};
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{Kind, PrekeyBundle};
use standfast_wire::relay::Envelope;

use crate::config::Part;
use crate::core::Core;
use crate::limits::BUNDLE_WAIT_MS;
use crate::session::{Letter, check_ident, open_envelope, public_bundle};
use crate::state::{Joining, Left, LeftWhy, Live, State};
use crate::{Command, Input, Output, Refusal};

/// A scheduled member's keys, checked against the pinned fingerprint.
pub(crate) struct Invitee {
    pub(crate) identity: PublicIdentity,
    pub(crate) bundle: PublicBundle,
}

/// Before any session.
#[derive(Default)]
pub(crate) struct Connecting {
    awaited: BTreeMap<[u8; 32], Fingerprint>,
    invitees: Vec<Invitee>,
    open_at_ms: Option<u64>,
    /// The relay holds no session of this meeting that could be running.
    no_boards: bool,
}

impl Connecting {
    pub(crate) fn handle(mut self: Box<Self>, core: &mut Core, input: Input<'_>) -> State {
        match input {
            Input::Connected => self.connected(core),
            Input::Boards(running) => self.no_boards = running == 0,
            Input::Disconnected => {
                // The answers are lost, and nothing could be opened now: asked again when connected.
                (self.open_at_ms, self.awaited) = (None, BTreeMap::new());
                self.no_boards = false;
                core.went_offline();
            }
            Input::Open(_) if core.offline_since_ms.is_none() => self.gather(core),
            Input::Bundle { slot, blob } => self.bundle(core, slot, blob),
            Input::Delivered { envelope, .. } => return self.delivered(core, envelope),
            Input::Command(Command::Leave | Command::End) => {
                return Left::enter(core, LeftWhy::Left);
            }
            _ => {}
        }
        if self
            .open_at_ms
            .is_some_and(|at| at <= core.ms() || (self.no_boards && self.awaited.is_empty()))
        {
            return Live::open(core, self.invitees);
        }
        State::Connecting(self)
    }

    pub(crate) fn timeout_ms(&self) -> Option<u64> {
        self.open_at_ms
    }

    fn connected(&mut self, core: &mut Core) {
        core.offline_since_ms = None;
        core.changed();
        if matches!(core.cfg.part, Part::Organizer { .. } | Part::Member { .. }) {
            core.out.push_back(Output::FetchBundle { slot: core.deputies_slot() });
        }
        self.gather(core);
    }

    /// Whoever is to open fetches the bundles of those who are scheduled.
    fn gather(&mut self, core: &mut Core) {
        let Some(opening) = &core.opening else { return };
        let others = opening.scheduled.iter().filter(|fp| **fp != core.me());
        self.awaited = others.map(|fp| (core.cfg.link.bundle_slot(*fp), *fp)).collect();
        self.open_at_ms = Some(core.ms() + BUNDLE_WAIT_MS);
        let fetch = self.awaited.keys().map(|slot| Output::FetchBundle { slot: *slot });
        core.out.extend(fetch.collect::<Vec<_>>());
    }

    fn bundle(&mut self, core: &mut Core, slot: [u8; 32], blob: Option<&[u8]>) {
        let Some(fp) = self.awaited.remove(&slot) else { return };
        match blob.map(|blob| check_bundle(core, fp, blob)) {
            Some(Ok(invitee)) => self.invitees.push(invitee),
            Some(Err(refusal)) => core.refused(refusal),
            None => {}
        }
    }

    /// A member believes an Open that the link's organizer signed, or a deputy, and nothing before
    /// it. Who finds a session, and was to open one, looks whether it lives.
    fn delivered(self: Box<Self>, core: &mut Core, envelope: &Envelope) -> State {
        match core.session_of(envelope) {
            Ok(session) if core.opening.is_some() => {
                if core.sessions.tried(&session.id()) {
                    return State::Connecting(self);
                }
                Joining::found(core, session)
            }
            Ok(session) => Joining::enter(core, session),
            Err(_) => self.given_up(core, envelope),
        }
    }

    /// Somebody shows life in a session that this device gave up: whoever is next in it takes over
    /// later than an organizer waits, or it was ended in one branch and goes on in another.
    fn given_up(self: Box<Self>, core: &mut Core, envelope: &Envelope) -> State {
        let session = envelope.session_id;
        let control = core.cfg.link.control(&session);
        let of_link = || open_envelope(&control, envelope).is_ok();
        if !core.has_read(&session) || !of_link() {
            return State::Connecting(self);
        }
        let open = core.sessions.lives(&session).and_then(|open| core.session_of(&open).ok());
        match open {
            Some(session) => {
                core.read_again_soon();
                Joining::turn_to(core, session)
            }
            None => {
                core.misses_open(envelope);
                State::Connecting(self)
            }
        }
    }
}

/// The session id under which prekey bundles are sealed and signed.
const NO_SESSION: [u8; 32] = [0; 32];

fn check_bundle(core: &mut Core, fp: Fingerprint, blob: &[u8]) -> Result<Invitee, Refusal> {
    let envelope: Envelope = from_bytes(blob)?;
    let letter: Letter = open_envelope(&core.cfg.link.control(&NO_SESSION), &envelope)?;
    if letter.kind != Kind::Bundle || letter.from != fp {
        return Err(Refusal::NotAuthentic);
    }
    let identity = check_ident(&from_bytes::<PrekeyBundle>(&letter.body)?.ident)?;
    let scope = Scope { meeting_id: core.cfg.meeting_id, session_id: NO_SESSION };
    let prekey = letter.authentic::<PrekeyBundle>(&identity, &scope)?.message;
    core.bundles.note(fp, prekey.seq)?;
    Ok(Invitee { identity, bundle: public_bundle(prekey.bundle)? })
}
