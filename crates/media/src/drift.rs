//! How far, and how fast, one device's clock runs away from another's.
//!
//! Two devices count samples. The difference of the counts is a straight line with noise: its
//! slope is the difference of the clocks (up to some 300 ppm), the noise is the uneven steps in
//! which the counts are seen. A Kalman filter of two states (offset and rate, as in Brookner,
//! "Tracking and Kalman Filtering Made Easy", chapter 2) follows it: at first it learns as fast as
//! least squares would, later it averages over some 20 s.

use crate::BLOCK_SAMPLES;

/// Samples per block and ppm.
const PER_PPM: f64 = BLOCK_SAMPLES as f64 * 1e-6;
/// Clocks further apart than this are no clocks.
const MAX_RATE: f64 = 500.0 * PER_PPM;
/// What is expected of two unknown devices: one standard deviation.
const EXPECTED_RATE: f64 = 150.0 * PER_PPM;
/// How much the rate may wander per block. Sets the final averaging time, see above.
const RATE_WANDER: f64 = 5e-5;
/// How unevenly counts are seen at first: 2 ms …
const FIRST_NOISE: f64 = 96.0;
/// … and later, as measured, within 0.2 to 5 ms.
const NOISE_RANGE: (f64, f64) = (9.6, 240.0);
/// Memory of the measured noise, in blocks: 2 s.
const NOISE_BLOCKS: f64 = 200.0;
/// A single count off by more standard deviations than this is bent towards the line.
const OUTLIER: f64 = 3.0;
/// When the counts are off by this (5 ms) …
const STEP_SAMPLES: f64 = 240.0;
/// … on average over this many blocks (200 ms), sound was lost and a new line begins.
const STEP_BLOCKS: f64 = 20.0;

/// The line through the differences.
#[derive(Debug, Default)]
pub(crate) struct Drift {
    state: Option<State>,
}

#[derive(Debug)]
struct State {
    offset: f64,
    /// Samples per block.
    rate: f64,
    /// Variances of offset and rate, and their covariance between.
    variance: (f64, f64, f64),
    noise: f64,
    surprise: f64,
}

impl Drift {
    /// Takes the difference at the end of the next block, in samples. True if a line begins: the
    /// offset is then worth no more than this one difference.
    pub(crate) fn observe(&mut self, difference: f64) -> bool {
        let Some(state) = &mut self.state else {
            self.state = Some(State::new(difference));
            return true;
        };
        state.predict();
        let innovation = difference - state.offset;
        state.surprise += (innovation - state.surprise) / STEP_BLOCKS;
        if state.surprise.abs() > STEP_SAMPLES {
            state.begin_at(difference);
            return true;
        }
        state.correct(innovation);
        false
    }

    /// The difference without its noise.
    pub(crate) fn offset(&self) -> f64 {
        self.state.as_ref().map_or(0.0, |state| state.offset)
    }

    /// Samples by which the difference grows per block.
    pub(crate) fn rate(&self) -> f64 {
        self.state.as_ref().map_or(0.0, |state| state.rate)
    }

    /// The same in parts per million.
    pub(crate) fn ppm(&self) -> f64 {
        self.rate() / PER_PPM
    }

    /// Forgets the devices.
    pub(crate) fn forget(&mut self) {
        self.state = None;
    }
}

impl State {
    fn new(offset: f64) -> Self {
        let variance = (FIRST_NOISE.powi(2), 0.0, EXPECTED_RATE.powi(2));
        Self { offset, rate: 0.0, variance, noise: FIRST_NOISE.powi(2), surprise: 0.0 }
    }

    /// Samples were lost; the clocks are the same as before.
    fn begin_at(&mut self, offset: f64) {
        self.offset = offset;
        self.surprise = 0.0;
        self.variance = (self.noise, 0.0, self.variance.2);
    }

    fn predict(&mut self) {
        let (offset, both, rate) = self.variance;
        self.offset += self.rate;
        self.variance = (offset + 2.0 * both + rate, both + rate, rate + RATE_WANDER.powi(2));
    }

    fn correct(&mut self, innovation: f64) {
        let (offset, both, rate) = self.variance;
        let bound = OUTLIER * (offset + self.noise).sqrt();
        let bent = innovation.clamp(-bound, bound);
        self.noise += (bent * bent - self.noise) / NOISE_BLOCKS;
        self.noise = self.noise.clamp(NOISE_RANGE.0.powi(2), NOISE_RANGE.1.powi(2));
        let (of_offset, of_rate) = (offset / (offset + self.noise), both / (offset + self.noise));
        self.offset += of_offset * bent;
        self.rate = (self.rate + of_rate * bent).clamp(-MAX_RATE, MAX_RATE);
        self.variance =
            ((1.0 - of_offset) * offset, (1.0 - of_offset) * both, rate - of_rate * both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Differences of clocks that are `ppm` apart, each seen up to 2 ms late.
    fn differences(ppm: f64) -> impl Iterator<Item = (f64, f64)> {
        let mut state = 1_u32;
        (0..).map(move |block| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let late = f64::from(state) / f64::from(u32::MAX) * 96.0;
            let line = 1_000.0 + f64::from(block) * ppm * PER_PPM;
            (line, line - late)
        })
    }

    #[test]
    fn it_learns_the_rate_within_seconds_and_keeps_it() {
        for ppm in [-300.0, -50.0, 0.0, 200.0, 300.0] {
            let mut drift = Drift::default();
            for (block, (line, seen)) in differences(ppm).take(6_000).enumerate() {
                drift.observe(seen);
                let off = (drift.ppm() - ppm).abs();
                assert!(block < 1_000 || off < 30.0, "{ppm} ppm, block {block}: off by {off}");
                assert!(block < 2_000 || off < 15.0, "{ppm} ppm, block {block}: off by {off}");
                // 48 is the mean lateness.
                let off = (drift.offset() + 48.0 - line).abs();
                assert!(block < 500 || off < 15.0, "{ppm} ppm, block {block}: {off} samples");
            }
        }
    }

    #[test]
    fn lost_samples_begin_a_new_line_with_the_old_rate() {
        let mut drift = Drift::default();
        let mut begun = 0;
        for (block, (_, seen)) in differences(200.0).take(2_000).enumerate() {
            let lost = if block < 1_000 { 0.0 } else { 960.0 };
            begun += usize::from(drift.observe(seen - lost));
        }
        assert_eq!(begun, 2);
        assert!((drift.ppm() - 200.0).abs() < 20.0, "{}", drift.ppm());
    }

    #[test]
    fn a_late_look_bends_nothing() {
        let mut drift = Drift::default();
        for (block, (_, seen)) in differences(100.0).take(2_000).enumerate() {
            let stalled = block % 500 > 495;
            assert_eq!(drift.observe(if stalled { seen - 1_200.0 } else { seen }), block == 0);
        }
        assert!((drift.ppm() - 100.0).abs() < 20.0, "{}", drift.ppm());
    }
}
