//! `cargo xtask sim`: simulated meetings. The simulation itself is in `standfast-testkit`.

use std::path::PathBuf;

use xtask::paths::root;
use xtask::run::run as run_command;

use crate::build::example;

/// Meetings that `cargo xtask test` lets happen: some 20 s on two cores.
const SEEDS_IN_TEST: u64 = 64;
/// Devices in each of those.
const MEMBERS_IN_TEST: usize = 5;

/// Which meetings.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many meetings.
    #[arg(long, default_value_t = SEEDS_IN_TEST)]
    seeds: u64,
    /// Devices in each.
    #[arg(long, default_value_t = MEMBERS_IN_TEST)]
    members: usize,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Repeats this one seed and tells everything that happens.
    #[arg(long)]
    seed: Option<u64>,
    /// Where the sums go, as JSON; `target/bench/simulation.json` unless given.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Lets the meetings happen.
///
/// # Errors
/// When an invariant did not hold in one of them; its seed is printed.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut command = example("sim")?;
    command.args(["--members", &args.members.to_string()]);
    match args.seed {
        Some(seed) => command.args(["--seed", &seed.to_string()]),
        None => {
            let json = || root().join("target/bench/simulation.json");
            command.args(["--seeds", &args.seeds.to_string(), "--from", &args.from.to_string()]);
            command.arg("--json").arg(args.json.clone().unwrap_or_else(json))
        }
    };
    run_command(&mut command)
}

/// The meetings of `cargo xtask test`: always the same. Their sums do not replace those of a long run.
///
/// # Errors
/// As [`run`].
pub(crate) fn check() -> anyhow::Result<()> {
    let json = Some(root().join("target/bench/simulation-test.json"));
    run(&Args { seeds: SEEDS_IN_TEST, members: MEMBERS_IN_TEST, from: 1, seed: None, json })
}
