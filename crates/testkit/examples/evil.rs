//! Named attacks, each tried many times: `cargo xtask evil` starts it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use standfast_testkit::evil::{ATTACKS, Tally};

/// An evil relay and evil members against the real engine.
#[derive(Parser)]
struct Args {
    /// How many variations of each attack.
    #[arg(long, default_value_t = 200)]
    tries: u64,
    /// Only this attack; may be given several times.
    #[arg(long)]
    attack: Vec<String>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Where the figures go, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let wanted = |name: &str| args.attack.is_empty() || args.attack.iter().any(|a| a == name);
    let (mut tallies, mut held) = (Vec::new(), true);
    for attack in ATTACKS.iter().filter(|attack| wanted(attack.name)) {
        let begun = Instant::now();
        match attack.campaign(args.tries, args.from) {
            Ok(tally) => {
                let took = begun.elapsed().as_secs_f64();
                println!(
                    "{:30} {:6} tries, {} accepted, {} panics, {} controls accepted, {took:.1} s",
                    tally.attack, tally.tries, tally.accepted, tally.panics, tally.controls,
                );
                tally.found.iter().for_each(|found| println!("    {found}"));
                held &= tally.accepted == 0 && tally.panics == 0;
                tallies.push(tally);
            }
            Err(fault) => {
                println!("{fault}");
                held = false;
            }
        }
    }
    if let Some(path) = &args.json
        && let Err(error) = write(path, &tallies)
    {
        println!("{}: {error}", path.display());
        held = false;
    }
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Names are of our own making and hold nothing that JSON would have to escape.
fn write(path: &PathBuf, tallies: &[Tally]) -> std::io::Result<()> {
    let rows: Vec<String> = tallies
        .iter()
        .map(|t| {
            format!(
                "  {{\"attack\": \"{}\", \"tries\": {}, \"accepted\": {}, \"panics\": {}}}",
                t.attack, t.tries, t.accepted, t.panics,
            )
        })
        .collect();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, format!("[\n{}\n]\n", rows.join(",\n")))
}
