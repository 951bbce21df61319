//! Measures keys, frames and voice with the real engine, beside its peers in the same run.
//!
//! `cargo xtask bench` builds this in release and runs it. Nothing here is part of a product.

mod clock;
mod dice;
mod frames;
mod loopback;
mod mls;
mod people;
mod removed;
mod report;
mod room;
mod rotation;
mod speech;
mod takeover;
mod voice;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::report::Report;
use crate::rotation::Row;

/// Measures keys, frames and voice.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Rotations, removals, takeovers, frames: writes `keys.json`.
    Keys {
        /// Where results lie: `keys.json` is written there, those of other commands are read.
        #[arg(long, default_value = "target/bench")]
        out: PathBuf,
        /// Sizes of meeting.
        #[arg(long, value_delimiter = ',', default_value = "5,15,50,100,500")]
        members: Vec<usize>,
        /// What to measure; everything else is left out of the file.
        #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
        parts: Vec<Part>,
    },
    /// Speech over bad paths, clock drift, processor and memory: writes `voice.json`.
    Voice {
        /// Where results lie.
        #[arg(long, default_value = "target/bench")]
        out: PathBuf,
        /// Less of everything, in two minutes.
        #[arg(long)]
        quick: bool,
        /// Only these paths, as in `loss-5,mobile`, and nothing that has no path.
        #[arg(long, value_delimiter = ',')]
        paths: Vec<String>,
    },
    /// Holds the voice of one device and prints its memory; part of `voice`.
    #[command(hide = true)]
    VoiceMemory {
        /// Size of the meeting.
        participants: usize,
    },
}

/// A part of `keys.json`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Nanoseconds to seal and open a frame.
    Frames,
    /// Frames lost while keys change.
    Speech,
    /// What a removed member opens.
    Removed,
    /// Time to the next generator.
    Takeover,
    /// Time, bytes and processor of a new key.
    Rotation,
    /// The same, and takeovers, in real time through a relay.
    Loopback,
}

impl Part {
    const ALL: [Self; 6] =
        [Self::Frames, Self::Speech, Self::Removed, Self::Takeover, Self::Rotation, Self::Loopback];
}

/// Ratchet steps of which frames are timed.
const FRAME_BATCHES: usize = 2_000;
/// Rotations of one size of meeting: as many as make this many members' turns.
const TURNS: usize = 3_000;
/// At least so many, or a percentile means nothing, and at most so many.
const ROUNDS: (usize, usize) = (5, 200);
/// Rotations with fresh keys on both sides: each lets a minute of the meeting pass.
const RENEWALS: usize = 5;

/// Changes of the key while people talk, and the seed of their network.
const SPEECH: (usize, u64) = (200, 7);
/// Removals.
const REMOVALS: usize = 1_000;
/// Killed generators.
const TAKEOVERS: usize = 100;
/// And in real time, where each takes ten seconds.
const LOOPBACK_TAKEOVERS: usize = 10;
/// Rotations through a relay take pauses in between.
const LOOPBACK_TURNS: usize = 1_000;

fn main() -> anyhow::Result<()> {
    match Args::parse().what {
        What::Keys { out, members, parts } => keys(&out, &members, &parts),
        What::Voice { out, quick, paths } => voice::run(&out, quick, &paths),
        What::VoiceMemory { participants } => voice::hold_memory(participants),
    }
}

fn keys(out: &Path, sizes: &[usize], parts: &[Part]) -> anyhow::Result<()> {
    let mut report = Report::new();
    for part in parts {
        match part {
            Part::Frames => {
                report.frame_ns = Some(show("frames", frames::measure(FRAME_BATCHES)?)?)
            }
            Part::Speech => {
                let heard = speech::through_rotations(SPEECH.0, SPEECH.1)?;
                report.rotations_heard = Some(show("speech", heard)?);
            }
            Part::Removed => {
                report.removed_member = or_say("removed_member", removed::trials(REMOVALS));
            }
            Part::Takeover => report.takeover_s = or_say("takeover_s", takeover::trials(TAKEOVERS)),
            Part::Rotation => report.rotation.extend(rotations(sizes)?),
            Part::Loopback => {
                report.rotation.extend(loopback_rotations(sizes)?);
                report.takeover_loopback_s =
                    or_say("takeover_loopback_s", loopback::takeovers(LOOPBACK_TAKEOVERS));
            }
        }
    }
    report.add_others(out)?;
    report.write(out)
}

fn rotations(sizes: &[usize]) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for &members in sizes {
        let rounds = (TURNS / members).clamp(ROUNDS.0, ROUNDS.1);
        for row in rotation::in_memory(members, rounds, RENEWALS)? {
            rows.push(show("rotation", row)?);
        }
    }
    Ok(rows)
}

/// A relay lets 128 connections into one meeting.
fn loopback_rotations(sizes: &[usize]) -> anyhow::Result<Vec<Row>> {
    let small = sizes.iter().filter(|members| **members <= standfast_wire::limits::MAX_PEERS);
    let rounds = |members: usize| (LOOPBACK_TURNS / members).clamp(ROUNDS.0, ROUNDS.1);
    small.map(|m| show("rotation", loopback::rotations(*m, rounds(*m))?)).collect()
}

/// Prints a result as soon as it is there.
fn show<T: Serialize>(what: &str, result: T) -> anyhow::Result<T> {
    println!("{what}: {}", serde_json::to_string(&result)?);
    Ok(result)
}

/// A figure that the engine cannot give is left out, not invented.
fn or_say<T: Serialize>(what: &str, result: anyhow::Result<T>) -> Option<T> {
    match result.and_then(|result| show(what, result)) {
        Ok(result) => Some(result),
        Err(why) => {
            println!("left out: {what} ({why:#})");
            None
        }
    }
}
