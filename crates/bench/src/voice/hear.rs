//! Speech through a system, on simulated time.

use standfast_media::{BLOCK_SAMPLES, Block, SILENT_BLOCK};
use standfast_testkit::path::Passed;

use super::words::RATE;

/// One packet of the default profile, ms.
pub(crate) const PACKET_MS: u64 = 20;
/// And samples.
pub(crate) const PACKET_SAMPLES: u32 = 960;
/// The media clock, samples in a millisecond.
const SAMPLES_PER_MS: u32 = 48;
/// One step of playing, ms.
const BLOCK_MS: u64 = 10;
/// When within its 10 ms the loudspeaker asks, ms: the mean.
const PHASE_MS: u64 = 5;
/// How long is listened after the last word, ms.
const TAIL_MS: u64 = 1_000;

/// Everything from the packets of an encoder to the sound of a listener.
pub(crate) trait System {
    /// The encoder gives a packet.
    fn say(&mut self, now_us: u64, media_ts: u32, packet: &[u8]);
    /// Time passes: what has arrived by now goes into the buffer. Called at least every ms.
    fn go_to(&mut self, now_us: u64);
    /// The loudspeaker wants 10 ms.
    fn pull(&mut self, now_us: u64, block: &mut Block);
    /// What it did so far.
    fn so_far(&self) -> SoFar;
    /// What passed on the path.
    fn passed(&self) -> Passed;
}

/// What a system did up to a moment.
#[derive(Clone, Copy, Default)]
pub(crate) struct SoFar {
    /// Packets that were played, copies included.
    pub(crate) played: u64,
    /// Packets' times that were made up.
    pub(crate) concealed: u64,
    /// How long after the fastest packet's arrival frames are played now …
    pub(crate) buffer_us: u64,
    /// … and shall be.
    pub(crate) target_us: u64,
}

/// What was heard, from the moment at which the first sample was spoken.
pub(crate) struct Heard {
    /// 48 kHz.
    pub(crate) sound: Vec<f32>,
    /// After each 10 ms.
    pub(crate) moments: Vec<SoFar>,
    /// What a packet holds, ms.
    pub(crate) packet_ms: u64,
    pub(crate) sent: u64,
    pub(crate) played: u64,
    /// Made up, or silent for want of anything to play, ms.
    pub(crate) concealed_ms: u64,
    /// Of these silent, ms.
    pub(crate) silent_ms: u64,
    pub(crate) passed: Passed,
}

/// Sends the packets of an encoder through a system, one every `packet_ms`.
pub(crate) fn hear(said: &[Vec<u8>], packet_ms: u64, system: &mut dyn System) -> Heard {
    let packets = said.len() as u64;
    let mut sound = vec![0.0; PHASE_MS as usize * RATE / 1_000];
    let mut moments = Vec::new();
    for ms in 1..=packets * packet_ms + TAIL_MS {
        system.go_to(ms * 1_000);
        let n = ms / packet_ms;
        if ms.is_multiple_of(packet_ms) && n <= packets {
            // A frame can be coded when its last sample was spoken.
            let media_ts = (ms - packet_ms) as u32 * SAMPLES_PER_MS;
            system.say(ms * 1_000, media_ts, &said[n as usize - 1]);
        }
        if ms % BLOCK_MS == PHASE_MS {
            let mut block = SILENT_BLOCK;
            system.pull(ms * 1_000, &mut block);
            sound.extend(block);
            moments.push(system.so_far());
        }
    }
    let spoken = packets * packet_ms / BLOCK_MS;
    let (concealed, silent_ms) = missing(&moments[..moments.len().min(spoken as usize)]);
    Heard {
        sound,
        packet_ms,
        sent: packets,
        played: system.so_far().played,
        concealed_ms: concealed * packet_ms + silent_ms,
        silent_ms,
        passed: system.passed(),
        moments,
    }
}

/// Frames made up, and ms of silence, from the first frame to the last word.
///
/// A frame lasts two blocks, a lengthened one up to three: where longer nothing is begun, there was
/// silence.
fn missing(moments: &[SoFar]) -> (u64, u64) {
    let (mut idle, mut silent_blocks) = (0_u64, 0);
    for pair in moments.windows(2).skip_while(|pair| pair[0].played == 0) {
        let begun = |at: &SoFar| at.played + at.concealed;
        idle = if begun(&pair[0]) == begun(&pair[1]) { idle + 1 } else { 0 };
        silent_blocks += match idle {
            0..=2 => 0,
            3 => 2,
            _ => 1,
        };
    }
    (moments.last().map_or(0, |last| last.concealed), silent_blocks * BLOCK_MS)
}

/// The loudness of each 100 ms, dB below full scale; −100 at the least.
pub(crate) fn levels(sound: &[f32]) -> impl Iterator<Item = f32> {
    sound.chunks(10 * BLOCK_SAMPLES).map(|chunk| {
        let square = chunk.iter().map(|s| s * s).sum::<f32>() / chunk.len() as f32;
        10.0 * square.max(1e-10).log10()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments of a system that begins a frame at each block for which `begins` holds.
    fn moments(blocks: u64, begins: impl Fn(u64) -> bool) -> Vec<SoFar> {
        let mut played = 0;
        (0..blocks)
            .map(|n| {
                played += u64::from(begins(n));
                SoFar { played, ..SoFar::default() }
            })
            .collect()
    }

    #[test]
    fn silence_is_where_no_frame_is_begun() {
        assert_eq!(missing(&moments(100, |n| n % 2 == 0)).1, 0);
        assert_eq!(missing(&moments(100, |n| n >= 50 && n % 2 == 0)).1, 0, "before all frames");
        let gap = moments(100, |n| n % 2 == 0 && !(50..70).contains(&n));
        assert_eq!(missing(&gap).1, 200);
    }
}
