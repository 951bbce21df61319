//! Every course of events of a meeting of three, up to a bound: `cargo xtask model` starts it.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use standfast_testkit::model::{Action, Meeting};

/// Explores every course of events of a meeting of three.
#[derive(Parser)]
struct Args {
    /// Actions in one course of events, at most.
    #[arg(long, default_value_t = 5)]
    depth: usize,
    /// Of those, anything that goes wrong or is wanted.
    #[arg(long, default_value_t = 2)]
    faults: usize,
    /// Where all randomness comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Follows this one course of events and tells what comes of it, e.g. `Crash(0),Wait`.
    #[arg(long, value_delimiter = ',')]
    follow: Vec<Action>,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    let Args { depth, faults, seed, follow, threads } = Args::parse();
    if !follow.is_empty() {
        let told = Meeting { depth, faults, seed }.tell(&follow);
        told.iter().for_each(|line| println!("{line}"));
        return ExitCode::SUCCESS;
    }
    let begun = Instant::now();
    let explored = Meeting { depth, faults, seed }.explore(threads);
    explored.broken.iter().for_each(|broken| println!("BROKEN {broken}"));
    println!(
        "model: {} states, {} courses of events, depth {depth}, {faults} faults, {} broken, {:.1} s",
        explored.states,
        explored.courses,
        explored.broken.len(),
        begun.elapsed().as_secs_f64(),
    );
    if explored.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
