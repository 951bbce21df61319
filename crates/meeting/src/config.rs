//! What an engine is told at birth.

use std::sync::Arc;

use standfast_crypto::{Fingerprint, Identity, LinkKeys, PairingCode, PrivateBundle};
use standfast_wire::control::Policy;

/// A moment, given with every input. The engine has no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Milliseconds of a clock that never runs backwards and goes on while the device sleeps.
    pub mono_ms: u64,
    /// Milliseconds since 1970, for people to read. Nothing is decided by it.
    pub wall_ms: u64,
}

/// Somebody whose key this device has pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The pinned key.
    pub fp: Fingerprint,
    /// The name it is pinned under.
    pub name: String,
    /// This device's user has compared it.
    pub verified: bool,
}

/// How to open a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Members for whom the key is wrapped in advance.
    pub scheduled: Vec<Fingerprint>,
    /// The rules.
    pub policy: Policy,
}

/// How this device takes part.
pub enum Part {
    /// Opens a new session. Only the organizer named in the link is believed, and its deputies.
    Organizer {
        /// Members for whom the key is wrapped in advance.
        scheduled: Vec<Fingerprint>,
        /// The rules.
        policy: Policy,
    },
    /// Joins a session that the organizer or a deputy opens.
    Member {
        /// Private prekey bundles for this meeting that the keychain holds.
        prekeys: Vec<PrivateBundle>,
    },
    /// Joins as a bot: listens, speaks, and is shown as what it is.
    Bot {
        /// Whom it names as its owner. That member's device has to confirm it.
        owner: Fingerprint,
    },
    /// Joins to replace another device of the same user, which vouches for this one.
    NewDevice {
        /// The device that showed the pairing code.
        old: Fingerprint,
        /// The code.
        code: PairingCode,
    },
}

/// Everything that does not change during a meeting.
pub struct Config {
    /// This device.
    pub identity: Arc<Identity>,
    /// From the link.
    pub meeting_id: [u8; 16],
    /// From the link.
    pub organizer: Fingerprint,
    /// From the link.
    pub link: LinkKeys,
    /// What the others call this user; at most 64 bytes.
    pub name: String,
    /// Organizer or member.
    pub part: Part,
    /// Pinned keys.
    pub known: Vec<Known>,
    /// Starts muted.
    pub muted: bool,
    /// What the microphone's packets are like, until [`Input::Shape`](crate::Input::Shape).
    pub audio: PacketShape,
}

/// What all packets of a microphone are like, so that sizes say nothing of what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketShape {
    /// Size of every audio payload without copies before sealing, bytes.
    pub payload_bytes: usize,
    /// How much sound a packet holds.
    pub length: PacketLength,
}

impl PacketShape {
    /// Packets of 20 ms in payloads of this size.
    #[must_use]
    pub const fn of_20_ms(payload_bytes: usize) -> Self {
        Self { payload_bytes, length: PacketLength::Ms20 }
    }
}

/// How much sound a packet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketLength {
    /// 10 ms.
    Ms10,
    /// 20 ms.
    Ms20,
}

impl PacketLength {
    /// At 48 kHz, the pace of the media clock.
    #[must_use]
    pub const fn samples(self) -> u32 {
        match self {
            Self::Ms10 => 480,
            Self::Ms20 => 960,
        }
    }

    /// Milliseconds.
    #[must_use]
    pub const fn ms(self) -> u32 {
        match self {
            Self::Ms10 => 10,
            Self::Ms20 => 20,
        }
    }
}
