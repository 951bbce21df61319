//! The vault against a real keychain daemon on a private bus, one process per question.
//!
//! Needs `dbus-daemon` and `gnome-keyring-daemon`. Without them the tests say so and pass, unless
//! `STANDFAST_REQUIRE_KEYCHAIN=1` is set: then they fail.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper that fails is a failed test")]

mod act;
mod desk;
mod secret_service;
