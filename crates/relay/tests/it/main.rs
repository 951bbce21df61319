//! A real relay on loopback, and clients that need not be polite.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop where they fail"
)]

mod client;

mod binary;
mod hostile;
mod login;
mod meeting;
