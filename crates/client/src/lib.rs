//! The driver that joins network, sound and the meeting engine.
//!
//! [`Call`](call::Call) is one meeting on one device: it runs the sans-IO engine of
//! `standfast-meeting` on a thread of its own, between a relay ([`transport`]) and the sound
//! devices ([`voice`]). It decides nothing about keys and shows nothing: the desktop application
//! without its window is `standfast-desk`, the command line is `standfast-cli`.

pub mod call;
pub mod clock;
pub mod entropy;
pub mod figures;
pub mod journal;
pub mod locked;
pub mod pairing;
pub mod passphrase;
mod priority;
pub mod profile;
pub mod transport;
pub mod voice;
