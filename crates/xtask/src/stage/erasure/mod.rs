//! The erasure test: real processes hold a meeting, and their memory is searched for every secret
//! of it, while it runs and one second after it ended for them.
//!
//! The participants are the `standfast` command with the feature `expose-secrets-to-tests`: it tells
//! this test each secret as it is born. Everything else about it is what users get, the relay too.

mod dumps;
mod forms;
mod meeting;
mod memory;
mod needles;
mod person;
mod products;

use crate::ledger::Ledger;
use anyhow::Context as _;
use meeting::Meeting;
use needles::{Found, WINDOW};
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// One search, as it is written down.
#[derive(Debug, Serialize)]
struct Search {
    /// Whose memory or files.
    who: String,
    /// At which point of the meeting.
    when: &'static str,
    #[serde(flatten)]
    found: Found,
}

/// What the test writes into `erasure.json`.
#[derive(Serialize)]
struct Outcome {
    /// Meetings held.
    runs: usize,
    /// The shortest run of bytes that counts as found.
    window_bytes: usize,
    /// Places with a secret in the participants while the meetings ran: the search works.
    found_during: usize,
    /// The same in all other searches, which must find nothing.
    found_after: usize,
    searches: Vec<Search>,
}

/// Holds `runs` meetings, then tries the core dumps. Results and logs go into `out`.
pub(crate) async fn run(out: &Path, runs: usize) -> anyhow::Result<()> {
    fs::create_dir_all(out)?;
    let mut ledger = Ledger::default();
    let mut searches = Vec::new();
    for _ in 0..runs {
        let folder = tempfile::tempdir()?;
        let mut meeting = Meeting::open(folder.path(), out)?;
        for (at, name) in meeting::CHECKS.iter().enumerate() {
            let begun = Instant::now();
            let outcome = meeting.check(at).await;
            // A search that finds something leaves the meeting as it is; one without people does not.
            if !ledger.note(name, begun, outcome) && at == 0 {
                ledger.missed(meeting::CHECKS[at + 1..].iter().copied());
                break;
            }
        }
        searches.append(&mut meeting.searches);
    }
    let telling =
        ("no product is built to tell its secrets", products::tell_nothing as dumps::Check);
    for (name, check) in [telling].into_iter().chain(dumps::CHECKS) {
        let begun = Instant::now();
        ledger.note(name, begun, check());
    }
    write(out, runs, searches)?;
    ledger.finish("erasure")
}

fn write(out: &Path, runs: usize, searches: Vec<Search>) -> anyhow::Result<()> {
    let sum = |during: bool| {
        let of = searches.iter().filter(|search| (search.when == meeting::DURING) == during);
        of.map(|search| search.found.places()).sum()
    };
    let (found_during, found_after) = (sum(true), sum(false));
    let outcome = Outcome { runs, window_bytes: WINDOW, found_during, found_after, searches };
    let path = out.join("erasure.json");
    fs::write(&path, serde_json::to_vec_pretty(&outcome)?).context("the results")?;
    println!("{found_during} places during and {found_after} after; see {}", path.display());
    Ok(())
}
