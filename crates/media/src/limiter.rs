//! Keeps sound within range without being heard doing it.

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
            *sample = self.step(*sample);
        }
    }

    fn step(&mut self, sample: f32) -> f32 {
        let out = self.delayed[self.at];
        let magnitude = sample.abs();
        self.delayed[self.at] = sample;
        self.needed[self.at] = if magnitude > CEILING { CEILING / magnitude } else { 1.0 };
        let needed = self.needed.iter().copied().fold(1.0, f32::min);
        self.gain = needed.min(self.gain + (1.0 - self.gain) * RELEASE);
        self.released[self.at] = self.gain;
        self.at = (self.at + 1) % LOOKAHEAD;
        let average = self.released.iter().sum::<f32>() / LOOKAHEAD as f32;
        (out * average).clamp(-1.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
