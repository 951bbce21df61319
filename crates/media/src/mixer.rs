//! Sums all speakers and keeps the sum within range.

use crate::limiter::Limiter;
use crate::{BLOCK_SAMPLES, Block, SILENT_BLOCK};

/// Speakers in one mix; more are left out. A meeting holds up to 100.
pub const MAX_SPEAKERS: usize = 100;
/// Up to this many speakers sound at full level; more share the loudness.
const FULL_LEVEL_SPEAKERS: f32 = 3.0;
/// How far the level moves toward its goal per block: about 100 ms.
const DUCKING_STEP: f32 = 0.1;
/// The loudest that one person can be made.
const MAX_GAIN: f32 = 4.0;
/// Larger samples than this (+12 dBFS) are damage, not sound, and must not stay in the sum.
const MAX_SAMPLE: f32 = 4.0;

/// Sums blocks: [`add`](Self::add) each speaker, then [`finish`](Self::finish).
pub struct Mixer {
    sum: Block,
    speakers: usize,
    ducking: f32,
    limiter: Limiter,
}

impl Default for Mixer {
    fn default() -> Self {
        Self { sum: SILENT_BLOCK, speakers: 0, ducking: 1.0, limiter: Limiter::default() }
    }
}

impl Mixer {
    /// Adds one speaker with a linear gain of 0 to 4. Samples that are not finite count as
    /// silence. False if there are too many speakers already.
    pub fn add(&mut self, block: &Block, gain: f32) -> bool {
        if self.speakers >= MAX_SPEAKERS {
            return false;
        }
        self.speakers += 1;
        let gain = if gain.is_finite() { gain.clamp(0.0, MAX_GAIN) } else { 1.0 };
        for (sum, sample) in self.sum.iter_mut().zip(block) {
            if sample.is_finite() {
                *sum += sample.clamp(-MAX_SAMPLE, MAX_SAMPLE) * gain;
            }
        }
        true
    }

    /// Gives the mix, limited, and starts the next block.
    pub fn finish(&mut self, out: &mut Block) {
        let goal = (FULL_LEVEL_SPEAKERS / self.speakers.max(1) as f32).sqrt().min(1.0);
        let from = self.ducking;
        self.ducking += (goal - self.ducking) * DUCKING_STEP;
        for (i, (out, sum)) in out.iter_mut().zip(&self.sum).enumerate() {
            let share = i as f32 / BLOCK_SAMPLES as f32;
            *out = sum * (from + (self.ducking - from) * share);
        }
        self.limiter.process(out);
        self.sum = SILENT_BLOCK;
        self.speakers = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limiter::{CEILING, LOOKAHEAD};

    fn tone(hz: f32, block: usize, amplitude: f32) -> Block {
        std::array::from_fn(|i| {
            let t = (block * BLOCK_SAMPLES + i) as f32 / 48_000.0;
            amplitude * (std::f32::consts::TAU * hz * t).sin()
        })
    }

    #[test]
    fn a_hundred_loud_speakers_never_clip() {
        let mut mixer = Mixer::default();
        let mut out = SILENT_BLOCK;
        let mut loudest = 0.0_f32;
        for block in 0..50 {
            for speaker in 0..MAX_SPEAKERS {
                assert!(mixer.add(&tone(100.0 + speaker as f32 * 7.0, block, 1.0), 4.0));
            }
            assert!(!mixer.add(&SILENT_BLOCK, 1.0), "the 101st is left out");
            mixer.finish(&mut out);
            loudest = out.iter().fold(loudest, |loudest, s| loudest.max(s.abs()));
        }
        assert!((0.5..=CEILING + 1e-3).contains(&loudest), "{loudest}");
    }

    #[test]
    fn quiet_sound_passes_unchanged_one_millisecond_later() {
        let mut mixer = Mixer::default();
        let mut out = SILENT_BLOCK;
        let input = tone(300.0, 0, 0.4);
        mixer.add(&input, 1.0);
        mixer.finish(&mut out);
        for (heard, spoken) in out[LOOKAHEAD..].iter().zip(&input) {
            assert!((heard - spoken).abs() < 1e-5);
        }
    }

    #[test]
    fn hostile_samples_and_gains_do_no_harm() {
        let mut mixer = Mixer::default();
        let mut out = SILENT_BLOCK;
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e-42] {
            mixer.add(&[value; BLOCK_SAMPLES], f32::NAN);
            mixer.add(&[value; BLOCK_SAMPLES], f32::INFINITY);
            mixer.add(&[value; BLOCK_SAMPLES], -1.0);
            mixer.finish(&mut out);
            assert!(out.iter().all(|s| s.is_finite() && s.abs() <= 1.0), "{value}");
        }
    }
}
