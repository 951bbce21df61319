//! The states of a meeting on this device, one file each. A transition consumes the old state, so
//! its secrets cannot outlive it; only [`Live`](live::Live) can seal.

pub(crate) mod connecting;
pub(crate) mod joining;
pub(crate) mod left;
pub(crate) mod live;

use crate::core::Core;
use crate::{Command, Input, Pulse, Refusal};

pub(crate) use connecting::Connecting;
pub(crate) use joining::Joining;
pub(crate) use left::{Left, LeftWhy};
pub(crate) use live::Live;

/// Where this device stands.
pub(crate) enum State {
    /// No session is known yet.
    Connecting(Box<Connecting>),
    /// A session is known, and we are not part of it yet.
    Joining(Box<Joining>),
    /// We hold a key that names our own join.
    Live(Box<Live>),
    /// Everything is erased.
    Left(Left),
}

impl State {
    pub(crate) fn handle(self, core: &mut Core, input: Input<'_>) -> Self {
        if let Input::CaughtUp { session_id } = input {
            core.note_read(session_id);
        }
        if let Input::Open(opening) = &input
            && core.may_open()
        {
            core.opening = Some(opening.clone());
        }
        match (self, input) {
            (state, Input::Known(known)) => {
                core.cfg.known = known;
                core.changed();
                state
            }
            (state, Input::Shape(shape)) => {
                core.cfg.audio = shape;
                state
            }
            (state, Input::Deputies(signed)) => {
                if let Err(refusal) = core.kept_deputies(signed) {
                    core.refused(refusal);
                }
                state
            }
            // The answer can come when an organizer has opened already.
            (state, Input::Bundle { slot, blob }) if slot == core.deputies_slot() => {
                core.deputies_in_slot(blob);
                state
            }
            (state, Input::Open(_)) if !core.may_open() => {
                core.refused(Refusal::NotAllowed);
                state
            }
            (state, Input::Command(Command::SetMuted(muted))) => {
                core.muted = muted;
                core.changed();
                state.muted_changed(core)
            }
            (Self::Connecting(state), input) => state.handle(core, input),
            (Self::Joining(state), input) => state.handle(core, input),
            (Self::Live(state), input) => state.handle(core, input),
            (Self::Left(state), _) => Self::Left(state),
        }
    }

    fn muted_changed(self, core: &mut Core) -> Self {
        match self {
            Self::Live(mut live) => {
                live.send_ping(core);
                Self::Live(live)
            }
            other => other,
        }
    }

    /// The generator's, while somebody else looks after the key.
    pub(crate) fn pulse(&self, core: &Core) -> Option<Pulse> {
        match self {
            Self::Live(live) => live.pulse(core),
            _ => None,
        }
    }

    pub(crate) fn timeout_ms(&self, core: &Core) -> Option<u64> {
        match self {
            Self::Connecting(state) => state.timeout_ms(),
            Self::Joining(state) => state.timeout_ms(core),
            Self::Live(state) => Some(state.timeout_ms(core)),
            Self::Left(_) => None,
        }
    }
}
