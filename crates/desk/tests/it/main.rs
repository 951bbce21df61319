//! Desks on one machine, one real relay between them, and a keychain in memory.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod authority;
mod bot;
mod deputy;
mod seat;
mod standup;
