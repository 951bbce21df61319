//! `cargo xtask bench`: builds what measures, in release, and runs it.

use crate::setup;
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
    /// Speech over bad paths, clock drift, processor and memory, into `target/bench/voice.json`.
    Voice {
        /// Less of everything, in two minutes.
        #[arg(long)]
        quick: bool,
        /// Only these paths, as in `loss-5,mobile`, and nothing that has no path.
        #[arg(long)]
        paths: Option<String>,
    },
}

/// Measures.
///
/// # Errors
/// When it does not build, or a measurement fails.
pub(crate) fn run_all(what: &What) -> anyhow::Result<()> {
    if matches!(what, What::Voice { .. }) {
        setup::voice_bench();
    }
    run(&mut command("cargo", ["build", "--release", "--package", "standfast-bench"]))?;
    let bench = |part| {
        let mut bench = command(&release_binary("bench").to_string_lossy(), [part, "--out"]);
        bench.arg(root().join("target/bench"));
        bench
    };
    match what {
        What::Keys { members } => {
            let members = members.iter().flat_map(|members| ["--members", members]);
            run(bench("keys").args(members))
        }
        What::Voice { quick, paths } => {
            let paths = paths.iter().flat_map(|paths| ["--paths", paths]);
            run(bench("voice").args(quick.then_some("--quick")).args(paths))
        }
    }
}
