//! `cargo xtask test`: everything that must hold before a change goes in.

use crate::setup::npm;
use crate::tally::Tally;
use crate::{build, setup, sim, tidy};
use std::process::Command;
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
    tally.tests("tests", workspace("test").arg("--no-fail-fast"));
    tally.check("simulation", sim::check);
    if tally.check("release build", build::release) {
        tally.tests("end-to-end", &mut build::stage(&["test"]));
        if tally.check("revealing build", build::revealing) {
            tally.tests("erasure", &mut build::stage(&["erasure"]));
        }
    }
    tally.finish()
}

/// Every lint of the workspace, as an error, in programs and tests alike.
fn clippy() -> anyhow::Result<()> {
    run(workspace("clippy").args(["--all-targets", "--", "--deny", "warnings"]))?;
    let revealing = ["--all-targets", "--features", build::REVEALING, "--", "--deny", "warnings"];
    run(workspace("clippy").args(revealing))
}

/// All of the workspace, with one choice of features: what several checks need is compiled once.
fn workspace(what: &str) -> Command {
    command("cargo", [what, "--workspace", "--features", "xtask/stage"])
}

fn cargo(args: &[&str]) -> anyhow::Result<()> {
    run(&mut command("cargo", args))
}
