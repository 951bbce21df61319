//! Between a device's or file's sample rate and blocks of 10 ms at 48 kHz.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};
use standfast_media::{BLOCK_SAMPLES, Block, SAMPLE_RATE};

use crate::AudioError;

/// Taps of the interpolating filter: 1.3 ms of delay at 48 kHz, alias below −80 dB for speech.
const SINC_LEN: usize = 128;
/// How far the ratio may be changed later, to follow a drifting clock.
const MAX_RATIO_CHANGE: f64 = 1.01;

fn resampler(from: u32, to: u32, fixed: FixedAsync) -> Result<Async<f32>, AudioError> {
    let parameters = SincInterpolationParameters {
        interpolation: SincInterpolationType::Linear,
        oversampling_factor: 256,
        ..SincInterpolationParameters::new(SINC_LEN, WindowFunction::BlackmanHarris2)
    };
    let ratio = f64::from(to) / f64::from(from.max(1));
    Async::new_sinc(ratio, MAX_RATIO_CHANGE, &parameters, BLOCK_SAMPLES, 1, fixed)
        .map_err(|_| AudioError::Unsupported)
}

/// Runs the resampler over whole slices; the number of samples written.
fn run(resampler: &mut Async<f32>, input: &[f32], output: &mut [f32]) -> usize {
    let (read, room) = (input.len(), output.len());
    let Ok(input) = InterleavedSlice::new(input, 1, read) else {
        return 0;
    };
    let Ok(mut output) = InterleavedSlice::new_mut(output, 1, room) else {
        return 0;
    };
    resampler.process_into_buffer(&input, &mut output, None).map_or(0, |(_, written)| written)
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
            .then(|| resampler(rate, SAMPLE_RATE, FixedAsync::Output))
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
                run(resampler, samples, block);
            }
        }
    }
}

/// Makes samples at any rate of blocks.
pub struct FromBlocks {
    resampler: Option<Async<f32>>,
    output: Vec<f32>,
}

impl FromBlocks {
    /// For samples at `rate` per second.
    pub fn new(rate: u32) -> Result<Self, AudioError> {
        let resampler = (rate != SAMPLE_RATE)
            .then(|| resampler(SAMPLE_RATE, rate, FixedAsync::Input))
            .transpose()?;
        let room = resampler.as_ref().map_or(BLOCK_SAMPLES, Resampler::output_frames_max);
        Ok(Self { resampler, output: vec![0.0; room] })
    }

    /// Gives the samples of one block; about 10 ms, varying by a sample.
    pub fn convert(&mut self, block: &Block) -> &[f32] {
        let written = match &mut self.resampler {
            None => {
                self.output.copy_from_slice(block);
                BLOCK_SAMPLES
            }
            Some(resampler) => run(resampler, block, &mut self.output),
        };
        &self.output[..written]
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
            let mut converter = FromBlocks::new(rate).unwrap();
            let mut input = tone(SAMPLE_RATE);
            let mut output = Vec::new();
            for _ in 0..100 {
                let block: Block = std::array::from_fn(|_| input.next().unwrap());
                output.extend_from_slice(converter.convert(&block));
            }
            assert!(output.len().abs_diff(rate as usize) <= rate as usize / 100, "{rate}");
            let steady = &output[rate as usize / 10..][..rate as usize / 2];
            assert!(noise_db(steady, rate) < -60.0, "{rate}: {}", noise_db(steady, rate));
        }
    }

    #[test]
    fn a_wrong_number_of_samples_is_silence() {
        let mut block = [1.0; BLOCK_SAMPLES];
        IntoBlocks::new(44_100).unwrap().convert(&[1.0; 7], &mut block);
        assert_eq!(block, SILENT_BLOCK);
    }
}
