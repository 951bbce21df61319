//! A room in which a loudspeaker is heard by a microphone: two devices, two clocks, one echo.

use std::f64::consts::TAU;

use standfast_media::{BLOCK_SAMPLES, Block, Processing, Reference, SILENT_BLOCK};

const RATE: f64 = 48_000.0;

/// The same numbers on every run.
pub(crate) struct Dice(pub(crate) u32);

impl Dice {
    /// Evenly between 0 and 1.
    pub(crate) fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0) / f64::from(u32::MAX)
    }

    fn sign(&mut self) -> f64 {
        2.0 * self.roll() - 1.0
    }
}

/// Something that moves like speech: syllables of voiced sound through three formants, hisses, and
/// pauses. About −20 dBFS while it sounds.
pub(crate) fn speech_like(seconds: f64, pitch_hz: f64, seed: u32) -> Vec<f32> {
    let mut dice = Dice(seed);
    let mut samples: Vec<f64> = Vec::new();
    while (samples.len() as f64) < seconds * RATE {
        samples.extend(syllable(pitch_hz * (0.85 + 0.3 * dice.roll()), &mut dice));
        if dice.roll() < 0.2 {
            samples.resize(samples.len() + (0.12 * RATE) as usize, 0.0);
        }
    }
    samples.truncate((seconds * RATE) as usize);
    let sounding = samples.iter().filter(|s| s.abs() > 1e-6).count().max(1);
    let rms = (samples.iter().map(|s| s * s).sum::<f64>() / sounding as f64).sqrt();
    samples.iter().map(|s| (s * 0.1 / rms) as f32).collect()
}

fn syllable(pitch_hz: f64, dice: &mut Dice) -> Vec<f64> {
    let length = ((0.09 + 0.14 * dice.roll()) * RATE) as usize;
    let formants = [300.0 + 500.0 * dice.roll(), 900.0 + 1_400.0 * dice.roll(), 2_700.0];
    let (hiss, loud) = (dice.roll() < 0.25, 0.4 + 0.6 * dice.roll());
    let (mut phase, mut states) = (0.0_f64, [[0.0_f64; 2]; 3]);
    let mut sample = |i| {
        // The voice falls during a syllable, and some breath is always in it.
        phase += pitch_hz * (1.1 - 0.2 * f64::from(i) / length as f64) / RATE;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase -= phase.floor();
        let source = if hiss { 0.03 * dice.sign() } else { pulse + 0.03 * dice.sign() };
        let resonances = formants.iter().zip(&mut states);
        let sum: f64 = resonances
            .map(|(hz, state)| resonate(if hiss { hz * 2.0 } else { *hz }, state, source))
            .sum();
        sum * (TAU / 2.0 * f64::from(i) / length as f64).sin() * loud
    };
    (0..length as u32).map(&mut sample).collect()
}

/// A resonance 160 Hz wide.
fn resonate(hz: f64, state: &mut [f64; 2], source: f64) -> f64 {
    let radius = (-TAU * 80.0 / RATE).exp();
    let next =
        source + 2.0 * radius * (TAU * hz / RATE).cos() * state[0] - radius.powi(2) * state[1];
    *state = [next, state[0]];
    next * hz / 1_000.0
}

/// Where the devices stand and how their clocks run.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    /// From handing a block over to hearing it, and reading what was captured.
    pub(crate) delay_ms: f64,
    /// How much faster the loudspeaker's clock is.
    pub(crate) drift_ppm: f64,
    /// The echo's level below what is played.
    pub(crate) loss_db: f64,
    /// Reverberation until −60 dB, as far as 150 ms are kept.
    pub(crate) decay_ms: f64,
}

impl Room {
    /// What the microphone hears of `far`, at its own clock.
    pub(crate) fn echo(&self, far: &[f32]) -> Vec<f32> {
        let reflected = self.reflect(far);
        let clock = 1.0 + self.drift_ppm * 1e-6;
        let delay = self.delay_ms * RATE / 1_000.0;
        (0..far.len()).map(|n| at(&reflected, (n as f64 - delay) * clock)).collect()
    }

    /// The direct sound and 80 reflections that die away.
    fn reflect(&self, far: &[f32]) -> Vec<f64> {
        let mut dice = Dice(5);
        let mut taps = vec![(0_usize, 1.0)];
        for _ in 0..80 {
            let ms = 1.0 + 149.0 * dice.roll() * dice.roll();
            let gain = 0.4 * 10_f64.powf(-3.0 * ms / self.decay_ms) * dice.sign();
            taps.push(((ms * RATE / 1_000.0) as usize, gain));
        }
        let power: f64 = taps.iter().map(|(_, gain)| gain * gain).sum();
        let scale = 10_f64.powf(-self.loss_db / 20.0) / power.sqrt();
        let mut heard = vec![0.0; far.len()];
        for (delay, gain) in taps {
            for (heard, far) in heard.iter_mut().skip(delay).zip(far) {
                *heard += f64::from(*far) * gain * scale;
            }
        }
        heard
    }
}

/// A band-limited signal between its samples: a windowed sinc over 24 of them.
fn at(samples: &[f64], position: f64) -> f32 {
    let whole = position.floor();
    let mut sum = 0.0;
    for node in -11_i32..=12 {
        let index = whole + f64::from(node);
        if index < 0.0 || index >= samples.len() as f64 {
            continue;
        }
        let x = position - index;
        let window = 0.5 + 0.5 * (TAU / 2.0 * x / 12.5).cos();
        let sinc = if x.abs() < 1e-9 { 1.0 } else { (TAU / 2.0 * x).sin() / (TAU / 2.0 * x) };
        sum += samples[index as usize] * sinc * window;
    }
    sum as f32
}

/// Lets `far` be played and `microphone` be captured, each by its clock and handed over up to 2 ms
/// late, and gives what processing leaves of the microphone.
pub(crate) fn process(
    processing: &mut Processing,
    reference: &mut Reference,
    room: Room,
    far: &[f32],
    microphone: &[f32],
) -> Vec<f32> {
    let mut dice = Dice(9);
    let mut late_us = move || 2_000.0 * dice.roll();
    let mut out = Vec::with_capacity(microphone.len());
    let (mut played, mut due_us) = (0_usize, late_us());
    for (number, captured) in microphone.chunks_exact(BLOCK_SAMPLES).enumerate() {
        let now_us = (number + 1) as f64 * 10_000.0 + late_us();
        while due_us <= now_us {
            let mut block = SILENT_BLOCK;
            if let Some(samples) = far.get(played * BLOCK_SAMPLES..(played + 1) * BLOCK_SAMPLES) {
                block.copy_from_slice(samples);
            }
            reference.played(&block, due_us as u64);
            played += 1;
            due_us = played as f64 * 10_000.0 / (1.0 + room.drift_ppm * 1e-6) + late_us();
        }
        processing.analyse_played(&reference.captured(now_us as u64));
        let mut block: Block = SILENT_BLOCK;
        block.copy_from_slice(captured);
        processing.process(&mut block);
        out.extend_from_slice(&block);
    }
    out
}

/// How much quieter `after` is than `before`, in decibels.
pub(crate) fn loss_db(before: &[f32], after: &[f32]) -> f64 {
    let power = |samples: &[f32]| {
        samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len().max(1) as f64
    };
    10.0 * (power(before).max(1e-12) / power(after).max(1e-12)).log10()
}
