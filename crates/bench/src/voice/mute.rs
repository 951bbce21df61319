//! How long somebody who muted is still heard.

use standfast_media::{Level, SILENT_BLOCK};
use standfast_testkit::path::Conditions;

use super::hear::{PACKET_MS, PACKET_SAMPLES, System as _};
use super::standfast::Standfast;
use super::words::Words;

/// Speech before the first trial's mute, ms: the buffer has settled.
const SETTLE_MS: u64 = 4_000;
/// Each trial mutes so much later, ms: at every place within a packet and a block.
const LATER_MS: u64 = 37;
/// Longest time that is listened for, ms.
const PATIENCE_MS: u64 = 1_000;
/// Quieter than this nothing is heard: −60 dBFS.
const SILENT_RMS: f32 = 1e-3;

/// From the mute to the end of the last 10 ms in which the listener's loudspeaker was given sound,
/// ms, sorted; one for each trial in which there was any.
///
/// # Errors
/// When the two do not come together.
pub(crate) fn mutes(
    words: &Words,
    conditions: Conditions,
    trials: u64,
) -> anyhow::Result<Vec<u64>> {
    let mut heard = Vec::new();
    for trial in 0..trials {
        let at_ms = SETTLE_MS + trial * LATER_MS;
        heard.extend(still_heard_ms(words, Standfast::new(conditions, trial + 1)?, at_ms));
    }
    heard.sort_unstable();
    Ok(heard)
}

/// `None` if nothing was heard after it.
fn still_heard_ms(words: &Words, mut two: Standfast, mute_ms: u64) -> Option<u64> {
    let mut last = None;
    for ms in 1..mute_ms + PATIENCE_MS {
        two.go_to(ms * 1_000);
        if ms.is_multiple_of(PACKET_MS) && ms < mute_ms {
            let n = ms / PACKET_MS - 1;
            let packet = words.packets.get(n as usize)?;
            two.say(ms * 1_000, n as u32 * PACKET_SAMPLES, packet);
        }
        if ms == mute_ms {
            two.mute(ms * 1_000);
        }
        if ms % 10 == 5 {
            let mut block = SILENT_BLOCK;
            two.pull(ms * 1_000, &mut block);
            if ms >= mute_ms && Level::of(&block).rms > SILENT_RMS {
                last = Some(ms + 10 - mute_ms);
            }
        }
    }
    last
}
