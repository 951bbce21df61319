//! The key timeline: one entry per epoch.

use serde::{Deserialize, Serialize};

/// Why a key was made. Names are display names; "you" is the UI's business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum KeyReason {
    /// The meeting began.
    Started,
    /// People joined.
    Joined {
        /// Who.
        names: Vec<String>,
    },
    /// People left.
    Left {
        /// Who.
        names: Vec<String>,
    },
    /// Connections dropped.
    Dropped {
        /// Whose.
        names: Vec<String>,
    },
    /// Someone was removed.
    Removed {
        /// Who.
        name: String,
        /// By whom, if that was written down.
        by: Option<String>,
    },
    /// Invitations ran out: some who could listen did not arrive.
    InvitationsExpired {
        /// Whose.
        names: Vec<String>,
    },
    /// A bot was let in.
    BotAdmitted {
        /// The bot.
        name: String,
        /// By whom, if that was written down.
        by: Option<String>,
    },
    /// A bot lost the key.
    OffRecord {
        /// The bot.
        name: String,
    },
    /// A bot got the key back.
    OnRecord {
        /// The bot.
        name: String,
    },
    /// Whoever looks after the key came back from a break, and nobody else had taken over.
    Back {
        /// Who.
        name: String,
    },
    /// The interval passed.
    Timer {
        /// Its length.
        minutes: u32,
    },
    /// Someone asked for a new key.
    Requested {
        /// Who, if that was written down.
        by: Option<String>,
    },
    /// Someone changed the device.
    DeviceChanged {
        /// Who.
        name: String,
    },
    /// Someone else looks after the key now.
    Takeover {
        /// Who.
        name: String,
    },
    /// Two parts of the meeting became one.
    SplitHealed,
}

/// How far the key of one epoch has come on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum KeyPhase {
    /// Drawn.
    Made,
    /// Handed out.
    Shared,
    /// Sealing and opening.
    InUse,
    /// Followed by another; opens late frames until it is erased.
    Retiring,
    /// Gone from this device.
    Erased,
}

/// One member's signed confirmation of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Confirmation {
    /// Display name.
    pub name: String,
    /// When it reached this device.
    pub at_ms: u64,
}

/// One epoch's life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// The epoch's number.
    pub epoch: u32,
    /// Why it was made.
    pub reason: KeyReason,
    /// Display name of whoever's device made it.
    pub made_by: String,
    /// This device made it.
    pub made_here: bool,
    /// Who got it, by name, without whoever made it.
    #[serde(default)]
    pub shared_with: Vec<String>,
    /// Who confirmed it, in the order of arrival; empty where that was not written down.
    #[serde(default)]
    pub confirmations: Vec<Confirmation>,
    /// How many have confirmed, this device included.
    pub confirmed: u32,
    /// Of how many.
    pub members: u32,
    /// How far it has come.
    pub phase: KeyPhase,
    /// When it was made or first seen.
    pub made_at_ms: u64,
    /// When it came into use.
    pub in_use_at_ms: Option<u64>,
    /// When another came into use after it.
    #[serde(default)]
    pub retired_at_ms: Option<u64>,
    /// When it was erased or, while `phase` is `retiring`, when it will be.
    pub erased_at_ms: Option<u64>,
}
