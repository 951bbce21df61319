//! `cargo xtask test`: everything that must hold before a change goes in.

use crate::setup::npm;
use crate::tally::Tally;
use crate::{build, setup, sim, tidy};
use xtask::paths::program;
use xtask::run::{command, run};

/// Runs every check and test, and prints the sums as the last line.
///
/// # Errors
/// When the machine lacks something that may not be installed from here.
pub(crate) fn run_all() -> anyhow::Result<()> {
    setup::run()?;
    let mut tally = Tally::default();
    tally.check("format", || cargo(&["fmt", "--all", "--check"]));
    tally.check("tidy", tidy::run);
    tally.check("window: install", build::ui_packages);
    tally.check("window: types", || run(&mut npm(&["run", "check"])?));
    tally.check("window: lint", || run(&mut npm(&["run", "lint"])?));
    tally.tests("window: tests", &mut npm(&["test"])?);
    tally.check("window: build", build::ui);
    tally.check("clippy", clippy);
    if program("cargo-deny").is_some() {
        tally.check("deny", || cargo(&["deny", "check", "bans", "licenses", "sources"]));
    }
    let workspace = ["test", "--workspace", "--exclude", "standfast-app", "--no-fail-fast"];
    tally.tests("tests", &mut command("cargo", workspace));
    tally.check("simulation", sim::check);
    if tally.check("release build", build::release) {
        tally.tests(
            "app tests",
            &mut command("cargo", ["test", "--release", "-p", "standfast-app"]),
        );
        tally.tests("end-to-end", &mut build::stage(&["test"]));
        if tally.check("revealing build", build::revealing) {
            tally.tests("erasure", &mut build::stage(&["erasure"]));
        }
    }
    tally.finish()
}

/// Every lint of the workspace, as an error, in programs and tests alike.
fn clippy() -> anyhow::Result<()> {
    let args = ["clippy", "--workspace", "--all-targets", "--features", "xtask/stage"];
    run(command("cargo", args).args(["--", "--deny", "warnings"]))?;
    let args = ["clippy", "--package", "standfast-cli", "--all-targets", "--features"];
    let mut revealing = command("cargo", args);
    run(revealing.args([build::REVEALING, "--", "--deny", "warnings"]))
}

fn cargo(args: &[&str]) -> anyhow::Result<()> {
    run(&mut command("cargo", args))
}
