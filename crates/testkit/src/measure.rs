//! How well and how late recorded speech was heard: STOI, and delay by cross-correlation.
//!
//! Both signals must come from one recording (two channels) or start at the same instant, or the
//! delay means nothing. Samples are mono floats at one rate.

use realfft::RealFftPlanner;

/// The rate at which STOI is defined.
const STOI_RATE: usize = 10_000;
/// Samples of an STOI frame (25.6 ms); frames overlap by half.
const FRAME: usize = 256;
const HOP: usize = FRAME / 2;
const FFT: usize = 512;
/// One-third octave bands, the lowest around 150 Hz.
const BANDS: usize = 15;
const LOWEST_HZ: f64 = 150.0;
/// Frames of an intermediate measure: 384 ms.
const SEGMENT: usize = 30;
/// Frames this much below the loudest count as silence, in decibels.
const DYNAMIC_RANGE_DB: f64 = 40.0;
/// The lower bound of the signal-to-distortion ratio, in decibels.
const BETA_DB: f64 = -15.0;

/// The longest delay that is looked for, in milliseconds.
const MAX_DELAY_MS: usize = 500;
/// Windows quieter than this (−40 dBFS) hold no speech to align.
const QUIET_RMS: f64 = 0.01;
/// How alike spoken and heard must be in a window for its delay to count.
const ALIKE: f64 = 0.4;

/// Short-time objective intelligibility, 0 to 1, after Taal, Hendriks, Heusdens and Jensen, "An
/// Algorithm for Intelligibility Prediction of Time-Frequency Weighted Noisy Speech", 2011.
/// `heard` must be aligned with `spoken`; the longer is cut. `None` for less than 0.4 s of speech.
pub fn stoi(spoken: &[f64], heard: &[f64], rate: usize) -> Option<f64> {
    let len = spoken.len().min(heard.len());
    let spoken = resample(&spoken[..len], rate, STOI_RATE);
    let heard = resample(&heard[..len], rate, STOI_RATE);
    let (spoken, heard) = without_silence(&spoken, &heard)?;
    let (spoken, heard) = (band_levels(&spoken)?, band_levels(&heard)?);
    let segments = spoken.len().checked_sub(SEGMENT)? + 1;
    let mut sum = 0.0;
    for start in 0..segments {
        for band in 0..BANDS {
            let clean: [f64; SEGMENT] = std::array::from_fn(|i| spoken[start + i][band]);
            let other: [f64; SEGMENT] = std::array::from_fn(|i| heard[start + i][band]);
            sum += likeness(clean, other);
        }
    }
    Some(sum / (segments * BANDS) as f64)
}

/// The correlation of one band over one segment, after scaling and clipping (equations 3 to 5).
fn likeness(clean: [f64; SEGMENT], other: [f64; SEGMENT]) -> f64 {
    let scale = norm(&clean) / (norm(&other) + f64::EPSILON);
    let limit = 1.0 + 10_f64.powf(-BETA_DB / 20.0);
    let clipped: [f64; SEGMENT] = std::array::from_fn(|i| (other[i] * scale).min(clean[i] * limit));
    let (clean, clipped) = (centred(clean), centred(clipped));
    let product: f64 = clean.iter().zip(&clipped).map(|(a, b)| a * b).sum();
    product / ((norm(&clean) + f64::EPSILON) * (norm(&clipped) + f64::EPSILON))
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn centred(values: [f64; SEGMENT]) -> [f64; SEGMENT] {
    let mean = values.iter().sum::<f64>() / SEGMENT as f64;
    values.map(|v| v - mean)
}

fn hann() -> [f64; FRAME] {
    let step = std::f64::consts::TAU / (FRAME + 1) as f64;
    std::array::from_fn(|i| 0.5 - 0.5 * (step * (i + 1) as f64).cos())
}

/// Drops the frames in which `spoken` is silent from both, joining the rest by overlap and add.
fn without_silence(spoken: &[f64], heard: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    let window = hann();
    let windowed = |signal: &[f64], at: usize| -> Vec<f64> {
        signal[at..at + FRAME].iter().zip(&window).map(|(s, w)| s * w).collect()
    };
    let starts: Vec<usize> = (0..spoken.len().checked_sub(FRAME)?).step_by(HOP).collect();
    let levels: Vec<f64> = starts
        .iter()
        .map(|at| 20.0 * (norm(&windowed(spoken, *at)) + f64::EPSILON).log10())
        .collect();
    let loudest = levels.iter().copied().fold(f64::MIN, f64::max);
    let kept: Vec<usize> = starts
        .iter()
        .zip(&levels)
        .filter(|(_, level)| loudest - DYNAMIC_RANGE_DB - **level < 0.0)
        .map(|(at, _)| *at)
        .collect();
    let join = |signal: &[f64]| {
        let mut joined = vec![0.0; kept.len().saturating_sub(1) * HOP + FRAME];
        for (i, at) in kept.iter().enumerate() {
            for (out, sample) in joined[i * HOP..].iter_mut().zip(windowed(signal, *at)) {
                *out += sample;
            }
        }
        joined
    };
    Some((join(spoken), join(heard)))
}

/// The level of each band in each frame (equation 1).
fn band_levels(signal: &[f64]) -> Option<Vec<[f64; BANDS]>> {
    let (window, bands) = (hann(), bands());
    let fft = RealFftPlanner::<f64>::new().plan_fft_forward(FFT);
    let mut spectrum = fft.make_output_vec();
    let mut levels = Vec::new();
    for at in (0..signal.len().checked_sub(FRAME)?).step_by(HOP) {
        let mut frame = vec![0.0; FFT];
        for ((out, sample), weight) in frame.iter_mut().zip(&signal[at..at + FRAME]).zip(&window) {
            *out = sample * weight;
        }
        fft.process(&mut frame, &mut spectrum).ok()?;
        levels.push(std::array::from_fn(|band| {
            let (from, to) = bands[band];
            spectrum[from..to].iter().map(|bin| bin.norm_sqr()).sum::<f64>().sqrt()
        }));
    }
    Some(levels)
}

/// First and last-plus-one FFT bin of each band.
fn bands() -> [(usize, usize); BANDS] {
    let bin = |hz: f64| (hz * FFT as f64 / STOI_RATE as f64).round() as usize;
    std::array::from_fn(|band| {
        let exponent = 2.0 * band as f64;
        let low = LOWEST_HZ * 2_f64.powf((exponent - 1.0) / 6.0);
        let high = LOWEST_HZ * 2_f64.powf((exponent + 1.0) / 6.0);
        (bin(low), bin(high))
    })
}

/// Resamples with the Kaiser-windowed filter of Octave's `resample`, as the reference does.
pub fn resample(signal: &[f64], from: usize, to: usize) -> Vec<f64> {
    let common = gcd(from, to);
    let (up, down) = (to / common, from / common);
    if up == down {
        return signal.to_vec();
    }
    let filter = kaiser_low_pass(up, down);
    let half = (filter.len() / 2) as i64;
    (0..(signal.len() * up).div_ceil(down))
        .map(|m| {
            let centre = (m * down) as i64;
            let first = (centre - half).max(0) as usize;
            let last = ((centre + half) as usize / up).min(signal.len().saturating_sub(1));
            (first.div_ceil(up)..=last)
                .map(|k| signal[k] * filter[(half + centre - (k * up) as i64) as usize])
                .sum::<f64>()
                * up as f64
        })
        .collect()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn kaiser_low_pass(up: usize, down: usize) -> Vec<f64> {
    const REJECTION_DB: f64 = 60.0;
    let cutoff = 0.5 / up.max(down) as f64;
    let half = ((REJECTION_DB - 8.0) / (28.714 * cutoff / 10.0)).ceil() as i64;
    let beta = 0.1102 * (REJECTION_DB - 8.7);
    let taps: Vec<f64> = (-half..=half)
        .map(|t| {
            let x = std::f64::consts::TAU * cutoff * t as f64;
            let sinc = if t == 0 { 1.0 } else { x.sin() / x };
            let place = t as f64 / half as f64;
            sinc * bessel_i0(beta * (1.0 - place * place).max(0.0).sqrt())
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.into_iter().map(|tap| tap / sum).collect()
}

/// The modified Bessel function of order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..60 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

/// By how many samples `heard` follows `spoken`, up to half a second, and how alike they are at
/// that delay (0 to 1). `None` if either is silent.
pub fn delay_samples(spoken: &[f64], heard: &[f64], rate: usize) -> Option<(usize, f64)> {
    let size = (spoken.len() + heard.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let spectrum = |signal: &[f64]| {
        let mut padded = signal.to_vec();
        padded.resize(size, 0.0);
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut padded, &mut spectrum).ok().map(|()| spectrum)
    };
    let mut cross = spectrum(heard)?;
    for (bin, other) in cross.iter_mut().zip(spectrum(spoken)?) {
        *bin *= other.conj();
    }
    // Rounding leaves a trace of imaginary part at both ends, which the inverse refuses.
    for end in [0, cross.len() - 1] {
        cross[end].im = 0.0;
    }
    let mut correlation = inverse.make_output_vec();
    inverse.process(&mut cross, &mut correlation).ok()?;
    let lags = (rate * MAX_DELAY_MS / 1_000).min(heard.len());
    let (delay, peak) = correlation[..lags]
        .iter()
        .enumerate()
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(delay, peak)| (delay, *peak / size as f64))?;
    let overlap = &heard[delay..(delay + spoken.len()).min(heard.len())];
    let scale = norm(spoken) * norm(overlap);
    (scale > f64::EPSILON).then_some((delay, peak / scale))
}

/// What was measured of one recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Median delay over the seconds with speech, in milliseconds.
    pub mouth_to_ear_ms: f64,
    /// The delay that 95 % of these seconds do not exceed.
    pub mouth_to_ear_p95_ms: f64,
    /// Intelligibility with every second aligned by its own delay, as an adaptive jitter buffer
    /// shifts speech in time without harm.
    pub stoi: f64,
    /// Intelligibility with one delay for the whole recording.
    pub stoi_rigid: f64,
    /// The delay of each second with speech, in milliseconds.
    pub delays_ms: Vec<f64>,
}

/// Measures how `spoken` was heard. `None` if no second of it can be recognised in `heard`.
pub fn measure(spoken: &[f64], heard: &[f64], rate: usize) -> Option<Measured> {
    let ms = |samples: usize| samples as f64 * 1_000.0 / rate as f64;
    let delays = delays(spoken, heard, rate);
    let mut sorted: Vec<usize> = delays.iter().flatten().copied().collect();
    sorted.sort_unstable();
    let quantile = |q: f64| sorted.get(((sorted.len() - 1) as f64 * q).ceil() as usize).copied();
    if sorted.is_empty() {
        return None;
    }
    let rigid = heard.get(delay_samples(spoken, heard, rate)?.0..)?;
    Some(Measured {
        mouth_to_ear_ms: ms(quantile(0.5)?),
        mouth_to_ear_p95_ms: ms(quantile(0.95)?),
        stoi: stoi(spoken, &aligned(spoken, heard, rate, &delays, sorted[0]), rate)?,
        stoi_rigid: stoi(spoken, rigid, rate)?,
        delays_ms: delays.iter().flatten().map(|delay| ms(*delay)).collect(),
    })
}

/// The delay of each second, in samples; `None` where nothing is spoken or recognised.
pub fn delays(spoken: &[f64], heard: &[f64], rate: usize) -> Vec<Option<usize>> {
    let reach = rate + rate * MAX_DELAY_MS / 1_000;
    let (bright, heard) = (brightened(spoken), brightened(heard));
    spoken
        .chunks(rate)
        .zip(bright.chunks(rate))
        .enumerate()
        .map(|(second, (chunk, bright))| {
            let heard = heard.get(second * rate..)?;
            let heard = &heard[..heard.len().min(reach)];
            if norm(chunk) < QUIET_RMS * (chunk.len() as f64).sqrt() {
                return None;
            }
            let (delay, alike) = delay_samples(bright, heard, rate)?;
            (alike >= ALIKE).then_some(delay)
        })
        .collect()
}

/// Raises the treble: in plain speech a vowel is nearly as alike itself a pitch period later.
fn brightened(signal: &[f64]) -> Vec<f64> {
    let mut last = 0.0;
    signal.iter().map(|sample| sample - 0.95 * std::mem::replace(&mut last, *sample)).collect()
}

/// `heard` with the delay of each second taken out; unknown ones are like the one before.
fn aligned(
    spoken: &[f64],
    heard: &[f64],
    rate: usize,
    delays: &[Option<usize>],
    first: usize,
) -> Vec<f64> {
    let mut delay = first;
    let mut aligned = Vec::with_capacity(spoken.len());
    for (second, known) in delays.iter().enumerate() {
        delay = known.unwrap_or(delay);
        let len = rate.min(spoken.len() - second * rate);
        let from = second * rate + delay;
        aligned.extend((from..from + len).map(|i| heard.get(i).copied().unwrap_or(0.0)));
    }
    aligned
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// Noise in syllables, three seconds, the same in any language (the reference was computed
    /// over this very signal).
    fn syllables(rate: usize, seed: u32) -> Vec<f64> {
        let (mut state, mut smooth) = (seed, 0.0);
        (0..rate * 3)
            .map(|i| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let white = f64::from(state >> 8) / f64::from(1 << 24) - 0.5;
                smooth += 0.2 * (white - smooth);
                let t = i as f64 / rate as f64;
                smooth * (0.5 - 0.5 * (TAU * 3.0 * t).cos()) * (0.6 - 0.4 * (TAU * 0.7 * t).cos())
            })
            .collect()
    }

    fn noisy(clean: &[f64], amount: f64) -> Vec<f64> {
        let mut state = 99_u32;
        clean
            .iter()
            .map(|sample| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                sample + amount * (f64::from(state >> 8) / f64::from(1 << 24) - 0.5)
            })
            .collect()
    }

    #[test]
    fn stoi_equals_the_reference() {
        // pystoi 0.4.1 over the same signals.
        for (rate, amount, reference) in REFERENCE {
            let clean = syllables(rate, 1);
            let measured = stoi(&clean, &noisy(&clean, amount), rate).unwrap();
            assert!((measured - reference).abs() < 1e-4, "{rate} {amount}: {measured}");
        }
    }

    const REFERENCE: [(usize, f64, f64); 4] = [
        (48_000, 0.0, 1.0),
        (48_000, 0.1, 0.964_694),
        (10_000, 0.3, 0.580_628),
        (16_000, 1.0, 0.340_141),
    ];

    #[test]
    fn a_shifted_noisy_copy_is_measured_with_its_delay() {
        let rate = 48_000;
        let spoken = syllables(rate, 1);
        let mut heard = vec![0.0; 3_000];
        heard.extend(noisy(&spoken, 0.01));
        let measured = measure(&spoken, &heard, rate).unwrap();
        assert_eq!(measured.mouth_to_ear_ms, 62.5);
        assert!(measured.stoi > 0.95 && measured.stoi_rigid > 0.95, "{measured:?}");
    }

    #[test]
    fn something_else_is_not_recognised() {
        let rate = 16_000;
        assert_eq!(measure(&syllables(rate, 1), &syllables(rate, 2), rate), None);
        assert_eq!(measure(&syllables(rate, 1), &vec![0.0; rate * 3], rate), None);
    }
}
