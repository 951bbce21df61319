//! How long a meeting is without a generator when its own is killed.

use anyhow::ensure;
use serde::Serialize;

use crate::clock::Samples;
use crate::dice::Dice;
use crate::room::Room;
use crate::speech::{PACKET_MS, Speech};

/// A team.
const MEMBERS: usize = 5;
/// A takeover that takes longer is none, ms.
const LIMIT_MS: u64 = 60_000;

/// From the kill until all others have confirmed an epoch of another generator, seconds.
#[derive(Serialize)]
pub(crate) struct Takeover {
    p50: f64,
    max: f64,
    trials: usize,
    /// Packets that the survivors should have heard of each other meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames_lost: Option<usize>,
}

impl Takeover {
    /// Nobody talked meanwhile.
    pub(crate) fn without_sound(took: &Samples) -> Self {
        Self {
            p50: took.at(50),
            max: took.at(100),
            trials: took.len(),
            frames: None,
            frames_lost: None,
        }
    }
}

/// On the room's clock: kills the generator `trials` times at any moment between its heartbeats, while the others talk
/// over a network that takes 5 to 40 ms.
///
/// # Errors
/// When nobody takes over.
pub(crate) fn trials(trials: usize) -> anyhow::Result<Takeover> {
    let mut took = Samples::default();
    let mut dice = Dice::new(5);
    let (mut frames, mut frames_lost) = (0, 0);
    for _ in 0..trials {
        let mut room = Room::gather(MEMBERS, 300_000)?;
        room.delayed(dice.between(1, 1 << 40), 5, 40);
        room.pass(dice.between(5_000, 9_000));
        let mut speech = Speech::new(vec![1, 2, 3]);
        room.kill(0);
        let killed_ms = room.now.mono_ms;
        while room.agreed(MEMBERS - 1).is_err() {
            speech.packet(&mut room);
            ensure!(room.now.mono_ms < killed_ms + LIMIT_MS, "the engine has no takeover");
        }
        took.push((room.now.mono_ms - killed_ms) as f64 / 1e3);
        speech.go_on(&mut room, 3_000);
        room.pass(PACKET_MS * 5);
        let (said, lost) = speech.count(&room, &[1, 2, 3, 4]);
        (frames, frames_lost) = (frames + said, frames_lost + lost);
    }
    let (frames, frames_lost) = (Some(frames), Some(frames_lost));
    Ok(Takeover { frames, frames_lost, ..Takeover::without_sound(&took) })
}
