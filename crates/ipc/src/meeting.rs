//! The meeting as it is now: facts only. What is said about them is decided in the UI.

use serde::{Deserialize, Serialize};

use crate::{
    Connection, DeviceOffer, EvidenceKind, KeyReason, LeftReason, LobbyEntry, MemberView,
    RemovedView, TimelineEntry,
};

/// Where this device stands with the meeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum MeetingPhase {
    /// Connecting to the relay, reading the board.
    Connecting,
    /// Nobody has opened the meeting yet.
    Waiting {
        /// Who is waited for, if the name is known.
        for_name: Option<String>,
        /// This user may open it instead.
        may_open: bool,
    },
    /// In the lobby: nobody hears us yet.
    Lobby {
        /// Who may let us in, if the name is known.
        organizer: Option<String>,
    },
    /// Removed from this meeting before: nobody can let this device in until the organizer lets it
    /// ask again.
    RemovedBefore {
        /// The organizer's name, if it is known.
        organizer: Option<String>,
    },
    /// Not let in.
    Refused {
        /// By whom, if known.
        by: Option<String>,
    },
    /// The meeting takes nobody new.
    Locked,
    /// The meeting has a passphrase, and this device has joined with none or with another. It is
    /// not connected any more.
    Passphrase {
        /// One was given or remembered, which is not the right one.
        given: bool,
    },
    /// In the meeting.
    Live,
    /// Connection lost; the microphone is closed meanwhile.
    Reconnecting {
        /// Since when.
        since_ms: u64,
    },
    /// Over, for us or for everyone.
    Ended {
        /// When.
        at_ms: u64,
        /// When the last key was gone from this computer's memory.
        erased_at_ms: Option<u64>,
        /// Why this device is out of it.
        why: LeftReason,
    },
}

/// The epoch that is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct EpochView {
    /// Its number.
    pub number: u32,
    /// When it was made.
    pub made_at_ms: u64,
    /// How many have confirmed, by signed acks, this device included.
    pub confirmed: u32,
    /// Of how many.
    pub members: u32,
}

/// A new epoch that is not in use yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct PendingEpoch {
    /// Its number.
    pub number: u32,
    /// Why it was made.
    pub reason: KeyReason,
    /// Who is not in it and can hear until it is in use.
    pub leavers: Vec<String>,
    /// How many have confirmed it.
    pub confirmed: u32,
    /// Of how many.
    pub members: u32,
}

/// The sign of life of whoever looks after the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// Display name of whoever looks after the key.
    pub generator: String,
    /// This device does.
    pub here: bool,
    /// The last valid heartbeat.
    pub last_at_ms: u64,
    /// Three were missed, or it lags 6 s.
    pub stale: bool,
}

/// Somebody else looks after the key than when the meeting began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Takeover {
    /// Who does now.
    pub name: String,
    /// Who did before.
    pub before: String,
    /// That one is not in the meeting any more.
    pub gone: bool,
    /// The first epoch of it.
    pub epoch: u32,
    /// When that epoch was made or first seen.
    pub at_ms: u64,
    /// Everyone has confirmed that epoch or a later one.
    pub settled: bool,
}

/// The meeting was in two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Split {
    /// From when.
    pub from_ms: u64,
    /// Until when; `None` while it lasts.
    pub to_ms: Option<u64>,
    /// The epoch in which it is one again.
    pub epoch: Option<u32>,
    /// The user has opened it since it ended.
    pub read: bool,
}

/// This device's microphone, as far as the meeting is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Microphone {
    /// Sent when there is sound.
    Open,
    /// Muted by the user.
    Muted,
    /// 15 s without a heartbeat: nothing is sent.
    ClosedNoHeartbeat,
    /// No connection: nothing is sent.
    ClosedReconnecting,
    /// Not live yet: nothing is sent.
    ClosedNotLive,
    /// There is no microphone: listening only.
    NoDevice,
}

/// A run of the spoken code: three words that are the same for everyone only if nobody sits between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Spoken {
    /// No run.
    Idle,
    /// Devices are getting ready.
    Running {
        /// How many are ready.
        have: u32,
        /// Of how many.
        of: u32,
    },
    /// The three words.
    Code {
        /// In the order in which they are read.
        words: Vec<String>,
    },
    /// The run did not end well; it may be started anew.
    Failed {
        /// How often in a row.
        times: u32,
    },
    /// It failed too often: people compare fingerprints instead.
    CompareFingerprints,
}

/// Something that was refused and is kept with its signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct EvidenceView {
    /// The handle within this meeting.
    pub id: String,
    /// Of what.
    pub what: EvidenceKind,
    /// Against whom, if that is known.
    pub against: Option<String>,
}

/// What this user may do in the meeting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Rights {
    /// Let in, keep out, remove, lock, ask for a new key.
    pub host: bool,
    /// Let somebody who was removed ask again.
    pub organizer: bool,
    /// End the meeting for everyone.
    pub end: bool,
}

/// The meeting that this device is in, or was in until the ended screen is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct MeetingView {
    /// [`crate::Standup::id`].
    pub standup: String,
    /// The standup's title.
    pub title: String,
    /// The organizer's name, if it is known: here, or from an earlier meeting.
    pub organizer_name: Option<String>,
    /// The whole invite link.
    pub link: String,
    /// Where this device stands.
    pub phase: MeetingPhase,
    /// When the meeting opened.
    pub started_at_ms: Option<u64>,
    /// This device's roster index, once it has one.
    pub me: Option<u16>,
    /// What this user may do now.
    pub rights: Rights,
    /// Only people whose keys this meeting has seen come in.
    pub locked: bool,
    /// Who looks after the key when this device leaves, if this device does now.
    pub successor: Option<String>,
    /// The epoch in use.
    pub epoch: Option<EpochView>,
    /// A newer epoch that is not in use yet.
    pub pending: Option<PendingEpoch>,
    /// The generator's sign of life.
    pub heartbeat: Option<Heartbeat>,
    /// The newest takeover of this meeting.
    pub takeover: Option<Takeover>,
    /// The newest split of this meeting.
    pub split: Option<Split>,
    /// The roster.
    pub members: Vec<MemberView>,
    /// Names of members for whom the key waits and who are not on the roster.
    pub awaited: Vec<String>,
    /// Who asks to come in.
    pub lobby: Vec<LobbyEntry>,
    /// Another device of this user that is being brought in.
    pub device: Option<DeviceOffer>,
    /// This device joins as another device of its user, and the one before has to say so.
    pub as_new_device: bool,
    /// Who was removed, and stays out until the organizer lets them ask again.
    pub removed: Vec<RemovedView>,
    /// The meeting code of the epoch in use: thirty digits without spaces.
    pub code: Option<String>,
    /// The spoken code; `None` where this meeting has none.
    pub spoken: Option<Spoken>,
    /// What was kept as evidence, oldest first.
    pub evidence: Vec<EvidenceView>,
    /// One entry per epoch, newest first.
    pub timeline: Vec<TimelineEntry>,
    /// This device's microphone.
    pub microphone: Microphone,
    /// This device's connection to the relay.
    pub connection: Connection,
}
