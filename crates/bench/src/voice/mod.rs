//! Voice: quality and delay over bad paths, clock drift, processor and memory; writes `voice.json`.
//!
//! Time is simulated, so a minute of speech takes seconds. Delays are of sound, by correlation of
//! what was spoken with what was heard: coding, path, buffer and mixing. The devices' own buffers
//! and the microphone's processing are not in them, nor is a relay: the path stands for the whole
//! way. As datagrams the product's frames are measured, which it sends over one TCP connection yet.

mod cost;
mod drift;
mod hear;
mod judge;
mod microphone;
mod mumble;
mod mute;
mod paths;
mod plain;
mod report;
mod scores;
mod standfast;
mod words;

pub(crate) use cost::hold_memory;

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use cost::{PARTICIPANTS, TALKING, callback_allocations, cpu, rss_mb};
use drift::drift;
use hear::{Heard, System, hear};
use judge::{Row, judge, slow, write_wav};
use paths::Named;
use plain::Plain;
use report::{Mute, Report};
use scores::Python;
use standfast::Standfast;
use standfast_media::{BitRate, Pace, VoiceProfile};
use standfast_testkit::path::Conditions;
use words::{RATE, Words};

/// How much is measured.
struct Amount {
    /// Of speech on each path.
    seconds: usize,
    /// Of each path.
    seeds: u64,
    /// Of drift.
    hours: f64,
}

const QUICK: Amount = Amount { seconds: 60, seeds: 1, hours: 0.1 };
const THOROUGH: Amount = Amount { seconds: 120, seeds: 2, hours: 1.0 };
/// Trials of a mute.
const MUTES: u64 = 40;
/// By how much a clock is wrong, parts in a million: twice what a bad crystal is.
const DRIFT_PPM: i64 = 200;
/// What bare Opus waits, and a Mumble client with its defaults, µs.
const PLAIN_WAIT_US: u64 = 60_000;
/// The recording of what was spoken.
const SPOKEN: &str = "spoken";

/// Other ways to code, and what the product is called with them.
const PROFILES: [(&str, VoiceProfile); 4] = [
    ("standfast-10ms", VoiceProfile { rate: BitRate::K24, pace: Pace::Short }),
    ("standfast-low-delay", VoiceProfile { rate: BitRate::K24, pace: Pace::LowDelay }),
    ("standfast-64k", VoiceProfile { rate: BitRate::K64, pace: Pace::Even }),
    ("standfast-64k-low-delay", VoiceProfile { rate: BitRate::K64, pace: Pace::LowDelay }),
];
/// Paths on which these are measured.
const PROFILE_PATHS: [&str; 2] = ["clean", "loss-5"];

/// A system, and the packets that its encoder gives for the words.
#[derive(Clone, Copy)]
struct Talk<'p> {
    system: &'static str,
    packets: &'p [Vec<u8>],
    profile: VoiceProfile,
}

impl<'p> Talk<'p> {
    fn new(system: &'static str, packets: &'p [Vec<u8>]) -> Self {
        Self { system, packets, profile: VoiceProfile::default() }
    }

    fn goes_over(&self, path: &str) -> bool {
        self.profile == VoiceProfile::default() || PROFILE_PATHS.contains(&path)
    }

    fn packet_ms(&self) -> u64 {
        (self.profile.packet_samples() * 1_000 / RATE) as u64
    }
}

/// One run to do.
#[derive(Clone, Copy)]
struct Job<'p> {
    talk: Talk<'p>,
    path: Named,
    seed: u64,
}

/// Measures everything, or only on `some` paths, and writes `voice.json`, recordings and plots into
/// `bench`.
///
/// # Errors
/// When there is no speech or no such path, or a file cannot be written.
pub(crate) fn run(bench: &Path, quick: bool, some: &[String]) -> anyhow::Result<()> {
    let paths = paths::chosen(some)?;
    let Amount { seconds, seeds, hours } = if quick { QUICK } else { THOROUGH };
    let out = bench.join("voice");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out)?;
    let words = Words::of(seconds)?;
    write_wav(&out.join(format!("{SPOKEN}.wav")), &slow(&words.samples))?;
    let mut report = Report::new(&words, seconds, quick);
    if some.is_empty() {
        without_path(&words, hours, &out, &mut report)?;
    }
    let others = coded(&words)?;
    let mut talks = vec![Talk::new("standfast", &words.packets), Talk::new("opus", &words.packets)];
    talks.extend(others.iter().map(|(system, profile, packets)| Talk {
        profile: *profile,
        ..Talk::new(system, packets)
    }));
    let relayed = mumble::relayed(&words);
    match &relayed {
        Ok((packets, server)) => {
            talks.push(Talk::new("mumble", packets));
            report::show(server)?;
        }
        Err(why) => println!("left out: mumble ({why:#})"),
    }
    report.rows = runs(&words, &talks, &paths, seeds, &out)?;
    report.mumble_server = relayed.ok().map(|(_, server)| server);
    match Python::set_up(bench) {
        Ok(python) => {
            rate(&python, &mut report.rows, quick);
            if report.erle_db.is_some() {
                rate_microphone(&python, &mut report)?;
            }
        }
        Err(why) => println!("left out: pesq, stoi, the models' scores and plots ({why:#})"),
    }
    report.rows.iter().try_for_each(report::show)?;
    report.write(bench)
}

/// Costs, mutes, echo and clocks.
fn without_path(words: &Words, hours: f64, out: &Path, report: &mut Report) -> anyhow::Result<()> {
    // Alone, before anything else keeps the machine busy.
    costs(words, report)?;
    let even = Conditions { rtt_us: 40_000, ..Conditions::default() };
    report.mute_ms = Mute::of(&mute::mutes(words, even, MUTES)?);
    println!("mute_ms {}", serde_json::to_string(&report.mute_ms)?);
    report.callback_allocations = Some(callback_allocations()?);
    report.erle_db = Some(microphone::scenes(words, out)?);
    println!("erle_db {}", serde_json::to_string(&report.erle_db)?);
    drifts(words, hours, report)
}

/// A profile with its name, and the words coded by it.
type Coded = (&'static str, VoiceProfile, Vec<Vec<u8>>);

/// The words in every other way to code.
fn coded(words: &Words) -> anyhow::Result<Vec<Coded>> {
    let all = PROFILES.iter();
    all.map(|(system, profile)| Ok((*system, *profile, words.coded(*profile)?))).collect()
}

/// Processor and memory.
fn costs(words: &Words, report: &mut Report) -> anyhow::Result<()> {
    for participants in PARTICIPANTS {
        report.cpu_pct.insert(participants, cpu(words, participants, TALKING)?);
        report.cpu_pct_all_talk.insert(participants, cpu(words, participants, participants - 1)?);
        match rss_mb(participants) {
            Ok(mb) => {
                report.rss_mb.insert(participants, mb);
            }
            Err(why) => println!("left out: rss_mb ({why:#})"),
        }
    }
    println!("cpu_pct {:?}, when all talk {:?}", report.cpu_pct, report.cpu_pct_all_talk);
    println!("rss_mb {:?}", report.rss_mb);
    Ok(())
}

/// Clocks that are too fast and too slow, at once.
fn drifts(words: &Words, hours: f64, report: &mut Report) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let fast = scope.spawn(|| drift(words, DRIFT_PPM, hours));
        report.drift_slow = Some(drift(words, -DRIFT_PPM, hours)?);
        let fast = fast.join().map_err(|_| anyhow::anyhow!("a run panicked"))?;
        report.drift = Some(fast?);
        report::show(&(&report.drift, &report.drift_slow))
    })
}

/// Every system on every path, as many at once as there are cores.
fn runs(
    words: &Words,
    talks: &[Talk<'_>],
    paths: &[Named],
    seeds: u64,
    out: &Path,
) -> anyhow::Result<Vec<Row>> {
    let mut jobs = Vec::new();
    for &path in paths {
        for seed in 1..=seeds {
            let talks = talks.iter().filter(|talk| talk.goes_over(path.name));
            jobs.extend(talks.map(|&talk| Job { talk, path, seed }));
        }
    }
    let todo = Mutex::new(jobs.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let work = || -> anyhow::Result<()> {
        loop {
            // A statement of its own: in a condition the lock would be held through the run.
            let next = lock(&todo).next();
            let Some((n, job)) = next else { return Ok(()) };
            let heard = one(*job)?;
            let row = judge(job.talk.system, &job.path, job.seed, words, &heard, out)?;
            lock(&done).push((n, row));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(_) => Err(anyhow::anyhow!("a run panicked")),
        })
    })?;
    let mut rows = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    rows.sort_by_key(|(n, _)| *n);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn one(job: Job<'_>) -> anyhow::Result<Heard> {
    let (conditions, talk) = (job.path.conditions, job.talk);
    let mut system: Box<dyn System> = match talk.system {
        // A mumble client, too, sends each packet once and waits a fixed time.
        "opus" | "mumble" => Box::new(Plain::new(conditions, job.seed, PLAIN_WAIT_US)?),
        _ => Box::new(Standfast::coded(talk.profile, conditions, job.seed)?),
    };
    Ok(hear(talk.packets, talk.packet_ms(), system.as_mut()))
}

/// Adds scores to the rows, and plots. What fails is said and left out.
fn rate(python: &Python, rows: &mut [Row], quick: bool) {
    let names: Vec<&str> = rows.iter().map(|row| row.recording.as_str()).collect();
    match python.score(SPOKEN, &names, !quick) {
        Ok(scores) => {
            for row in rows {
                row.scores = scores.get(&row.recording).copied().unwrap_or_default();
            }
        }
        Err(why) => println!("left out: pesq, stoi, plcmos ({why:#})"),
    }
    if let Err(why) = python.plot() {
        println!("left out: plots ({why:#})");
    }
}

/// Adds the models' scores of the microphone's processing. What fails is said and left out.
fn rate_microphone(python: &Python, report: &mut Report) -> anyhow::Result<()> {
    match python.microphone() {
        Ok(scores) => {
            report::show(&scores)?;
            report.microphone_mos = Some(scores);
        }
        Err(why) => println!("left out: aecmos, dnsmos ({why:#})"),
    }
    Ok(())
}
