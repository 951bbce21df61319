//! Between a device's or file's sample rate and blocks of 10 ms at 48 kHz.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};
use standfast_media::{BLOCK_SAMPLES, Block, Mix, SAMPLE_RATE};

use crate::AudioError;

/// Taps of the interpolating filter: 1.3 ms of delay at 48 kHz, alias below −80 dB for speech.
const SINC_LEN: usize = 128;
/// How far the ratio may be changed later, to follow a drifting clock.
const MAX_RATIO_CHANGE: f64 = 1.01;

fn resampler(
    (from, to): (u32, u32),
    channels: usize,
    fixed: FixedAsync,
) -> Result<Async<f32>, AudioError> {
    let parameters = SincInterpolationParameters {
        interpolation: SincInterpolationType::Linear,
        oversampling_factor: 256,
        ..SincInterpolationParameters::new(SINC_LEN, WindowFunction::BlackmanHarris2)
    };
    let ratio = f64::from(to) / f64::from(from.max(1));
    Async::new_sinc(ratio, MAX_RATIO_CHANGE, &parameters, BLOCK_SAMPLES, channels, fixed)
        .map_err(|_| AudioError::Unsupported)
}

/// Runs the resampler over whole slices, its channels interleaved; the number of frames written.
fn run(
    resampler: &mut Async<f32>,
    input: &[f32],
    output: &mut [f32],
    indexing: Option<&Indexing>,
) -> usize {
    let channels = resampler.nbr_channels();
    let (read, room) = (input.len() / channels, output.len() / channels);
    let Ok(input) = InterleavedSlice::new(input, channels, read) else {
        return 0;
    };
    let Ok(mut output) = InterleavedSlice::new_mut(output, channels, room) else {
        return 0;
    };
    resampler.process_into_buffer(&input, &mut output, indexing).map_or(0, |(_, written)| written)
}

/// Makes blocks of samples at any rate.
pub struct IntoBlocks {
    /// `None` at 48 kHz, where samples pass untouched and undelayed.
    resampler: Option<Async<f32>>,
}

impl IntoBlocks {
    /// For samples at `rate` per second.
    pub fn new(rate: u32) -> Result<Self, AudioError> {
        let resampler = (rate != SAMPLE_RATE)
            .then(|| resampler((rate, SAMPLE_RATE), 1, FixedAsync::Output))
            .transpose()?;
        Ok(Self { resampler })
    }

    /// How many samples the next block needs.
    pub fn needed(&self) -> usize {
        self.resampler.as_ref().map_or(BLOCK_SAMPLES, Resampler::input_frames_next)
    }

    /// The most samples that any block can need.
    pub fn needed_at_most(&self) -> usize {
        self.resampler.as_ref().map_or(BLOCK_SAMPLES, Resampler::input_frames_max)
    }

    /// Makes a block of exactly [`needed`](Self::needed) samples; silence for any other number.
    pub fn convert(&mut self, samples: &[f32], block: &mut Block) {
        block.fill(0.0);
        if samples.len() != self.needed() {
            return;
        }
        match &mut self.resampler {
            None => block.copy_from_slice(samples),
            Some(resampler) => {
                run(resampler, samples, block, None);
            }
        }
    }
}

/// What the left and the right ear hear at one moment.
pub(crate) type Ears = [f32; 2];

/// Makes samples for two ears, at any rate, of mixes.
pub(crate) struct FromMixes {
    /// Of the middle and the side; the side only while there is one, for nothing else costs.
    resampler: Option<Async<f32>>,
    only_middle: Indexing,
    input: Box<[[f32; 2]; BLOCK_SAMPLES]>,
    output: Vec<Ears>,
}

impl FromMixes {
    /// For samples at `rate` per second.
    pub(crate) fn new(rate: u32) -> Result<Self, AudioError> {
        let resampler = (rate != SAMPLE_RATE)
            .then(|| resampler((SAMPLE_RATE, rate), 2, FixedAsync::Input))
            .transpose()?;
        let room = resampler.as_ref().map_or(BLOCK_SAMPLES, Resampler::output_frames_max);
        Ok(Self {
            resampler,
            only_middle: Indexing {
                active_channels_mask: Some(vec![true, false]),
                ..Indexing::default()
            },
            input: Box::new([[0.0; 2]; BLOCK_SAMPLES]),
            output: vec![[0.0; 2]; room],
        })
    }

    /// Gives the samples of one mix; about 10 ms, varying by a sample.
    pub(crate) fn convert(&mut self, mix: &Mix) -> &[Ears] {
        let side = mix.side.as_ref();
        for (i, (input, middle)) in self.input.iter_mut().zip(&mix.middle).enumerate() {
            *input = [*middle, side.map_or(0.0, |side| side[i])];
        }
        let written = match &mut self.resampler {
            None => {
                self.output.copy_from_slice(self.input.as_slice());
                BLOCK_SAMPLES
            }
            Some(resampler) => {
                let (input, output) = (self.input.as_flattened(), self.output.as_flattened_mut());
                run(resampler, input, output, side.is_none().then_some(&self.only_middle))
            }
        };
        let written = &mut self.output[..written];
        for ears in &mut *written {
            // The resampler leaves a side that it does not resample as it was.
            let [middle, side] = [ears[0], if side.is_some() { ears[1] } else { 0.0 }];
            *ears = [middle + side, middle - side];
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use standfast_media::SILENT_BLOCK;

    const RATES: [u32; 6] = [8_000, 16_000, 44_100, 48_000, 96_000, 192_000];

    fn tone(rate: u32) -> impl Iterator<Item = f32> {
        (0..).map(move |i| (std::f32::consts::TAU * 440.0 * i as f32 / rate as f32).sin() * 0.5)
    }

    /// How much of the power in `samples` is not the 440 Hz tone, in decibels.
    fn noise_db(samples: &[f32], rate: u32) -> f32 {
        let step = std::f64::consts::TAU * 440.0 / f64::from(rate);
        let (mut cos, mut sin, mut power) = (0.0, 0.0, 0.0);
        for (i, sample) in samples.iter().enumerate() {
            let (s, angle) = (f64::from(*sample), step * i as f64);
            cos += s * angle.cos();
            sin += s * angle.sin();
            power += s * s;
        }
        let tone = 2.0 * (cos * cos + sin * sin) / samples.len() as f64;
        (10.0 * ((power - tone).max(1e-12) / power).log10()) as f32
    }

    #[test]
    fn a_tone_of_any_rate_becomes_blocks() {
        for rate in RATES {
            let mut converter = IntoBlocks::new(rate).unwrap();
            let mut input = tone(rate);
            let mut output = Vec::new();
            for _ in 0..60 {
                let samples: Vec<f32> = input.by_ref().take(converter.needed()).collect();
                assert!(samples.len() <= converter.needed_at_most());
                let mut block = SILENT_BLOCK;
                converter.convert(&samples, &mut block);
                output.extend(block);
            }
            // One second at 440 Hz is a whole number of periods: no leakage.
            let steady = &output[4_800..4_800 + 24_000];
            assert!(noise_db(steady, SAMPLE_RATE) < -60.0, "{rate}: {}", noise_db(steady, 48_000));
        }
    }

    #[test]
    fn blocks_become_a_tone_of_any_rate() {
        for rate in RATES {
            let mut converter = FromMixes::new(rate).unwrap();
            let mut input = tone(SAMPLE_RATE);
            let mut output = Vec::new();
            for _ in 0..100 {
                let middle: Block = std::array::from_fn(|_| input.next().unwrap());
                let ears = converter.convert(&Mix { middle, side: None });
                output.extend(ears.iter().map(|ears| ears[0]));
                assert!(ears.iter().all(|[left, right]| left == right), "{rate}");
            }
            assert!(output.len().abs_diff(rate as usize) <= rate as usize / 100, "{rate}");
            let steady = &output[rate as usize / 10..][..rate as usize / 2];
            assert!(noise_db(steady, rate) < -60.0, "{rate}: {}", noise_db(steady, rate));
        }
    }

    /// A side comes, ends in silence as the mixer's does, and comes again.
    #[test]
    fn the_ears_hear_the_middle_and_the_side() {
        for rate in RATES {
            let mut converter = FromMixes::new(rate).unwrap();
            let mut input = tone(SAMPLE_RATE);
            let (mut left, mut right) = (Vec::new(), Vec::new());
            for n in 0..200 {
                let middle: Block = std::array::from_fn(|_| input.next().unwrap());
                let aside = |share: f32| Some(middle.map(|sample| sample * share));
                let side = match n % 50 {
                    0..25 => aside(0.5),
                    25 => aside(0.0),
                    _ => None,
                };
                for ears in converter.convert(&Mix { middle, side }) {
                    left.push(ears[0]);
                    right.push(ears[1]);
                }
            }
            let block = rate as usize / 100;
            for (begin, l, r) in [(5, 0.75, 0.25), (30, 0.5, 0.5), (105, 0.75, 0.25)] {
                let of = |ear: &[f32]| peak(&ear[begin * block..][..15 * block]);
                assert!((of(&left) - l).abs() < 0.01 && (of(&right) - r).abs() < 0.01, "{rate}");
            }
        }
    }

    fn peak(samples: &[f32]) -> f32 {
        samples.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
    }

    #[test]
    fn a_wrong_number_of_samples_is_silence() {
        let mut block = [1.0; BLOCK_SAMPLES];
        IntoBlocks::new(44_100).unwrap().convert(&[1.0; 7], &mut block);
        assert_eq!(block, SILENT_BLOCK);
    }
}
