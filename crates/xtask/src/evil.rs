//! `cargo xtask evil`: attacks on the engine. What they are is in `standfast-testkit`.

use xtask::paths::root;
use xtask::run::{command, run};

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
    let mut command = example("evil");
    command.args(["--tries", &args.tries.to_string(), "--from", &args.from.to_string()]);
    for attack in &args.attack {
        command.args(["--attack", attack]);
    }
    command.arg("--json").arg(root().join("target/bench/evil.json"));
    run(&mut command)
}

fn example(name: &str) -> std::process::Command {
    let mut command = command("cargo", ["run", "--release", "--quiet"]);
    command.args(["--package", "standfast-testkit", "--example", name, "--"]);
    command
}
