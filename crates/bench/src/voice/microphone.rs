//! Recordings of what the microphone's processing does, for scores that models give.
//!
//! Three scenes in a room that is made up: only the far end talks, both talk, and the near end alone
//! talks beside a fan. Of each, what was played, what the microphone heard, and what was left of it.

#[path = "../../../media/tests/it/room.rs"]
#[allow(dead_code, reason = "the tests that it belongs to make up speech as well")]
mod room;

use std::path::Path;

use room::{Dice, Room, loss_db, process};
use serde::Serialize;
use standfast_media::{Processing, ProcessingConfig, Reference};

use super::judge::{slow, write_wav};
use super::words::{RATE, Words};

/// Each scene, s.
const SECONDS: usize = 30;
/// Before this the canceller still searches, s.
const SETTLE: usize = 3;
/// As in the table of the documentation: 10 dB down, 80 ms late, a clock that is a little fast.
const ROOM: Room = Room { delay_ms: 80.0, drift_ppm: 200.0, loss_db: 10.0, decay_ms: 250.0 };
/// The fan, root of the mean square: 10 dB below the words.
const FAN: f64 = 0.05 * 0.316;
/// It rumbles more than it hisses: how much of each sample is the one before.
const RUMBLE: f64 = 0.9;

/// Echo return loss enhancement while only the far end talks, dB.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Erle {
    /// By everything that the microphone's sound goes through.
    all: f64,
    /// By the echo stage, and the high pass before it.
    echo_stage: f64,
}

/// What is played and what the microphone hears.
struct Scene<'w> {
    name: &'static str,
    far: &'w [f32],
    heard: Vec<f32>,
}

impl Scene<'_> {
    /// What processing leaves.
    fn left(&self, config: ProcessingConfig) -> Vec<f32> {
        let (mut processing, mut reference) = (Processing::new(config), Reference::default());
        process(&mut processing, &mut reference, ROOM, self.far, &self.heard)
    }

    /// # Errors
    /// When a recording cannot be written.
    fn record(&self, out: &Path) -> anyhow::Result<()> {
        let left = self.left(ProcessingConfig::default());
        for (what, samples) in [("far", self.far), ("heard", &self.heard), ("left", &left)] {
            let settled = &samples[(SETTLE * RATE).min(samples.len())..];
            write_wav(&out.join(format!("{}-{what}.wav", self.name)), &slow(settled))?;
        }
        Ok(())
    }
}

/// Plays the scenes, leaves their recordings in `out`, and says how much echo is left.
///
/// # Errors
/// When a recording cannot be written.
pub(crate) fn scenes(words: &Words, out: &Path) -> anyhow::Result<Erle> {
    let length = (SECONDS * RATE).min(words.samples.len() / 2);
    let (far, rest) = words.samples.split_at(length);
    let near = &rest[..length];
    let echo = ROOM.echo(far);
    let both = echo.iter().zip(near).map(|(echo, near)| echo + near).collect();
    let noisy = near.iter().zip(fan()).map(|(near, fan)| near + fan).collect();
    let silence = vec![0.0; length];
    let alone = Scene { name: "echo", far, heard: echo };
    alone.record(out)?;
    Scene { name: "both", far, heard: both }.record(out)?;
    Scene { name: "fan", far: &silence, heard: noisy }.record(out)?;
    let echo_stage = ProcessingConfig { high_pass: true, echo: true, ..ProcessingConfig::OFF };
    let lost = |config| {
        let settled = (SETTLE * RATE).min(length)..;
        let left = alone.left(config);
        loss_db(&alone.heard[settled.clone()], &left[settled.start.min(left.len())..])
    };
    Ok(Erle { all: lost(ProcessingConfig::default()), echo_stage: lost(echo_stage) })
}

/// A fan that does not stop.
fn fan() -> impl Iterator<Item = f32> {
    let (mut dice, mut last) = (Dice(11), 0.0);
    // Evenly spread noise of this width, low-passed, has the fan's loudness.
    let width = FAN * (3.0 * (1.0 - RUMBLE * RUMBLE)).sqrt();
    std::iter::repeat_with(move || {
        last = RUMBLE * last + width * (2.0 * dice.roll() - 1.0);
        last as f32
    })
}
