//! What is done to the microphone's sound before it is coded: high-pass, echo, noise, gain.
//!
//! The stages are those of WebRTC's audio processing (the `sonora` port), in its order. Each can
//! be switched off alone.

use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate,
    NoiseSuppression, NoiseSuppressionLevel, Pipeline, TransparentModeType,
};
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::switch::Switch;
use crate::{Block, SAMPLE_RATE};

/// How much steady noise is lowered (about 6 dB). More costs clean speech: STOI of synthetic speech
/// after all stages and the codec is 0.962 with this, 0.957 with the next level.
const NOISE_LEVEL: NoiseSuppressionLevel = NoiseSuppressionLevel::Low;
/// How it is found out that there is no echo, as with headphones. This way takes as much echo away
/// as the library's default, and leaves more of a near end that talks beside a far one: STOI 0.83
/// with headphones instead of 0.81.
const TRANSPARENT_MODE: TransparentModeType = TransparentModeType::Hmm;
/// The gain before anything was heard. The library's 15 dB overdrives a voice that is loud already.
const INITIAL_GAIN_DB: f32 = 0.0;

/// Which stages run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessingConfig {
    /// Removes rumble below speech.
    pub high_pass: bool,
    /// Removes what the loudspeaker plays; needs [`Processing::analyse_played`] with what a
    /// [`Reference`](crate::Reference) gives.
    pub echo: bool,
    /// Lowers steady noise; adds about 7 ms of delay.
    pub noise: bool,
    /// Brings quiet and loud voices to one level.
    pub gain: bool,
}

impl Default for ProcessingConfig {
    /// Everything.
    fn default() -> Self {
        Self { high_pass: true, echo: true, noise: true, gain: true }
    }
}

impl ProcessingConfig {
    /// No stage at all.
    pub const OFF: Self = Self { high_pass: false, echo: false, noise: false, gain: false };

    fn cleaning(self) -> Self {
        Self { gain: false, ..self }
    }

    fn only_gain(self) -> Self {
        Self { gain: self.gain, ..Self::OFF }
    }
}

/// Processes the microphone's sound in blocks of 10 ms.
///
/// Stages may be switched while it runs, by [`set`](Self::set). High-pass, echo and noise share a
/// filter bank and are exchanged together; the gain is apart, so that it stays what it has become.
pub struct Processing {
    cleaning: Switch,
    gain: Switch,
}

impl Processing {
    /// Sets up the stages that are on.
    pub fn new(config: ProcessingConfig) -> Self {
        Self { cleaning: Switch::new(config.cleaning()), gain: Switch::new(config.only_gain()) }
    }

    /// Switches to other stages, in time for them to have settled: within a second.
    pub fn set(&mut self, config: ProcessingConfig) {
        self.cleaning.set(config.cleaning());
        self.gain.set(config.only_gain());
    }

    /// Processes a block in place. Samples that are not finite count as silence.
    pub fn process(&mut self, block: &mut Block) {
        for sample in block.iter_mut().filter(|sample| !sample.is_finite()) {
            *sample = 0.0;
        }
        self.cleaning.process(block);
        self.gain.process(block);
    }

    /// Shows what the loudspeaker is about to play, for the echo stage. Does nothing without it.
    pub fn analyse_played(&mut self, block: &Block) {
        self.cleaning.analyse_played(block);
    }
}

pub(crate) fn build(config: ProcessingConfig) -> AudioProcessing {
    let format = StreamConfig::new(SAMPLE_RATE, 1);
    AudioProcessing::builder()
        .config(Config {
            pipeline: Pipeline {
                maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
                ..Pipeline::default()
            },
            high_pass_filter: config.high_pass.then(HighPassFilter::default),
            echo_canceller: config.echo.then(|| EchoCanceller {
                transparent_mode: TRANSPARENT_MODE,
                ..EchoCanceller::default()
            }),
            noise_suppression: config
                .noise
                .then(|| NoiseSuppression { level: NOISE_LEVEL, ..NoiseSuppression::default() }),
            gain_controller2: config.gain.then(|| GainController2 {
                adaptive_digital: Some(AdaptiveDigital {
                    initial_gain_db: INITIAL_GAIN_DB,
                    ..AdaptiveDigital::default()
                }),
                ..GainController2::default()
            }),
            ..Config::default()
        })
        .capture_config(format)
        .render_config(format)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BLOCK_SAMPLES, Level, SILENT_BLOCK};

    fn tone(hz: f32, block: usize, amplitude: f32) -> Block {
        std::array::from_fn(|i| {
            let t = (block * BLOCK_SAMPLES + i) as f32 / 48_000.0;
            amplitude * (std::f32::consts::TAU * hz * t).sin()
        })
    }

    fn after_a_second(config: ProcessingConfig, hz: f32, amplitude: f32) -> Level {
        let mut processing = Processing::new(config);
        let mut block = SILENT_BLOCK;
        for n in 0..100 {
            block = tone(hz, n, amplitude);
            processing.process(&mut block);
        }
        Level::of(&block)
    }

    #[test]
    fn switched_off_it_leaves_the_sound_alone() {
        let mut block = tone(440.0, 0, 0.3);
        Processing::new(ProcessingConfig::OFF).process(&mut block);
        assert_eq!(block, tone(440.0, 0, 0.3));
    }

    #[test]
    fn the_high_pass_removes_rumble_and_keeps_speech() {
        let config = ProcessingConfig { high_pass: true, ..ProcessingConfig::OFF };
        assert!(after_a_second(config, 20.0, 0.3).rms < 0.02);
        assert!(after_a_second(config, 400.0, 0.3).rms > 0.18);
    }

    #[test]
    fn the_noise_stage_lowers_steady_noise() {
        let config = ProcessingConfig { noise: true, ..ProcessingConfig::OFF };
        let mut processing = Processing::new(config);
        let mut state = 1_u32;
        let (mut before, mut after) = (0.0, 0.0);
        for n in 0..300 {
            let mut block: Block = std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state as f32 / u32::MAX as f32 - 0.5) * 0.05
            });
            let spoken = Level::of(&block).rms;
            processing.process(&mut block);
            if n >= 200 {
                before += spoken;
                after += Level::of(&block).rms;
            }
        }
        assert!(after < before * 0.5, "{before} → {after}");
    }

    /// All ways from some stages to others, in the middle of a tone.
    #[test]
    fn stages_are_switched_without_a_click() {
        let some = |n: u8| ProcessingConfig {
            high_pass: n & 1 > 0,
            echo: n & 2 > 0,
            noise: n & 4 > 0,
            gain: n & 8 > 0,
        };
        for (from, to) in (0..16).flat_map(|from| [0, 2, 4, 8, 15].map(|to| (from, to))) {
            let mut processing = Processing::new(some(from));
            let (mut last, mut steepest) = ([0.0; 2], 0.0_f32);
            for n in 0..260 {
                if n == 100 {
                    processing.set(some(to));
                }
                let mut block = tone(400.0, n, 0.2);
                processing.process(&mut block);
                for sample in block {
                    if n >= 50 {
                        steepest = steepest.max((sample - 2.0 * last[1] + last[0]).abs());
                    }
                    last = [last[1], sample];
                }
            }
            // The tone itself bends by 0.2 (2π 400 / 48,000)² = 0.0005, louder by the gain 0.003.
            assert!(steepest < 0.006, "{from:04b} to {to:04b}: {steepest}");
        }
    }

    #[test]
    fn switched_stages_do_what_new_ones_do() {
        let mut processing = Processing::new(ProcessingConfig::OFF);
        processing.set(ProcessingConfig { high_pass: true, ..ProcessingConfig::OFF });
        let mut block = SILENT_BLOCK;
        for n in 0..200 {
            block = tone(20.0, n, 0.3);
            processing.process(&mut block);
        }
        assert!(Level::of(&block).rms < 0.02);
        processing.set(ProcessingConfig::OFF);
        for n in 200..300 {
            block = tone(20.0, n, 0.3);
            processing.process(&mut block);
        }
        assert_eq!(block, tone(20.0, 299, 0.3));
    }

    #[test]
    fn nonsense_in_gives_finite_sound_out() {
        let config = ProcessingConfig { echo: true, ..ProcessingConfig::default() };
        let mut processing = Processing::new(config);
        for value in [f32::NAN, f32::INFINITY, -1e30, 1e-42, 5.0] {
            let mut block = [value; BLOCK_SAMPLES];
            processing.analyse_played(&block.map(|s| s.clamp(-1.0, 1.0)));
            processing.process(&mut block);
            assert!(block.iter().all(|s| s.is_finite()), "{value}");
        }
    }
}
