//! `cargo xtask bench`: builds what measures, in release, and runs it.

use clap::Subcommand;
use xtask::paths::{release_binary, root};
use xtask::run::{command, run};

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum What {
    /// Rotations, removals, takeovers and frames, into `target/bench/keys.json`.
    Keys {
        /// Sizes of meeting, as in `5,15,50`.
        #[arg(long)]
        members: Option<String>,
    },
}

/// Measures.
///
/// # Errors
/// When it does not build, or a measurement fails.
pub(crate) fn run_all(what: &What) -> anyhow::Result<()> {
    run(&mut command("cargo", ["build", "--release", "--package", "standfast-bench"]))?;
    let What::Keys { members } = what;
    let mut bench = command(&release_binary("bench").to_string_lossy(), ["keys", "--out"]);
    bench.arg(root().join("target/bench"));
    if let Some(members) = members {
        bench.args(["--members", members]);
    }
    run(&mut bench)
}
