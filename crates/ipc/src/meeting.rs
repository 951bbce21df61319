//! The meeting as it is now: facts only. What is said about them is decided in the UI.

use serde::{Deserialize, Serialize};

use crate::{Arrival, Fingerprint, KeyReason, TimelineEntry, Trust};

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
    },
    /// In the lobby: nobody hears us yet.
    Lobby {
        /// Who may let us in, if the name is known.
        organizer: Option<String>,
    },
    /// Not let in.
    Refused {
        /// By whom, if known.
        by: Option<String>,
    },
    /// The meeting takes nobody new.
    Locked,
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
        /// Ended for everyone, not only left.
        for_everyone: bool,
    },
}

/// A person or a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A person.
    Person,
    /// A bot, with an owner.
    Bot,
}

/// How somebody on the roster is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Present and confirmed.
    In,
    /// Has not confirmed yet, may not hear.
    Joining,
    /// Gone, but can hear until the next epoch is in use.
    Leaving,
    /// Holds a wrap and has not arrived: can listen.
    Invited,
    /// No connection.
    Reconnecting,
    /// A bot off the record: no key, hears nothing.
    Off,
}

/// Somebody on the roster, this device included. Places never change; new ones come last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct MemberView {
    /// The roster index, the handle that commands name them by.
    pub idx: u16,
    /// Display name.
    pub name: String,
    /// This device.
    pub me: bool,
    /// The organizer of the meeting.
    pub organizer: bool,
    /// Person or bot.
    pub role: Role,
    /// A bot's owner.
    pub owner: Option<String>,
    /// What is known about the key.
    pub trust: Trust,
    /// How they are there.
    pub presence: Presence,
    /// A signed ack for the current epoch is in hand.
    pub confirmed: bool,
    /// Their microphone is muted.
    pub muted: bool,
    /// Speaking now, held for 400 ms.
    pub speaking: bool,
    /// Volume here, in percent, 0 to 200.
    pub volume: u16,
    /// Muted here, by this user.
    pub muted_here: bool,
    /// The key.
    pub fingerprint: Fingerprint,
    /// The key pinned under this name, when it is another.
    pub pinned: Option<Fingerprint>,
    /// When the key was first met.
    pub first_met_ms: Option<u64>,
    /// Their connection, when it is known.
    pub connection: Option<Connection>,
}

/// Somebody who asks to come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LobbyEntry {
    /// The request, the handle that commands name it by.
    pub id: String,
    /// The display name they give.
    pub name: String,
    /// Person or bot.
    pub role: Role,
    /// A bot's owner.
    pub owner: Option<String>,
    /// What is known about the key.
    pub trust: Trust,
    /// The key at the door.
    pub fingerprint: Fingerprint,
    /// The key pinned under this name, when it is another.
    pub pinned: Option<Fingerprint>,
    /// When the pinned key was verified.
    pub verified_at_ms: Option<u64>,
    /// How they came.
    pub arrival: Arrival,
    /// Waiting since.
    pub since_ms: u64,
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

/// Somebody else looks after the key since a moment ago. Present until the epoch is confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Takeover {
    /// Who does now.
    pub name: String,
    /// Who did before.
    pub gone: String,
    /// The epoch made by it.
    pub epoch: u32,
}

/// The meeting was in two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Split {
    /// From when.
    pub from_ms: u64,
    /// Until when.
    pub to_ms: u64,
    /// The epoch in which it is one again.
    pub epoch: u32,
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

/// A connection in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Under 150 ms and 2 % loss.
    Good,
    /// In between.
    Fair,
    /// Over 300 ms or 5 % loss.
    Weak,
    /// None at the moment.
    Reconnecting,
}

/// A connection with its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// In one word.
    pub quality: Quality,
    /// Round trip to the relay, if measured.
    pub rtt_ms: Option<u32>,
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
    /// The whole invite link.
    pub link: String,
    /// Where this device stands.
    pub phase: MeetingPhase,
    /// When the meeting opened.
    pub started_at_ms: Option<u64>,
    /// This device's roster index, once it has one.
    pub me: Option<u16>,
    /// This user may let people in and keep them out.
    pub may_admit: bool,
    /// This user may end the meeting for everyone.
    pub may_end: bool,
    /// This user may ask for a new key.
    pub may_rotate: bool,
    /// Who looks after the key when this device leaves, if this device does now.
    pub successor: Option<String>,
    /// The epoch in use.
    pub epoch: Option<EpochView>,
    /// A newer epoch that is not in use yet.
    pub pending: Option<PendingEpoch>,
    /// The generator's sign of life.
    pub heartbeat: Option<Heartbeat>,
    /// A fresh takeover.
    pub takeover: Option<Takeover>,
    /// A healed split that has not been read.
    pub split: Option<Split>,
    /// The roster.
    pub members: Vec<MemberView>,
    /// Names of members for whom the key waits and who are not on the roster.
    pub awaited: Vec<String>,
    /// Who asks to come in.
    pub lobby: Vec<LobbyEntry>,
    /// The meeting code of the epoch in use: thirty digits without spaces.
    pub code: Option<String>,
    /// One entry per epoch, newest first.
    pub timeline: Vec<TimelineEntry>,
    /// This device's microphone.
    pub microphone: Microphone,
    /// This device's connection to the relay.
    pub connection: Connection,
}
