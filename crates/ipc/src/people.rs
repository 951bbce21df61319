//! Who is there, who asks to come in, and who was removed.

use serde::{Deserialize, Serialize};

use crate::{Arrival, Connection, Fingerprint, Trust};

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

/// Who brings a bot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct OwnerView {
    /// Display name.
    pub name: String,
    /// This user.
    pub me: bool,
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
    /// May let in, keep out, remove and lock.
    pub host: bool,
    /// May open the meeting when the organizer is away.
    pub deputy: bool,
    /// Looks after the key.
    pub generator: bool,
    /// Person or bot.
    pub role: Role,
    /// A bot's owner, by the owner's own signature.
    pub owner: Option<OwnerView>,
    /// This device looks after the bot when its owner leaves.
    pub standby: bool,
    /// The name of the device that this one replaces, which vouched for it.
    pub replaces: Option<String>,
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
    /// Whom a bot names as its owner.
    pub owner: Option<OwnerView>,
    /// The owner has said that the bot is theirs; without, nobody can let it in.
    pub owned: bool,
    /// This user is named as the owner and has not said yes or no.
    pub asks_me: bool,
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

/// Somebody who was removed from this meeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RemovedView {
    /// Display name.
    pub name: String,
    /// The key, whose id commands name them by.
    pub fingerprint: Fingerprint,
}
