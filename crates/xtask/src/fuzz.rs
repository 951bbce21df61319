//! `cargo xtask fuzz`: every fuzz target under libFuzzer, and what it found.
//!
//! cargo-fuzz builds the targets with coverage on whatever toolchain is there: without a sanitizer
//! that needs no nightly one, and our code has no unsafe for a sanitizer to look at.

mod report;

use anyhow::{Context as _, bail};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use report::{Outcome, read_outcome, to_json};
use xtask::paths::{root, target};
use xtask::run::{command, run};

/// One input may take so long, seconds, before it counts as a hang.
const INPUT_SECONDS: u32 = 20;
/// Memory of one target, MiB, before it counts as out of memory.
const MEMORY_MIB: u32 = 1024;
/// Which targets, and for how long.
#[derive(Args)]
pub(crate) struct FuzzArgs {
    /// Only these targets; without any, all.
    targets: Vec<String>,
    /// Seconds for each target; 60 if neither this nor a number of executions is given.
    #[arg(long)]
    seconds: Option<u64>,
    /// Executions of each target.
    #[arg(long)]
    executions: Option<u64>,
    /// The programs are there already: do not build them again.
    #[arg(long)]
    built: bool,
}

/// Runs the targets one after the other and writes `target/bench/fuzz.json`.
///
/// # Errors
/// When cargo-fuzz is missing and cannot be installed, a target does not build or run, or one of
/// them found something.
pub(crate) fn fuzz(args: &FuzzArgs) -> anyhow::Result<()> {
    let targets = chosen(&args.targets)?;
    if !args.built {
        ensure_cargo_fuzz()?;
        run(&mut cargo_fuzz_build(&args.targets))?;
    }
    let mut outcomes = Vec::new();
    for name in &targets {
        let outcome = run_target(name, args)?;
        println!("{}", outcome.line());
        outcomes.push(outcome);
        // After each, so that an interrupted run still tells how far it got.
        write_report(&outcomes)?;
    }
    let found: Vec<&str> =
        outcomes.iter().filter(|o| o.crashes > 0).map(|o| o.target.as_str()).collect();
    if found.is_empty() { Ok(()) } else { bail!("found something: {}", found.join(", ")) }
}

fn package() -> PathBuf {
    root().join("crates/fuzz")
}

/// The targets that there are, by their programs.
fn all() -> anyhow::Result<Vec<String>> {
    let folder = package().join("fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn chosen(wanted: &[String]) -> anyhow::Result<Vec<String>> {
    let all = all()?;
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        bail!("no target {unknown}; there are: {}", all.join(", "));
    }
    Ok(if wanted.is_empty() { all } else { wanted.to_vec() })
}

/// Installs cargo-fuzz where cargo installs programs, if it is not there.
fn ensure_cargo_fuzz() -> anyhow::Result<()> {
    let mut ask = command("cargo", ["fuzz", "--version"]);
    let there = ask.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success();
    if there {
        return Ok(());
    }
    println!("cargo-fuzz is missing");
    run(&mut command("cargo", ["install", "--locked", "cargo-fuzz"]))
        .context("cargo-fuzz is needed. Please type: cargo install --locked cargo-fuzz")
}

/// Apart from the other builds: coverage is compiled into everything.
fn build_folder() -> PathBuf {
    target().join("fuzz")
}

fn cargo_fuzz_build(only: &[String]) -> Command {
    let mut build = command("cargo", ["fuzz", "build", "--sanitizer", "none"]);
    build.args(["--features", "libfuzzer", "--fuzz-dir"]).arg(package());
    build.arg("--target-dir").arg(build_folder());
    // cargo-fuzz builds one target or all of them.
    if let [one] = only {
        build.arg(one);
    }
    build
}

/// Where cargo-fuzz put a target: below the folder of the platform.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    for entry in fs::read_dir(build_folder()).context("the targets are not built")? {
        let path = entry?.path().join("release").join(&file);
        if path.is_file() {
            return Ok(path);
        }
    }
    bail!("the target {name} is not built")
}

fn run_target(name: &str, args: &FuzzArgs) -> anyhow::Result<Outcome> {
    // What it learns stays between runs; the seeds in the package are only read.
    let learnt = build_folder().join("corpus").join(name);
    let findings = build_folder().join("findings").join(name);
    fs::create_dir_all(&learnt)?;
    fs::create_dir_all(&findings)?;
    let mut fuzz = Command::new(program(name)?);
    fuzz.arg(&learnt).arg(package().join("corpus").join(name));
    fuzz.args(limits(name, args));
    fuzz.arg(format!("-artifact_prefix={}/", findings.display()));
    fuzz.env("STANDFAST_FUZZ_HISTORY", &findings).env("RUST_BACKTRACE", "1");
    let log = build_folder().join(format!("{name}.log"));
    let output = fs::File::create(&log).with_context(|| log.display().to_string())?;
    fuzz.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
    let success = fuzz.status()?.success();
    // Names on what peers sent may be no text.
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let outcome = read_outcome(name, &said, success)
        .with_context(|| format!("{name} did not tell what it did; see {}", log.display()))?;
    if outcome.crashes > 0 {
        println!("{name}: see {} and {}", log.display(), findings.display());
    }
    Ok(outcome)
}

fn limits(name: &str, args: &FuzzArgs) -> Vec<String> {
    let bytes = longest(name);
    let mut limits = vec![
        "-print_final_stats=1".to_owned(),
        format!("-timeout={INPUT_SECONDS}"),
        format!("-rss_limit_mb={MEMORY_MIB}"),
        format!("-max_len={bytes}"),
    ];
    let seconds = args.seconds.or(args.executions.is_none().then_some(60));
    limits.extend(seconds.map(|seconds| format!("-max_total_time={seconds}")));
    limits.extend(args.executions.map(|executions| format!("-runs={executions}")));
    limits
}

/// Longest input, bytes: longer ones repeat what shorter ones reach. Where an input is a sequence
/// of steps, one takes about ten bytes; a meeting lives through many inputs.
fn longest(name: &str) -> u32 {
    match name {
        "generator" | "member" | "outsider" => 64,
        "wrap" => 48,
        "frame" | "hub" | "value" => 192,
        _ => 4_096,
    }
}

fn write_report(outcomes: &[Outcome]) -> anyhow::Result<()> {
    let path: &Path = &target().join("bench/fuzz.json");
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    fs::write(path, to_json(outcomes)).with_context(|| path.display().to_string())
}
