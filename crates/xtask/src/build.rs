//! Building what users get.

use crate::setup::npm;
use std::process::Command;
use xtask::paths::release_binary;
use xtask::run::{command, run};

/// Installs exactly the packages that the lock file names.
///
/// # Errors
/// When npm cannot get them.
pub(crate) fn ui_packages() -> anyhow::Result<()> {
    run(&mut npm(&["ci", "--no-audit", "--no-fund"])?)
}

/// Builds the window's content into `ui/dist`.
///
/// # Errors
/// When it does not build.
pub(crate) fn ui() -> anyhow::Result<()> {
    run(&mut npm(&["run", "build"])?)
}

/// Builds app, relay, command line and the stage in release. The window's content comes first:
/// it becomes part of the app.
///
/// # Errors
/// When one of them does not build.
pub(crate) fn release() -> anyhow::Result<()> {
    // One command, so that all four share one choice of features and one build of each crate.
    let packages = ["standfast-app", "standfast-relay", "standfast-cli", "xtask"];
    let mut build = command("cargo", ["build", "--release", "--features", "xtask/stage"]);
    run(build.args(packages.iter().flat_map(|name| ["--package", name])))
}

/// Builds the command that tells its secrets to the erasure test, in release.
///
/// # Errors
/// When it does not build.
pub(crate) fn revealing() -> anyhow::Result<()> {
    // A command of its own: next to the products, they would share its features.
    let args = ["--package", "standfast-cli", "--bin", "standfast-revealing"];
    let mut build = command("cargo", ["build", "--release"]);
    run(build.args(args).args(["--features", REVEALING]))
}

/// The feature of that command, which no product has.
pub(crate) const REVEALING: &str = "standfast-cli/expose-secrets-to-tests";

/// The program that holds the demo and the end-to-end test. [`release`] builds it.
pub(crate) fn stage(args: &[&str]) -> Command {
    let path = release_binary("stage");
    command(&path.to_string_lossy(), args)
}
