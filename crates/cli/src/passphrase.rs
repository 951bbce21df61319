//! The passphrase of a meeting: read from a file, never from the command line, where every process
//! of this computer could read it.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::json;
use standfast_client::passphrase::WithPassphrase;
use standfast_client::profile::{Profile, ProfileError};
use standfast_crypto::{Link, Passphrase, PassphraseKey};
use standfast_meeting::{LeftWhy, Phase};
use zeroize::Zeroizing;

use crate::report;

/// The exit code when the passphrase was missing or another.
const EXIT: u8 = 3;

/// The passphrase in the file, stretched for the link's meeting. White space around it does not
/// count, so the file may end with a new line.
pub(crate) fn read(path: &Path, link: &Link) -> Result<PassphraseKey> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let passphrase = Passphrase::new(&Zeroizing::new(text))
        .with_context(|| format!("no passphrase in {}", path.display()))?;
    passphrase
        .stretch(&link.meeting_id)
        .context("64 MiB of memory are needed to stretch a passphrase")
}

/// What to join with.
pub(crate) fn given(path: Option<&Path>, link: &Link) -> Result<WithPassphrase> {
    let Some(path) = path else { return Ok(WithPassphrase::Remembered) };
    Ok(WithPassphrase::Given(Arc::new(read(path, link)?)))
}

/// Says that the passphrase was missing or wrong, if that is how the meeting ended.
pub(crate) fn refused(phase: Phase, given: bool) -> Option<ExitCode> {
    (phase == Phase::Left(LeftWhy::WrongPassphrase)).then(|| say(given))
}

/// The same for an organizer, who is told before anything is opened.
pub(crate) fn refused_before(err: &ProfileError) -> Option<ExitCode> {
    match err {
        ProfileError::PassphraseMissing => Some(say(false)),
        ProfileError::PassphraseOther => Some(say(true)),
        _ => None,
    }
}

fn say(given: bool) -> ExitCode {
    let (code, words) = if given {
        ("passphrase_wrong", "That is not the passphrase of this meeting.")
    } else {
        ("passphrase_missing", "This meeting has a passphrase. Ask your team for it.")
    };
    report::line(&json!({ "event": "refused", "code": code }));
    eprintln!("{words}");
    ExitCode::from(EXIT)
}

/// Whether a call is started with a passphrase.
pub(crate) fn has_one(profile: &Profile, link: &Link, with: &WithPassphrase) -> Result<bool> {
    use standfast_client::passphrase::PassphraseMemory::Remembered;
    let remembered = profile.passphrase_memory(&link.meeting_id)? == Remembered;
    Ok(match with {
        WithPassphrase::Given(_) => true,
        WithPassphrase::Remembered => remembered,
        WithPassphrase::Without => false,
    })
}
