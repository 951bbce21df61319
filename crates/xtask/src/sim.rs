//! `cargo xtask sim`: simulated meetings. The simulation itself is in `standfast-testkit`.

use xtask::run::{command, run as run_command};

/// Meetings, unless asked otherwise.
const SEEDS: u64 = 64;
/// Devices in each.
const MEMBERS: usize = 5;

/// Which meetings.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many meetings.
    #[arg(long, default_value_t = SEEDS)]
    seeds: u64,
    /// Devices in each.
    #[arg(long, default_value_t = MEMBERS)]
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
