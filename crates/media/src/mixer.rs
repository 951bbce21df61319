//! Sums all speakers, each at a place, and keeps the sum within range.

use std::mem::replace;

use crate::limiter::Limiter;
use crate::{BLOCK_SAMPLES, Block, Place, SILENT_BLOCK};

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

/// 10 ms for two ears.
pub struct Mix {
    /// What both ears hear; in one channel, all there is.
    pub middle: Block,
    /// What the left ear hears more than that, and the right one less. `None` if it is nothing.
    pub side: Option<Block>,
}

/// Sums blocks: [`add`](Self::add) each speaker, then [`finish`](Self::finish).
pub struct Mixer {
    middle: Block,
    /// There is one as soon as somebody is not in the centre.
    side: Option<Block>,
    /// The block before had a side, of which the limiter still holds the end.
    had_side: bool,
    speakers: usize,
    ducking: f32,
    limiter: Limiter,
}

impl Default for Mixer {
    fn default() -> Self {
        Self {
            middle: SILENT_BLOCK,
            side: None,
            had_side: false,
            speakers: 0,
            ducking: 1.0,
            limiter: Limiter::default(),
        }
    }
}

impl Mixer {
    /// Adds one speaker in the centre with a linear gain of 0 to 4. Samples that are not finite
    /// count as silence. False if there are too many speakers already.
    pub fn add(&mut self, block: &Block, gain: f32) -> bool {
        let Some(gain) = self.admit(gain) else { return false };
        for (sum, sample) in self.middle.iter_mut().zip(block) {
            if sample.is_finite() {
                *sum += sample.clamp(-MAX_SAMPLE, MAX_SAMPLE) * gain;
            }
        }
        true
    }

    /// Adds one speaker who moves from one place to another within the block.
    pub fn add_at(&mut self, block: &Block, gain: f32, (from, to): (Place, Place)) -> bool {
        if (from, to) == (Place::CENTRE, Place::CENTRE) {
            return self.add(block, gain);
        }
        let Some(gain) = self.admit(gain) else { return false };
        let (from, to) = (from.amplitudes(), to.amplitudes());
        let sums = self.middle.iter_mut().zip(self.side.get_or_insert(SILENT_BLOCK));
        for (i, ((middle, side), sample)) in sums.zip(block).enumerate() {
            if sample.is_finite() {
                let sample = sample.clamp(-MAX_SAMPLE, MAX_SAMPLE) * gain;
                *middle += sample * between(from.0, to.0, i);
                *side += sample * between(from.1, to.1, i);
            }
        }
        true
    }

    /// Counts a speaker, with a gain that does no harm; `None` if there are too many already.
    fn admit(&mut self, gain: f32) -> Option<f32> {
        if self.speakers >= MAX_SPEAKERS {
            return None;
        }
        self.speakers += 1;
        Some(if gain.is_finite() { gain.clamp(0.0, MAX_GAIN) } else { 1.0 })
    }

    /// Gives the mix, limited, and starts the next block.
    pub fn finish(&mut self) -> Mix {
        let goal = (FULL_LEVEL_SPEAKERS / self.speakers.max(1) as f32).sqrt().min(1.0);
        let from = self.ducking;
        self.ducking += (goal - self.ducking) * DUCKING_STEP;
        let mut middle = replace(&mut self.middle, SILENT_BLOCK);
        duck(&mut middle, from, self.ducking);
        let side = self.side.take();
        let ends = replace(&mut self.had_side, side.is_some()).then_some(SILENT_BLOCK);
        let mut side = side.or(ends);
        match &mut side {
            Some(side) => {
                duck(side, from, self.ducking);
                self.limiter.process_both(&mut middle, side);
            }
            None => self.limiter.process(&mut middle),
        }
        self.speakers = 0;
        Mix { middle, side }
    }
}

/// The value at a sample of a block on the way from one to another.
fn between(from: f32, to: f32, at: usize) -> f32 {
    let share = at as f32 / BLOCK_SAMPLES as f32;
    from + (to - from) * share
}

fn duck(block: &mut Block, from: f32, to: f32) {
    for (i, sample) in block.iter_mut().enumerate() {
        *sample *= between(from, to, i);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limiter::{CEILING, LOOKAHEAD};

    const LEFT: Place = Place::among(2, 0);
    const RIGHT: Place = Place::among(2, 1);

    fn tone(hz: f32, block: usize, amplitude: f32) -> Block {
        std::array::from_fn(|i| {
            let t = (block * BLOCK_SAMPLES + i) as f32 / 48_000.0;
            amplitude * (std::f32::consts::TAU * hz * t).sin()
        })
    }

    #[test]
    fn a_hundred_loud_speakers_never_clip() {
        let mut mixer = Mixer::default();
        let mut loudest = 0.0_f32;
        for block in 0..50 {
            for speaker in 0..MAX_SPEAKERS {
                assert!(mixer.add(&tone(100.0 + speaker as f32 * 7.0, block, 1.0), 4.0));
            }
            assert!(!mixer.add(&SILENT_BLOCK, 1.0), "the 101st is left out");
            let out = mixer.finish().middle;
            loudest = out.iter().fold(loudest, |loudest, s| loudest.max(s.abs()));
        }
        assert!((0.5..=CEILING + 1e-3).contains(&loudest), "{loudest}");
    }

    #[test]
    fn quiet_sound_passes_unchanged_one_millisecond_later() {
        let mut mixer = Mixer::default();
        let input = tone(300.0, 0, 0.4);
        mixer.add(&input, 1.0);
        for (heard, spoken) in mixer.finish().middle[LOOKAHEAD..].iter().zip(&input) {
            assert!((heard - spoken).abs() < 1e-5);
        }
    }

    #[test]
    fn hostile_samples_and_gains_do_no_harm() {
        let mut mixer = Mixer::default();
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e-42] {
            mixer.add(&[value; BLOCK_SAMPLES], f32::NAN);
            mixer.add_at(&[value; BLOCK_SAMPLES], f32::INFINITY, (LEFT, RIGHT));
            mixer.add(&[value; BLOCK_SAMPLES], -1.0);
            let mix = mixer.finish();
            for (middle, side) in mix.middle.iter().zip(&mix.side.unwrap()) {
                assert!(middle.abs() + side.abs() <= 1.0, "{value}");
            }
        }
    }

    #[test]
    fn in_the_centre_both_ears_hear_what_one_channel_has() {
        let (mut plain, mut placed) = (Mixer::default(), Mixer::default());
        for n in 0..50 {
            for speaker in 0..5 {
                let block = tone(100.0 + speaker as f32 * 70.0, n, 0.6);
                plain.add(&block, 1.5);
                placed.add_at(&block, 1.5, (Place::CENTRE, Place::CENTRE));
            }
            let mix = placed.finish();
            assert_eq!(mix.middle, plain.finish().middle);
            assert!(mix.side.is_none());
        }
    }

    /// Places go on and off in the middle of a tone: from the centre to the left, and back.
    #[test]
    fn a_voice_that_is_placed_stays_as_loud_and_does_not_click() {
        let mut mixer = Mixer::default();
        let (mut place, mut last, mut steepest) = (Place::CENTRE, [[0.0; 2]; 2], 0.0_f32);
        for n in 0..200 {
            let from = place;
            place = place.toward(if (50..120).contains(&n) { LEFT } else { Place::CENTRE });
            mixer.add_at(&tone(400.0, n, 0.2), 1.0, (from, place));
            let mix = mixer.finish();
            let side = mix.side.unwrap_or(SILENT_BLOCK);
            let mut power = 0.0;
            for (middle, side) in mix.middle.iter().zip(&side) {
                let ears = [middle + side, middle - side];
                power += ears.iter().map(|ear| ear * ear).sum::<f32>() / BLOCK_SAMPLES as f32;
                for ear in 0..2 {
                    let bend = ears[ear] - 2.0 * last[1][ear] + last[0][ear];
                    steepest = steepest.max(if n > 0 { bend.abs() } else { 0.0 });
                }
                last = [last[1], ears];
            }
            assert!(n == 0 || (power / 0.04 - 1.0).abs() < 0.01, "{n}: {power}");
            assert!(mix.side.is_none() || (50..160).contains(&n), "{n}");
        }
        // A tone of √2 · 0.2 bends by 0.0008, and gliding adds little.
        assert!(steepest < 0.001, "{steepest}");
    }

    #[test]
    fn what_is_aside_is_heard_to_its_end_and_leaves_nothing_behind() {
        let mut mixer = Mixer::default();
        mixer.add_at(&[0.5; BLOCK_SAMPLES], 1.0, (LEFT, LEFT));
        assert!(mixer.finish().side.is_some_and(|side| side[LOOKAHEAD..].iter().all(|s| *s > 0.2)));
        let end = mixer.finish().side.expect("the limiter held back 1 ms");
        assert!(end[..LOOKAHEAD].iter().all(|s| *s > 0.2));
        assert_eq!(end[LOOKAHEAD..], SILENT_BLOCK[LOOKAHEAD..]);
        assert!(mixer.finish().side.is_none());
        mixer.add_at(&SILENT_BLOCK, 1.0, (RIGHT, RIGHT));
        assert_eq!(mixer.finish().side, Some(SILENT_BLOCK));
    }
}
