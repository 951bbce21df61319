//! The full journal of a meeting: every accepted or refused step, chained by hash.

use serde::{Deserialize, Serialize};

use crate::{KeyReason, TimelineEntry};

/// A journal as this device can show it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct JournalView {
    /// Whether the chain holds; `None` where only the timeline was kept.
    pub chain: Option<Chain>,
    /// Every step, newest first.
    pub rows: Vec<JournalRow>,
    /// One entry per epoch, newest first.
    pub timeline: Vec<TimelineEntry>,
}

/// Whether a journal is as its device signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Chain {
    /// Every entry is as it was signed.
    Complete {
        /// How many there are.
        entries: u64,
    },
    /// An entry is not the one that was signed.
    Broken {
        /// Its number, counted from 0.
        at: u64,
    },
    /// Entries are missing, or the signature does not fit.
    Unsigned,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct JournalRow {
    /// Its number in the chain, counted from 0.
    pub n: u64,
    /// When, by this device's clock.
    pub at_ms: u64,
    /// The epoch that it is about, or that was in use then.
    pub epoch: Option<u32>,
    /// What.
    pub event: JournalEvent,
    /// Whose step it was.
    pub by: By,
}

/// Whose step it was, by a signature that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum By {
    /// This device.
    Here,
    /// Another member's device.
    Member {
        /// Display name.
        name: String,
    },
    /// Everyone present.
    All,
    /// This device saw it, and says nothing of who did it.
    Seen,
}

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum RefusedCause {
    /// Not a message of this meeting.
    Malformed,
    /// A signature or seal does not fit.
    NotAuthentic,
    /// Its sender may not do this.
    NotAllowed,
    /// Sent before, too old, or out of order.
    Stale,
    /// Builds on something that did not come.
    Missing,
    /// Contradicts what everyone agreed on.
    Inconsistent,
    /// A part of the protocol that this version does not know.
    Unsupported,
}

/// What kept evidence shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// Two keys announced by one device for one epoch.
    TwoAnnounces,
    /// A frame under the shared key that no honest device makes.
    ForgedFrame,
    /// Another session was shown beside the one that lives.
    OtherSession,
}

/// What is known of the sign of life of whoever looks after the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum SignOfLife {
    /// Fresh again.
    Steady,
    /// Three were missed, or it lags 6 s.
    Stale,
    /// 15 s: the microphone was closed.
    Cut,
    /// 60 s: everything was erased.
    Forgotten,
}

/// How a run of the spoken code ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum SpokenEnd {
    /// Three words were shown.
    Shown,
    /// A new epoch came in between.
    Rotated,
    /// Something did not come in time.
    Missing,
    /// A device gave what it had not promised.
    Cheated,
    /// Another run took its place.
    Replaced,
    /// Not everyone had confirmed the epoch.
    TooEarly,
}

/// Why this device is out of the meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum LeftReason {
    /// The user left.
    Left,
    /// Ended for everyone.
    Ended,
    /// Kept out in the lobby.
    KeptOut,
    /// Removed.
    Removed,
    /// Another process of this profile took the seat.
    Elsewhere,
    /// Another device of this user took its place.
    Replaced,
    /// The meeting's passphrase is another.
    WrongPassphrase,
}

/// What happened. Names are display names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum JournalEvent {
    /// This device opened the meeting, or found it open.
    Opened {
        /// This device opened it.
        here: bool,
    },
    /// A new epoch was made and shared.
    EpochMade {
        /// Why; `None` where too many came since.
        reason: Option<KeyReason>,
        /// With how many it was shared.
        shared_with: u32,
    },
    /// A member confirmed.
    Confirmed {
        /// Who.
        name: String,
    },
    /// Everyone present has confirmed, for the first time.
    AllConfirmed {
        /// How many.
        members: u32,
        /// Since it was made or first seen, ms.
        after_ms: u64,
    },
    /// Somebody who was invited arrived.
    Arrived {
        /// Who.
        name: String,
    },
    /// This device seals under it.
    InUse,
    /// Another is in use.
    Retired,
    /// Its keys are gone from this device.
    Erased,
    /// Every key of the meeting is gone from this device.
    AllErased,
    /// Somebody asked to be let in.
    Asked {
        /// Who.
        name: String,
        /// A bot.
        bot: bool,
    },
    /// Somebody waits in the lobby.
    Waits {
        /// Who.
        name: String,
    },
    /// Let in by hand.
    Admitted {
        /// Who.
        name: String,
    },
    /// Kept out.
    KeptOut {
        /// Who.
        name: String,
    },
    /// Locked or unlocked.
    Locked {
        /// On or off.
        locked: bool,
    },
    /// Removed.
    Removed {
        /// Who.
        name: String,
    },
    /// May ask again.
    Readmitted {
        /// Who.
        name: String,
    },
    /// Somebody else looks after the key.
    TookOver {
        /// Who.
        name: String,
        /// After whom.
        before: String,
    },
    /// The key's care was handed on.
    HandedOver {
        /// To whom.
        to: String,
    },
    /// The meeting is in two parts.
    SplitSeen {
        /// Since when.
        from_ms: u64,
    },
    /// The parts are one again.
    Merged {
        /// Since when they were two.
        from_ms: u64,
        /// Until when.
        until_ms: u64,
    },
    /// The sign of life changed.
    SignOfLife {
        /// To this.
        now: SignOfLife,
    },
    /// The connection was lost, or is back.
    Line {
        /// There is one.
        up: bool,
    },
    /// Messages were refused.
    Refused {
        /// Why.
        cause: RefusedCause,
        /// How many.
        count: u64,
    },
    /// Evidence was kept.
    Evidence {
        /// Of what.
        what: EvidenceKind,
        /// Against whom, if that is known.
        against: Option<String>,
    },
    /// A run of the spoken code ended.
    Spoken {
        /// How.
        how: SpokenEnd,
    },
    /// Somebody changed the device.
    DeviceChanged {
        /// Who.
        name: String,
    },
    /// Somebody looks after a bot.
    BotOwned {
        /// The bot.
        bot: String,
        /// Who.
        owner: String,
    },
    /// More came from outside than the journal takes.
    Omitted {
        /// How many.
        count: u64,
    },
    /// This device is out of the meeting.
    Over {
        /// Why.
        why: LeftReason,
    },
}
