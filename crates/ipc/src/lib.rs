//! The one schema between the shell and the web UI.
//!
//! It owns three things: what the UI may ask for ([`Command`]), what it is shown ([`UiUpdate`] with
//! whole, revisioned [`AppView`] snapshots and separate [`Levels`]), and how a refusal looks
//! ([`UiError`]: a code, because the words live in the UI's language files).
//!
//! It deliberately holds no key, no audio and no logic. Fingerprints, words and digits are public.
//! The only secrets that ever cross are what the user just typed, a [`Passphrase`] or a
//! [`TypedCode`], and what the user is to show: an invite link, a pairing code that lives two minutes.
//!
//! The shell carries it with two functions: `dispatch(command: Command) -> Result<Reply, UiError>`
//! and `subscribe(updates: Channel<UiUpdate>)`, which sends a whole snapshot at once and after every
//! change.
//!
//! The contract: a snapshot replaces everything shown before it. The UI drops one whose `revision`
//! is not greater than the last, and keeps no copy of state beside it.
//!
//! Times are milliseconds since the Unix epoch on this computer's clock, which the web view shares,
//! so a snapshot does not change merely because time passes.
//!
//! The TypeScript side is generated into `ui/src/lib/ipc/bindings.ts` and committed; a test fails
//! when it is out of date and says how to renew it.
//!
//! ```
//! use standfast_ipc::{Command, JoinTarget};
//! let join = Command::Join { target: JoinTarget::Standup { id: "s1".into() }, muted: true, code: None };
//! assert!(format!("{join:?}").contains("s1"));
//! ```

mod app;
mod command;
mod connection;
mod device;
mod error;
mod identity;
mod journal;
mod meeting;
mod people;
mod settings;
mod sound;
mod standup;
mod talk;
mod timeline;
mod update;

#[cfg(test)]
mod bindings;

pub use app::{AppView, HostHere, RelayView};
pub use command::{Command, ExportForm, JoinTarget, Reply};
pub use connection::{Connection, Quality};
pub use device::{DeviceLink, DeviceOffer, DeviceRequest, TypedCode};
pub use error::{ErrorCode, UiError};
pub use identity::{
    Asking, Fingerprint, IdentityView, KeyPlace, KeychainCause, KeychainTrouble, Passphrase, Trust,
    TypedPassphrase,
};
pub use journal::{
    By, Chain, EvidenceKind, JournalEvent, JournalRow, JournalView, LeftReason, RefusedCause,
    SignOfLife, SpokenEnd,
};
pub use meeting::{
    EpochView, EvidenceView, Heartbeat, MeetingPhase, MeetingView, Microphone, PendingEpoch,
    Rights, Split, Spoken, Takeover,
};
pub use people::{LobbyEntry, MemberView, OwnerView, Presence, RemovedView, Role};
pub use settings::{
    AudioDevice, DeviceChoice, DeviceKind, Devices, Hint, MicrophoneTest, Setting, Settings, Theme,
    VoiceQuality,
};
pub use sound::{SoundFigures, SoundFrom};
pub use standup::{
    Arrival, Contact, LinkPreview, RecentMeeting, RelayReach, Standup, StandupMember,
    StandupPassphrase,
};
pub use talk::{GlobalKey, GlobalKeyState, TalkKey};
pub use timeline::{Confirmation, KeyPhase, KeyReason, TimelineEntry};
pub use update::{Levels, MemberLevel, UiUpdate};
