//! Out of the meeting: nothing secret is left to hold.

use crate::Now;
use crate::core::Core;
use crate::journal::Event;
use crate::state::State;

/// Why this device is not in the meeting any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftWhy {
    /// The user left.
    Left,
    /// The meeting was ended for everyone.
    Ended,
    /// Kept out in the lobby.
    KeptOut,
    /// Removed.
    Removed,
    /// Another device of this user took the seat, by this one's word.
    Replaced,
    /// The meeting has a passphrase, and this device was given none or another.
    WrongPassphrase,
    /// Another process of this profile took the seat.
    Elsewhere,
}

/// The end state. States hold the secrets; dropping the state before this one erased them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    pub(crate) why: LeftWhy,
    pub(crate) at: Now,
}

impl Left {
    /// The caller gives up its state by passing through here.
    pub(crate) fn enter(core: &mut Core, why: LeftWhy) -> State {
        core.journal.erased_all(core.now);
        core.journal.note(Event::Over { why: why.into() }, core.now);
        core.changed();
        State::Left(Self { why, at: core.now })
    }
}
