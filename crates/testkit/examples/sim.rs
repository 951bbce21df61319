//! Simulated meetings, many seeds at a time: `cargo xtask sim` starts it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use standfast_testkit::sim::{Faults, Figures, Plan, Violation, run};

/// Simulated meetings: the real engine and relay in a world where things go wrong.
#[derive(Parser)]
struct Args {
    /// How many meetings.
    #[arg(long, default_value_t = 64)]
    seeds: u64,
    /// Devices in each.
    #[arg(long, default_value_t = 5)]
    members: usize,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Repeats this one seed and tells everything that happens.
    #[arg(long)]
    seed: Option<u64>,
    /// Without this kind of trouble; may be given several times.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(Faults::NAMES))]
    without: Vec<String>,
    /// Writes the sums here, as JSON.
    #[arg(long)]
    json: Option<std::path::PathBuf>,
    /// Seconds of trouble in each meeting, of simulated time.
    #[arg(long, default_value_t = 90)]
    trouble_s: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut plan = Plan { trouble_ms: args.trouble_s * 1_000, ..Plan::new(args.members) };
    for name in &args.without {
        plan.faults.set(name, false);
    }
    let held = match args.seed {
        Some(seed) => repeat(seed, &plan),
        None => many(&args, &plan),
    };
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn repeat(seed: u64, plan: &Plan) -> bool {
    let result = run(seed, plan, Some(&mut |line| println!("{line}")));
    match &result {
        Ok(figures) => println!("{figures:#?}"),
        Err(violation) => println!("VIOLATION {violation}"),
    }
    result.is_ok()
}

/// A panic is a violation like any other.
fn one(seed: u64, plan: &Plan) -> Result<Figures, Violation> {
    catch_unwind(AssertUnwindSafe(|| run(seed, plan, None))).unwrap_or_else(|_| {
        Err(Violation { seed, at_ms: 0, step: 0, what: "a panic, printed above".to_owned() })
    })
}

fn many(args: &Args, plan: &Plan) -> bool {
    let next = AtomicU64::new(args.from);
    let results = Mutex::new(Vec::new());
    let begun = Instant::now();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= args.from + args.seeds {
                        break;
                    }
                    let result = one(seed, plan);
                    if let Err(violation) = &result {
                        println!("VIOLATION {violation}");
                        println!("  again: --members {} --seed {seed}", args.members);
                    }
                    if let Ok(mut results) = results.lock() {
                        results.push(result);
                    }
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_default();
    report(args, &results, begun.elapsed().as_secs_f64())
}

/// Prints the sums. Whether everything held.
fn report(args: &Args, results: &[Result<Figures, Violation>], elapsed_s: f64) -> bool {
    let held: Vec<_> = results.iter().filter_map(|r| r.as_ref().ok()).collect();
    let sum = |of: fn(&Figures) -> u64| held.iter().map(|f| of(f)).sum::<u64>();
    let mut converged: Vec<_> = held.iter().map(|f| f.converged_ms).collect();
    converged.sort_unstable();
    let at = |percent: usize| converged.get((converged.len().max(1) - 1) * percent / 100);
    let ms = |percent| at(percent).copied().unwrap_or_default();
    println!(
        "{} events, {} epochs, {} frames sealed, {} packets heard, boards read again {} times",
        sum(|f| f.events),
        sum(|f| f.epochs),
        sum(|f| f.frames),
        sum(|f| f.opened),
        sum(|f| f.read_again),
    );
    println!("together after p50 {} ms, p95 {} ms, max {} ms", ms(50), ms(95), ms(100));
    let violations = results.len() - held.len();
    println!(
        "simulation: {} seeds of {} members, {violations} violations, {:.1} s, {:.1} seeds/s",
        results.len(),
        args.members,
        elapsed_s,
        results.len() as f64 / elapsed_s,
    );
    let steps = sum(|f| f.events)
        + results.iter().filter_map(|r| r.as_ref().err()).map(|v| v.step).sum::<u64>();
    let written = args.json.as_ref().is_none_or(|file| {
        let (seeds, members) = (results.len(), args.members);
        write(file, &format!(
            "{{\"seeds\":{seeds},\"members\":{members},\"violations\":{violations},\"steps\":{steps}}}\n"
        ))
    });
    violations == 0 && written
}

fn write(file: &Path, text: &str) -> bool {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty());
    let written =
        dir.map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(file, text));
    if let Err(error) = &written {
        println!("{} is not written: {error}", file.display());
    }
    written.is_ok()
}
