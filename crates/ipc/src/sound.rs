//! How sound travels: figures for whoever wants to know, once a second while a meeting runs.

use serde::{Deserialize, Serialize};

/// How one member's sound arrives, over the last five seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SoundFrom {
    /// The roster index.
    pub idx: u16,
    /// How long their sound waits here beyond the fastest packet, ms.
    pub delay_ms: u32,
    /// How long it should, by what the network did lately, ms.
    pub target_ms: u32,
    /// Packets that did not come, percent.
    pub lost: f32,
    /// Those of them that came again with a later one, percent of all.
    pub repaired: f32,
    /// What was made up instead, milliseconds of a minute.
    pub concealed_ms: u32,
}

/// Figures of the whole meeting's sound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SoundFigures {
    /// When, ms since 1970.
    pub at_ms: u64,
    /// Round trip to the relay, ms, if measured.
    pub rtt_ms: Option<u32>,
    /// What speech is coded with, bits per second, copies not counted.
    pub bitrate: u32,
    /// Copies of earlier packets that go with each.
    pub copies: u8,
    /// The largest loss of this device's packets that anyone reported lately, percent.
    pub lost_of_mine: f32,
    /// Processor time of this program beside its window, percent of one core; `None` where the
    /// system does not tell.
    pub cpu: Option<f32>,
    /// Times that the loudspeaker had too little to play, since the meeting began.
    pub dropouts: u64,
    /// Everyone of whom sound came.
    pub from: Vec<SoundFrom>,
}
