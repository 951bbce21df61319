//! Standups, contacts and links: what home shows.

use serde::{Deserialize, Serialize};

use crate::{DeviceLink, Fingerprint, Trust};

/// A member of a standup, as remembered on this computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct StandupMember {
    /// Display name.
    pub name: String,
    /// What is known about the key.
    pub trust: Trust,
    /// A wrap can be made in advance. Without, the member gets the key on joining.
    pub key_waiting: bool,
    /// In the meeting right now, as far as this computer knows.
    pub present: bool,
}

/// Whether the relay answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum RelayReach {
    /// Not tried.
    Unknown,
    /// Answers.
    Reachable,
    /// Does not answer; it is tried again.
    Unreachable,
}

/// What this computer knows of a standup's passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum StandupPassphrase {
    /// It has none, as far as is known here: a link does not say.
    None,
    /// It has one, which is asked for before joining.
    Asked,
    /// It has one, which is remembered.
    Remembered,
}

/// A recurring meeting that this profile is part of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Standup {
    /// The handle that commands name it by.
    pub id: String,
    /// What the team calls it.
    pub title: String,
    /// The whole invite link.
    pub link: String,
    /// This profile is the organizer.
    pub organizer: bool,
    /// Name of the organizer, if known.
    pub organizer_name: Option<String>,
    /// The relay's address.
    pub relay: String,
    /// Whether that relay answers.
    pub relay_reach: RelayReach,
    /// The next time, if there is a schedule.
    pub next_at_ms: Option<u64>,
    /// When it last met.
    pub last_met_ms: Option<u64>,
    /// Its passphrase.
    pub passphrase: StandupPassphrase,
    /// Everybody else in it.
    pub members: Vec<StandupMember>,
}

/// A person whose key this computer remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Display name.
    pub name: String,
    /// The key.
    pub fingerprint: Fingerprint,
    /// What is known about the key.
    pub trust: Trust,
    /// When it was first met.
    pub first_met_ms: Option<u64>,
    /// When it was verified.
    pub verified_at_ms: Option<u64>,
}

/// A meeting that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RecentMeeting {
    /// The handle that commands name it by.
    pub id: String,
    /// The standup's title.
    pub title: String,
    /// When it began.
    pub started_at_ms: u64,
    /// How long this computer was in it.
    pub length_ms: u64,
    /// How many epochs it had.
    pub epochs: u32,
    /// The last epoch was confirmed by everyone.
    pub confirmed: bool,
}

/// What a link says, before anything is done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LinkPreview {
    /// The link itself.
    pub link: String,
    /// The relay it names.
    pub relay: String,
    /// The organizer's key.
    pub organizer: Fingerprint,
    /// The organizer's name, if the key is a contact's.
    pub organizer_name: Option<String>,
    /// What is known about that key.
    pub organizer_trust: Trust,
    /// The standup with this link, if there is one already.
    pub standup: Option<String>,
    /// Another device of the same user showed it.
    pub device: Option<DeviceLink>,
}

/// How somebody in the lobby came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// With the link, for the first time.
    FirstTime,
    /// Known here, not scheduled for this meeting.
    KnownContact,
    /// Was removed from this meeting before.
    RemovedBefore,
}
