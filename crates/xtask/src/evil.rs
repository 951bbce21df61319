//! `cargo xtask evil`: attacks on the engine. What they are is in `standfast-testkit`.

use xtask::paths::root;
use xtask::run::run;

use crate::build::example;

/// Which attacks, and how often.
#[derive(clap::Args)]
pub(crate) struct Evil {
    /// How many variations of each attack.
    #[arg(long, default_value_t = 10_000)]
    tries: u64,
    /// Only this attack; may be given several times.
    #[arg(long)]
    attack: Vec<String>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
}

/// Tries every attack and writes what came of it to `target/bench/evil.json`.
///
/// # Errors
/// When one was accepted, something panicked, or an honest counterpart was refused.
pub(crate) fn evil(args: &Evil) -> anyhow::Result<()> {
    let mut command = example("evil")?;
    command.args(["--tries", &args.tries.to_string(), "--from", &args.from.to_string()]);
    for attack in &args.attack {
        command.args(["--attack", attack]);
    }
    command.arg("--json").arg(root().join("target/bench/evil.json"));
    run(&mut command)
}

/// How far to explore.
#[derive(clap::Args)]
pub(crate) struct Bounds {
    /// Actions in one course of events, at most.
    #[arg(long, default_value_t = 3)]
    depth: usize,
    /// Of those, anything that goes wrong or is wanted.
    #[arg(long, default_value_t = 2)]
    faults: usize,
    /// Where all randomness comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Explores every course of events of a meeting of three within the bounds.
///
/// # Errors
/// When one breaks a promise, or something that is possible never happens.
pub(crate) fn model(bounds: &Bounds) -> anyhow::Result<()> {
    let Bounds { depth, faults, seed } = bounds;
    let mut command = example("model")?;
    command.args(["--depth", &depth.to_string(), "--faults", &faults.to_string()]);
    run(command.args(["--seed", &seed.to_string()]))
}
