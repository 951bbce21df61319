//! `cargo xtask sim`: simulated meetings. The simulation itself is in `standfast-testkit`.

use xtask::run::{command, run as run_command};

/// Meetings that `cargo xtask test` lets happen.
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
}

/// Lets the meetings happen.
///
/// # Errors
/// When an invariant did not hold in one of them; its seed is printed.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut numbers = vec![("--members", args.members.to_string())];
    match args.seed {
        Some(seed) => numbers.push(("--seed", seed.to_string())),
        None => {
            numbers.push(("--seeds", args.seeds.to_string()));
            numbers.push(("--from", args.from.to_string()));
        }
    }
    let example = ["run", "--release", "--quiet", "--package", "standfast-testkit"];
    let mut command = command("cargo", example);
    command.args(["--example", "sim", "--"]);
    command.args(numbers.iter().flat_map(|(name, number)| [*name, number.as_str()]));
    run_command(&mut command)
}

/// The meetings of `cargo xtask test`: always the same.
///
/// # Errors
/// As [`run`].
pub(crate) fn check() -> anyhow::Result<()> {
    run(&Args { seeds: SEEDS_IN_TEST, members: MEMBERS_IN_TEST, from: 1, seed: None })
}
