//! Shortening and lengthening a frame by about one pitch period (WSOLA with one overlap).
//!
//! Both keep the first and the last samples of the frame as they are, so that it joins its
//! neighbours.

use crate::FRAME_SAMPLES;

/// The shortest and longest change: 2.5 to 10 ms, the pitch periods of 400 down to 100 Hz. In a
/// frame of 10 ms there is room for 5 ms.
const LAGS: std::ops::RangeInclusive<usize> = 120..=480;
/// Samples over which the two copies are faded into each other.
const OVERLAP: usize = 240;
/// How alike the two copies must be for the change to be inaudible.
const ALIKE: f32 = 0.8;
/// Below this mean square (−55 dBFS) any change is inaudible.
const QUIET: f32 = 3e-6;

/// The longest result.
pub(crate) const MAX_SAMPLES: usize = FRAME_SAMPLES + *LAGS.end();

/// Finds the lag at which the frame best repeats itself, and how well (−1 to 1).
fn best_lag(frame: &[f32]) -> (usize, f32) {
    let head = &frame[..OVERLAP];
    let head_energy = energy(head);
    let longest = (frame.len() - OVERLAP).min(*LAGS.end());
    let mut best = (longest, -1.0);
    for lag in *LAGS.start()..=longest {
        let copy = &frame[lag..lag + OVERLAP];
        let scale = (head_energy * energy(copy)).sqrt();
        if scale <= f32::EPSILON {
            continue;
        }
        let likeness = head.iter().zip(copy).map(|(a, b)| a * b).sum::<f32>() / scale;
        if likeness > best.1 {
            best = (lag, likeness);
        }
    }
    best
}

fn energy(samples: &[f32]) -> f32 {
    samples.iter().map(|s| s * s).sum()
}

/// Whether any change of it is inaudible.
pub(crate) fn is_quiet(frame: &[f32]) -> bool {
    energy(frame) / frame.len() as f32 <= QUIET
}

fn inaudible(frame: &[f32], likeness: f32) -> bool {
    likeness >= ALIKE || is_quiet(frame)
}

/// Fades from `from` to `to` over [`OVERLAP`] samples.
fn fade(from: &[f32], to: &[f32]) -> impl Iterator<Item = f32> {
    from.iter().zip(to).take(OVERLAP).enumerate().map(|(i, (from, to))| {
        let share = (i as f32 + 0.5) / OVERLAP as f32;
        from * (1.0 - share) + to * share
    })
}

/// Appends the frame without one of its periods. Without `force`, only where it is inaudible;
/// otherwise the frame is appended unchanged. Returns whether it was shortened.
pub(crate) fn shorten(frame: &[f32], force: bool, out: &mut impl Extend<f32>) -> bool {
    let (lag, likeness) = best_lag(frame);
    if !force && !inaudible(frame, likeness) {
        out.extend(frame.iter().copied());
        return false;
    }
    out.extend(fade(frame, &frame[lag..]));
    out.extend(frame[lag + OVERLAP..].iter().copied());
    true
}

/// Appends the frame with one of its periods twice. Returns whether it was lengthened; where that
/// would be audible the frame is appended unchanged.
pub(crate) fn lengthen(frame: &[f32], out: &mut impl Extend<f32>) -> bool {
    let (lag, likeness) = best_lag(frame);
    if !inaudible(frame, likeness) {
        out.extend(frame.iter().copied());
        return false;
    }
    out.extend(frame[..lag].iter().copied());
    out.extend(fade(&frame[lag..], frame));
    out.extend(frame[OVERLAP..].iter().copied());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Frame;

    fn tone(hz: f32) -> Frame {
        std::array::from_fn(|i| (std::f32::consts::TAU * hz * i as f32 / 48_000.0).sin() * 0.5)
    }

    fn largest_step(samples: &[f32]) -> f32 {
        samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_changes_by_whole_periods_without_a_click() {
        let frame = tone(200.0);
        let mut shorter = Vec::new();
        assert!(shorten(&frame, false, &mut shorter));
        assert!((FRAME_SAMPLES - shorter.len()).is_multiple_of(240), "{}", shorter.len());
        assert!(largest_step(&shorter) < largest_step(&frame) * 1.1);
        let mut longer = Vec::new();
        assert!(lengthen(&frame, &mut longer));
        assert!((longer.len() - FRAME_SAMPLES).is_multiple_of(240), "{}", longer.len());
        assert!(longer.len() <= MAX_SAMPLES);
        assert!(largest_step(&longer) < largest_step(&frame) * 1.1);
    }

    #[test]
    fn the_ends_stay() {
        let frame = tone(310.0);
        let mut out = Vec::new();
        shorten(&frame, true, &mut out);
        assert!((out[0] - frame[0]).abs() < 0.01);
        assert_eq!(out.last(), frame.last());
    }

    #[test]
    fn noise_is_left_alone_unless_forced() {
        let mut state = 1_u32;
        let noise: Frame = std::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as f32 / u32::MAX as f32 - 0.5
        });
        let mut out = Vec::new();
        assert!(!shorten(&noise, false, &mut out));
        assert_eq!(out.len(), FRAME_SAMPLES);
        out.clear();
        assert!(shorten(&noise, true, &mut out));
        assert!(out.len() < FRAME_SAMPLES);
    }

    #[test]
    fn ten_ms_have_room_for_a_short_period() {
        let frame = &tone(400.0)[..480];
        let (mut shorter, mut longer) = (Vec::new(), Vec::new());
        assert!(shorten(frame, false, &mut shorter) && lengthen(frame, &mut longer));
        assert!((480 - shorter.len()).is_multiple_of(120), "{}", shorter.len());
        assert!((longer.len() - 480).is_multiple_of(120), "{}", longer.len());
        assert!(largest_step(&shorter).max(largest_step(&longer)) < largest_step(frame) * 1.1);
    }

    #[test]
    fn silence_may_always_change() {
        let mut out = Vec::new();
        assert!(shorten(&[0.0; FRAME_SAMPLES], false, &mut out));
        assert_eq!(out.len(), FRAME_SAMPLES - 480);
    }
}
