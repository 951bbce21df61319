//! What the command line can ask for.

use clap::Parser;
use standfast_desk::{DeskOptions, KeychainSource, ProfileName};
use std::path::PathBuf;

/// Standfast: an end-to-end encrypted standup.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Keeps a person apart from others on this computer: own key, own contacts, own standups.
    #[arg(long, default_value = "default", value_name = "NAME", value_parser = ProfileName::new)]
    pub(crate) profile: ProfileName,
    /// The relay that new standups use, as `host:port`.
    #[arg(long)]
    relay: Option<String>,
    /// After each meeting, append its figures to this file as one line of JSON: counts, times and
    /// the journal of its keys; no secret, no code, no link.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Left edge of the window, in logical pixels.
    #[arg(long, requires = "y", allow_negative_numbers = true)]
    pub(crate) x: Option<f64>,
    /// Top edge of the window, in logical pixels.
    #[arg(long, requires = "x", allow_negative_numbers = true)]
    pub(crate) y: Option<f64>,
    /// Width of the window, in logical pixels.
    #[arg(long, default_value_t = 1080.0)]
    pub(crate) width: f64,
    /// Height of the window, in logical pixels.
    #[arg(long, default_value_t = 760.0)]
    pub(crate) height: f64,
    /// An invite link. It is shown, never joined by itself.
    link: Option<String>,
}

impl Args {
    /// The part that is not about the window.
    pub(crate) fn desk(&self) -> DeskOptions {
        DeskOptions {
            profile: self.profile.clone(),
            relay: self.relay.clone(),
            link: self.link.clone(),
            report: self.report.clone(),
            data_dir: None,
            keychain: KeychainSource::Native,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(args: &[&str]) -> bool {
        Args::try_parse_from(["standfast-app"].iter().chain(args)).is_ok()
    }

    #[test]
    fn a_profile_cannot_leave_its_folder() {
        assert!(accepted(&["--profile", "leo-2"]));
        for bad in ["", "..", "a/b", "a b"] {
            assert!(!accepted(&["--profile", bad]), "{bad:?}");
        }
    }

    #[test]
    fn a_window_place_needs_both_edges() {
        assert!(!accepted(&["--x", "10"]));
        assert!(accepted(&["--x", "-10", "--y", "0"]));
    }
}
