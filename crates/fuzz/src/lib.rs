//! What the fuzzer runs: one function for each target, over bytes.
//!
//! Each function must return for every input: a panic is a finding. Beside that it asserts what
//! must hold of whatever passes: one value has one encoding, nothing opens that was not sealed, no
//! stranger becomes a member. `fuzz_targets/` gives each function to libFuzzer; `tests/` gives it
//! its seeds (`corpus/`) and thousands of changed ones, so that plain `cargo test` holds it too.
//!
//! **Behind the signatures** there is no null cryptography: production code has no such provider,
//! and one made for tests would be a hole to guard. [`member`] and [`generator`] hold real keys of
//! members instead and sign what the fuzzer composed, so that the engine's logic sees it. Box,
//! signature and MAC are computed for each message; that costs executions per second, not depth.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a target reports; what is unwrapped was made here"
)]

mod boxes;
mod engine;
mod frames;
mod history;
mod hub;
mod kept;
mod make;
mod media;
mod seeds;
mod stage;
mod tape;
mod texts;
mod wire;

pub use engine::{generator, member, outsider};
pub use hub::{hub, login};
pub use kept::{evidence, journal, journal_text, vault};
pub use media::media;
pub use seeds::{Seed, seeds};
pub use tape::Tape;

/// A target: its name, as cargo-fuzz and `corpus/` know it, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, the quick ones first.
pub const TARGETS: &[Target] = &[
    ("qr", texts::qr),
    ("link", texts::link),
    ("device_text", texts::device_text),
    ("passphrase", texts::passphrase),
    ("command", texts::command),
    ("packet", wire::packet),
    ("body", wire::body),
    ("value", wire::value),
    ("payload", frames::payload),
    ("frame", frames::frame),
    ("control_box", boxes::control_box),
    ("vault", kept::vault),
    ("evidence", kept::evidence),
    ("journal", kept::journal),
    ("journal_text", kept::journal_text),
    ("media", media::media),
    ("hub", hub::hub),
    ("prekey", boxes::prekey),
    ("wrap", boxes::wrap),
    ("login", hub::login),
    ("outsider", engine::outsider),
    ("member", engine::member),
    ("generator", engine::generator),
];

/// Runs a target by name; false if there is none.
pub fn run(name: &str, bytes: &[u8]) -> bool {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    if let Some((_, target)) = target {
        target(bytes);
    }
    target.is_some()
}
