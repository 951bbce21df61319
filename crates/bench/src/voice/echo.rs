//! How much of its own loudspeaker's sound a microphone gives on, in a room that is made up.

#[path = "../../../media/tests/it/room.rs"]
#[allow(dead_code, reason = "the tests that it belongs to make up speech as well")]
mod room;

use room::{Room, loss_db, process};
use serde::Serialize;
use standfast_media::{Processing, ProcessingConfig, Reference};

use super::words::{RATE, Words};

/// So much speech is played, s.
const SECONDS: usize = 30;
/// Before this the canceller still searches, s.
const SETTLE: usize = 3;
/// As in the table of the documentation: 10 dB down, 80 ms late, a clock that is a little fast.
const ROOM: Room = Room { delay_ms: 80.0, drift_ppm: 200.0, loss_db: 10.0, decay_ms: 250.0 };

/// Echo return loss enhancement while only the far end talks, dB.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Erle {
    /// By everything that the microphone's sound goes through.
    all: f64,
    /// By the echo stage, and the high pass before it.
    echo_stage: f64,
}

/// Plays the words and listens to what is left of them.
pub(crate) fn erle(words: &Words) -> Erle {
    let far = &words.samples[..words.samples.len().min(SECONDS * RATE)];
    let echo = ROOM.echo(far);
    let left = |config| {
        let (mut processing, mut reference) = (Processing::new(config), Reference::default());
        let left = process(&mut processing, &mut reference, ROOM, far, &echo);
        let late = (SETTLE * RATE).min(left.len())..left.len();
        loss_db(&echo[late.clone()], &left[late])
    };
    let echo_stage = ProcessingConfig { high_pass: true, echo: true, ..ProcessingConfig::OFF };
    Erle { all: left(ProcessingConfig::default()), echo_stage: left(echo_stage) }
}
