//! Keeps sound within range without being heard doing it.

use std::mem::replace;

use crate::Block;

/// Samples by which the limiter looks ahead and delays the sound: 1 ms.
pub(crate) const LOOKAHEAD: usize = 48;
/// The loudest output: −1 dBFS.
pub(crate) const CEILING: f32 = 0.891;
/// How fast the gain returns, per sample: about 50 ms.
const RELEASE: f32 = 1.0 / 2_400.0;

/// A peak limiter that looks 1 ms ahead, so that it can turn down before the peak.
///
/// The wanted gain is held for the look-ahead, released slowly, and averaged over the look-ahead;
/// every value in the average of a peak is at most the gain that the peak needs.
pub struct Limiter {
    delayed: [f32; LOOKAHEAD],
    /// What is aside of it; zero while both ears hear the same.
    delayed_side: [f32; LOOKAHEAD],
    /// The gain each delayed sample needs.
    needed: [f32; LOOKAHEAD],
    /// The released gains of the last samples, for the average.
    released: [f32; LOOKAHEAD],
    gain: f32,
    at: usize,
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            delayed: [0.0; LOOKAHEAD],
            delayed_side: [0.0; LOOKAHEAD],
            needed: [1.0; LOOKAHEAD],
            released: [1.0; LOOKAHEAD],
            gain: 1.0,
            at: 0,
        }
    }
}

impl Limiter {
    /// Limits a block in place, delaying it by 1 ms. The result is within ±1 for any finite input.
    pub fn process(&mut self, block: &mut Block) {
        for sample in block {
            let out = replace(&mut self.delayed[self.at], *sample);
            *sample = (out * self.gain_for(sample.abs())).clamp(-1.0, 1.0);
        }
    }

    /// The same for both ears of a [`Mix`](crate::Mix), with one gain for the two, so that nobody
    /// seems to move. Before the side is left out again it must have been silent for a block.
    pub(crate) fn process_both(&mut self, middle: &mut Block, side: &mut Block) {
        for (middle, side) in middle.iter_mut().zip(side) {
            let out = replace(&mut self.delayed[self.at], *middle);
            let out_side = replace(&mut self.delayed_side[self.at], *side);
            // The ears hear the sum and the difference, of which the larger is that of magnitudes.
            let gain = self.gain_for(middle.abs() + side.abs());
            *middle = (out * gain).clamp(-1.0, 1.0);
            let room = 1.0 - middle.abs();
            *side = (out_side * gain).clamp(-room, room);
        }
    }

    /// The gain for the sample that comes out while one of this magnitude goes in.
    fn gain_for(&mut self, magnitude: f32) -> f32 {
        self.needed[self.at] = if magnitude > CEILING { CEILING / magnitude } else { 1.0 };
        let needed = self.needed.iter().copied().fold(1.0, f32::min);
        self.gain = needed.min(self.gain + (1.0 - self.gain) * RELEASE);
        self.released[self.at] = self.gain;
        self.at = (self.at + 1) % LOOKAHEAD;
        self.released.iter().sum::<f32>() / LOOKAHEAD as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SILENT_BLOCK;

    #[test]
    fn a_sudden_peak_stays_under_the_ceiling() {
        let mut limiter = Limiter::default();
        let mut loudest = 0.0_f32;
        for n in 0..20 {
            let mut block: Block =
                std::array::from_fn(|i| if n == 5 && i == 100 { 30.0 } else { 0.2 });
            limiter.process(&mut block);
            loudest = block.iter().fold(loudest, |loudest, s| loudest.max(s.abs()));
        }
        assert!(loudest <= CEILING + 1e-3, "{loudest}");
    }

    /// The middle and the side of steady sound in which the left ear has a single peak.
    fn peak_on_the_left(n: usize) -> (Block, Block) {
        let left: Block = std::array::from_fn(|i| if n == 5 && i == 100 { 30.0 } else { 0.1 });
        (left.map(|left| (left + 0.4) / 2.0), left.map(|left| (left - 0.4) / 2.0))
    }

    #[test]
    fn a_peak_in_one_ear_lowers_both_alike() {
        let mut limiter = Limiter::default();
        let mut loudest = 0.0_f32;
        for n in 0..20 {
            let (mut middle, mut side) = peak_on_the_left(n);
            limiter.process_both(&mut middle, &mut side);
            for (middle, side) in middle.iter().zip(&side) {
                let (left, right) = (middle + side, middle - side);
                loudest = loudest.max(left).max(right);
                let is_peak = left > 0.5;
                assert!(is_peak || (left - right / 4.0).abs() < 1e-5, "{n}: {left} {right}");
            }
        }
        assert!((0.8..=CEILING + 1e-3).contains(&loudest), "{loudest}");
    }

    #[test]
    fn an_empty_side_changes_nothing() {
        let (mut one, mut two) = (Limiter::default(), Limiter::default());
        for n in 0..20 {
            let (mut alone, _) = peak_on_the_left(n);
            let (mut middle, mut side) = (alone, SILENT_BLOCK);
            one.process(&mut alone);
            two.process_both(&mut middle, &mut side);
            assert_eq!((middle, side), (alone, SILENT_BLOCK), "{n}");
        }
    }
}
