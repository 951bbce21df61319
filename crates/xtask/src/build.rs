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
    run(&mut products(&[]))
}

/// Builds the command that tells its secrets to the erasure test, in release.
///
/// # Errors
/// When it does not build.
pub(crate) fn revealing() -> anyhow::Result<()> {
    // A command of its own: built with the products, it would lend them its feature.
    let bin = ["--bin", "standfast-revealing", "--features", REVEALING];
    run(&mut products(&bin))
}

/// The feature of that command, which no product has.
pub(crate) const REVEALING: &str = "standfast-cli/expose-secrets-to-tests";

/// An example of the testkit, built in release.
///
/// # Errors
/// When it does not build.
pub(crate) fn example(name: &str) -> anyhow::Result<Command> {
    run(&mut products(&["--quiet", "--package", "standfast-testkit", "--example", name]))?;
    let path = release_binary(&format!("examples/{name}"));
    Ok(command(&path.to_string_lossy(), [] as [&str; 0]))
}

/// A build in release with the products' choice of features: what several builds need is compiled
/// once. Without a choice of targets in `more`, it builds the products.
fn products(more: &[&str]) -> Command {
    let packages = ["standfast-app", "standfast-relay", "standfast-cli", "xtask"];
    let mut build = command("cargo", ["build", "--release", "--features", "xtask/stage"]);
    build.args(packages.iter().flat_map(|name| ["--package", name])).args(more);
    build
}

/// The program that holds the demo and the end-to-end test. [`release`] builds it.
pub(crate) fn stage(args: &[&str]) -> Command {
    let path = release_binary("stage");
    command(&path.to_string_lossy(), args)
}
