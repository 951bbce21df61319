//! Whether a microphone gives anything, and whether anything but noise.
//!
//! It looks at loudness before processing, block by block. The noise floor is the quietest moment of
//! the last ten seconds (after Martin, "Noise Power Spectral Density Estimation Based on Optimal
//! Smoothing and Minimum Statistics", 2001, for one band): speech has pauses, noise has none.

use crate::Level;

/// Nothing sounds like this: two steps of 16 bit (−84 dBFS). A room through the quietest microphone
/// is at about −75.
const SILENT_RMS: f32 = 6e-5;
/// Blocks of silence after which it is told: 5 s.
const SILENT_BLOCKS: u32 = 500;
/// Power is averaged over so many blocks (50 ms), so that a zero crossing is no pause.
const SMOOTHING_BLOCKS: f32 = 5.0;
/// Blocks of a window: 1 s …
const WINDOW_BLOCKS: u32 = 100;
/// … of which so many must be noisy.
const WINDOWS: usize = 10;
/// So much louder than the floor (9 dB, as power) is speech.
const SPEECH_OVER_FLOOR: f32 = 8.0;
/// Speech that is less than this above the floor (15 dB, as power) is hard to follow.
const CLEAR_OVER_FLOOR: f32 = 31.6;
/// How loud speech is taken to be before there was any: −27 dBFS, as power.
const USUAL_SPEECH: f32 = 2e-3;
/// Memory of the loudness of speech, in blocks with speech: 3 s.
const SPEECH_BLOCKS: f32 = 300.0;

/// What is wrong with a microphone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MicrophoneTrouble {
    /// No sound at all for 5 s.
    Silent,
    /// For 10 s, noise that leaves less than 15 dB to speech.
    Noisy,
}

/// Watches one microphone.
#[derive(Debug, Clone)]
pub struct MicrophoneWatch {
    silent_blocks: u32,
    power: f32,
    blocks: u32,
    /// The quietest of each window, the running one first; infinite where none was.
    quietest: [f32; WINDOWS + 1],
    speech: f32,
}

impl Default for MicrophoneWatch {
    fn default() -> Self {
        Self {
            silent_blocks: 0,
            power: 0.0,
            blocks: 0,
            quietest: [f32::INFINITY; WINDOWS + 1],
            speech: USUAL_SPEECH,
        }
    }
}

impl MicrophoneWatch {
    /// Takes the level of the next block before processing.
    pub fn observe(&mut self, level: Level) {
        let silent = level.rms < SILENT_RMS;
        self.silent_blocks = if silent { self.silent_blocks.saturating_add(1) } else { 0 };
        let power = level.rms * level.rms;
        // The first block is its own average.
        let share = if self.blocks == 0 { 1.0 } else { 1.0 / SMOOTHING_BLOCKS };
        self.power += (power - self.power) * share;
        self.quietest[0] = self.quietest[0].min(self.power);
        self.blocks += 1;
        if self.blocks.is_multiple_of(WINDOW_BLOCKS) {
            self.quietest.rotate_right(1);
            self.quietest[0] = self.power;
        }
        if self.power > self.floor() * SPEECH_OVER_FLOOR {
            self.speech += (self.power - self.speech) / SPEECH_BLOCKS;
        }
    }

    /// What is wrong, if anything.
    pub fn trouble(&self) -> Option<MicrophoneTrouble> {
        if self.silent_blocks >= SILENT_BLOCKS {
            return Some(MicrophoneTrouble::Silent);
        }
        let watched = self.quietest.iter().all(|power| power.is_finite());
        let noisy = watched && self.floor() * CLEAR_OVER_FLOOR > self.speech;
        noisy.then_some(MicrophoneTrouble::Noisy)
    }

    /// The power of the quietest moment lately.
    fn floor(&self) -> f32 {
        self.quietest.iter().copied().fold(f32::INFINITY, f32::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MicrophoneTrouble::{Noisy, Silent};

    /// Watches for so many seconds what `rms` says of each block; the trouble at the end.
    fn after(seconds: u32, rms: impl Fn(u32) -> f32) -> Option<MicrophoneTrouble> {
        let mut watch = MicrophoneWatch::default();
        for block in 0..seconds * 100 {
            let rms = rms(block);
            watch.observe(Level { rms, peak: rms });
        }
        watch.trouble()
    }

    fn dbfs(db: f32) -> f32 {
        10_f32.powf(db / 20.0)
    }

    /// Syllables of 200 ms at −20 dBFS, pauses of 100 ms; a longer one every second.
    fn speech(block: u32) -> f32 {
        let sounds = block % 30 < 20 && block % 100 < 80;
        if sounds { dbfs(-20.0) } else { 0.0 }
    }

    #[test]
    fn a_dead_microphone_is_told_after_five_seconds() {
        assert_eq!(after(4, |_| 0.0), None);
        assert_eq!(after(5, |_| 0.0), Some(Silent));
        assert_eq!(after(60, |_| dbfs(-90.0)), Some(Silent), "its own last bit is no sound");
        assert_eq!(after(60, |_| dbfs(-75.0)), None, "a very quiet room");
        assert_eq!(after(60, |block| if block % 400 == 0 { 0.01 } else { 0.0 }), None);
    }

    #[test]
    fn noise_that_hides_speech_is_told_after_ten_seconds() {
        let noisy = |db: f32| move |block: u32| speech(block).max(dbfs(db));
        assert_eq!(after(9, noisy(-30.0)), None);
        assert_eq!(after(12, noisy(-30.0)), Some(Noisy));
        assert_eq!(after(60, noisy(-45.0)), None, "25 dB are clear enough");
        assert_eq!(after(60, noisy(-60.0)), None);
    }

    #[test]
    fn noise_alone_is_measured_by_how_loud_people_usually_speak() {
        assert_eq!(after(60, |_| dbfs(-35.0)), Some(Noisy));
        assert_eq!(after(60, |_| dbfs(-50.0)), None);
    }

    #[test]
    fn a_fan_that_stops_is_forgotten() {
        let fan = |block: u32| if block < 2_000 { dbfs(-30.0) } else { dbfs(-65.0) };
        assert_eq!(after(20, fan), Some(Noisy));
        assert_eq!(after(21, fan), None);
    }
}
