//! Developer commands: `cargo xtask setup`, `tidy`, `test`, `sim`, `evil`, `model`, `fuzz`, `bench`, `demo`.

mod bench;
mod build;
mod checks;
mod evil;
mod fuzz;
mod setup;
mod sim;
mod tally;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::Stdio;
use xtask::run::run;

/// Developer commands of Standfast.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what building and testing need and this machine lacks.
    Setup,
    /// Checks the arrows between crates and what lies at the top level.
    Tidy,
    /// Runs every check and test, the one with two real windows included.
    Test,
    /// Tries named attacks on the engine and writes what came of them to `target/bench/evil.json`.
    Evil(evil::Evil),
    /// Explores every course of events of a meeting of three, up to a bound.
    Model(evil::Bounds),
    /// Runs every fuzz target and writes what they did to `target/bench/fuzz.json`.
    Fuzz(fuzz::FuzzArgs),
    /// Lets many simulated meetings happen, in which everything goes wrong that can.
    Sim(sim::Args),
    /// Holds a real standup between two windows and writes what happened to `target/demo`.
    Demo {
        /// Brings up a display, a sound server and a keychain of its own even where there are some.
        #[arg(long)]
        virtual_stage: bool,
    },
    /// Measures, and writes the figures to `target/bench`.
    Bench {
        #[command(subcommand)]
        what: bench::What,
    },
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Setup => setup::run(),
        Command::Tidy => tidy::run(),
        Command::Test => checks::run_all(),
        Command::Evil(args) => evil::evil(&args),
        Command::Model(bounds) => evil::model(&bounds),
        Command::Fuzz(args) => fuzz::fuzz(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Demo { virtual_stage } => demo(virtual_stage),
        Command::Bench { what } => bench::run_all(&what),
    }
}

/// Builds everything and hands over to the stage.
fn demo(virtual_stage: bool) -> anyhow::Result<()> {
    setup::run()?;
    build::ui_packages()?;
    build::ui()?;
    build::release()?;
    let mut args = vec!["demo"];
    if virtual_stage {
        args.push("--virtual-stage");
    }
    // Before a person's own windows, Enter ends it.
    run(build::stage(&args).stdin(Stdio::inherit()))
}
